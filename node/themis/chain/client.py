"""One oracle contract for people: reads with reasons, and transactions that are waited for."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from themis.chain import contracts
from themis.chain import gas as gas_of
from themis.chain.abi import Artifact, Log
from themis.chain.contracts import ORACLE
from themis.chain.logs import LogReader, Progress, Query
from themis.chain.rpc import BlockTag, Call, Rpc, RpcError
from themis.core import canonical
from themis.core.errors import Denied, Misconfigured, Unavailable
from themis.core.fees import FeePolicy
from themis.core.transaction import Transaction
from themis.core.types import Address, Denial, LogPosition
from themis.ports import Signer

_RECEIPT_TIMEOUT_S: Final = 120
_POLL_S: Final = 0.1
_GAS_MARGIN_PERCENT: Final = 20


class ContractDenied(Denied):
    """The oracle contract said no; `denial` is its custom error."""

    def __init__(self, denial: Denial) -> None:
        super().__init__(f"the oracle refuses: {denial.error}({denial.detail})")
        self.denial = denial


class OracleClient:
    """Calls and transactions of one account on one oracle contract."""

    def __init__(self, rpc: Rpc, chain_id: int, oracle: Address, progress: Progress | None = None) -> None:
        self.rpc = rpc
        self.chain_id = chain_id
        self.oracle = oracle
        self._logs = LogReader(rpc, progress)

    def read(self, function: str, *arguments: Any, block: BlockTag = "latest") -> tuple[Any, ...]:
        """Values of a view function. Raises Denied with the contract's custom error."""
        (result,) = self._ask([self._call(function, arguments, block)], block)
        return self._values(function, result)

    def read_all(self, calls: Sequence[tuple[str, Sequence[Any]]], block: BlockTag = "latest") -> list[tuple[Any, ...]]:
        """Values of several views (function, arguments) in order, read together. Raises as `read` does."""
        results = self._ask([self._call(function, arguments, block) for function, arguments in calls], block)
        return [self._values(function, result) for (function, _), result in zip(calls, results, strict=True)]

    def now_s(self) -> int:
        """Timestamp of the newest block: the time the contract lives in."""
        head = self.rpc.call("eth_getBlockByNumber", "latest", False)  # noqa: FBT003 (the RPC's parameter)
        return int(head["timestamp"], 16)

    def logs(self, event: str, start_block: int, *indexed: bytes | None) -> list[Log]:
        """Past events, oldest first; `indexed` filters by the event's indexed values in order."""
        return [log for log, _ in self.history((event,), start_block, *indexed)]

    def history(self, events: Sequence[str], start_block: int, *indexed: bytes | None) -> list[tuple[Log, LogPosition]]:
        """Past events of several kinds with their places, in chain order; `indexed` filters as for `logs`."""
        return _decoded(self._logs.read(self._query(events, indexed), start_block))

    def since(self, events: Sequence[str], first: int) -> tuple[int, list[tuple[Log, LogPosition]]]:
        """The head, and events of several kinds from a block up to it. Unlike `history` it keeps nothing."""
        head, raws = self._logs.since(self._query(events, ()), first)
        return head, _decoded(raws)

    def transact(
        self, signer: Signer, fees: FeePolicy, function: str, *arguments: Any, value_wei: int = 0
    ) -> tuple[Mapping[str, Any], list[Log]]:
        """Send a transaction to the oracle and wait for it: its receipt, and what the oracle logged in it."""
        data = ORACLE.call(function, *arguments)
        receipt = transact(self.rpc, self.chain_id, signer, fees, self.oracle, data, value_wei)
        decoded = (contracts.decode_log(raw) for raw in receipt["logs"] if raw["address"].lower() == _hex(self.oracle))
        return receipt, [pair[0] for pair in decoded if pair is not None]

    def _query(self, events: Sequence[str], indexed: Sequence[bytes | None]) -> Query:
        kinds = [_hex(ORACLE.topic(event)) for event in events]
        return {
            "address": _hex(self.oracle),
            "topics": [kinds, *(None if each is None else _hex(each.rjust(32, b"\0")) for each in indexed)],
        }

    def _ask(self, calls: Sequence[Call], block: BlockTag) -> list[Any]:
        """What is asked at one certain block decides about licenses: the endpoints must agree."""
        return self.rpc.batch(calls) if block == "latest" else self.rpc.agreed(calls)

    def _call(self, function: str, arguments: Sequence[Any], block: BlockTag) -> Call:
        return "eth_call", [{"to": _hex(self.oracle), "data": _hex(ORACLE.call(function, *arguments))}, block]

    def _values(self, function: str, result: Any) -> tuple[Any, ...]:
        if isinstance(result, RpcError):
            raise _denied(result) from result
        data = bytes.fromhex(result[2:])
        if not data:
            raise Misconfigured(f"there is no contract at {_hex(self.oracle)}: correct chain.oracle or chain.rpc_url")
        try:
            return ORACLE.result(function, data)
        except ValueError as error:
            raise Misconfigured(
                f"{_hex(self.oracle)} is not a Themis oracle ({error}): correct chain.oracle"
            ) from error


def _decoded(raws: Sequence[Mapping[str, Any]]) -> list[tuple[Log, LogPosition]]:
    """Events in chain order; what is none of the contract's is left out."""
    found = (pair for raw in raws if (pair := contracts.decode_log(raw)) is not None)
    return sorted(found, key=lambda pair: (pair[1].block_number, pair[1].log_index))


def require_chain(rpc: Rpc, chain_id: int) -> None:
    """Raises Misconfigured where the RPC serves another chain."""
    found = int(rpc.call("eth_chainId"), 16)
    if found != chain_id:
        raise Misconfigured(f"the RPC serves chain {found}, not {chain_id}: correct chain.rpc_url or chain.chain_id")


def require_oracle(client: OracleClient) -> None:
    """The contract must hash as this version does: its type hashes are its interface. Raises Misconfigured."""
    try:
        found = (*client.read("REQUEST_TYPEHASH"), *client.read("RESULT_TYPEHASH"))
    except Denied as error:
        raise Misconfigured(f"{_hex(client.oracle)} is not a Themis oracle: correct chain.oracle") from error
    if found != (canonical.type_hash(canonical.REQUEST_TYPE), canonical.type_hash(canonical.RESULT_TYPE)):
        raise Misconfigured(
            f"{_hex(client.oracle)} is a Themis oracle of another version: upgrade themis, or correct chain.oracle"
        )


def deployment_block(client: OracleClient) -> int:
    """The block in which the contract was deployed, by bisection: one small call for each halving of the chain.

    Raises Unavailable where the endpoint does not keep the state of old blocks.
    """
    first, last = 0, int(client.rpc.call("eth_blockNumber"), 16)
    while first < last:
        middle = (first + last) // 2
        code = client.rpc.call("eth_getCode", _hex(client.oracle), hex(middle))
        if not isinstance(code, str):
            raise Unavailable(f"the RPC does not know the state of block {middle}")
        first, last = (middle + 1, last) if code == "0x" else (first, middle)
    return last


def deploy(rpc: Rpc, chain_id: int, signer: Signer, fees: FeePolicy, artifact: Artifact, *arguments: Any) -> Any:
    """Create a contract and wait for it: its receipt."""
    return transact(rpc, chain_id, signer, fees, None, artifact.creation(*arguments), 0)


def transact(  # noqa: PLR0917 (a transaction has that many parts)
    rpc: Rpc, chain_id: int, signer: Signer, fees: FeePolicy, to: Address | None, data: bytes, value_wei: int
) -> Mapping[str, Any]:
    """Estimate, sign, send, wait. Raises Denied with the custom error instead of sending what would revert."""
    sender = _hex(signer.address)
    call = {"from": sender, "data": _hex(data), "value": hex(value_wei)} | ({"to": _hex(to)} if to else {})
    try:
        gas = int(rpc.call("eth_estimateGas", call), 16)
    except RpcError as error:
        raise _denied(error) from error
    quoted = fees.quote(gas_of.market(rpc))
    nonce = int(rpc.call("eth_getTransactionCount", sender, "pending"), 16)
    gas += gas * _GAS_MARGIN_PERCENT // 100
    raw = signer.sign(Transaction(chain_id, nonce, to, data, gas, quoted, value_wei))
    try:
        tx_hash = rpc.call("eth_sendRawTransaction", _hex(raw))
    except RpcError as error:
        raise _denied(error) from error
    receipt = _wait(rpc, tx_hash)
    if int(receipt["status"], 16) != 1:
        raise Denied(f"transaction {tx_hash} was mined but reverted: the chain changed meanwhile, try again")
    return receipt


def _wait(rpc: Rpc, tx_hash: str) -> Mapping[str, Any]:
    give_up = time.monotonic() + _RECEIPT_TIMEOUT_S
    while time.monotonic() < give_up:
        receipt: Mapping[str, Any] | None = rpc.call("eth_getTransactionReceipt", tx_hash)
        if receipt is not None:
            return receipt
        time.sleep(_POLL_S)
    raise Unavailable(
        f"transaction {tx_hash} was not mined within {_RECEIPT_TIMEOUT_S} s: look for it before you try again"
    )


def _denied(error: RpcError) -> Denied | Misconfigured | Unavailable:
    if error.data:
        return ContractDenied(ORACLE.denial(error.data))
    said = error.message.lower()
    if "insufficient funds" in said or "enough funds" in said:
        return Misconfigured(f"the account cannot pay for that ({error.message}): fund it; `themis keys list` names it")
    return Denied(str(error)) if "revert" in said else Unavailable(f"the RPC refused {error}")


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
