"""One oracle, its registry and its lens for people: reads with reasons, and transactions that are waited for."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from themis.chain import contracts
from themis.chain.abi import Artifact, Log, address
from themis.chain.contracts import ORACLE, REGISTRY
from themis.chain.logs import LogReader, Progress, Query
from themis.chain.outbox import NOTHING, Outbox
from themis.chain.rpc import BlockTag, Call, Rpc, RpcError
from themis.chain.transact import ContractDenied, denied, transact
from themis.core import canonical, eip712
from themis.core.errors import Denied, Misconfigured, Unavailable
from themis.core.fees import FeePolicy
from themis.core.types import Address, LogPosition
from themis.ports import Signer

_TYPES: Final = (
    ("REQUEST", canonical.REQUEST_TYPE),
    ("RESULT", canonical.RESULT_TYPE),
    ("MODEL", canonical.MODEL_TYPE),
    ("GRANT", canonical.GRANT_TYPE),
)
"""What the contracts hash, by the names of their constants."""

__all__ = [
    "ContractDenied",
    "OracleClient",
    "deploy",
    "deployed_in",
    "require_chain",
    "require_oracle",
    "transact",
]


class OracleClient:
    """Calls and transactions of one account on one oracle, on the registry that it reads, and on its lens.

    Functions and events are called by name; each goes to the contract that has it.
    """

    def __init__(self, rpc: Rpc, chain_id: int, oracle: Address, progress: Progress | None = None) -> None:
        self.rpc = rpc
        self.chain_id = chain_id
        self.oracle = oracle
        self._logs = LogReader(rpc, progress)

    @cached_property
    def registry(self) -> Address:
        """The registry that the oracle reads. Asked once; raises as `read` does."""
        return self._constant("REGISTRY")

    @cached_property
    def lens(self) -> Address:
        """The lens on both. Asked once; raises as `read` does."""
        return self._constant("LENS")

    def place(self, artifact: Artifact) -> Address:
        """The address of one of the three contracts. Raises as `read` does."""
        if artifact is ORACLE:
            return self.oracle
        return self.registry if artifact is REGISTRY else self.lens

    def call(self, function: str, *arguments: Any) -> tuple[Address, bytes]:
        """Where a function is called, and the calldata."""
        artifact = contracts.having(function)
        return self.place(artifact), artifact.call(function, *arguments)

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
        self,
        signer: Signer,
        fees: FeePolicy,
        function: str,
        *arguments: Any,
        value_wei: int = 0,
        outbox: Outbox = NOTHING,
        intent: bytes | None = None,
    ) -> tuple[Mapping[str, Any], list[Log]]:
        """Send a transaction to the contract and wait for it: its receipt, and what was logged in it."""
        whole = (self.rpc, self.chain_id, signer, fees, *self.call(function, *arguments), value_wei)
        try:
            receipt = transact(*whole, outbox=outbox, intent=intent)
        except ContractDenied as error:
            error.model_id = contracts.having(function).named("modelId", function, arguments)
            raise
        ours = {_hex(self.oracle), _hex(self.registry)}
        decoded = (contracts.decode_log(raw) for raw in receipt["logs"] if raw["address"].lower() in ours)
        return receipt, [pair[0] for pair in decoded if pair is not None]

    def _constant(self, function: str) -> Address:
        """An address in the oracle's code. Whoever names another decides about licenses: the endpoints must agree."""
        (result,) = self.rpc.agreed([self._call(function, (), "latest")])
        return address(*self._values(function, result))

    def _query(self, events: Sequence[str], indexed: Sequence[bytes | None]) -> Query:
        kinds = [_hex(contracts.logging(event).topic(event)) for event in events]
        places = dict.fromkeys(_hex(self.place(contracts.logging(event))) for event in events)
        return {
            "address": list(places) if len(places) > 1 else next(iter(places)),
            "topics": [kinds, *(None if each is None else _hex(each.rjust(32, b"\0")) for each in indexed)],
        }

    def _ask(self, calls: Sequence[Call], block: BlockTag) -> list[Any]:
        """What is asked at one certain block decides about licenses: the endpoints must agree."""
        return self.rpc.batch(calls) if block == "latest" else self.rpc.agreed(calls)

    def _call(self, function: str, arguments: Sequence[Any], block: BlockTag) -> Call:
        place, data = self.call(function, *arguments)
        return "eth_call", [{"to": _hex(place), "data": _hex(data)}, block]

    def _values(self, function: str, result: Any) -> tuple[Any, ...]:
        if isinstance(result, RpcError):
            raise denied(result) from result
        data = bytes.fromhex(result[2:])
        if not data:
            raise Misconfigured(f"there is no contract at {_hex(self.oracle)}: correct chain.oracle or chain.rpc_url")
        try:
            return contracts.having(function).result(function, data)
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
        found = [hash_ for name, _ in _TYPES for hash_ in client.read(f"{name}_TYPEHASH")]
    except Denied as error:
        raise Misconfigured(f"{_hex(client.oracle)} is not a Themis oracle: correct chain.oracle") from error
    if found != [eip712.type_hash(type_) for _, type_ in _TYPES]:
        raise Misconfigured(
            f"{_hex(client.oracle)} is a Themis oracle of another version: upgrade themis, or correct chain.oracle"
        )


def deployed_in(rpc: Rpc, contract: Address) -> int:
    """The block in which a contract was deployed, by bisection: one small call for each halving of the chain.

    Raises Misconfigured where there is no contract, Unavailable where the endpoint does not keep old blocks' state.
    """
    first, last = 0, int(rpc.call("eth_blockNumber"), 16)
    if rpc.call("eth_getCode", _hex(contract), hex(last)) == "0x":
        raise Misconfigured(f"there is no contract at {_hex(contract)}: correct its address")
    while first < last:
        middle = (first + last) // 2
        code = rpc.call("eth_getCode", _hex(contract), hex(middle))
        if not isinstance(code, str):
            raise Unavailable(f"the RPC does not know the state of block {middle}")
        first, last = (middle + 1, last) if code == "0x" else (first, middle)
    return last


def deploy(
    rpc: Rpc,
    chain_id: int,
    signer: Signer,
    fees: FeePolicy,
    artifact: Artifact,
    *arguments: Any,
    outbox: Outbox = NOTHING,
) -> Any:
    """Create a contract and wait for it: its receipt."""
    return transact(rpc, chain_id, signer, fees, None, artifact.creation(*arguments), 0, outbox=outbox)


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
