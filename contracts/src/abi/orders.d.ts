import type { Request, UseClass } from "./index.js";

/** What a requester signs: `InferenceOrderTypes` under `domainOf(chain, oracle)`. */
export interface InferenceOrder {
  requester: `0x${string}`;
  modelId: `0x${string}`;
  inputHash: `0x${string}`;
  operator: `0x${string}`;
  token: `0x${string}`;
  fee: bigint;
  items: number;
  lane: bigint;
  seq: number;
  deadline: number;
  callbackGas: number;
  termsVersion: number;
  useClass: UseClass;
}

/** The small numbers of a request. */
export interface Facts {
  items: number;
  lane: bigint;
  seq: number;
  grantSeq: number;
  deadline: number;
  callbackGas: number;
  termsVersion: number;
  royaltyBps: number;
  useClass: UseClass;
}

/** The EIP-712 domain of grants (`contract` the registry) and of orders (the oracle). */
export declare function domainOf<Chain extends number | bigint, Contract extends `0x${string}`>(
  chainId: Chain,
  contract: Contract,
): { name: "Themis"; version: "1"; chainId: Chain; verifyingContract: Contract };

/** An order as `idOf`, `hashOrder` and `fulfillOrder` take it. Throws RangeError where a number is too large. */
export declare function requestOf(order: InferenceOrder): Request;

/** What is in `Request.facts`. */
export declare function factsOf(facts: bigint): Facts;
