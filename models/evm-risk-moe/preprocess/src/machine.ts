// One path's abstract state: stack, memory, and what has happened on the way.

import * as identity from './identity.js';
import { Level } from './vocabulary.js';
import * as w from './word.js';
import { idOf, isConstant, NOTHING, placeOf, taint, unknown, valueOf, type Word } from './word.js';

const MAX_STACK = 160;
const MAX_MEMORY_WORDS = 192;
const MAX_RANGE = 1_024n;
const RESERVED = 0x80n;
const FREE_POINTER = 0x40n;
const REACH = 16;

interface Cell {
  readonly at: Word;
  readonly word: Word;
}

/** Places that a caller who is not in charge writes what he likes to; common to all paths of a contract. */
export class Loose {
  readonly always = new Set<number>();
  /** Only before a flag is set that says so. */
  readonly once = new Set<number>();
  /** Places of which there are many, as in a mapping. */
  readonly many = new Set<number>();
  /** Number of the function that is being walked. */
  function = 0;
  /** Such flags, and mutexes, by the number of the function that shuts them. */
  readonly locks = new Map<number, Set<number>>();
  /** Those that are written anew as a whole once the path is through: mutexes, and no one-time flags. */
  readonly opened = new Set<number>();
  /** Ids that stand for some item of a mapping, nobody knows which: they are no places. */
  readonly anywhere = new Set<number>();
  /** Ids of keys of mappings of mappings. */
  readonly nested = new Set<number>();
  /** Ids of constants that are where a mapping is: the compiler has hashed the key of the outer one. */
  readonly folded = new Set<number>();
  /** Ids of where mappings are in which everybody writes something of his own. */
  readonly entries = new Set<number>();
  /** The contract keeps nothing in storage. */
  stateless = false;
  /** By id of a comparison with the caller: place of whom he was compared with. */
  readonly keepers = new Map<number, number>();
  /** Places whose value puts a caller in charge, or that hold code which is run or asked whether he is. */
  readonly charge = new Set<number>();
  /** Those that hold code which is run. */
  readonly run = new Set<number>();
  /** The same as `charge` for mappings by caller, by the id of where a mapping is. */
  readonly heads = new Set<number>();
  /** By id of a mapping's key, and of what is loaded from there: id of where the mapping is. */
  readonly bases = new Map<number, number>();
  readonly gifts: Gift[] = [];
  readonly flows: Flow[] = [];

  /** When all is walked: what anybody copies is as loose as where it is from, as much in charge as where it goes. */
  settle(): void {
    for (const { place, behind, walk } of this.gifts) (this.isLocked(behind, walk) ? this.once : this.always).add(place);
    let before = -1;
    while (before !== this.always.size + this.charge.size) {
      before = this.always.size + this.charge.size;
      for (const { source, to, authority } of this.flows) {
        if (authority !== undefined && !this.always.has(authority)) continue;
        if (this.always.has(source)) this.always.add(to);
        if (this.charge.has(to)) this.charge.add(source);
      }
    }
  }

  /** One of these is shut by the function with that number. */
  isLocked(behind: readonly number[], walk: number): boolean {
    return behind.some((place) => this.locks.get(walk)?.has(place));
  }

  /** Everybody may put an address of his own where this one, by its id, was loaded from. */
  isEntered(trustee: number): boolean {
    const base = this.bases.get(trustee);
    return base !== undefined && this.entries.has(base);
  }

  shut(place: number): void {
    const shut = this.locks.get(this.function) ?? new Set<number>();
    this.locks.set(this.function, shut.add(place));
  }
}

/** A place, those that had decided a branch or shut a mutex before it was written, and the function's number. */
interface Gift {
  readonly place: number;
  readonly behind: readonly number[];
  readonly walk: number;
}

/** A place is copied to another one, by whom the place of an authority lets, or by anybody. */
interface Flow {
  readonly source: number;
  readonly to: number;
  readonly authority: number | undefined;
}

/** A write of what whoever comes likes, and the id of its storage key. */
export interface Taken extends Gift {
  readonly key: number;
}

/** In place of a place: what nobody can write. */
const FIRM = 0;

export class Machine {
  stack: Word[] = [];
  level: Level = Level.Open;
  /** Place whose value put the caller in charge, or FIRM. */
  granted = FIRM;
  /** Of the newest write, if whoever comes chooses what is written. */
  taken: Taken | undefined;
  /** Ids of the addresses of the known contracts that control went to, and of those on whom the newest write relies. */
  private trustees: readonly number[] = [];
  leans: readonly number[] = [];
  /** Ids of the contracts that this path created from the contract's own code. */
  private made: readonly number[] = [];
  /** Of the newest delegatecall. */
  target: Word = NOTHING;
  loose = new Loose();
  private serial = 0;
  /** Words with a serial number up to this one may be no copies of each other any more. */
  private parted = 0;
  handedOver = false;
  returned = w.RETURNED;
  /** Kinds of what was written nowhere in particular; undefined while nothing was. */
  private floating: number | undefined;
  private memory = new Map<string, Cell>();
  private pointers = 0;
  private calls = 0;
  private untested = new Set<number>();
  /** What is kept at a storage key has the key's place: by id of the key, and of the word loaded from there. */
  private places = new Map<number, number>();
  private subjects = new Map<number, number>();
  private vouched = new Set<number>();
  private read = new Set<number>();
  private written = new Set<number>();
  private guarded = new Set<number>();
  private flagged = new Set<number>();
  private vacant = new Set<number>();
  private exposed = new Set<number>();
  private trusted = new Set<number>();
  private lock = 0;

  /** A copy for another path; places and subjects are the contract's, not the path's. */
  fork(): Machine {
    const other = new Machine();
    Object.assign(other, this);
    other.stack = [...this.stack];
    other.memory = new Map(this.memory);
    for (const name of ['untested', 'vouched', 'read', 'written', 'guarded', 'flagged', 'vacant', 'exposed', 'trusted'] as const) {
      other[name] = new Set(this[name]);
    }
    return other;
  }

  pop(): Word {
    return this.stack.pop() ?? NOTHING;
  }

  push(word: Word): void {
    this.stack.push(word);
    if (this.stack.length > MAX_STACK) this.stack.shift();
  }

  dup(depth: number): void {
    const at = this.stack.length - depth;
    let word = this.stack[at] ?? NOTHING;
    if (at >= 0 && !isConstant(word) && word.serial <= this.parted) {
      this.serial += 1;
      word = unknown(word.bits, word.id, this.serial);
      this.stack[at] = word;
    }
    this.push(word);
  }

  /** Paths may meet here: nobody knows any more which words are copies. */
  part(): void {
    this.parted = this.serial;
  }

  areCopies(one: Word | undefined, other: Word): one is w.Unknown {
    if (one === undefined || isConstant(one) || isConstant(other)) return false;
    return other.serial > this.parted && one.serial === other.serial;
  }

  /** Another path of the same contract, about which nothing is known. */
  fresh(): Machine {
    const other = new Machine();
    other.places = this.places;
    other.subjects = this.subjects;
    other.loose = this.loose;
    return other;
  }

  swap(depth: number): void {
    while (this.stack.length <= depth) this.stack.unshift(NOTHING);
    const top = this.stack.length - 1;
    const held = this.stack[top] as Word;
    this.stack[top] = this.stack[top - depth] as Word;
    this.stack[top - depth] = held;
  }

  // Calls and whether anybody looked at their success flags.

  called(asks: boolean): Word {
    this.calls += 1;
    if (!asks) this.untested.add(this.calls);
    return unknown(w.RESULT, this.calls);
  }

  get forgetful(): boolean {
    return this.untested.size > 0;
  }

  decide(condition: Word): void {
    if (isConstant(condition)) return;
    if (condition.bits & w.RESULT) {
      if (condition.id > 0 && condition.id <= this.calls) this.untested.delete(condition.id);
      else this.untested.clear();
      return;
    }
    const place = this.places.get(condition.id);
    if (!place) return;
    this.guarded.add(place);
    if (condition.bits & w.FLAG) this.flagged.add(place);
  }

  drops(word: Word): boolean {
    if (isConstant(word) || !(word.bits & w.RESULT) || !this.untested.has(word.id)) return false;
    const seen = this.stack
      .slice(-REACH)
      .some((other) => !isConstant(other) && other.bits & w.RESULT && (other.id === 0 || other.id === word.id));
    if (seen) return false;
    return this.untested.delete(word.id);
  }

  // Storage.

  private place(key: number): number {
    if (!key || this.loose.anywhere.has(key)) return 0;
    const known = this.places.get(key);
    if (known) return known;
    const place = this.places.size + 1; // grows by two, so it is new
    this.places.set(key, place);
    if (key < identity.PRIME) this.loose.many.add(place);
    this.places.set(identity.mixed(identity.Seed.Loaded, key), place);
    return place;
  }

  /** Note a read; the id of what is there. */
  load(key: number): number {
    const place = this.place(key);
    if (place) this.read.add(place);
    const found = key ? identity.mixed(identity.Seed.Loaded, key) : 0;
    const subject = this.subjects.get(key);
    if (subject !== undefined) this.subjects.set(found, subject);
    const base = this.loose.bases.get(key);
    if (base !== undefined) this.loose.bases.set(found, base);
    return found;
  }

  /** Place of a constant storage key, if it was met; else 0. */
  at(slot: bigint): number {
    return this.places.get(w.placeOf(slot)) ?? 0;
  }

  placeOf(word: Word): number {
    return this.places.get(idOf(word)) ?? 0;
  }

  /** Id of a comparison with the caller or a signer, if it is known where the other one is kept. */
  keeper(left: Word, right: Word): number {
    const whom = taint(left) & (w.CALLER | w.SIGNED) ? right : left;
    const place = this.placeOf(whom);
    if (!place || !(w.equality(left, right) & w.AUTH)) return 0;
    const about = identity.mixed(identity.Seed.Keeper, idOf(whom));
    this.loose.keepers.set(about, place);
    return about;
  }

  /** A branch lets the path go on as far as this. */
  grant(condition: Word, level: Level): void {
    if (level <= this.level) return;
    this.level = level;
    this.granted = this.loose.keepers.get(idOf(condition)) ?? this.places.get(idOf(condition)) ?? FIRM;
    if (level !== Level.Granted) return;
    if (this.granted !== FIRM) this.loose.charge.add(this.granted);
    const base = this.loose.bases.get(idOf(condition));
    if (base) this.loose.heads.add(base);
  }

  /** Somebody writes what he likes; `own`: at a place that is kept for him. */
  give(key: number, own: boolean): void {
    const gift = this.gift(key);
    if (this.level !== Level.Open || this.isVacant(gift.place)) return;
    if (gift.place) this.loose.gifts.push(gift);
    const base = this.loose.bases.get(key);
    if (base !== undefined) this.loose.entries.add(base);
    if (!own) this.taken = { ...gift, key };
  }

  /** Somebody sets a flag for whom he likes. */
  enroll(key: number): void {
    if (this.level === Level.Open && this.loose.bases.has(key)) this.taken = { ...this.gift(key), key };
  }

  /** What is kept in one place goes to another. */
  copy(word: Word, key: number): void {
    const source = isConstant(word) ? 0 : this.placeOf(word);
    const to = this.place(key);
    if (!source || !to || source === to || this.level === Level.Keyed || this.isVacant(to)) return;
    this.loose.flows.push({ source, to, authority: this.level === Level.Granted ? this.granted : undefined });
  }

  /** The place of a key, behind those that decided a branch, and that of a mutex that is shut. */
  private gift(key: number): Gift {
    const behind = this.lock ? [this.lock, ...this.guarded] : this.asked;
    return { place: this.place(key), behind, walk: this.loose.function };
  }

  /** Places that decided a branch. */
  get asked(): number[] {
    return [...this.guarded];
  }

  /** Nothing was there, so it is written once. */
  private isVacant(place: number): boolean {
    return this.vacant.has(place) && !this.flagged.has(place);
  }

  /** A branch went the way that what the condition is about does not hold: `this != me` where nothing is kept, say. */
  vacate(condition: Word): void {
    if (this.loose.stateless && (taint(condition) & ~w.NOT) === w.SELF && this.level === Level.Open) {
      this.level = Level.Granted;
      this.granted = FIRM;
    }
    if (taint(condition) & (w.COMPARED | w.RESULT)) return;
    const place = this.placeOf(condition);
    if (place) this.vacant.add(place);
  }

  /**
   * Note a write; how it stands to the calls before. `fixed`: a constant into a constant slot; `fills`: no zero;
   * `whole`: nothing of what was there is kept.
   */
  store(key: number, fixed: boolean, fills: boolean, whole: boolean): string {
    const place = this.place(key);
    let state = '';
    if (this.handedOver) state = this.exposed.has(place) ? 'stale' : this.trusted.has(place) ? 'trusted' : 'late';
    this.leans = state === 'trusted' ? this.trustees : [];
    if (this.lock && place === this.lock) {
      this.lock = 0;
      if (whole) this.loose.opened.add(place);
    } else if (fixed && this.guarded.has(place)) {
      this.loose.shut(place);
      if (!this.written.has(place)) this.lock = place;
    }
    if (fills && this.vacant.has(place)) this.loose.shut(place);
    if (place) this.written.add(place);
    this.exposed.delete(place);
    this.trusted.delete(place);
    return state;
  }

  /** Places that a call has made stale; before one, those of mappings that it would. */
  atStake(): number[] {
    if (this.handedOver) return [...this.exposed];
    return this.lock ? [] : [...this.read].filter((place) => !this.written.has(place) && this.loose.many.has(place));
  }

  handOver(target: Word, known: boolean): void {
    this.handedOver = true;
    if (this.lock) return;
    if (known) this.trustees = [...this.trustees, idOf(target)];
    for (const place of this.read) if (!this.written.has(place)) (known ? this.trusted : this.exposed).add(place);
  }

  /** A contract was created from code at this offset. */
  create(offset: Word): Word {
    this.serial += 1;
    const id = identity.mixed(identity.Seed.Made, this.serial);
    if (!taint(this.readWord(offset))) this.made = [...this.made, id];
    return unknown(w.RETURNED, id);
  }

  hasMade(target: Word): boolean {
    return this.made.includes(idOf(target));
  }

  // What has been said about words of the call's data.

  /** `about` says something about `word`. */
  relate(about: number, word: Word): void {
    if (about && idOf(word)) this.subjects.set(about, idOf(word));
  }

  vouch(condition: Word): void {
    const subject = this.subjects.get(idOf(condition));
    if (subject !== undefined) this.vouched.add(subject);
  }

  reach(target: Word): Level {
    return this.vouched.has(idOf(target)) ? Level.Granted : this.level;
  }

  // Memory: by offset, or by the id of an unknown offset.

  write(offset: Word, word: Word): void {
    if (taint(word) & w.RESULT) this.decide(word);
    const kept = w.soft(word);
    const name = nameOf(offset);
    if (name === undefined || (!this.memory.has(name) && this.memory.size >= MAX_MEMORY_WORDS)) {
      this.floating = (this.floating ?? 0) | taint(kept);
    } else {
      this.memory.set(name, { at: valueOf(offset) ?? offset, word: kept });
    }
  }

  readWord(offset: Word): Word {
    const name = nameOf(offset);
    const elsewhere = unknown(this.floating ?? 0);
    if (name === undefined || (valueOf(offset) === undefined && !this.memory.has(name))) {
      return unknown(elsewhere.bits | (this.anywhere() & w.DATA));
    }
    let word = this.memory.get(name)?.word ?? elsewhere;
    if (valueOf(offset) === FREE_POINTER && !isConstant(word) && !word.id) {
      this.pointers += 1;
      word = unknown(word.bits, identity.mixed(identity.Seed.Pointer, this.pointers));
      this.memory.set(name, { at: FREE_POINTER, word });
    }
    if (this.floating === undefined || isReserved(offset)) return word;
    return unknown(taint(word) | elsewhere.bits);
  }

  readBits(start: Word, length: Word): number {
    const [offset, size] = [valueOf(start) ?? start, valueOf(length)];
    let bits = 0;
    if (nameOf(offset) !== undefined && size !== undefined && size <= MAX_RANGE) {
      let found = 0;
      for (const cell of this.memory.values()) {
        const shared = overlap(offset, cell.at, Number(size));
        if (shared) bits |= taint(cell.word);
        found += shared;
      }
      if (found >= Number(size)) return bits;
    }
    return bits | this.anywhere();
  }

  /** Bits of all memory but what solc uses itself. */
  private anywhere(): number {
    let bits = this.floating ?? 0;
    for (const cell of this.memory.values()) if (!isReserved(cell.at)) bits |= taint(cell.word);
    return bits;
  }

  readIdentity(start: Word, length: Word): number {
    const [offset, size] = [valueOf(start), valueOf(length)];
    if (offset === undefined || size === undefined || size === 0n || size > MAX_RANGE || size % 32n) return 0;
    const parts: number[] = [];
    for (let at = offset; at < offset + size; at += 32n) {
      const part = placeOf(this.memory.get(`${at}`)?.word ?? NOTHING);
      if (!part) return 0;
      parts.push(part);
    }
    return identity.mixed(Number(size), ...parts);
  }
}

function nameOf(offset: Word): string | undefined {
  const known = valueOf(offset);
  if (known !== undefined) return `${known}`;
  return idOf(offset) ? `#${idOf(offset)}` : undefined;
}

function isReserved(offset: Word): boolean {
  const known = valueOf(offset);
  return known !== undefined && known < RESERVED;
}

/** Bytes of the 32 at `at` that lie in a range. */
function overlap(start: Word, at: Word, size: number): number {
  let after: number;
  if (isConstant(start) && isConstant(at)) {
    const gap = at - start;
    if (gap >= MAX_RANGE || gap <= -32n) return 0;
    after = Number(gap);
  } else if (!isConstant(start) && !isConstant(at)) {
    after = identity.distance(at.id, start.id);
    if (after >= Number(MAX_RANGE)) after -= identity.PRIME;
  } else {
    return 0;
  }
  return Math.max(0, Math.min(after + 32, size) - Math.max(after, 0));
}
