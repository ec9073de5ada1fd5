// The tokens a trace is written in, and how abstract words choose among them.

import * as w from './word.js';
import { taint, valueOf, type Word } from './word.js';

const CONDITIONS = (
  'random origin_auth origin_cmp eoa result signed auth clock asked keyed_cmp member keyed returned paid stored_cmp ' +
  'pinned listed flag stored code data caller'
).split(' ');
const POLAR = (
  'origin_auth eoa result signed auth asked member keyed returned pinned listed flag stored'
).split(' ');
const PLACES = ['slot', 'caller', 'hash'];
const VALUES = 'zero const random caller clock sum stored data other'.split(' ');
const LATE_VALUES = ['zero', 'const', 'other'];
const STATES = ['late', 'trusted', 'stale'];
const TARGETS = 'const caller keyed stored returned data self other'.split(' ');
const AMOUNTS = 'none value value_stipend random random_stipend'.split(' ');
const LEVELS = ['open', 'keyed', 'granted'];
const GRANTING = 'origin_auth signed auth asked member'.split(' ');

export const enum Level {
  Open,
  Keyed,
  Granted,
}

function product(prefix: string, ...parts: string[][]): string[] {
  return parts.reduce((names, part) => names.flatMap((name) => part.map((end) => `${name}.${end}`)), [prefix]);
}

export const NAMES: readonly string[] = [
  ...(
    'PAD ENTRY.fallback ENTRY.function REVERT RETURN STOP JOIN LOG CLOCK ENTROPY ORIGIN EQ.auth EQ.origin_auth EQ.eoa ' +
    'BALANCE EXTCODE CREATE CREATE2 TLOAD TSTORE DROPPED HASH.random MOD.block MOD.random MOD ADD.stored SUB.stored ' +
    'MUL.stored DIV.stored'
  ).split(' '),
  ...product('GUARD', CONDITIONS),
  ...POLAR.map((name) => `GUARD.not_${name}`),
  ...product('IF', CONDITIONS),
  ...product('SLOAD', PLACES),
  ...product('SSTORE', PLACES, VALUES),
  ...product('SSTORE', PLACES, LATE_VALUES, STATES),
  ...product('STATICCALL', TARGETS),
  ...product('CALL', TARGETS, AMOUNTS),
  ...product('DELEGATECALL', TARGETS, LEVELS),
  ...product('SELFDESTRUCT', TARGETS, LEVELS),
  ...product('TAKE', ['code', 'slot', 'item', 'once']),
];
const IDS = new Map(NAMES.map((name, id) => [name, id]));
export const NONE = 0;
/** Comparisons of tx.origin, and branches on them. */
export const DECIDES_BY_ORIGIN = new Set(NAMES.flatMap((name, id) => (/origin|eoa/.test(name) ? [id] : [])));

export function id(name: string): number {
  const found = IDS.get(name);
  if (found === undefined) throw new Error(`no token ${name}`);
  return found;
}

type Choice = readonly [number, string];
const CONDITION_BITS: readonly Choice[] = [
  [w.RANDOM | w.ENTROPY, 'random'],
  [w.ORIGIN_AUTH | w.BY_ORIGIN, 'origin_auth'],
  [w.EOA, 'eoa'],
  [w.RESULT, 'result'],
  [w.AUTH, 'auth'],
  [w.CLOCK, 'clock'],
  [w.BY_CALLER, 'keyed'],
  [w.RETURNED, 'returned'],
  [w.PAID, 'paid'],
  [w.PINNED, 'pinned'],
  [w.STORED, 'stored'],
  [w.CODE, 'code'],
  [w.DATA, 'data'],
  [w.CALLER, 'caller'],
];
const VALUE_BITS: readonly Choice[] = [
  [w.RANDOM | w.ENTROPY, 'random'],
  [w.CALLER, 'caller'],
  [w.CLOCK, 'clock'],
  [w.SUMMED, 'sum'],
  [w.STORED, 'stored'],
  [w.DATA, 'data'],
];
const TARGET_BITS: readonly Choice[] = [
  [w.CALLER, 'caller'],
  [w.BY_CALLER, 'keyed'],
  [w.STORED, 'stored'],
  [w.DATA, 'data'],
  [w.RETURNED, 'returned'],
  [w.SELF, 'self'],
];

function first(bits: number, table: readonly Choice[]): string {
  return table.find(([mask]) => bits & mask)?.[1] ?? 'other';
}

function condition(bits: number): string {
  const name = first(bits, CONDITION_BITS);
  if (name === 'auth') return bits & w.SIGNED ? 'signed' : 'auth';
  if (name === 'origin_auth') return bits & w.COMPARED ? 'origin_cmp' : name;
  if (name === 'keyed') {
    if (bits & w.RETURNED) return bits & (w.COMPARED | w.DATA) ? 'returned' : 'asked';
    if (bits & w.COMPARED) return 'keyed_cmp';
    return bits & w.FLAG ? 'member' : name;
  }
  if (name === 'stored') {
    if (bits & w.COMPARED) return 'stored_cmp';
    if (bits & w.FLAG) return bits & w.BY_DATA ? 'listed' : 'flag';
  }
  return name;
}

/** A branch whose other side can only revert. `nonzero`: what the condition must be to go on. */
export function guard(word: Word, nonzero: boolean): number {
  const name = condition(taint(word));
  if (name === 'other') return NONE;
  const fails = nonzero === ((taint(word) & w.NOT) !== 0);
  return id(fails && POLAR.includes(name) ? `GUARD.not_${name}` : `GUARD.${name}`);
}

/** A branch both sides of which can go on. */
export function fork(word: Word): number {
  const name = condition(taint(word));
  return name === 'other' ? NONE : id(`IF.${name}`);
}

/** How far past guards a path is where the condition's source holds. */
export function level(word: Word): Level {
  const name = condition(taint(word));
  if (GRANTING.includes(name)) return Level.Granted;
  return name === 'keyed' ? Level.Keyed : Level.Open;
}

/** The event of a comparison that gave these bits. */
export function compared(bits: number): number {
  if (bits & w.ORIGIN_AUTH) return id('EQ.origin_auth');
  if (bits & w.EOA) return id('EQ.eoa');
  return bits & w.AUTH ? id('EQ.auth') : NONE;
}

function place(key: Word): string {
  if (valueOf(key) !== undefined) return 'slot';
  return taint(key) & (w.BY_CALLER | w.BY_ORIGIN) ? 'caller' : 'hash';
}

export function sload(key: Word): number {
  return id(`SLOAD.${place(key)}`);
}

export function sstore(key: Word, kind: string, state: string): number {
  if (!state) return id(`SSTORE.${place(key)}.${kind}`);
  return id(`SSTORE.${place(key)}.${LATE_VALUES.includes(kind) ? kind : 'other'}.${state}`);
}

/** What is written. */
export function kindOf(word: Word): string {
  const known = valueOf(word);
  if (known !== undefined) return known ? 'const' : 'zero';
  const bits = taint(word);
  if (bits & w.HOLDS) return 'const';
  return bits & w.FAILS ? 'zero' : first(bits, VALUE_BITS);
}

function target(word: Word): string {
  return valueOf(word) === undefined ? first(taint(word), TARGET_BITS) : 'const';
}

export function hasStipend(gas: Word): boolean {
  const known = valueOf(gas);
  return known === undefined ? (taint(gas) & w.STIPEND) !== 0 : known <= w.GAS_STIPEND;
}

export function call(gas: Word, to: Word, amount: Word): number {
  if (valueOf(amount) === 0n) return id(`CALL.${target(to)}.none`);
  const name = taint(amount) & (w.RANDOM | w.ENTROPY) ? 'random' : 'value';
  return id(`CALL.${target(to)}.${name}${hasStipend(gas) ? '_stipend' : ''}`);
}

export function staticcall(to: Word): number {
  return id(`STATICCALL.${target(to)}`);
}

export function delegatecall(to: Word, reached: Level): number {
  return id(`DELEGATECALL.${target(to)}.${LEVELS[reached]}`);
}

/** What only the whole contract shows. */
export interface Ever {
  /** Some caller has chosen the stored target. */
  readonly chosen: boolean;
  /** Anyone can take the authority. */
  readonly anyone: boolean;
  /** The path cannot be gone again. */
  readonly once: boolean;
}

/** A delegatecall's or selfdestruct's token. */
export function reconsidered(token: number, { chosen, anyone, once }: Ever): number {
  let [kind, to, reached] = (NAMES[token] as string).split('.') as [string, string, string];
  if (chosen && to === 'stored') to = 'data';
  if (anyone && reached === 'granted') reached = 'open';
  if (once) reached = 'granted';
  return id(`${kind}.${to}.${reached}`);
}

/** The token of a write after a call, when somebody else chose whom the contract called. */
export function mistrusted(token: number): number {
  return id((NAMES[token] as string).replace('.trusted', '.stale'));
}

export function selfdestruct(to: Word, reached: Level): number {
  return id(`SELFDESTRUCT.${target(to)}.${LEVELS[reached]}`);
}
