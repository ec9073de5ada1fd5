"""A chain under Osaka's rules with a licensed requester and operator on it: what gas is measured with."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from web3 import HTTPProvider, Web3
from web3.contract import Contract
from web3.logs import DISCARD
from web3.types import TxReceipt

CONTRACTS: Final = Path(__file__).resolve().parent
sys.path[:0] = [str(CONTRACTS.parent), str(CONTRACTS.parent / "node")]

from demo import chains  # noqa: E402
from themis.core.canonical import UNLIMITED, Grant, grant_typed_data  # noqa: E402
from themis.core.types import Address, Hash32, Role, UseClass  # noqa: E402

GENESIS_S: Final = 1_800_000_000
NOTICE_S: Final = 14 * 86_400
FEE: Final = 10**15
ROYALTY_BPS: Final = 1_000
CALLBACK_GAS: Final = 60_000
ALL_OPEN: Final = 0b010101_010101
REQUESTER_GRANT: Final = 0b010101_101010
ALL_GRANT: Final = 0b101010_101010
"""Policies: two bits per use class, operator's then requester's."""
ETHER: Final = "0x" + "00" * 20
BATCH: Final = 8
LIST: Final = 64
INPUT: Final = bytes(range(1, 65))
OUTPUT: Final = bytes(range(1, 33))

Gas = dict[str, int]


@dataclass(frozen=True, slots=True)
class Bench:
    """A chain with an operator who serves licensed models, and a requester with a key of its own."""

    web3: Web3
    registry: Contract
    oracle: Contract
    licensor: LocalAccount
    operator: str
    requester: str

    def model(self, name: int, policy: int, token: str = ETHER) -> Hash32:
        """Register a model, publish its terms, serve it; its id, in which no byte is zero: those cost less to send."""
        names = ([bytes([name]) * 32, bytes([name]) * 32, bytes([salt]) * 32] for salt in range(1, 256))
        model_id, roots = next(
            (model_id, roots)
            for roots in names
            if 0 not in (model_id := Hash32(self.registry.functions.modelIdOf(self.licensor.address, *roots).call()))
        )
        send(self.registry.functions.registerModel(*roots, ""), self.licensor.address)
        send(self.registry.functions.publishTerms(model_id, b"\x44" * 32, policy, 0, "", ""), self.licensor.address)
        send(self.oracle.functions.serve(model_id, token, 0, CALLBACK_GAS), self.operator)
        return model_id

    def grant(self, licensee: str, role: Role, model_id: Hash32, seq: int = 1) -> Grant:
        """Build a voucher for every class and any number of uses, valid for the whole run."""
        return Grant(
            model_id=model_id,
            licensor=address(self.licensor.address),
            licensee=address(licensee),
            role=role,
            classes=7,
            terms_version=0,
            not_before_s=GENESIS_S - 1,
            expiry_s=GENESIS_S + 365 * 86_400,
            quota=UNLIMITED,
            daily_rate=UNLIMITED,
            market=address(ETHER),
            royalty_bps=ROYALTY_BPS,
            price_token=address(ETHER),
            price_floor=0,
            pay_to=address(ETHER),
            epoch=0,
            seq=seq,
            nonce=seq,
        )

    def signed(self, grant: Grant) -> tuple[tuple[Any, ...], bytes]:
        """Sign with the licensor's key: the grant as the contract takes it, and the signature."""
        typed = grant_typed_data(grant, self.web3.eth.chain_id, address(self.registry.address))
        signature = self.licensor.sign_message(encode_typed_data(full_message=typed)).signature
        addresses = ("licensor", "licensee", "market", "priceToken", "payTo")
        message = typed["message"] | {name: Web3.to_checksum_address(typed["message"][name]) for name in addresses}
        message |= {name: int(message[name]) for name in ("priceFloor", "nonce")}  # text in JSON
        return tuple(message.values()), signature

    def activate(self, grant: Grant) -> int:
        """Activate; gas used."""
        return send(self.registry.functions.activate(*self.signed(grant)), self.operator)["gasUsed"]

    def asked(self, receipt: TxReceipt) -> tuple[int, Any]:
        """Gas used and the request as logged."""
        (logged,) = self.oracle.events.Requested().process_receipt(receipt, errors=DISCARD)
        return receipt["gasUsed"], logged["args"]["request"]

    def through(self, consumer: Contract, lane: int, fee: int = 0) -> tuple[int, Any]:
        """Ask through a consumer."""
        return self.asked(send(consumer.functions.ask(lane, INPUT), self.operator, fee))

    def direct(
        self, model_id: Hash32, *, token: str = ETHER, fee: int = 0, first: Grant | None = None
    ) -> tuple[int, Any]:
        """Ask as an account with a key, in lane 0, without callback; `first`: with a voucher's first use."""
        deadline_s = self.web3.eth.get_block("latest")["timestamp"] + 3_600
        ask = (model_id, self.operator, UseClass.COMMERCIAL, 0, deadline_s, 0)
        if token != ETHER:
            call, value = self.oracle.functions.requestWithToken(ask, INPUT, token, fee), 0
        elif first:
            first_use = self.oracle.functions.requestWithGrant(ask, INPUT, ETHER, fee, *self.signed(first))
            call, value = first_use, fee
        else:
            call, value = self.oracle.functions.request(ask, INPUT), fee
        return self.asked(send(call, self.requester, value))

    def answer(self, request: Any) -> int:
        """Fulfill with another answer than the last one, so that the consumer's word changes; gas used."""
        output = OUTPUT if request["facts"] >> 152 & 1 else OUTPUT[::-1]
        receipt = send(self.oracle.functions.fulfill(tuple(request.values()), output, 0), self.operator)
        assert not self.oracle.events.CallbackFailed().process_receipt(receipt, errors=DISCARD)  # noqa: S101
        return receipt["gasUsed"]

    def both(self, asked: tuple[int, Any]) -> int:
        """Answer what was asked; gas of the two."""
        return asked[0] + self.answer(asked[1])

    def batch(self, model_id: Hash32, count: int) -> int:
        """Ask in lanes from 1,000 on and answer, in a transaction each; gas used by both."""
        deadline_s = self.web3.eth.get_block("latest")["timestamp"] + 3_600
        asks = [(model_id, self.operator, UseClass.COMMERCIAL, 1_000 + n, deadline_s, 0) for n in range(count)]
        call = self.oracle.functions.requestMany(asks, [INPUT] * count, ETHER, [FEE] * count)
        asked = send(call, self.requester, FEE * count)
        logged = self.oracle.events.Requested().process_receipt(asked, errors=DISCARD)
        requests = [tuple(log["args"]["request"].values()) for log in logged]
        call = self.oracle.functions.fulfillMany(requests, [OUTPUT] * count, [0] * count)
        answered = send(call, self.operator)
        assert len(self.oracle.events.Fulfilled().process_receipt(answered, errors=DISCARD)) == count  # noqa: S101
        return asked["gasUsed"] + answered["gasUsed"]

    def refund(self, request: Any) -> int:
        """Let the deadline pass and refund; gas used."""
        self.web3.provider.make_request("evm_increaseTime", [7_200])  # type: ignore[arg-type]
        return send(self.oracle.functions.refund(tuple(request.values())), self.operator)["gasUsed"]


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
    settings = chains.Settings(timestamp_s=GENESIS_S, hardfork="osaka", extra=("--steps-tracing",))
    with chains.start(chains.Kind.ANVIL, settings) as chain:
        yield Web3(HTTPProvider(chain.rpc_url))


def deploy(web3: Web3, packaged: dict[str, Any], *arguments: Any) -> Contract:
    """Deploy what is packaged of a contract. Raises RuntimeError where that reverts."""
    contract = web3.eth.contract(abi=packaged["abi"], bytecode=packaged["bytecode"])
    address = send(contract.constructor(*arguments), web3.eth.accounts[0])["contractAddress"]
    if address is None:
        raise RuntimeError(f"{packaged['contract']} was not deployed")
    return web3.eth.contract(address=address, abi=packaged["abi"])


def address(text: str) -> Address:
    """Read an address as web3 writes it."""
    return Address(bytes.fromhex(text[2:]))
