// Stack effects of the EVM's opcodes up to Cancun, and Osaka's CLZ.

export const STOP = 0x00;
export const RETURN = 0xf3;
export const REVERT = 0xfd;
export const INVALID = 0xfe;
export const SELFDESTRUCT = 0xff;
export const JUMP = 0x56;
export const JUMPI = 0x57;
export const JUMPDEST = 0x5b;
export const SLOAD = 0x54;
export const SSTORE = 0x55;
export const PUSH0 = 0x5f;
export const PUSH1 = 0x60;
export const PUSH4 = 0x63;
export const PUSH32 = 0x7f;
export const DUP16 = 0x8f;
export const SWAP16 = 0x9f;
export const CREATE = 0xf0;
export const CALL = 0xf1;
export const CALLCODE = 0xf2;
export const DELEGATECALL = 0xf4;

export interface Effect {
  readonly pops: number;
  readonly pushes: number;
}

const TABLE: readonly (readonly [number, number, string])[] = [
  [1, 1, '15 19 1e 31 35 3b 3f 40 49 51 54 5c'],
  [2, 1, '01 02 03 04 05 06 07 0a 0b 10 11 12 13 14 16 17 18 1a 1b 1c 1d 20'],
  [3, 1, '08 09 f0'],
  [4, 1, 'f5'],
  [0, 1, '30 32 33 34 36 38 3a 3d 41 42 43 44 45 46 47 48 4a 58 59 5a'],
  [1, 0, '50 56 ff'],
  [2, 0, '52 53 55 57 5d f3 fd a0'],
  [3, 0, '37 39 3e 5e a1'],
  [4, 0, '3c a2'],
  [5, 0, 'a3'],
  [6, 0, 'a4'],
  [6, 1, 'f4 fa'],
  [7, 1, 'f1 f2'],
  [0, 0, '00 5b fe'],
];

/** By opcode; none for PUSH, DUP, SWAP and undefined ones. */
export const EFFECTS = new Map<number, Effect>(
  TABLE.flatMap(([pops, pushes, codes]) => codes.split(' ').map((code) => [parseInt(code, 16), { pops, pushes }] as const)),
);

/** Nothing on a path runs after these. */
export function ends(opcode: number): boolean {
  if ([STOP, RETURN, REVERT, INVALID, SELFDESTRUCT].includes(opcode)) return true;
  return !EFFECTS.has(opcode) && (opcode < PUSH0 || opcode > SWAP16);
}
