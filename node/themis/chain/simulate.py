"""Transactions that are not sent: what a few of them, one after the other, would do now (eth_simulateV1)."""

from dataclasses import dataclass
from typing import Any

from themis.chain.refusals import Kind
from themis.chain.rpc import Rpc, RpcError
from themis.core.errors import Misconfigured
from themis.core.spelling import shown
from themis.core.types import Address


@dataclass(frozen=True, slots=True)
class Unsent:
    """A transaction without a nonce, a price or a signature."""

    sender: Address
    to: Address
    data: bytes
    value_wei: int = 0
    gas: int | None = None
    """What it may use, its own cost (EIP-2028) included; None: what a block holds."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one of them did."""

    done: bool
    returned: bytes
    """What it returned, or reverted with."""
    gas_used: int
    logs: list[dict[str, Any]]
    """As JSON-RPC gives them."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The block that would come next, held fast: what is simulated twice happens at one time."""

    rpc: Rpc
    head: str
    """Height of the block before it, hex."""
    time_s: int

    @classmethod
    def next(cls, rpc: Rpc) -> "Moment":
        """The block after the newest."""
        head = rpc.call("eth_getBlockByNumber", "latest", False)  # noqa: FBT003 (the RPC's parameter)
        return cls(rpc, head["number"], int(head["timestamp"], 16) + 1)

    def run(self, *unsent: Unsent) -> list[Outcome]:
        """What becomes of each, in order; nothing of it stays.

        Raises Misconfigured where the endpoint cannot do that, and Unavailable where it does not answer.
        """
        block = {"blockOverrides": {"time": hex(self.time_s)}, "calls": [_asked(each) for each in unsent]}
        try:
            (found,) = self.rpc.call("eth_simulateV1", {"blockStateCalls": [block]}, self.head)
        except RpcError as error:
            if error.kind is Kind.METHOD:
                raise Misconfigured(
                    "the endpoint of chain.rpc_url does not simulate (eth_simulateV1): use one that does, such as "
                    "Anvil's, geth's or reth's, in --set chain.rpc_url=URL"
                ) from error
            raise
        return [_outcome(each) for each in found["calls"]]


def gas_for(data: bytes, gas: int) -> int:
    """The limit of a transaction whose call gets so much gas, or more where its data alone costs more.

    21,000, 4 for each zero byte and 16 for each other (EIP-2028); at least 10 and 40 (EIP-7623).
    """
    tokens = data.count(0) + 4 * (len(data) - data.count(0))
    return 21_000 + max(4 * tokens + gas, 10 * tokens)


def require_funds(rpc: Rpc, sender: Address, value_wei: int) -> None:
    """Raises Misconfigured where the account does not have what it would send."""
    balance = int(rpc.call("eth_getBalance", shown(sender), "latest"), 16)
    if balance < value_wei:
        raise Misconfigured(
            f"{shown(sender)} has {balance} wei and would send {value_wei}: fund it, or name another with --from"
        )


def require_code(rpc: Rpc, contract: Address) -> None:
    """Raises Misconfigured where there is no contract."""
    if rpc.call("eth_getCode", shown(contract), "latest") == "0x":
        raise Misconfigured(f"there is no contract at {shown(contract)}: correct CONTRACT, or chain.rpc_url")


def _asked(unsent: Unsent) -> dict[str, str]:
    call = {
        "from": shown(unsent.sender),
        "to": shown(unsent.to),
        "input": shown(unsent.data),
        "value": hex(unsent.value_wei),
    }
    return call if unsent.gas is None else call | {"gas": hex(unsent.gas)}


def _outcome(said: dict[str, Any]) -> Outcome:
    # a client that keeps to the specification puts revert data into the error
    returned = said["returnData"] if said["returnData"] != "0x" else (said.get("error") or {}).get("data") or "0x"
    return Outcome(
        int(said["status"], 16) == 1, bytes.fromhex(returned[2:]), int(said["gasUsed"], 16), list(said["logs"])
    )
