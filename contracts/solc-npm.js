#!/usr/bin/env node
// npm's solc behind the two switches of the native compiler that forge and py-solc-x use.

// The compiler is WebAssembly: only what runs long is worth the time that V8 takes to optimize it. What takes 8 s of processor
// time takes 6, what takes 1.3 s takes 0.8, and minutes stay minutes.
require("v8").setFlagsFromString("--wasm-tiering-budget=100000000");
const solc = require("solc");

if (process.argv.includes("--version")) {
  console.log(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}`);
} else if (process.argv.includes("--standard-json")) {
  const input = JSON.parse(require("fs").readFileSync(0, "utf8"));
  // Forge's profile "tests" (foundry.toml): tests deploy what the profile "default" has made of src/, and the oracle
  // does not compile without the IR at all.
  if (input.settings.viaIR === false && input.sources["src/InferenceOracle.sol"]) {
    const selection = input.settings.outputSelection;
    for (const file of Object.keys(selection)) if (file.startsWith("src/")) delete selection[file];
  }
  process.stdout.write(solc.compile(JSON.stringify(input)));
} else {
  console.error("solc-npm.js knows --version and --standard-json only");
  process.exit(64);
}
