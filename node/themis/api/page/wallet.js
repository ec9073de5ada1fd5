// The browser wallet (EIP-1193). It holds the key, shows what it signs and asks its owner; this page only passes on.
const POLL_MS = 500, GIVE_UP_MS = 300_000;
const ask = (method, params = []) => window.ethereum.request({ method, params });
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

export const present = () => Boolean(window.ethereum);
export const chainId = async () => Number(await ask("eth_chainId"));
export const account = async () => (await ask("eth_accounts"))[0] ?? null;
export const connect = async () => (await ask("eth_requestAccounts"))[0] ?? null;
export const switchTo = (id) => ask("wallet_switchEthereumChain", [{ chainId: "0x" + id.toString(16) }]);
export const sign = (from, typedData) => ask("eth_signTypedData_v4", [from, JSON.stringify(typedData)]);

export function watch(changed) {
  for (const event of ["accountsChanged", "chainChanged"]) window.ethereum.on?.(event, changed);
}

// Sends a call that the node has built and tried, and waits until it is mined. Returns the transaction's hash.
export async function send(from, call) {
  if (await chainId() !== call.chain_id) throw new Error("The wallet is on another chain than this node: switch it to chain " + call.chain_id + ".");
  const hash = await ask("eth_sendTransaction", [{ from, to: call.to, data: call.data }]);
  for (const start = Date.now(); Date.now() - start < GIVE_UP_MS; await pause(POLL_MS)) {
    const receipt = await ask("eth_getTransactionReceipt", [hash]);
    if (!receipt) continue;
    if (Number(receipt.status) !== 1) throw new Error("Transaction " + hash + " was mined but reverted: the chain changed meanwhile. Try again.");
    return hash;
  }
  throw new Error("Transaction " + hash + " was not mined within five minutes: look for it in the wallet before you try again.");
}
