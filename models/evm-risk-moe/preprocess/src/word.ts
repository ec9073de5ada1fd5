// Abstract words: a constant, or where an unknown word came from (bits), which word it is (id, a hash; 0:
// nobody knows) and which others are copies of it (serial, 0: none). A word without bits whose id is a small constant's is soft:
// as good as the constant for naming things, but nothing is decided by it.

import * as identity from './identity.js';

export interface Unknown {
  readonly bits: number;
  readonly id: number;
  readonly serial: number;
}
export type Word = bigint | Unknown;

export const CALLER = 1 << 0;
export const ORIGIN = 1 << 1;
export const CLOCK = 1 << 2;
export const ENTROPY = 1 << 3;
export const STORED = 1 << 4;
export const BY_CALLER = 1 << 5;
export const BY_ORIGIN = 1 << 6;
export const DATA = 1 << 7;
export const RESULT = 1 << 8;
export const RETURNED = 1 << 9;
export const PAID = 1 << 10;
export const STIPEND = 1 << 11;
export const RANDOM = 1 << 12;
export const HASHED = 1 << 13;
export const SELF = 1 << 14;
export const CODE = 1 << 15;
export const SELECTOR = 1 << 16;
export const EQ_SELECTOR = 1 << 17;
export const NE_SELECTOR = 1 << 18;
export const COMPARED = 1 << 19;
export const AUTH = 1 << 20;
export const ORIGIN_AUTH = 1 << 21;
export const EOA = 1 << 22;
export const SUMMED = 1 << 23;
export const NOT = 1 << 24;
export const FLAG = 1 << 25;
export const HOLDS = 1 << 26;
export const FAILS = 1 << 27;
export const CLEARED = 1 << 28;
export const SIGNED = 1 << 29;
export const BY_DATA = 1 << 30;
export const PINNED = 1 << 31;

export const BLOCK = CLOCK | ENTROPY;
export const DISPATCH = SELECTOR | EQ_SELECTOR | NE_SELECTOR;
const PASSING = HOLDS | FAILS | CLEARED;
const TESTS = COMPARED | AUTH | ORIGIN_AUTH | EOA | EQ_SELECTOR | NE_SELECTOR | NOT | FLAG | PINNED | PASSING;

export const GAS_STIPEND = 2_300n;
export const WORD_MASK = (1n << 256n) - 1n;
export const NOTHING: Unknown = { bits: 0, id: 0, serial: 0 };
const SOFT = 1 << 16;

export function unknown(bits: number, id = 0, serial = 0): Unknown {
  return { bits, id, serial };
}

export function isConstant(word: Word): word is bigint {
  return typeof word === 'bigint';
}

export function taint(word: Word): number {
  if (isConstant(word)) return word === GAS_STIPEND ? STIPEND : 0;
  return word.bits;
}

/** Bits of something computed from two words. */
export function both(left: Word, right: Word): number {
  return (taint(left) | taint(right)) & ~PASSING;
}

export function idOf(word: Word): number {
  return isConstant(word) ? identity.ofConstant(word) : word.id;
}

/** Of a storage key or an offset: constants, zero too, are numbered apart from unknown words. */
export function placeOf(word: Word): number {
  const known = valueOf(word);
  return known === undefined ? idOf(word) : identity.PRIME + Number(known % BigInt(identity.PRIME));
}

/** Of a constant, soft ones too. */
export function valueOf(word: Word): bigint | undefined {
  if (isConstant(word)) return word;
  if (word.bits & ~NOT || !word.id) return undefined;
  const found = identity.distance(word.id, 0);
  return found < SOFT ? BigInt(found) : undefined;
}

/** What memory keeps of a word. */
export function soft(word: Word): Unknown {
  if (isConstant(word)) return unknown(0, idOf(word) || identity.PRIME);
  const bits = word.bits & ~DISPATCH;
  return unknown(bits & CLEARED ? bits : bits & ~(HOLDS | FAILS), word.id);
}

/** What a branch on this path said of a word: HOLDS, FAILS or nothing. */
export function decided(word: Word): number {
  return isConstant(word) || word.bits & CLEARED ? 0 : word.bits & (HOLDS | FAILS);
}

/** A word whose path gives up what it knew of it. */
export function forgotten(word: Word, index: number, depth: number): Unknown {
  if (isConstant(word)) return unknown(0, identity.mixed(identity.Seed.Forgotten, index, depth));
  return unknown(word.bits & ~(HOLDS | FAILS), word.id);
}

export function arithmetic(bits: number): number {
  return bits & ~TESTS;
}

export function summed(bits: number): number {
  return arithmetic(bits) | (bits & STORED ? SUMMED : 0);
}

/** Bits of `left == right`, and of the difference. */
export function equality(left: Word, right: Word): number {
  const bits = both(left, right) & ~(NOT | FLAG);
  if (bits & SIGNED && namesSomeone(taint(left) & SIGNED ? right : left)) return bits | AUTH;
  const who = bits & (CALLER | ORIGIN);
  if (who === (CALLER | ORIGIN)) return bits | EOA;
  if (who === ORIGIN) return bits | ORIGIN_AUTH;
  if (who === CALLER) return namesSomeone(taint(left) & CALLER ? right : left) ? bits | AUTH : bits;
  if (bits & DATA) {
    const [chosen, known] = taint(left) & DATA ? [left, right] : [right, left];
    if (pins(chosen, known)) return bits | PINNED;
  }
  return bits;
}

function pins(chosen: Word, known: Word): boolean {
  if (taint(chosen) & (STORED | RETURNED | HASHED)) return false;
  if (isConstant(known)) return known > 0xffffffffn;
  return (known.bits & (STORED | SELF)) !== 0 && !(known.bits & (DATA | BY_CALLER));
}

function namesSomeone(word: Word): boolean {
  return isConstant(word) ? word > 0n : (word.bits & (STORED | SELF | RETURNED)) !== 0;
}

/** Bits of a hash over memory with these bits. */
export function hashed(bits: number): number {
  let kept = HASHED | (bits & (BY_CALLER | BY_ORIGIN | DATA | RANDOM | STORED));
  if (bits & (CALLER | SIGNED)) kept |= BY_CALLER;
  if (bits & ORIGIN) kept |= BY_ORIGIN;
  if (bits & BLOCK) kept |= RANDOM;
  return kept;
}

/** Bits of the storage word at a key. */
export function loaded(key: Word): number {
  const bits = taint(key);
  if (!(bits & HASHED)) return STORED;
  return STORED | (bits & (BY_CALLER | BY_ORIGIN)) | (bits & DATA ? BY_DATA : 0);
}

export function negated(word: Unknown): Unknown {
  let bits = word.bits ^ NOT;
  if (bits & CLEARED) bits &= ~PASSING;
  for (const pair of [EQ_SELECTOR | NE_SELECTOR, HOLDS | FAILS]) if (bits & pair) bits ^= pair;
  return unknown(bits, word.id, word.serial);
}
