"""What the chain itself says about the story. Nothing here is taken from a log or an answer of the node."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from demo.patience import until
from demo.wallet import Mined, wait
from themis.chain.abi import Artifact, address
from themis.chain.contracts import ORACLE, decode_request, decode_terms, terms_of
from themis.chain.rpc import Rpc
from themis.core import canonical
from themis.core.errors import Broken
from themis.core.types import ETHER, Address, Hash32, Request, Terms, TermsKey

FINAL: Final = 2
"""As `State` in IInferenceOracle.sol."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A request and what came of it, as mined."""

    id: Hash32
    request: Request
    output: bytes
    result_hash: Hash32
    terms: Terms
    """What the result comes under."""
    asked: Mined
    fulfilled: Mined


@dataclass(frozen=True, slots=True)
class Witness:
    """Reads one oracle on one chain, and compares with what Python computes."""

    rpc: Rpc
    chain_id: int
    oracle: Address

    def call(self, to: Address, abi: Artifact, function: str, *arguments: Any) -> tuple[Any, ...]:
        """Ask a contract."""
        call = {"to": _hex(to), "data": _hex(abi.call(function, *arguments))}
        return abi.result(function, bytes.fromhex(self.rpc.call("eth_call", call, "latest")[2:]))

    def balance_wei(self, account: Address, block: int | None = None) -> int:
        """Balance after a block, or now."""
        at = "latest" if block is None else hex(block)
        return int(self.rpc.call("eth_getBalance", _hex(account), at), 16)

    def credit_wei(self, account: Address) -> int:
        """What the oracle has credited an account."""
        (credit,) = self.call(self.oracle, ORACLE, "credits", _hex(ETHER), _hex(account))
        return int(credit)

    def till_wei(self, model_id: Hash32, operator: Address) -> tuple[int, int]:
        """What waits to be collected of an operator's answers about a model: the operator's, and the licensor's."""
        pay, royalties = self.call(self.oracle, ORACLE, "tillOf", _hex(ETHER), model_id, _hex(operator))
        return int(pay), int(royalties)

    def answer(self, asked: Mined) -> Answer:
        """Wait for the answer to the one request made in a transaction, and check every claim about it."""
        (made,) = asked.logs(self.oracle, ORACLE, "Requested")
        id_, request = Hash32(made.values["id"]), decode_request(made.values["request"])
        check(canonical.request_id(request, self.chain_id, self.oracle) == id_, "the request hashes to its id")
        fulfilled = self._fulfillment(id_, asked.block)
        (log,) = fulfilled.logs(self.oracle, ORACLE, "Fulfilled")
        output, result_hash = log.values["output"], Hash32(log.values["resultHash"])
        recomputed = canonical.result_hash(id_, request.model_id, output, self.chain_id, self.oracle)
        check(recomputed == result_hash, "the answer hashes to its result hash")
        check(address(log.values["operator"]) == request.operator, "the chosen operator answered")
        state, seq, digest = self.call(self.oracle, ORACLE, "stateOf", _hex(request.requester), request.lane)
        check((state, seq) == (FINAL, request.seq), "the request is final")
        check(digest == int.from_bytes(result_hash, "big") % 2**200, "the contract keeps the result hash")
        failed = fulfilled.logs(self.oracle, ORACLE, "CallbackFailed")
        check(not failed, "the callback went through")
        terms = self._terms(request)
        check(log.values["termsVersion"] == request.terms_version, "the answer names the terms it comes under")
        return Answer(id_, request, output, result_hash, terms, asked, fulfilled)

    def withdrawn_wei(self, account: Address, since: int) -> int:
        """Wei by which an account's one withdrawal after a block made it richer, the gas it paid for it aside."""
        (log,) = self.logs("Withdrawn", (_word(ETHER), _word(account)), since)
        mined = wait(self.rpc, Hash32(bytes.fromhex(log["transactionHash"][2:])))
        check(self.credit_wei(account) == 0, "the credit is spent")
        paid_gas_wei = mined.cost_wei if mined.sender == account else 0
        before, after = (self.balance_wei(account, block) for block in (mined.block - 1, mined.block))
        return after - before + paid_gas_wei

    def _terms(self, request: Request) -> Terms:
        data = terms_of(TermsKey(request.model_id, request.terms_version))
        (registry,) = self.call(self.oracle, ORACLE, "REGISTRY")
        call = {"to": registry, "data": _hex(data)}
        return decode_terms(bytes.fromhex(self.rpc.call("eth_call", call, "latest")[2:]))

    def _fulfillment(self, id_: Hash32, since: int) -> Mined:
        logs = until(
            lambda: self.logs("Fulfilled", (id_,), since),
            bool,
            f"the node to answer request {_hex(id_)}",
        )
        check(len(logs) == 1, "the request has one answer")
        return wait(self.rpc, Hash32(bytes.fromhex(logs[0]["transactionHash"][2:])))

    def logs(self, event: str, indexed: Sequence[bytes], since: int) -> list[dict[str, Any]]:
        """The oracle's events of this name since a block, as JSON-RPC gives them."""
        topics = [_hex(ORACLE.topic(event)), *map(_hex, indexed)]
        wanted = {"address": _hex(self.oracle), "topics": topics, "fromBlock": hex(since), "toBlock": "latest"}
        found: list[dict[str, Any]] = self.rpc.call("eth_getLogs", wanted)
        return found


def check(happened: bool, claim: str) -> None:
    """Raise Broken unless what the story claims is so."""
    if not happened:
        raise Broken(f"this did not happen: {claim}")


def _word(account: Address) -> bytes:
    return bytes(12) + account


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
