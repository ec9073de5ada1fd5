// What arithmetic and comparisons do to abstract words, and the tokens they leave.

import * as identity from './identity.js';
import { Seed } from './identity.js';
import type { Machine } from './machine.js';
import * as v from './vocabulary.js';
import { NONE } from './vocabulary.js';
import * as w from './word.js';
import { both, idOf, isConstant, taint, unknown, WORD_MASK, type Word } from './word.js';

/** From here on a constant is an amount, not one of a few states. */
const STATES = 1n << 32n;
const FAR = 4_096;
const HOUR = 3_600n;

export type Handler = (m: Machine) => number;
type Fold = (left: bigint, right: bigint) => bigint;

/** Two constants to a constant; undefined if one operand is unknown. */
function folded(left: Word, right: Word, fold: Fold): bigint | undefined {
  return isConstant(left) && isConstant(right) ? fold(left, right) & WORD_MASK : undefined;
}

export function binary(fold: Fold, join: (bits: number) => number): Handler {
  return (m) => {
    const [left, right] = [m.pop(), m.pop()];
    m.push(folded(left, right, fold) ?? unknown(join(both(left, right))));
    return NONE;
  };
}

function constantOf(left: Word, right: Word): bigint | undefined {
  return isConstant(left) ? left : isConstant(right) ? right : undefined;
}

/** Id that does not depend on the order of operands. */
function unordered(seed: Seed, left: Word, right: Word): number {
  const [one, other] = [idOf(left), idOf(right)].sort((a, b) => a - b) as [number, number];
  return one ? identity.mixed(seed, one, other) : 0;
}

/** Of two operands, one of them constant, the other one's id. */
function idOfUnknown(left: Word, right: Word): number {
  return idOf(isConstant(left) ? right : left);
}

export function add(m: Machine): number {
  const [left, right] = [m.pop(), m.pop()];
  const sum = folded(left, right, (a, b) => a + b);
  if (sum !== undefined) {
    m.push(sum);
    return NONE;
  }
  const bits = both(left, right);
  const alone = left === 0n || right === 0n;
  m.push(unknown(w.summed(bits), alone ? idOfUnknown(left, right) : identity.total(idOf(left), idOf(right))));
  return bits & w.STORED ? v.id('ADD.stored') : NONE;
}

/** MUL and DIV: by a power of two they only move a packed field. */
export function scaled(fold: Fold, token: number, multiplies: boolean): Handler {
  return (m) => {
    const [left, right] = [m.pop(), m.pop()];
    const result = folded(left, right, fold);
    if (result !== undefined) {
      m.push(result);
      return NONE;
    }
    const constant = constantOf(left, right);
    const moves = constant !== undefined && constant > 0n && (constant & (constant - 1n)) === 0n;
    const bits = both(left, right);
    const kept = moves ? idOfUnknown(left, right) : 0;
    m.push(unknown(bits, multiplies ? unordered(Seed.Product, left, right) : kept));
    return bits & w.STORED && !moves ? token : NONE;
  };
}

export function modulo(m: Machine): number {
  const [left, right] = [m.pop(), m.pop()];
  const result = folded(left, right, (a, b) => (b ? a % b : 0n));
  if (result !== undefined) {
    m.push(result);
    return NONE;
  }
  return remainder(m, left, right);
}

export function signedModulo(m: Machine): number {
  const [left, right] = [m.pop(), m.pop()];
  const signed = (word: bigint): bigint => BigInt.asIntN(256, word);
  const result = folded(left, right, (a, b) => (b ? signed(a) % signed(b) : 0n));
  if (result === undefined) return remainder(m, left, right);
  m.push(result);
  return NONE;
}

function remainder(m: Machine, left: Word, right: Word): number {
  const bits = both(left, right);
  const calendar = isConstant(right) && right >= HOUR && !(bits & (w.ENTROPY | w.RANDOM));
  const lucky = (bits & w.BLOCK) !== 0 && !calendar;
  m.push(unknown(w.arithmetic(bits) | (lucky ? w.RANDOM : 0)));
  if (lucky || bits & w.RANDOM) return v.id(bits & w.BLOCK ? 'MOD.block' : 'MOD.random');
  return bits & w.STORED ? v.id('MOD') : NONE;
}

export function compare(fold: (left: bigint, right: bigint) => Word): Handler {
  return (m) => {
    const [left, right] = [m.pop(), m.pop()];
    if (isConstant(left) && isConstant(right)) m.push(fold(left, right));
    else m.push(unknown((both(left, right) & ~(w.NOT | w.FLAG)) | w.COMPARED));
    return NONE;
  };
}

/** EQ, and SUB and XOR, which compilers use as "differs". */
export function equal(kind: 'eq' | 'sub' | 'xor', fold: Fold): Handler {
  return (m) => {
    const [left, right] = [m.pop(), m.pop()];
    const result = folded(left, right, fold);
    if (result !== undefined) {
      m.push(result);
      return NONE;
    }
    const constant = constantOf(left, right);
    if (constant === 0n) {
      const word = (isConstant(left) ? right : left) as w.Unknown;
      m.push(kind === 'eq' ? w.negated(word) : word);
      return NONE;
    }
    const known = both(left, right);
    let bits = w.equality(left, right);
    if (kind === 'sub' && !(known & ~(w.DATA | w.NOT))) {
      const [one, other] = [idOf(left), idOf(right)];
      const apart = one && other ? identity.distance(one, other) : FAR;
      if (apart < FAR) {
        m.push(w.soft(BigInt(apart)));
        return NONE;
      }
    }
    if (bits & w.SELECTOR && constant !== undefined && constant <= 0xffffffffn) {
      m.push(unknown(w.DATA | w.SELECTOR | (kind === 'eq' ? w.EQ_SELECTOR : w.NE_SELECTOR)));
      return NONE;
    }
    const event = v.compared(bits & ~known);
    let id = constant === undefined ? 0 : idOfUnknown(left, right);
    if (kind === 'sub' && isConstant(right) && id && !(known & w.STORED)) {
      id = identity.total(id, identity.PRIME - idOf(right));
    }
    const keeper = m.keeper(left, right);
    if (keeper) id = keeper;
    if (bits & w.PINNED & ~known) {
      id = unordered(Seed.Pin, left, right);
      m.relate(id, taint(left) & w.DATA ? left : right);
    }
    const alike = constant === undefined && !((taint(left) ^ taint(right)) & ~w.NOT);
    if (alike && bits & w.RETURNED) bits &= ~(w.BY_CALLER | w.BY_ORIGIN);
    if (constant !== undefined && constant < STATES && bits & w.BY_CALLER && bits & w.STORED) bits |= w.FLAG;
    if (kind === 'eq') {
      m.push(unknown(bits, id));
      return event;
    }
    if (event || kind === 'xor') {
      m.push(unknown(bits | w.NOT, id));
      return event;
    }
    m.push(unknown(w.summed(bits) | (bits & w.FLAG) | w.NOT, id));
    return bits & w.STORED ? v.id('SUB.stored') : NONE;
  };
}

export function and(m: Machine): number {
  const [left, right] = [m.pop(), m.pop()];
  const result = folded(left, right, (a, b) => a & b);
  if (result !== undefined) {
    m.push(result);
    return NONE;
  }
  const bits = both(left, right);
  const mask = constantOf(left, right);
  if (mask === undefined) {
    m.push(unknown(bits));
  } else if (mask >> 255n && bits & w.STORED) {
    m.push(unknown(bits | w.CLEARED));
  } else {
    const low = (mask & (mask + 1n)) === 0n;
    const id = low ? idOfUnknown(left, right) : unordered(Seed.Mask, left, right);
    m.push(unknown(mask === 0xffn ? bits | w.FLAG : bits, id));
  }
  return NONE;
}

/** Puts a field into a packed word; then what it is, is what the field is. */
export function or(m: Machine): number {
  const [left, right] = [m.pop(), m.pop()];
  const result = folded(left, right, (a, b) => a | b);
  if (result !== undefined) {
    m.push(result);
    return NONE;
  }
  const [field, packed] = taint(left) & w.CLEARED ? [right, left] : [left, right];
  if (!(taint(packed) & w.CLEARED) || taint(packed) & (w.HOLDS | w.FAILS)) m.push(unknown(both(left, right)));
  else if (isConstant(field)) m.push(unknown(w.STORED | w.CLEARED | (field ? w.HOLDS : w.FAILS)));
  else m.push(unknown(both(field, field), field.id));
  return NONE;
}

export function iszero(m: Machine): number {
  const word = m.pop();
  m.push(isConstant(word) ? (word ? 0n : 1n) : w.negated(word));
  return NONE;
}

export function not(m: Machine): number {
  const word = m.pop();
  m.push(isConstant(word) ? word ^ WORD_MASK : unknown(both(word, word), word.id));
  return NONE;
}

export function shr(m: Machine): number {
  const [shift, word] = [m.pop(), m.pop()];
  const result = folded(shift, word, (a, b) => (a < 256n ? b >> a : 0n));
  m.push(result ?? unknown(both(shift, word), isConstant(shift) ? idOf(word) : 0));
  return NONE;
}
