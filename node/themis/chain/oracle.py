"""The chain over JSON-RPC: implements the `Chain` port. Every read names its block."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from themis.chain import contracts, gas
from themis.chain.abi import Artifact
from themis.chain.client import OracleClient
from themis.chain.logs import LogReader, Query
from themis.chain.rpc import Call, RpcError
from themis.chain.uses import Uses
from themis.core.errors import Denied, Misconfigured, Unavailable
from themis.core.fees import fulfill_gas
from themis.core.job import Job
from themis.core.order import Standing as OrderStanding
from themis.core.permission import Standing
from themis.core.pool import TAKEN, Nonces, Said, understood
from themis.core.types import (
    Address,
    Block,
    BlockId,
    ChainEvent,
    Denial,
    Hash32,
    LicenseQuery,
    Receipt,
    Request,
    Terms,
    TermsKey,
)

_RawLog = tuple[str, ...]
"""All of a log that an event is made of."""

_REFUSED_ENOUGH: Final = 3
"""Ranges up to the head that were refused in a row: the endpoint allows none so long."""


class RpcChain:
    """One oracle contract on the chain behind one endpoint, as one operator sees it."""

    def __init__(self, client: OracleClient, operator: Address) -> None:
        self.rpc = client.rpc
        self._chain_id = client.chain_id
        self._client = client
        self._oracle = _hex(client.oracle)
        self._operator = operator
        self._uses = Uses(client)
        self._logs = LogReader(client.rpc)
        self._query: Query = {"address": self._oracle, "topics": contracts.event_topics(operator)}
        self._sieve = contracts.sieve(client.oracle, operator)
        self._refused_ranges = 0
        self._decoded: dict[_RawLog, ChainEvent | None] = {}
        """What the last look showed: the next look, and receipts, show most of it again."""

    def head(self) -> Block:
        return self._look([])[0]

    def head_and_events(self, first: int) -> tuple[Block, list[ChainEvent] | None]:
        if self._refused_ranges >= _REFUSED_ENOUGH:
            return self.head(), None
        query = self._query | {"fromBlock": hex(first), "toBlock": "latest"}
        head, (raws,) = self._look([("eth_getLogs", [query])])
        if isinstance(raws, RpcError):
            self._refused_ranges += 1
            return head, None
        self._refused_ranges = 0
        self._decoded = {_raw(log): self._event(log) for log in raws}
        return head, self._events(raws)

    def blocks(self, numbers: Sequence[int]) -> list[Block | None]:
        found = self._batch([("eth_getBlockByNumber", [hex(number), False]) for number in numbers])
        return [None if raw is None else self._block(raw) for raw in found]

    def events(self, first: int, last: int) -> list[ChainEvent]:
        return self._events(self._logs.whole(self._query, first, last))

    def events_of(self, blocks: Sequence[Block]) -> list[list[ChainEvent] | None]:
        by_hash: list[Call] = [("eth_getLogs", [self._query | {"blockHash": _hex(block.hash)}]) for block in blocks]
        found = self.rpc.agreed(by_hash)
        for place, block in enumerate(blocks):
            if isinstance(found[place], RpcError) and not found[place].passing:  # not every endpoint has EIP-234
                height = hex(block.number)
                (found[place],) = self.rpc.agreed(
                    [("eth_getLogs", [self._query | {"fromBlock": height, "toBlock": height}])]
                )
        return [self._events_of(block, raws) for block, raws in zip(blocks, found, strict=True)]

    def code(self, places: Sequence[tuple[Address, BlockId]]) -> list[bytes | Unavailable]:
        found = self.rpc.agreed(self._code_calls(places))
        return [_untold(raw) if isinstance(raw, RpcError) else bytes.fromhex(raw[2:]) for raw in found]

    def licenses(self, queries: Sequence[LicenseQuery]) -> list[int | Denial | Unavailable]:
        return [_royalty(result) for result in self.rpc.agreed(self._license_calls(queries))]

    def uses_left(self, queries: Sequence[LicenseQuery]) -> list[int | None]:
        with _reading("what is left of the operator's grant"):
            return [self._uses.uses_left(query) for query in queries]

    def terms(self, places: Sequence[tuple[TermsKey, BlockId]]) -> list[Terms | Unavailable]:
        found = self.rpc.agreed(self._terms_calls(places))
        return [_untold(raw) if isinstance(raw, RpcError) else _terms(raw) for raw in found]

    def foresee(
        self,
        licenses: Sequence[LicenseQuery],
        terms: Sequence[tuple[TermsKey, BlockId]],
        code: Sequence[tuple[Address, BlockId]],
        now: BlockId,
    ) -> None:
        calls = [*self._license_calls(licenses), *self._terms_calls(terms), *self._code_calls(code)]
        self.rpc.foresee(calls, now)

    def standing(self, model_ids: Sequence[Hash32]) -> list[Standing]:
        with _reading("the operator's license"):
            return [self._uses.standing(model_id, self._operator) for model_id in model_ids]

    def fulfill_denial(
        self, request: Request, output: bytes, min_pay: int, block_number: int
    ) -> Denial | Unavailable | None:
        call = self._call(request, contracts.fulfill(request, output, min_pay), fulfill_gas(request, output))
        (result,) = self.rpc.batch([("eth_call", [call, hex(block_number)])])
        if not isinstance(result, RpcError):
            return None
        return contracts.denial(result.data) if result.data else _untold(result)

    def order_standing(self, order: Request, block: BlockId) -> OrderStanding:
        with _reading("what an order stands on"):
            calls = [
                ("deposits", (order.token, order.requester)),
                ("offerOf", (order.model_id, order.operator, order.token)),
            ]
            (deposit,), offer = self._client.read_all(calls, block=self.rpc.at(block))
        return OrderStanding(deposit, *offer)

    def order_pay(
        self, order: Request, signature: bytes, output: bytes, min_pay: int, block: BlockId
    ) -> int | Denial | Unavailable:
        data = contracts.fulfill_order(order, signature, output, min_pay)
        call = self._call(order, data, fulfill_gas(order, output, ordered=True))
        (result,) = self.rpc.agreed([("eth_call", [call, self.rpc.at(block)])])
        if isinstance(result, RpcError):
            return contracts.denial(result.data) if result.data else _untold(result)
        try:
            (pay,) = contracts.ORACLE.result("fulfillOrder", bytes.fromhex(result[2:]))
        except ValueError:
            return _nobody()
        return int(pay)

    def answer_gas(self, answers: Sequence[tuple[Job, bytes]], block: BlockId) -> list[int | Unavailable]:
        calls = [self._answer_call(job, output) for job, output in answers]
        found = self.rpc.batch([("eth_estimateGas", [call, hex(block.number)]) for call in calls])
        return [_gas(call, result) for call, result in zip(calls, found, strict=True)]

    def _answer_call(self, job: Job, output: bytes) -> dict[str, str]:
        to, data = contracts.answer(self._client.oracle, job, output)
        gas_limit = fulfill_gas(job.request, output, len(job.signatures), ordered=job.ordered)
        return self._call(job.request, data, gas_limit) | {"to": _hex(to)}

    def _call(self, request: Request, data: bytes, gas_limit: int) -> dict[str, str]:
        return {"from": _hex(request.operator), "to": self._oracle, "data": _hex(data), "gas": hex(gas_limit)}

    def balance_wei(self, account: Address) -> int:
        return _int(self.rpc.call("eth_getBalance", _hex(account), "latest"))

    def nonces(self, account: Address) -> Nonces:
        places = ("latest", "pending")
        mined, pending = self._batch([("eth_getTransactionCount", [_hex(account), place]) for place in places])
        return Nonces(_int(mined), _int(pending))

    def tip_wei(self) -> int:
        return gas.tip_wei(self.rpc)

    def send(self, raws: Sequence[bytes]) -> list[Said]:
        results = self.rpc.batch([("eth_sendRawTransaction", [_hex(raw)]) for raw in raws])
        return [understood(result.message) if isinstance(result, RpcError) else TAKEN for result in results]

    def receipts(self, tx_hashes: Sequence[Hash32]) -> list[Receipt | None]:
        raws = self._batch([("eth_getTransactionReceipt", [_hex(tx_hash)]) for tx_hash in tx_hashes])
        return [None if raw is None else self._receipt(raw) for raw in raws]

    def _license_calls(self, queries: Sequence[LicenseQuery]) -> list[Call]:
        if not queries:
            return []
        lens = self._place(contracts.LENS)
        return [
            ("eth_call", [{"to": lens, "data": _hex(contracts.check_license(query))}, self.rpc.at(query.block)])
            for query in queries
        ]

    def _terms_calls(self, places: Sequence[tuple[TermsKey, BlockId]]) -> list[Call]:
        if not places:
            return []
        registry = self._place(contracts.REGISTRY)
        return [
            ("eth_call", [{"to": registry, "data": _hex(contracts.terms_of(key))}, self.rpc.at(block)])
            for key, block in places
        ]

    def _place(self, artifact: Artifact) -> str:
        with _reading("the address of a contract beside the oracle"):
            return _hex(self._client.place(artifact))

    def _code_calls(self, places: Sequence[tuple[Address, BlockId]]) -> list[Call]:
        return [("eth_getCode", [_hex(account), self.rpc.at(block)]) for account, block in places]

    def _look(self, also: Sequence[Call]) -> tuple[Block, list[Any]]:
        """The newest block and more, from a backend of the right chain."""
        latest: Call = ("eth_getBlockByNumber", ["latest", False])
        chain_id, raw, *rest = self.rpc.batch([("eth_chainId", []), latest, *also])
        for result in (chain_id, raw):
            if isinstance(result, RpcError):
                raise _untold(result)
        if _int(chain_id) != self._chain_id:
            raise Unavailable(
                f"the RPC answers for chain {_int(chain_id)}, not {self._chain_id}: correct chain.rpc_url"
            )
        if raw is None:
            raise Unavailable("the RPC has no block yet: it is still syncing")
        return self._block(raw), rest

    def _block(self, raw: Mapping[str, Any]) -> Block:
        bloom = bytes.fromhex(raw["logsBloom"][2:])
        return Block(
            number=_int(raw["number"]),
            hash=_hash(raw["hash"]),
            parent_hash=_hash(raw["parentHash"]),
            timestamp_s=_int(raw["timestamp"]),
            base_fee_wei=gas.base_fee_wei(raw),
            gas_limit=_int(raw["gasLimit"]),
            may_log=self._sieve.may_pass(bloom, has_transactions=bool(raw.get("transactions"))),
        )

    def _receipt(self, raw: Mapping[str, Any]) -> Receipt:
        ours = [log for log in raw["logs"] if log["address"].lower() == self._oracle]
        price = raw.get("effectiveGasPrice")
        return Receipt(
            tx_hash=_hash(raw["transactionHash"]),
            block=BlockId(_int(raw["blockNumber"]), _hash(raw["blockHash"])),
            succeeded=_int(raw["status"]) == 1,
            gas_used=_int(raw["gasUsed"]),
            price_wei=None if price is None else _int(price),
            events=tuple(self._events(ours)),
            denials=dict(each for log in raw["logs"] if (each := self._denied(log))),
        )

    def _denied(self, log: Mapping[str, Any]) -> tuple[Hash32, Denial] | None:
        """As the oracle tells it, or the committee that is its operator."""
        ours = log["address"].lower() in {self._oracle, _hex(self._operator)}
        return contracts.not_fulfilled(log) if ours else None

    def _events(self, raws: Sequence[Mapping[str, Any]]) -> list[ChainEvent]:
        """In chain order."""
        decoded = (self._event(raw) for raw in raws if not raw.get("removed"))
        found = [event for event in decoded if event is not None]
        return sorted(found, key=lambda event: (event.at.block_number, event.at.log_index))

    def _event(self, log: Mapping[str, Any]) -> ChainEvent | None:
        raw = _raw(log)
        return self._decoded[raw] if raw in self._decoded else contracts.decode_event(log, self._chain_id)

    def _events_of(self, block: Block, raws: Any) -> list[ChainEvent] | None:
        if isinstance(raws, RpcError):
            return None
        events = self._events(raws)
        return events if all(event.at.block_hash == block.hash for event in events) else None

    def _batch(self, calls: list[tuple[str, list[Any]]]) -> list[Any]:
        """Results of calls none of which may fail."""
        results = self.rpc.batch(calls)
        for result in results:
            if isinstance(result, RpcError):
                raise _untold(result) from result
        return results


@contextmanager
def _reading(what: str) -> Iterator[None]:
    """Raises Unavailable for what is said in the place of it: the oracle was checked, so the endpoint lags, or lies."""
    try:
        yield
    except (Denied, Misconfigured, RpcError) as error:
        raise Unavailable(f"{what} cannot be read: {error}") from error


def _royalty(result: Any) -> int | Denial | Unavailable:
    """Or the contract's refusal. Anything else is no answer: the license is unknown, so nothing is permitted yet."""
    if isinstance(result, RpcError):
        denial = contracts.refusal(result.data)
        return _untold(result) if denial is None else denial
    royalty_bps = contracts.royalty(bytes.fromhex(result[2:]))
    return _nobody() if royalty_bps is None else royalty_bps


def _gas(call: Mapping[str, str], result: Any) -> int | Unavailable:
    if isinstance(result, RpcError):
        return _untold(result) if result.passing else _int(call["gas"])
    return _int(result)


def _terms(result: str) -> Terms | Unavailable:
    try:
        return contracts.decode_terms(bytes.fromhex(result[2:]))
    except ValueError:
        return _nobody()


def _nobody() -> Unavailable:
    """Never a refusal: a backend may be behind, or another chain's."""
    return Unavailable("what answers at the oracle's address is no oracle: correct chain.oracle or chain.rpc_url")


def _untold(error: RpcError) -> Unavailable:
    return Unavailable(f"the RPC refused {error}: {error.advice}")


def _raw(log: Mapping[str, Any]) -> _RawLog:
    fields = (log[name] for name in ("address", "data", "blockNumber", "blockHash", "logIndex", "transactionHash"))
    return (*fields, *log["topics"])


def _int(text: str) -> int:
    return int(text, 16)


def _hash(text: str) -> Hash32:
    return Hash32(bytes.fromhex(text[2:]))


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
