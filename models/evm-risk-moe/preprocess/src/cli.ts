// Reads runtime bytecode in hex, one contract a line, from standard input; answers one line of JSON each.

import { encode } from './encode.js';

declare const process: {
  stdin: AsyncIterable<string> & { setEncoding(encoding: string): void };
  stdout: { write(text: string): void };
};

process.stdin.setEncoding('utf8');
let text = '';
for await (const part of process.stdin) text += part;
for (const line of text.split('\n').slice(0, -1)) {
  const code = Uint8Array.from(line.match(/../g) ?? [], (byte) => parseInt(byte, 16));
  const { functions, coverageBps, notKnown, implementation, tokens, pcs, starts, grams } = encode(code);
  const selectors = functions.map((trace) => trace.selector ?? null);
  process.stdout.write(JSON.stringify({ selectors, coverageBps, notKnown, implementation: implementation ?? null, tokens, pcs, starts, grams: grams.flat() }) + '\n');
}
