// Runtime bytecode as instructions, and where the compiler's metadata begins.

import * as op from './opcodes.js';

const MAPS = [0xa1, 0xa2, 0xa3, 0xa4];
const KEYS = ['bzzr', 'ipfs', 'solc', 'experimental'];
const MAX_METADATA = 256;

export interface Program {
  readonly pcs: readonly number[];
  readonly ops: readonly number[];
  /** What a PUSH pushes; 0 elsewhere. */
  readonly values: readonly bigint[];
  /** Program counter of each JUMPDEST -> index of its instruction. */
  readonly jumpdests: ReadonlyMap<bigint, number>;
  /** Where the metadata begins, or the code ends. */
  readonly end: number;
}

export function withoutMetadata(code: Uint8Array): Uint8Array {
  if (code.length < 2) return code;
  const length = (code.at(-2) as number) * 256 + (code.at(-1) as number);
  const start = code.length - 2 - length;
  if (length === 0 || length > MAX_METADATA || start <= 0 || !MAPS.includes(code[start] as number)) return code;
  const text = String.fromCharCode(...code.subarray(start));
  return KEYS.some((key) => text.includes(key)) ? code.subarray(0, start) : code;
}

export function disassemble(code: Uint8Array): Program {
  const [pcs, ops, values]: [number[], number[], bigint[]] = [[], [], []];
  const jumpdests = new Map<bigint, number>();
  for (let pc = 0; pc < code.length; ) {
    const opcode = code[pc] as number;
    const width = opcode >= op.PUSH0 && opcode <= op.PUSH32 ? opcode - op.PUSH0 : 0;
    let value = 0n;
    for (let at = pc + 1; at <= pc + width; at++) value = (value << 8n) | BigInt(code[at] ?? 0);
    if (opcode === op.JUMPDEST) jumpdests.set(BigInt(pc), pcs.length);
    pcs.push(pc);
    ops.push(opcode);
    values.push(value);
    pc += 1 + width;
  }
  return { pcs, ops, values, jumpdests, end: withoutMetadata(code).length };
}
