// Which places do nothing but revert, whatever is on the stack.

import { execute } from './instructions.js';
import { Machine } from './machine.js';
import * as op from './opcodes.js';
import type { Program } from './program.js';
import { isConstant } from './word.js';

const MAX_DOOM_STEPS = 200;
const HARMS = [op.JUMPI, op.SSTORE, op.CALL, op.DELEGATECALL, op.CREATE];

export class Doom {
  steps = 0;
  private known = new Map<number, boolean>();

  constructor(
    private readonly program: Program,
    private readonly reached: Uint8Array,
  ) {}

  /** Decided once for each place. */
  awaits(index: number): boolean {
    let known = this.known.get(index);
    if (known === undefined) {
      known = this.onlyReverts(index);
      this.known.set(index, known);
    }
    return known;
  }

  private onlyReverts(start: number): boolean {
    const { program } = this;
    const m = new Machine();
    const visited: number[] = [];
    let index: number | undefined = start;
    for (let n = 0; n < MAX_DOOM_STEPS; n++) {
      if (index === undefined || index >= program.ops.length) return false;
      const opcode = program.ops[index] as number;
      this.steps += 1;
      visited.push(index);
      if (opcode === op.REVERT || opcode === op.INVALID) {
        for (const at of visited) this.reached[at] = 1;
        return true;
      }
      if (op.ends(opcode) || HARMS.includes(opcode)) return false;
      if (opcode === op.JUMP) {
        const target = m.pop();
        index = isConstant(target) ? program.jumpdests.get(target) : undefined;
      } else {
        execute(m, opcode, program.values[index] as bigint);
        index += 1;
      }
    }
    return false;
  }
}
