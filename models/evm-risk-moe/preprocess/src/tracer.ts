// Walks a contract from each selector entry and writes down what happens, in program order.

import { Doom } from './doom.js';
import { execute } from './instructions.js';
import * as joins from './joins.js';
import type { Seen } from './joins.js';
import { MAX_STEPS, MAX_WRITTEN, NotKnown } from './limits.js';
import { Machine, type Taken } from './machine.js';
import * as op from './opcodes.js';
import type { Program } from './program.js';
import * as v from './vocabulary.js';
import * as w from './word.js';
import { isConstant, taint, unknown, type Word } from './word.js';

const LEAST_SHARE = 64;
const DISPATCH_WINDOW = 12;
const ADDRESS = (1n << 160n) - 1n;
/** Where a proxy keeps its implementation, and its beacon, and its admin (EIP-1967). */
const POINTERS = [
  0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbcn,
  0xa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6cb3582b35133d50n,
];
const ADMIN = 0xb53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103n;
const ENDINGS = ['REVERT', 'RETURN', 'STOP', 'JOIN'].map(v.id);
const LASTING = [op.STOP, op.RETURN, op.SELFDESTRUCT];
const HINGED = [op.DELEGATECALL, op.CALLCODE, op.SELFDESTRUCT];

export interface Trace {
  /** None for what runs when no selector matches. */
  readonly selector: number | undefined;
  readonly tokens: number[];
  /** Program counter of each token. */
  readonly pcs: number[];
}

interface Path {
  readonly index: number;
  readonly machine: Machine;
}

/** A token that depends on who writes to storage. */
interface Hinge {
  readonly at: number;
  /** Place of the target, and of the authority; 0 for none. */
  readonly target: number;
  readonly authority: number;
  /** Places that decided a branch before, where nobody is in charge. */
  readonly asked: readonly number[];
}

/** A write after calls of contracts that the contract knows: position, and ids of their addresses. */
interface Leaning {
  readonly at: number;
  readonly trustees: readonly number[];
}

/** A write of whoever comes: how many tokens are before, program counter, and what is written. */
interface Take {
  readonly at: number;
  readonly pc: number;
  readonly taken: Taken;
}

class Walk {
  readonly work: Path[];
  readonly seen = new Map<string, Seen>();
  readonly hinges: Hinge[] = [];
  readonly takes: Take[] = [];
  readonly leans: Leaning[] = [];
  begun = false;
  /** Some path may end well. What a function does that only reverts is undone. */
  lasts = false;

  constructor(
    readonly number: number,
    readonly trace: Trace,
    start: Path,
  ) {
    this.work = [start];
  }
}

export class Tracer {
  readonly reached: Uint8Array;
  told = 0;
  /** Address of the only code that the fallback delegates to, if the code names it. */
  implementation: bigint | undefined;
  private steps = 0;
  private written = 0;
  private readonly doom: Doom;
  private readonly walks: Walk[] = [];
  private readonly entered = new Set<string>();
  private readonly machine = new Machine();
  private readonly calls: boolean;
  private lost: Machine | undefined;

  constructor(private readonly program: Program) {
    this.reached = new Uint8Array(program.ops.length);
    this.calls = program.ops.includes(op.CALL);
    const code = program.ops.filter((_, index) => (program.pcs[index] as number) < program.end);
    this.machine.loose.stateless = !code.includes(op.SLOAD) && !code.includes(op.SSTORE);
    this.doom = new Doom(program, this.reached);
  }

  /** All that are not done share the steps that are left, again and again. */
  run(): Trace[] {
    this.add(undefined, 'ENTRY.fallback', 0, this.machine);
    const orphans = this.orphans();
    while (!this.spent) {
      const pending = this.walks.filter((walk) => walk.work.length);
      if (!pending.length && orphans.next().done) break;
      const share = Math.max(LEAST_SHARE, Math.floor(this.left / (pending.length + 1)));
      for (const walk of pending) this.goOn(walk, this.steps + share);
    }
    for (const walk of this.walks) if (walk.work.length) this.told |= this.why(walk);
    this.settle();
    return this.walks.map((walk) => this.finished(walk));
  }

  /** Indices where paths were left. */
  pending(): number[] {
    return this.walks.flatMap((walk) => walk.work.map((path) => path.index));
  }

  private get left(): number {
    return MAX_STEPS - this.steps - this.doom.steps;
  }

  private get spent(): boolean {
    return this.left <= 0 || this.written >= MAX_WRITTEN;
  }

  private why(walk: Walk): number {
    const reason = this.written >= MAX_WRITTEN ? NotKnown.Truncated : NotKnown.StepsSpent;
    return walk.begun ? reason : reason | NotKnown.LeftOut;
  }

  private add(selector: number | undefined, entry: string, index: number, machine: Machine): void {
    const trace = { selector, tokens: [v.id(entry)], pcs: [this.program.pcs[index] ?? 0] };
    this.walks.push(new Walk(this.walks.length, trace, { index, machine }));
    this.written += 1;
  }

  /** What nothing reached, if there were jumps that go nobody knows where. */
  private *orphans(): Generator<number> {
    for (const [pc, index] of this.program.jumpdests) {
      if (pc >= BigInt(this.program.end)) return;
      if (this.lost === undefined || this.reached[index]) continue;
      const machine = this.told & NotKnown.UnknownJump ? this.machine.fresh() : this.lost.fork();
      this.add(undefined, 'ENTRY.function', index, machine);
      yield index;
    }
  }

  /** Who is in charge of the contract, now that all of it was walked. */
  private settle(): void {
    const { loose } = this.machine;
    for (const { target } of this.walks.flatMap((walk) => walk.hinges)) if (target) loose.run.add(target);
    for (const slot of POINTERS) this.found(slot, loose.run);
    for (const place of loose.run) loose.charge.add(place);
    this.found(ADMIN, loose.charge);
    loose.settle();
  }

  private found(slot: bigint, places: Set<number>): void {
    const place = this.machine.at(slot);
    if (place) places.add(place);
  }

  /** Token of a write of whoever comes; NONE if nobody is in charge by what he wrote. */
  private took({ place, key, behind, walk }: Taken): number {
    const { loose } = this.machine;
    const base = loose.bases.get(key) ?? 0;
    const one = loose.run.has(place) || (loose.charge.has(place) && !loose.many.has(place));
    const folded = loose.nested.has(key) && [...loose.folded].some((slot) => loose.heads.has(slot));
    if (!one && !loose.heads.has(base) && !folded) return v.NONE; // who owns one thing of many is in charge of nothing else
    if (loose.isLocked(behind, walk)) return v.id('TAKE.once');
    if (loose.run.has(place)) return v.id('TAKE.code');
    return v.id(!place || loose.many.has(place) ? 'TAKE.item' : 'TAKE.slot');
  }

  private finished({ number, trace, hinges, leans, takes, lasts, work }: Walk): Trace {
    const { loose } = this.machine;
    if (!lasts && !work.length) {
      const { selector, tokens, pcs } = trace;
      const revert = tokens.indexOf(v.id('REVERT'));
      const kept = revert < 0 ? [0] : [0, revert];
      return { selector, tokens: kept.map((row) => tokens[row] as number), pcs: kept.map((row) => pcs[row] as number) };
    }
    for (const { at, target, authority, asked } of hinges) {
      const chosen = loose.always.has(target) || loose.once.has(target);
      const shut = asked.filter((place) => !loose.opened.has(place));
      const ever = { chosen, anyone: loose.always.has(authority), once: loose.isLocked(shut, number) };
      trace.tokens[at] = v.reconsidered(trace.tokens[at] as number, ever);
    }
    for (const { at, trustees } of leans) {
      if (trustees.some((trustee) => loose.isEntered(trustee))) trace.tokens[at] = v.mistrusted(trace.tokens[at] as number);
    }
    for (const { at, pc, taken } of takes.reverse()) {
      const token = this.took(taken);
      if (!token || trace.tokens[at] === token) continue;
      trace.tokens.splice(at, 0, token);
      trace.pcs.splice(at, 0, pc);
    }
    if (trace.tokens.some((token) => v.DECIDES_BY_ORIGIN.has(token))) return trace;
    const kept = trace.tokens.flatMap((token, row) => (token === v.id('ORIGIN') ? [] : [row]));
    const of = (column: number[]): number[] => kept.map((row) => column[row] as number);
    return { selector: trace.selector, tokens: of(trace.tokens), pcs: of(trace.pcs) };
  }

  private emit({ trace: { tokens, pcs } }: Walk, token: number, index: number): boolean {
    const repeats = tokens.at(-1) === token && (ENDINGS.includes(token) || tokens.at(-2) === token);
    if (!token || repeats) return false;
    tokens.push(token);
    pcs.push(this.program.pcs[index] as number);
    this.written += 1;
    return true;
  }

  private goOn(walk: Walk, limit: number): void {
    walk.begun = true;
    this.machine.loose.function = walk.number;
    while (walk.work.length && this.steps < limit && !this.spent) this.follow(walk, walk.work.pop() as Path, limit);
  }

  private follow(walk: Walk, path: Path, limit: number): void {
    const { program } = this;
    const m = path.machine;
    let index: number | undefined = path.index;
    while (index !== undefined && index < program.ops.length) {
      if (this.steps >= limit) {
        walk.work.push({ index, machine: m });
        return;
      }
      const opcode = program.ops[index] as number;
      this.steps += 1;
      this.reached[index] = 1;
      if (opcode === op.JUMP) {
        const target = m.pop();
        index = this.destination(target);
        if (!isConstant(target)) this.lose(walk, m);
      } else if (opcode === op.JUMPI) {
        index = this.branch(walk, index, m);
      } else if (opcode === op.JUMPDEST) {
        if (joins.ends(walk.seen, joins.key(index, m, program), index, m, this.calls)) {
          this.emit(walk, v.id('JOIN'), index);
          return;
        }
        index += 1;
      } else {
        if ((opcode === op.STOP || opcode === op.RETURN) && m.forgetful) this.emit(walk, v.id('DROPPED'), index);
        const token = execute(m, opcode, program.values[index] as bigint);
        if (LASTING.includes(opcode)) walk.lasts = true;
        if (this.emit(walk, token, index) && HINGED.includes(opcode)) this.note(walk, opcode, m);
        if (m.leans.length) walk.leans.push({ at: walk.trace.tokens.length - 1, trustees: m.leans });
        m.leans = [];
        if (m.taken) this.take(walk, index, m);
        if (op.ends(opcode)) return;
        index += 1;
      }
    }
    if (index !== undefined) walk.lasts = true; // beyond the last instruction an EVM stops
  }

  private take(walk: Walk, index: number, m: Machine): void {
    const { tokens } = walk.trace;
    walk.takes.push({ at: tokens.length, pc: this.program.pcs[index] as number, taken: m.taken as Taken });
    m.taken = undefined;
  }

  private note(walk: Walk, opcode: number, m: Machine): void {
    const target = opcode === op.SELFDESTRUCT ? 0 : m.placeOf(m.target);
    const authority = m.level === v.Level.Granted ? m.granted : 0;
    const asked = m.level === v.Level.Open ? m.asked : [];
    walk.hinges.push({ at: walk.trace.tokens.length - 1, target, authority, asked });
    if (opcode !== op.DELEGATECALL || walk !== this.walks[0]) return;
    const named = isConstant(m.target) ? m.target & ADDRESS : undefined;
    this.implementation = !(this.told & NotKnown.Proxy) || this.implementation === named ? named : undefined;
    this.told |= NotKnown.Proxy;
  }

  private lose(walk: Walk, m: Machine): void {
    walk.lasts = true;
    this.told |= walk === this.walks[0] ? NotKnown.UnknownDispatcher : NotKnown.UnknownJump;
    this.lost ??= m.fork();
  }

  private destination(word: Word): number | undefined {
    return isConstant(word) ? this.program.jumpdests.get(word) : undefined;
  }

  /** Where to go on; the other side waits if it can go on too. */
  private branch(walk: Walk, index: number, m: Machine): number | undefined {
    const where = m.pop();
    const condition = m.pop();
    const next = index + 1;
    const said = w.decided(condition);
    if (condition === 0n || said & w.FAILS) return next;
    const target = this.destination(where);
    if (!isConstant(where)) this.lose(walk, m);
    if (isConstant(condition) || said) return target;
    if (target === undefined) return next;
    const bits = taint(condition);
    if (bits & (w.EQ_SELECTOR | w.NE_SELECTOR) && walk.trace.selector === undefined) {
      const [entry, rest] = bits & w.EQ_SELECTOR ? [target, next] : [next, target];
      this.enter(index, entry, m);
      return rest;
    }
    m.decide(condition);
    const [staying, jumping] = [this.doom.awaits(next), this.doom.awaits(target)];
    if (staying && jumping) {
      this.emit(walk, v.id('REVERT'), index);
      return undefined;
    }
    const dispatching = bits & w.SELECTOR;
    if (staying || jumping) {
      if (!dispatching) this.emit(walk, v.guard(condition, staying), index);
      learn(m, condition, staying);
      return staying ? target : next;
    }
    if (!dispatching) this.emit(walk, v.fork(condition), index);
    const other = m.fork();
    const holds = !(bits & w.NOT) === !(bits & w.RESULT); // of a call, where it failed: what is made of that counts
    learn(m, condition, holds);
    learn(other, condition, !holds);
    walk.work.push({ index: holds ? next : target, machine: other });
    return holds ? target : next;
  }

  private enter(index: number, target: number, m: Machine): void {
    if (target >= this.program.ops.length) return;
    const entry = [target, ...joins.facts(m)].join(' ');
    if (this.entered.has(entry)) return;
    this.entered.add(entry);
    this.add(this.selectorBefore(index), 'ENTRY.function', target, m.fork());
  }

  /** The nearest constant before a JUMPI that is not its target. */
  private selectorBefore(index: number): number {
    const { ops, values, jumpdests } = this.program;
    for (let at = index - 1; at > Math.max(-1, index - DISPATCH_WINDOW); at--) {
      const opcode = ops[at] as number;
      const value = values[at] as bigint;
      if (opcode >= op.PUSH1 && opcode <= op.PUSH4 && !jumpdests.has(value)) return Number(value);
    }
    return 0;
  }
}

/** What is true on one side of a branch: how far guards let it, and what a copy of the condition is. */
function learn(m: Machine, condition: Word, nonzero: boolean): void {
  const bits = taint(condition);
  if (nonzero !== ((bits & w.NOT) !== 0)) {
    m.grant(condition, v.level(condition));
    if (!(bits & w.COMPARED)) m.vouch(condition);
  } else {
    m.vacate(condition);
  }
  const top = m.stack.at(-1);
  if (!m.areCopies(top, condition)) return;
  const same = ((top.bits ^ bits) & w.NOT) === 0;
  m.stack[m.stack.length - 1] = unknown(top.bits | (nonzero === same ? w.HOLDS : w.FAILS), top.id, top.serial);
}
