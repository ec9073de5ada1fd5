// How much code there is to be told about: what was walked, and what lies behind the paths that were not.

import { NotKnown } from './limits.js';
import * as op from './opcodes.js';
import type { Program } from './program.js';
import type { Tracer } from './tracer.js';

export function reachable(program: Program, tracer: Tracer): number {
  const found = Uint8Array.from(tracer.reached);
  const { ops, values, jumpdests, pcs, end } = program;
  if (tracer.told & (NotKnown.UnknownJump | NotKnown.UnknownDispatcher)) {
    return pcs.filter((pc, index) => pc < end || found[index]).length;
  }
  const work = tracer.pending();
  if (work.length) {
    values.forEach((value, index) => {
      const target = found[index] ? jumpdests.get(value) : undefined;
      if (target !== undefined) work.push(target);
    });
  }
  for (let index = work.pop(); index !== undefined; index = work.pop()) {
    for (let at = index; at < ops.length && !found[at]; at++) {
      found[at] = 1;
      const opcode = ops[at] as number;
      if (opcode === op.JUMP || op.ends(opcode)) break;
      const target = jumpdests.get(values[at] as bigint);
      if (target !== undefined) work.push(target);
    }
  }
  return found.reduce((sum, mark) => sum + mark, 0);
}
