#!/usr/bin/env node
// npm's solc behind the two switches of the native compiler that forge and py-solc-x use.
const solc = require("solc");

if (process.argv.includes("--version")) {
  console.log(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}`);
} else if (process.argv.includes("--standard-json")) {
  const input = require("fs").readFileSync(0, "utf8");
  process.stdout.write(solc.compile(input));
} else {
  console.error("solc-npm.js knows --version and --standard-json only");
  process.exit(64);
}
