"""What the chain says about a request and its answer. Every hash in it is made again before it is believed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from themis.chain import abi, contracts
from themis.chain.client import OracleClient
from themis.chain.contracts import EVENTS, ORACLE
from themis.core import canonical, listing
from themis.core.errors import Misconfigured, Unavailable
from themis.core.spelling import hash32, instant, shown
from themis.core.types import Fulfilled, Hash32, Request, Requested

_REFUNDED: Final = 3
"""As `State` in IInferenceOracle.sol."""
_WHOLE: Final = len(shown(bytes(32)))

InputOf = Callable[[Hash32, Request], bytes | None]
"""What is known of the input of an order, by its id: the chain has its hash alone. None: nothing."""


class Unknown(Misconfigured):
    """The oracle logged nothing under that name."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and the answer that the oracle took for it."""

    requested: Requested
    """An order is asked where it is answered."""
    fulfilled: Fulfilled

    @property
    def ordered(self) -> bool:
        """Whether it was asked by an order, signed off the chain."""
        return self.requested.at == self.fulfilled.at


def _unknown_input(_: Hash32, __: Request) -> None:
    """Knows no order's input."""


class History:
    """Requests, orders and answers at one oracle. Every call reads the chain."""

    def __init__(self, client: OracleClient, start_block: int, input_of: InputOf = _unknown_input) -> None:
        self._client = client
        self.start_block = start_block
        self._input_of = input_of

    def called(self, said: str) -> list[Exchange]:
        """What a transaction asked or answered, in its order; or the one request whose id begins so.

        Raises Unknown, and Unavailable where there is no answer yet.
        """
        if len(said) != _WHOLE:
            return [self._exchange(self._beginning(said))]
        receipt = self._client.rpc.call("eth_getTransactionReceipt", said)
        if receipt is not None:
            return [self._exchange(id_) for id_ in self._in(receipt, said)]
        if self._client.rpc.call("eth_getTransactionByHash", said) is not None:
            raise Unavailable(f"transaction {said} is not in a block yet: try again when it is")
        return [self._exchange(hash32(said))]

    def _in(self, receipt: Any, said: str) -> list[Hash32]:
        """Requests that a transaction made or answered here."""
        if int(receipt["status"], 16) != 1:
            raise Unknown(f"transaction {said} failed: it asked and answered nothing")
        topics = {shown(ORACLE.topic(event)) for event in EVENTS}
        logs = [log for log in receipt["logs"] if log["topics"] and log["topics"][0] in topics]
        ours = [log for log in logs if abi.address(log["address"]) == self._client.oracle]
        if logs and not ours:
            raise self._elsewhere(f"transaction {said}", logs)
        if not ours:
            raise Unknown(f"transaction {said} asked and answered nothing: give a request's or an answer's")
        return list(dict.fromkeys(Hash32(bytes.fromhex(log["topics"][1][2:])) for log in ours))

    def _beginning(self, said: str) -> Hash32:
        made = self._client.history(("Requested", "OrderFulfilled"), self.start_block)
        found = [Hash32(log.values["id"]) for log, _ in made if shown(log.values["id"]).startswith(said)]
        if len(found) > 1:
            candidates = ", ".join(map(shown, found))
            raise Misconfigured(f"several requests begin with {said}: give more of one of {candidates}")
        if not found:
            raise Unknown(f"no request at this oracle begins with {said}: correct it")
        return found[0]

    def _exchange(self, id_: Hash32) -> Exchange:
        events: dict[type, Any] = {}
        for log, at in self._client.history(EVENTS, self.start_block, id_):
            event = contracts.event_of(log, at, self._client.chain_id, self._client.oracle)
            events[type(event)] = event
            if log.event == "OrderFulfilled":
                order = contracts.decode_order(log.values)
                events[Requested] = Requested(id_, order, self._input(id_, order), at)
        if Requested not in events:
            raise self._unknown(id_)
        if Fulfilled not in events:
            raise self._unanswered(events[Requested])
        exchange = Exchange(events[Requested], events[Fulfilled])
        self._require_whole(exchange)
        return exchange

    def _input(self, id_: Hash32, order: Request) -> bytes:
        found = self._input_of(id_, order)
        if found is None:
            what = (
                f"a list of {order.items} inputs: give them with --list" if order.items else "give it with --input-file"
            )
            raise Misconfigured(
                f"{shown(id_)} is an order, of whose input the chain has the hash alone: {what}, or ask the "
                "operator's node (/v1/verify)"
            )
        return found

    def _require_whole(self, exchange: Exchange) -> None:
        """Raises Unavailable where the logs contradict each other: no oracle wrote them."""
        asked, answered = exchange.requested, exchange.fulfilled
        at = (self._client.chain_id, self._client.oracle)
        whole = (
            canonical.request_id(asked.request, *at) == asked.id
            and listing.input_hash(asked.request, asked.input) == asked.request.input_hash
            and canonical.result_hash(asked.id, asked.request.model_id, answered.output, *at) == answered.result_hash
        )
        if not whole:
            raise Unavailable(
                f"what the RPC says of request {shown(asked.id)} does not hash to what it says it is: ask another "
                "endpoint (chain.rpc_url)"
            )

    def _unknown(self, id_: Hash32) -> Misconfigured:
        if logs := self._anywhere(id_):
            return self._elsewhere(f"request {shown(id_)}", logs)
        return Unknown(
            f"there is no transaction and no request {shown(id_)} at this oracle since block {self.start_block}: "
            "correct it, or chain.start_block"
        )

    def _anywhere(self, id_: Hash32) -> Sequence[Any]:
        """What any contract logged of a request. Only a hint: anybody can log that, and not every endpoint tells."""
        topics = [[shown(ORACLE.topic(event)) for event in EVENTS], shown(id_)]
        query = {"fromBlock": hex(self.start_block), "toBlock": "latest", "topics": topics}
        try:
            found: Sequence[Any] = self._client.rpc.call("eth_getLogs", query)
        except Unavailable:
            return ()
        return found

    def _elsewhere(self, what: str, logs: Sequence[Any]) -> Unknown:
        oracle = shown(abi.address(logs[0]["address"]))
        return Unknown(
            f"{what} belongs to {oracle}, and this home uses the oracle {shown(self._client.oracle)}: where you trust "
            f"that one, ask again with --set chain.oracle={oracle}"
        )

    def _unanswered(self, asked: Requested) -> Unavailable | Misconfigured:
        request = asked.request
        state, seq, _ = self._client.read("stateOf", request.requester, request.lane)
        if (state, seq) == (_REFUNDED, request.seq):
            return Misconfigured(f"request {shown(asked.id)} was refunded: there is no answer to verify")
        due = instant(request.deadline_s)
        if self._client.now_s() > request.deadline_s:
            return Misconfigured(
                f"request {shown(asked.id)} was not answered by its deadline, {due}: there is no answer to verify"
            )
        return Unavailable(f"request {shown(asked.id)} has no answer yet: it is due by {due}; try again then")
