// Walks a contract from each selector entry and writes down what happens, in program order.

import { execute } from './instructions.js';
import { Machine } from './machine.js';
import * as op from './opcodes.js';
import type { Program } from './program.js';
import * as v from './vocabulary.js';
import * as w from './word.js';
import { isConstant, taint, unknown, type Word } from './word.js';

const MAX_FUNCTIONS = 64;
const MAX_TOKENS = 192;
const MAX_STEPS = 40_000;
const MAX_FUNCTION_STEPS = 6_000;
const MAX_DOOM_STEPS = 200;
const CONTEXT = 8;
const CONTEXT_DEPTH = 48;
const DISPATCH_WINDOW = 12;
const ENDINGS = ['REVERT', 'RETURN', 'STOP', 'JOIN'].map(v.id);

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
  readonly selector: number;
}

export class Tracer {
  readonly reached: Uint8Array;
  private steps = 0;
  private entries: Path[] = [];
  private doomed = new Map<number, boolean>();
  private work: Path[] = [];
  private seen = new Set<string>();
  private trace: Trace = { selector: undefined, tokens: [], pcs: [] };

  constructor(private readonly program: Program) {
    this.reached = new Uint8Array(program.ops.length);
  }

  run(): Trace[] {
    const fallback = this.follow(undefined, { index: 0, machine: new Machine(), selector: 0 });
    const functions = this.entries.slice(0, MAX_FUNCTIONS - 1);
    return [fallback, ...functions.map((entry) => this.follow(entry.selector, entry))];
  }

  private follow(selector: number | undefined, entry: Path): Trace {
    const start = v.id(selector === undefined ? 'ENTRY.fallback' : 'ENTRY.function');
    this.trace = { selector, tokens: [start], pcs: [this.program.pcs[entry.index] ?? 0] };
    this.seen = new Set();
    this.work = [entry];
    const limit = Math.min(MAX_STEPS, this.steps + MAX_FUNCTION_STEPS);
    while (this.work.length && this.steps < limit) this.walk(this.work.pop() as Path, limit);
    return this.trace;
  }

  private emit(token: number, index: number): void {
    const { tokens, pcs } = this.trace;
    const repeats = ENDINGS.includes(token) && tokens.at(-1) === token;
    if (!token || repeats || tokens.length >= MAX_TOKENS) return;
    tokens.push(token);
    pcs.push(this.program.pcs[index] as number);
  }

  private walk(path: Path, limit: number): void {
    const { program } = this;
    const m = path.machine;
    let index: number | undefined = path.index;
    while (index !== undefined && index < program.ops.length && this.steps < limit) {
      const opcode = program.ops[index] as number;
      this.steps += 1;
      this.reached[index] = 1;
      if (opcode === op.JUMP) {
        index = this.destination(m.pop());
      } else if (opcode === op.JUMPI) {
        index = this.branch(index, m);
      } else if (opcode === op.JUMPDEST && this.joins(index, m)) {
        return;
      } else {
        if ((opcode === op.STOP || opcode === op.RETURN) && m.forgetful) this.emit(v.id('DROPPED'), index);
        this.emit(execute(m, opcode, program.values[index] as bigint), index);
        if (op.ends(opcode)) return;
        index += 1;
      }
    }
  }

  private destination(word: Word): number | undefined {
    return isConstant(word) ? this.program.jumpdests.get(word) : undefined;
  }

  /** A block runs once for each level, side of the first call, and call context. */
  private joins(index: number, m: Machine): boolean {
    const addresses = m.stack
      .slice(-CONTEXT_DEPTH)
      .reverse()
      .filter((word) => this.destination(word) !== undefined);
    const key = [index, m.level, m.handedOver, ...addresses.slice(0, CONTEXT)].join(' ');
    if (this.seen.has(key)) {
      this.emit(v.id('JOIN'), index);
      return true;
    }
    this.seen.add(key);
    return false;
  }

  /** Where to go on; the other side waits if it can go on too. */
  private branch(index: number, m: Machine): number | undefined {
    const target = this.destination(m.pop());
    const condition = m.pop();
    const bits = taint(condition);
    const next = index + 1;
    if (target === undefined) return next;
    if (bits & w.EQ_SELECTOR) {
      this.enter(index, target, m);
      return next;
    }
    if (bits & w.NE_SELECTOR) {
      this.enter(index, next, m);
      return target;
    }
    if (bits & (w.HOLDS | w.FAILS)) return bits & w.HOLDS ? target : next;
    m.decide(condition);
    const [staying, jumping] = [this.isDoomed(next, m), this.isDoomed(target, m)];
    const never = isConstant(condition) && (condition ? jumping : staying);
    if ((staying && jumping) || never) {
      this.emit(v.id('REVERT'), index);
      return undefined;
    }
    const dispatching = bits & w.SELECTOR;
    if (staying || jumping) {
      if (!dispatching) this.emit(v.guard(condition, staying), index);
      learn(m, condition, staying);
      return staying ? target : next;
    }
    if (!dispatching) this.emit(v.fork(condition), index);
    const other = m.fork();
    const holds = !(bits & w.NOT);
    learn(m, condition, holds);
    learn(other, condition, !holds);
    this.work.push({ index: holds ? next : target, machine: other, selector: 0 });
    return holds ? target : next;
  }

  private enter(index: number, target: number, m: Machine): void {
    if (this.entries.length >= MAX_FUNCTIONS || this.entries.some((entry) => entry.index === target)) return;
    this.entries.push({ index: target, machine: m.fork(), selector: this.selectorBefore(index) });
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

  /** True if the code here only reverts; decided once for each place. */
  private isDoomed(index: number, m: Machine): boolean {
    let known = this.doomed.get(index);
    if (known === undefined) {
      known = this.onlyReverts(index, m.fork());
      this.doomed.set(index, known);
    }
    return known;
  }

  private onlyReverts(start: number, m: Machine): boolean {
    const { program } = this;
    const visited: number[] = [];
    let index: number | undefined = start;
    for (let n = 0; n < MAX_DOOM_STEPS; n++) {
      if (index === undefined || index >= program.ops.length || this.steps >= MAX_STEPS) return false;
      const opcode = program.ops[index] as number;
      this.steps += 1;
      visited.push(index);
      if (opcode === op.REVERT || opcode === op.INVALID) {
        for (const at of visited) this.reached[at] = 1;
        return true;
      }
      if (op.ends(opcode) || [op.JUMPI, op.SSTORE, op.CALL, op.DELEGATECALL, op.CREATE].includes(opcode)) return false;
      if (opcode === op.JUMP) {
        index = this.destination(m.pop());
      } else {
        execute(m, opcode, program.values[index] as bigint);
        index += 1;
      }
    }
    return false;
  }
}

/** What is true on one side of a branch: how far guards let it, and what a copy of the condition is. */
function learn(m: Machine, condition: Word, nonzero: boolean): void {
  const bits = taint(condition);
  if (nonzero !== ((bits & w.NOT) !== 0)) {
    m.level = Math.max(m.level, v.level(condition));
    if (!(bits & w.COMPARED)) m.vouch(condition);
  }
  const top = m.stack.at(-1);
  if (top === undefined || isConstant(top) || isConstant(condition)) return;
  if (top.id === condition.id && (top.bits | w.NOT) === (condition.bits | w.NOT)) {
    const same = ((top.bits ^ condition.bits) & w.NOT) === 0;
    m.stack[m.stack.length - 1] = unknown(top.bits | (nonzero === same ? w.HOLDS : w.FAILS), top.id);
  }
}
