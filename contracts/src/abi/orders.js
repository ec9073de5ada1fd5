// What a requester signs of an order, and the order as `fulfillOrder` takes it.
const NOBODY = "0x" + "00".repeat(20);

/** Of `Facts.sol`: names, and their bits from the top. */
const FACTS = [
  ["items", 8],
  ["lane", 64],
  ["seq", 32],
  ["grantSeq", 32],
  ["deadline", 40],
  ["callbackGas", 32],
  ["termsVersion", 24],
  ["royaltyBps", 16],
  ["useClass", 8],
];

exports.domainOf = (chainId, verifyingContract) => ({ name: "Themis", version: "1", chainId, verifyingContract });

exports.requestOf = (order) => {
  let facts = 0n;
  for (const [name, bits] of FACTS) {
    const value = BigInt(order[name] ?? 0);
    if (value < 0n || value >> BigInt(bits)) throw new RangeError(`${name} has ${bits} bits: ${value}`);
    facts = (facts << BigInt(bits)) | value;
  }
  const { requester, modelId, inputHash, operator, token, fee } = order;
  return { requester, modelId, inputHash, operator, token, fee, payTo: NOBODY, licensee: NOBODY, facts };
};

exports.factsOf = (facts) => {
  const read = {};
  for (const [name, bits] of FACTS.toReversed()) {
    const value = facts & ((1n << BigInt(bits)) - 1n);
    read[name] = bits > 48 ? value : Number(value);
    facts >>= BigInt(bits);
  }
  return read;
};
