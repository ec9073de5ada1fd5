// EVM bytecode to what `evm-risk-moe` reads, as Python's themis.evm.encode does; written apart from it.

import { reachable } from './coverage.js';
import { MAX_ROWS, NotKnown, STRIDE, WINDOW } from './limits.js';
import { disassemble } from './program.js';
import { Tracer, type Trace } from './tracer.js';
import { id } from './vocabulary.js';

export const PREPROCESSING = 'evm-trace-5';
export const MAX_CODE_BYTES = 24_576;
const ORDERS = [2, 3, 4, 5];
const BUCKET_BITS = 13n;
const BUCKETS = 1 << Number(BUCKET_BITS);
const MULTIPLIER = 0x9e3779b97f4a7c15n;
const WORD = (1n << 64n) - 1n;

export interface Encoded {
  /** Windows of functions, no two the same. */
  readonly functions: readonly Trace[];
  /** Of the instructions that can be reached, the share whose traces the network is given. */
  readonly coverageBps: number;
  /** `NotKnown`, as bits. */
  readonly notKnown: number;
  /** Address of the code that this code, which is nothing but a pointer, delegates to: 40 hex digits. */
  readonly implementation: string | undefined;
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
  if (code[0] === 0xef) return withoutInstructions(code);
  const program = disassemble(code);
  const tracer = new Tracer(program);
  const { functions, leftOut } = windows(tracer.run());
  const notKnown = tracer.told | leftOut;
  const covered = leftOut ? 0 : tracer.reached.reduce((sum, mark) => sum + mark, 0);
  const coverageBps = program.ops.length ? Math.floor((covered * 10_000) / Math.max(1, reachable(program, tracer))) : 0;
  const named = tracer.implementation;
  if (named === undefined || functions.length !== 1 || notKnown !== NotKnown.Proxy) {
    return flat(functions, coverageBps, notKnown, undefined);
  }
  return flat(functions, coverageBps, notKnown | NotKnown.Named, named.toString(16).padStart(40, '0'));
}

/** What begins with 0xef no EVM runs as it stands: a delegation (EIP-7702), or a format that is not known. */
function withoutInstructions(code: Uint8Array): Encoded {
  const nothing = [{ selector: undefined, tokens: [id('ENTRY.fallback')], pcs: [0] }];
  if (code.length !== 23 || code[1] !== 1 || code[2] !== 0) return flat(nothing, 0, NotKnown.UnknownDispatcher, undefined);
  const address = [...code.subarray(3)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return flat(nothing, 0, NotKnown.Delegation | NotKnown.Named, address);
}

/** What the network is given, each window once, and what is left out because there is too much. */
function windows(traces: readonly Trace[]): { functions: Trace[]; leftOut: number } {
  const given = new Map<string, Trace>();
  let rows = 0;
  for (const { selector, tokens, pcs } of traces) {
    for (let at = 0; at < Math.max(1, tokens.length - (WINDOW - STRIDE)); at += STRIDE) {
      const window = { selector, tokens: tokens.slice(at, at + WINDOW), pcs: pcs.slice(at, at + WINDOW) };
      const name = window.tokens.join(' ');
      if (given.has(name)) continue;
      if (rows + window.tokens.length > MAX_ROWS) {
        return { functions: [...given.values()], leftOut: NotKnown.Truncated | NotKnown.LeftOut };
      }
      rows += window.tokens.length;
      given.set(name, window);
    }
  }
  return { functions: [...given.values()], leftOut: 0 };
}

function flat(functions: Trace[], coverageBps: number, notKnown: number, implementation: string | undefined): Encoded {
  const starts: number[] = [];
  for (const trace of functions) starts.push(...new Array<number>(trace.tokens.length).fill(starts.length));
  return {
    functions,
    coverageBps,
    notKnown,
    implementation,
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
