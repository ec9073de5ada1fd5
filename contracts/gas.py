"""Measures gas of every path with real transactions on Anvil; writes and checks `snapshots/gas.json`."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from web3 import HTTPProvider, Web3
from web3.contract import Contract
from web3.exceptions import Web3Exception
from web3.logs import DISCARD
from web3.types import TxReceipt

CONTRACTS: Final = Path(__file__).resolve().parent
sys.path[:0] = [str(CONTRACTS.parent), str(CONTRACTS.parent / "node")]

from contracts.compile import Target, artifact, solc_binary  # noqa: E402
from demo import chains  # noqa: E402
from themis.core.canonical import Grant, grant_typed_data  # noqa: E402
from themis.core.types import Address, Hash32, Role, UseClass  # noqa: E402

SNAPSHOT: Final = CONTRACTS / "snapshots/gas.json"
REFERENCE: Final = "reference: request + fulfill, free, warm"
"""The path that issue 2 compares with other oracles: one request and its answer."""

GENESIS_S: Final = 1_800_000_000
NOTICE_S: Final = 14 * 86_400
FEE_WEI: Final = 10**15
ROYALTY_BPS: Final = 1_000
CALLBACK_GAS: Final = 60_000
GRANT_ALL: Final = 0b101010_101010
"""Policy: GRANT for both roles and every use class."""
INPUT: Final = bytes(range(1, 65))
OUTPUT: Final = bytes(range(1, 33))


@dataclass(frozen=True, slots=True)
class Bench:
    """A chain with one licensed model, an operator who serves it, and consumers that ask."""

    web3: Web3
    oracle: Contract
    licensor: LocalAccount
    operator: str
    model_id: Hash32

    def grant(self, licensee: str, role: Role, licensor: str, model_id: Hash32, seq: int = 1) -> Grant:
        """Build a voucher for every class, valid for the whole run."""
        return Grant(
            model_id=model_id,
            licensor=_address(licensor),
            licensee=_address(licensee),
            role=role,
            classes=7,
            not_before_s=GENESIS_S - 1,
            expiry_s=GENESIS_S + 365 * 86_400,
            royalty_bps=ROYALTY_BPS,
            seq=seq,
        )

    def activate(self, grant: Grant) -> int:
        """Sign with the licensor's key and activate; gas used."""
        typed = grant_typed_data(grant, self.web3.eth.chain_id, _address(self.oracle.address))
        signature = self.licensor.sign_message(encode_typed_data(full_message=typed)).signature
        message = typed["message"] | {
            name: Web3.to_checksum_address(typed["message"][name]) for name in ("licensor", "licensee")
        }
        return send(self.oracle.functions.activate(tuple(message.values()), signature), self.operator)["gasUsed"]

    def ask(self, consumer: Contract, lane: int, fee_wei: int = 0) -> tuple[int, Any]:
        """Ask through a consumer; gas used and the request as logged."""
        receipt = send(consumer.functions.ask(lane, INPUT), self.operator, fee_wei)
        (logged,) = self.oracle.events.Requested().process_receipt(receipt, errors=DISCARD)
        return receipt["gasUsed"], logged["args"]["request"]

    def answer(self, request: Any) -> int:
        """Fulfill with another answer than the last one, so that the consumer's word changes; gas used."""
        output = OUTPUT if request["seq"] % 2 else OUTPUT[::-1]
        receipt = send(self.oracle.functions.fulfill(tuple(request.values()), output), self.operator)
        assert not self.oracle.events.CallbackFailed().process_receipt(receipt, errors=DISCARD)  # noqa: S101
        return receipt["gasUsed"]


def send(call: Any, sender: str, value_wei: int = 0) -> TxReceipt:
    """Send one transaction from an unlocked account of Anvil and wait for it."""
    transaction = call.transact({"from": sender, "value": value_wei, "gas": 8_000_000})
    receipt: TxReceipt = call.w3.eth.wait_for_transaction_receipt(transaction, poll_latency=0.01)
    if receipt["status"] != 1:
        raise RuntimeError(f"reverted: {call}")
    return receipt


@contextmanager
def anvil() -> Iterator[Web3]:
    """Start a fresh chain under Osaka's rules with a fixed clock at its start."""
    with chains.start(chains.Kind.ANVIL, chains.Settings(timestamp_s=GENESIS_S, hardfork="osaka")) as chain:
        yield Web3(HTTPProvider(chain.rpc_url))


def measure(web3: Web3) -> dict[str, Any]:
    """Measure every path once, in an order in which each finds the state it is named after."""
    gas: dict[str, int] = {}
    binary = solc_binary()
    operator, licensor_address = (chains.accounts()[index].address for index in (1, 2))
    licensor: LocalAccount = Account.from_key(chains.accounts()[2].private_key)
    oracle = _deploy(web3, artifact(Target("InferenceOracle", "src/InferenceOracle.sol"), binary))
    hashing = artifact(Target("HashingConsumer", "test/support/HashingConsumer.sol"), binary)
    wallet = _deploy(web3, artifact(Target("OwnedWallet", "test/support/OwnedWallet.sol"), binary), licensor_address)

    roots = [bytes([n]) * 32 for n in (0x11, 0x22, 0x33)]
    receipt = send(oracle.functions.registerModel(*roots, "ipfs://bundle"), licensor_address)
    gas["registerModel"] = receipt["gasUsed"]
    (registered,) = oracle.events.ModelRegistered().process_receipt(receipt, errors=DISCARD)
    model_id = Hash32(bytes(registered["args"]["modelId"]))
    bench = Bench(web3, oracle, licensor, operator, model_id)

    terms = (model_id, b"\x44" * 32, GRANT_ALL, 0, "ipfs://terms", "Built with evm-risk-moe")
    gas["publishTerms, first"] = send(oracle.functions.publishTerms(*terms), licensor_address)["gasUsed"]
    gas["serve"] = send(oracle.functions.serve(model_id, 0, CALLBACK_GAS), operator)["gasUsed"]

    consumer = _deploy(web3, hashing, oracle.address, model_id, operator, UseClass.COMMERCIAL, CALLBACK_GAS)
    silent = _deploy(web3, hashing, oracle.address, model_id, operator, UseClass.COMMERCIAL, 0)
    first = bench.grant(operator, Role.OPERATOR, licensor_address, model_id)
    gas["activate, EOA"] = bench.activate(first)
    gas["activate, again"] = bench.activate(first)
    gas["activate, renewal"] = bench.activate(bench.grant(operator, Role.OPERATOR, licensor_address, model_id, 2))
    for asker in (consumer, silent):
        bench.activate(bench.grant(asker.address, Role.REQUESTER, licensor_address, model_id))
    gas |= _wallet_path(bench, wallet)
    gas |= _request_paths(bench, consumer, silent)
    gas |= _refund_path(bench, silent)
    gas["revoke"] = send(oracle.functions.revoke(model_id, consumer.address, Role.REQUESTER, 9), licensor_address)[
        "gasUsed"
    ]
    later = web3.eth.get_block("latest")["timestamp"] + NOTICE_S + 1_000
    change = (model_id, b"\x55" * 32, GRANT_ALL, later, "ipfs://terms-2", "Built with evm-risk-moe")
    gas["publishTerms, change"] = send(oracle.functions.publishTerms(*change), licensor_address)["gasUsed"]
    return {"gas": gas, "size": {"InferenceOracle": len(web3.eth.get_code(oracle.address))}}


def _request_paths(bench: Bench, consumer: Contract, silent: Contract) -> dict[str, int]:
    gas: dict[str, int] = {}
    gas["request, free, fresh lane"], request = bench.ask(consumer, 1)
    gas["fulfill, free, first callback"] = bench.answer(request)
    gas["request, free, warm lane"], request = bench.ask(consumer, 1)
    gas["fulfill, free, warm"] = bench.answer(request)
    gas["reference: request + fulfill, free, warm"] = gas["request, free, warm lane"] + gas["fulfill, free, warm"]
    gas["request, paid, fresh lane"], request = bench.ask(consumer, 2, FEE_WEI)
    gas["fulfill, paid with royalty, first credits"] = bench.answer(request)
    gas["request, paid, warm lane"], request = bench.ask(consumer, 2, FEE_WEI)
    gas["fulfill, paid with royalty, warm"] = bench.answer(request)
    bench.answer(bench.ask(silent, 1)[1])
    gas["request, free, warm lane, no callback"], request = bench.ask(silent, 1)
    gas["fulfill, free, warm, no callback"] = bench.answer(request)
    gas["withdraw"] = send(bench.oracle.functions.withdraw(bench.operator), bench.operator)["gasUsed"]
    return gas


def _wallet_path(bench: Bench, wallet: Contract) -> dict[str, int]:
    send(wallet.functions.registerModel(bench.oracle.address, b"\x66" * 32), bench.operator)
    model_id = Hash32(bytes(bench.oracle.functions.modelIdOf(wallet.address, *[b"\x66" * 32] * 3).call()))
    grant = bench.grant(bench.operator, Role.OPERATOR, wallet.address, model_id)
    return {"activate, ERC-1271": bench.activate(grant)}


def _refund_path(bench: Bench, silent: Contract) -> dict[str, int]:
    _, request = bench.ask(silent, 1, FEE_WEI)
    bench.web3.provider.make_request("evm_increaseTime", [7_200])  # type: ignore[arg-type]
    receipt = send(bench.oracle.functions.refund(tuple(request.values())), bench.operator)
    return {"refund": receipt["gasUsed"]}


def _deploy(web3: Web3, packaged: dict[str, Any], *arguments: Any) -> Contract:
    contract = web3.eth.contract(abi=packaged["abi"], bytecode=packaged["bytecode"])
    address = send(contract.constructor(*arguments), web3.eth.accounts[0])["contractAddress"]
    if address is None:
        raise RuntimeError(f"{packaged['contract']} was not deployed")
    return web3.eth.contract(address=address, abi=packaged["abi"])


def _address(text: str) -> Address:
    return Address(bytes.fromhex(text[2:]))


def main() -> int:
    """Measure, show what changed, write the snapshot."""
    before = json.loads(SNAPSHOT.read_text()) if SNAPSHOT.exists() else {"gas": {}}
    try:
        with anvil() as web3:
            measured = measure(web3)
    except Web3Exception as error:
        print(f"no measurement: {error}", file=sys.stderr)
        return 1
    for path, gas in measured["gas"].items():
        change = gas - before["gas"].get(path, gas)
        print(f"{gas:>9,}  {change:+6,}  {path}")
    print(measured["size"])
    SNAPSHOT.write_text(json.dumps(measured, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
