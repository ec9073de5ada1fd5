// What one instruction does to a path's state, and the token it leaves.

import * as a from './arithmetic.js';
import type { Handler } from './arithmetic.js';
import * as identity from './identity.js';
import { Seed } from './identity.js';
import type { Machine } from './machine.js';
import * as op from './opcodes.js';
import * as v from './vocabulary.js';
import { NONE } from './vocabulary.js';
import * as w from './word.js';
import { isConstant, placeOf, taint, unknown, valueOf, WORD_MASK, type Word } from './word.js';

/** Run any instruction but JUMP and JUMPI; `value` is what a PUSH pushes. */
export function execute(m: Machine, opcode: number, value: bigint): number {
  if (opcode >= op.PUSH0 && opcode <= op.SWAP16) {
    if (opcode <= op.PUSH32) m.push(value);
    else if (opcode <= op.DUP16) m.dup(opcode - op.PUSH32);
    else m.swap(opcode - op.DUP16);
    return NONE;
  }
  const handler = HANDLERS.get(opcode);
  return handler ? handler(m) : anything(m, opcode);
}

function anything(m: Machine, opcode: number): number {
  const effect = op.EFFECTS.get(opcode);
  let bits = 0;
  for (let n = effect?.pops ?? 0; n > 0; n--) bits |= taint(m.pop());
  if (effect?.pushes) m.push(unknown(w.arithmetic(bits)));
  return NONE;
}

function source(bits: number, token = NONE): Handler {
  const word = unknown(bits, identity.mixed(Seed.Source, bits));
  return (m) => {
    m.push(word);
    return token;
  };
}

function lookup(bits: number, token: number): Handler {
  return (m) => {
    m.pop();
    m.push(unknown(bits));
    return token;
  };
}

function keccak(m: Machine): number {
  const [offset, size] = [m.pop(), m.pop()];
  const bits = w.hashed(m.readBits(offset, size));
  const within = m.readIdentity(offset, size);
  let id = within ? identity.mixed(Seed.Hash, within) : 0;
  if (valueOf(size) === 64n) {
    const key = m.readWord(offset);
    if (taint(key) & w.DATA) m.relate(id, key);
    id = item(m, valueOf(offset), id);
  }
  m.push(unknown(bits, id));
  return bits & w.RANDOM ? v.id('HASH.random') : NONE;
}

/** Id of an item's place in a mapping, if it is known where that is. 0 for `key`: some item. */
function item(m: Machine, at: bigint | undefined, key: number): number {
  if (at === undefined) return key;
  const where = m.readWord(at + 32n);
  const slot = placeOf(where);
  if (!slot) return key;
  const { loose } = m;
  const id = key || identity.mixed(Seed.Item, slot);
  if (!key) loose.anywhere.add(id);
  const outer = loose.bases.get(slot);
  loose.bases.set(id, outer ?? slot);
  if (outer !== undefined) loose.nested.add(id);
  else if (!taint(where) && valueOf(where) === undefined) loose.folded.add(slot);
  return id;
}

function calldataload(m: Machine): number {
  const offset = m.pop();
  const at = placeOf(offset);
  m.push(unknown(offset === 0n ? w.DATA | w.SELECTOR : w.DATA, at ? identity.mixed(Seed.Data, at) : 0));
  return NONE;
}

function copy(bits: (m: Machine) => number): Handler {
  return (m) => {
    const offset = m.pop();
    m.pop();
    m.pop();
    m.write(offset, unknown(bits(m)));
    return NONE;
  };
}

function mcopy(m: Machine): number {
  const [to, from, size] = [m.pop(), m.pop(), m.pop()];
  m.write(to, unknown(m.readBits(from, size)));
  return NONE;
}

function mstore(m: Machine): number {
  const [offset, word] = [m.pop(), m.pop()];
  m.write(offset, word);
  return NONE;
}

function sload(m: Machine): number {
  const key = m.pop();
  m.push(unknown(w.loaded(key), m.load(placeOf(key))));
  return v.sload(key);
}

function sstore(m: Machine): number {
  const [key, value] = [m.pop(), m.pop()];
  const kind = v.kindOf(value);
  const own = (taint(key) & w.BY_CALLER) !== 0;
  if (taint(value) & (w.CALLER | w.DATA) || (kind === 'const' && own)) m.give(placeOf(key), own);
  else if (kind === 'const' && (taint(key) & w.DATA || m.loose.anywhere.has(placeOf(key)))) m.enroll(placeOf(key));
  else m.copy(value, placeOf(key));
  const fixed = isConstant(key) && (kind === 'zero' || kind === 'const');
  return v.sstore(key, kind, m.store(placeOf(key), fixed, isConstant(key) && kind !== 'zero', isConstant(value)));
}

function transient(key: Word): number {
  const place = placeOf(key);
  return place ? identity.mixed(Seed.Transient, place) : 0;
}

function tload(m: Machine): number {
  m.push(unknown(w.STORED, m.load(transient(m.pop()))));
  return v.id('TLOAD');
}

function tstore(m: Machine): number {
  const [key, value] = [m.pop(), m.pop()];
  m.store(transient(key), isConstant(key) && isConstant(value), false, true);
  return v.id('TSTORE');
}

/** Memory operands off, what comes back into memory, the success flag on. */
function answered(m: Machine, target: Word, asks: boolean): void {
  const [sent, size, offset] = [m.pop(), m.pop(), m.pop()];
  m.pop();
  let bits = w.RETURNED;
  if (target === 1n) {
    bits |= w.SIGNED;
  } else if (asks) {
    const about = m.readBits(sent, size);
    bits |= (about & w.CALLER ? w.BY_CALLER : 0) | (about & w.ORIGIN ? w.BY_ORIGIN : 0);
  }
  if ((taint(target) & (w.DATA | w.STORED)) === w.DATA) bits |= w.DATA;
  m.write(offset, unknown(bits));
  m.returned = bits;
  m.push(m.called(asks));
}

function call(m: Machine): number {
  const [gas, target, amount] = [m.pop(), m.pop(), m.pop()];
  answered(m, target, false);
  const precompile = isConstant(target) && target <= 9n;
  if (!precompile && !v.hasStipend(gas)) {
    const stored = (taint(target) & (w.STORED | w.BY_CALLER | w.DATA)) === w.STORED;
    m.handOver(target, amount === 0n && (isConstant(target) || stored || m.hasMade(target)));
  }
  return v.call(gas, target, amount);
}

function delegatecall(hasValue: boolean): Handler {
  return (m) => {
    m.pop();
    const target = m.pop();
    if (hasValue) m.pop();
    m.target = target;
    answered(m, target, false);
    return v.delegatecall(target, m.reach(target));
  };
}

function staticcall(m: Machine): number {
  m.pop();
  const target = m.pop();
  answered(m, target, true);
  if (m.returned & w.BY_CALLER && m.placeOf(target)) m.loose.charge.add(m.placeOf(target));
  return v.staticcall(target);
}

/** What is made from code that came from nowhere but this contract's is as good as known. */
function create(salted: boolean, token: number): Handler {
  return (m) => {
    m.pop();
    const offset = m.pop();
    m.pop();
    if (salted) m.pop();
    m.push(m.create(offset));
    return token;
  };
}

/** Pops so many words, leaves a token. */
function plain(pops: number, token: number): Handler {
  return (m) => {
    for (let n = 0; n < pops; n++) m.pop();
    return token;
  };
}

const clock = source(w.CLOCK, v.id('CLOCK'));
const code = lookup(w.CODE, v.id('EXTCODE'));
const HANDLERS = new Map<number, Handler>([
  [0x01, a.add],
  [0x02, a.scaled((x, y) => x * y, v.id('MUL.stored'), true)],
  [0x03, a.equal('sub', (x, y) => x - y)],
  [0x04, a.scaled((x, y) => (y ? x / y : 0n), v.id('DIV.stored'), false)],
  [0x06, a.modulo],
  [0x07, a.signedModulo],
  [0x0a, a.binary((x, y) => identity.power(x, y, WORD_MASK + 1n), w.arithmetic)],
  [0x10, a.compare((x, y) => (x < y ? 1n : 0n))],
  [0x11, a.compare((x, y) => (x > y ? 1n : 0n))],
  [0x12, a.compare(() => w.NOTHING)],
  [0x13, a.compare(() => w.NOTHING)],
  [0x14, a.equal('eq', (x, y) => (x === y ? 1n : 0n))],
  [0x15, a.iszero],
  [0x16, a.and],
  [0x17, a.or],
  [0x18, a.equal('xor', (x, y) => x ^ y)],
  [0x19, a.not],
  [0x1b, a.binary((x, y) => (x < 256n ? y << x : 0n), (bits) => bits)],
  [0x1c, a.shr],
  [0x20, keccak],
  [0x30, source(w.SELF)],
  [0x31, lookup(w.PAID, v.id('BALANCE'))],
  [0x32, source(w.ORIGIN, v.id('ORIGIN'))],
  [0x33, source(w.CALLER)],
  [0x34, source(w.PAID)],
  [0x35, calldataload],
  [0x37, copy(() => w.DATA)],
  [0x39, copy(() => 0)],
  [0x3b, code],
  [0x3e, copy((m) => m.returned)],
  [0x3f, code],
  [0x40, lookup(w.ENTROPY, v.id('ENTROPY'))],
  [0x41, source(w.ENTROPY, v.id('ENTROPY'))],
  [0x42, clock],
  [0x43, clock],
  [0x44, source(w.ENTROPY, v.id('ENTROPY'))],
  [0x45, source(w.ENTROPY, v.id('ENTROPY'))],
  [0x47, source(w.PAID, v.id('BALANCE'))],
  [0x50, (m) => (m.drops(m.pop()) ? v.id('DROPPED') : NONE)],
  [
    0x51,
    (m) => {
      m.push(m.readWord(m.pop()));
      return NONE;
    },
  ],
  [0x52, mstore],
  [0x53, mstore],
  [0x54, sload],
  [0x55, sstore],
  [0x5e, mcopy],
  [0x5c, tload],
  [0x5d, tstore],
  ...[0, 1, 2, 3, 4].map((topics): [number, Handler] => [0xa0 + topics, plain(2 + topics, v.id('LOG'))]),
  [0xf0, create(false, v.id('CREATE'))],
  [0xf5, create(true, v.id('CREATE2'))],
  [0xf1, call],
  [0xf2, delegatecall(true)],
  [0xf4, delegatecall(false)],
  [0xfa, staticcall],
  [0xff, (m) => v.selfdestruct(m.pop(), m.level)],
  [0x5b, plain(0, NONE)],
  [0x00, plain(0, v.id('STOP'))],
  [0xf3, plain(2, v.id('RETURN'))],
  [0xfd, plain(2, v.id('REVERT'))],
  [0xfe, plain(0, v.id('REVERT'))],
]);
