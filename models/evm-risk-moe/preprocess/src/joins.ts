// Where paths meet: a path ends where an earlier one that knew no more went on from the same place.

import type { Machine } from './machine.js';
import type { Program } from './program.js';
import * as w from './word.js';
import { isConstant, type Word } from './word.js';

const CONTEXT = 16;
const CONTEXT_DEPTH = 160;
const TOLD_APART = 4;

export interface Seen {
  readonly facts: Facts;
  /** Storage places that at stake on some path. */
  readonly exposed: ReadonlySet<number>;
  /** That made one go on; once, for a loop may add for ever. */
  readonly again: boolean;
}

/** From the top of the stack: a constant, what a branch said of a word, or nothing. */
export type Facts = (bigint | 'holds' | 'fails' | undefined)[];

function truth(word: Word): 'holds' | 'fails' | undefined {
  const said = w.decided(word);
  if (said & w.HOLDS) return 'holds';
  return said ? 'fails' : undefined;
}

export function facts(m: Machine): Facts {
  return m.stack.map((word) => (isConstant(word) ? word : truth(word))).reverse();
}

/** Paths with different keys are never compared. */
export function key(index: number, m: Machine, { jumpdests }: Program): string {
  const addresses = m.stack
    .slice(-CONTEXT_DEPTH)
    .reverse()
    .filter((word) => isConstant(word) && jumpdests.has(word));
  const truths = m.stack.slice(-TOLD_APART).reverse().map((word) => truth(word) ?? '-');
  return [index, m.level, m.handedOver, ...truths, ...addresses.slice(0, CONTEXT)].join(' ');
}

/** True if the path ends; else it goes on, and knows no more than `seen` now says. */
export function ends(seen: Map<string, Seen>, place: string, index: number, m: Machine, calls: boolean): boolean {
  m.part();
  const mine = facts(m);
  const exposed = calls ? m.atStake() : [];
  const before = seen.get(place);
  if (before === undefined) {
    seen.set(place, { facts: mine, exposed: new Set(exposed), again: false });
    return false;
  }
  const adds = !before.again && exposed.some((one) => !before.exposed.has(one));
  const common = before.facts.map((known, depth) => (mine[depth] === known ? known : undefined));
  if (!adds && common.every((known, depth) => known === before.facts[depth])) return true;
  const all = new Set([...before.exposed, ...exposed]);
  seen.set(place, { facts: common, exposed: all, again: before.again || adds });
  mine.forEach((known, depth) => {
    const at = m.stack.length - 1 - depth;
    if (known !== undefined && common[depth] !== known) m.stack[at] = w.forgotten(m.stack[at] as Word, index, depth);
  });
  return false;
}
