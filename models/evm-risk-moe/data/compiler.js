#!/usr/bin/env node
// Compiles standard-JSON jobs, one a line on stdin, with the npm `solc` given by path; answers one line each on stdout:
// runtime code, or with `raw` all that the compiler says.
const readline = require('readline');

const solc = require(process.argv[2]);
const compile = solc.version().startsWith('0.4') ? solc.compileStandardWrapper : solc.compile;

function answer(job) {
  const out = JSON.parse(compile(JSON.stringify(job.input)));
  if (job.raw) return { id: job.id, out };
  const failed = (out.errors || []).filter((e) => e.severity === 'error').map((e) => e.formattedMessage || e.message);
  const contracts = [];
  for (const [file, byName] of Object.entries(out.contracts || {})) {
    for (const [name, c] of Object.entries(byName)) {
      const code = c.evm && c.evm.deployedBytecode;
      if (!code || !code.object) continue;
      contracts.push({
        file, name, code: code.object, selectors: c.evm.methodIdentifiers || {},
        immutables: Object.values(code.immutableReferences || {}).flat(),
      });
    }
  }
  return { id: job.id, contracts, errors: failed.slice(0, 2).map((m) => m.slice(0, 300)) };
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const job = JSON.parse(line);
  let result;
  try {
    result = answer(job);
  } catch (error) {
    result = { id: job.id, contracts: [], errors: [String(error).slice(0, 300)] };
  }
  process.stdout.write(JSON.stringify(result) + '\n');
});
