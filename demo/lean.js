// Deletes what npm brings for other machines, for browsers and for debuggers (340 of 460 MB): native programs that are not
// the ones which loading their packages loads here, and source maps.
const { readdirSync, rmSync } = require("node:fs");
const { join } = require("node:path");

console.warn = () => {}; // uws says at length that it has nothing for a newer Node, and does without
for (const name of ["@nomicfoundation/edr", "@nomicfoundation/solidity-analyzer", "@trufflesuite/uws-js-unofficial"]) {
  require(name);
}

const modules = join(__dirname, "node_modules");
for (const scope of ["@nomicfoundation", "@trufflesuite"].map((name) => join(modules, name))) {
  for (const file of readdirSync(scope, { recursive: true }).map((name) => join(scope, name))) {
    if (file.endsWith(".node") && !(file in require.cache)) rmSync(file);
  }
}
for (const file of readdirSync(modules, { recursive: true })) {
  if (file.endsWith(".map")) rmSync(join(modules, file));
}
for (const unused of ["ganache/dist/web", "ethers/dist", "ethers/lib.esm", "ethers/src.ts"]) {
  rmSync(join(modules, unused), { recursive: true, force: true });
}
