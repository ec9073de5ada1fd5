// EVM bytecode to what `evm-risk-moe` reads, as Python's themis.evm.encode does; written apart from it.

import { disassemble, withoutMetadata } from './program.js';
import { Tracer, type Trace } from './tracer.js';

export const PREPROCESSING = 'evm-trace-2';
export const MAX_CODE_BYTES = 24_576;
const ORDERS = [2, 3, 4, 5];
const BUCKET_BITS = 13n;
const BUCKETS = 1 << Number(BUCKET_BITS);
const MULTIPLIER = 0x9e3779b97f4a7c15n;
const WORD = (1n << 64n) - 1n;

export interface Encoded {
  readonly functions: readonly Trace[];
  /** Share of the code's instructions that the traces reached. */
  readonly coverageBps: number;
  /** Token ids of all functions, one a row. */
  readonly tokens: readonly number[];
  readonly pcs: readonly number[];
  /** For each row the first row of its function. */
  readonly starts: readonly number[];
  /** For each row the buckets of the 2- to 5-gram that ends there. */
  readonly grams: readonly (readonly number[])[];
}

/** Any code a chain deploys; throws a RangeError for longer code (EIP-170). */
export function encode(code: Uint8Array): Encoded {
  if (code.length > MAX_CODE_BYTES) throw new RangeError(`${code.length} bytes of code; EIP-170 allows ${MAX_CODE_BYTES}`);
  const program = disassemble(withoutMetadata(code));
  const tracer = new Tracer(program);
  const functions = tracer.run();
  const total = program.ops.length;
  const reached = tracer.reached.reduce((sum, mark) => sum + mark, 0);
  const starts: number[] = [];
  for (const trace of functions) starts.push(...new Array<number>(trace.tokens.length).fill(starts.length));
  return {
    functions,
    coverageBps: total ? Math.floor((reached * 10_000) / total) : 0,
    tokens: functions.flatMap((trace) => trace.tokens),
    pcs: functions.flatMap((trace) => trace.pcs),
    starts,
    grams: functions.flatMap((trace) => buckets(trace.tokens)),
  };
}

function buckets(tokens: readonly number[]): number[][] {
  return tokens.map((_, row) =>
    ORDERS.map((length, order) => {
      let key = 0n;
      for (let at = row - length + 1; at <= row; at++) key = (key << 8n) | BigInt(tokens[at] ?? 0);
      const hash = ((key * 8n + BigInt(length)) * MULTIPLIER) & WORD;
      return order * BUCKETS + Number(hash >> (64n - BUCKET_BITS));
    }),
  );
}
