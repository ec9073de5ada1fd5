// Numbers that tell whether two unknown words are the same: arithmetic modulo the largest prime below 2^32.

export const PRIME = 4_294_967_291;
const MIX = 0x85ebca6b;
const STRIDE = 0x9e3779b1;
const INVERSE = Number(power(BigInt(STRIDE), BigInt(PRIME) - 2n, BigInt(PRIME)));

export const enum Seed {
  Source = 1,
  Data,
  Hash,
  Keeper,
  Loaded,
  Product,
  Transient,
  Pin,
  Mask,
  Pointer,
  Forgotten,
  Made,
  Item,
}

/** Identity of something computed from others in this order, by the way that `seed` numbers; never 0. */
export function mixed(seed: number, ...parts: number[]): number {
  let found = seed;
  for (const part of parts) found = (times(found, MIX) + part + 1) % PRIME;
  return found || 1;
}

/** Identity of a constant, as a signed number. Identities add up as words do. */
export function ofConstant(value: bigint): number {
  const rest = Number(BigInt.asIntN(256, value) % BigInt(PRIME));
  return times(rest < 0 ? rest + PRIME : rest, STRIDE);
}

/** Identity of a sum; 0 if one term's is unknown. */
export function total(left: number, right: number): number {
  return left && right ? (left + right) % PRIME : 0;
}

/** How much one word is above the other, modulo PRIME. */
export function distance(left: number, right: number): number {
  return times((left - right + 2 * PRIME) % PRIME, INVERSE);
}

/** a * b modulo PRIME, for factors below 2^32, without leaving the exact doubles. */
function times(a: number, b: number): number {
  const high = Math.floor(b / 65_536);
  return (((a * high) % PRIME) * 65_536 + a * (b % 65_536)) % PRIME;
}

export function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  let square = base % modulus;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}
