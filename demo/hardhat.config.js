// Network settings come from demo/chains.py: Hardhat's node takes them from a file only.
module.exports = { networks: { hardhat: JSON.parse(process.env.THEMIS_HARDHAT_NETWORK ?? "{}") } };
