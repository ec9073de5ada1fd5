"""What a covered operator has answered: requests, orders, and of lists each item as if it had been asked alone."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from themis.chain import contracts
from themis.chain.disputes import Cover, Item
from themis.core import canonical, listing
from themis.core.errors import Misconfigured, Unavailable
from themis.core.keccak import keccak
from themis.core.spelling import shown
from themis.core.types import Fulfilled, Hash32, Request, Requested
from themis.dispute.notebook import Notebook
from themis.dispute.served import Served
from themis.replay.history import Exchange, InputOf
from themis.replay.verdict import Verifier


@dataclass(frozen=True, slots=True)
class Named:
    """That there is an answer, as the chain says it."""

    id: Hash32
    """The request's; or the item's."""
    whole: Fulfilled
    """What the oracle took: of an item the answer to its list."""
    order: Request | None
    """None: a request, which has an event of its own."""
    index: int | None
    """In its list."""

    @property
    def words(self) -> str:
        whole = f"request {shown(self.whole.id)}"
        return whole if self.index is None else f"item {self.index} of {whole}"


@dataclass(frozen=True, slots=True)
class Answer:
    """One of them, with what it takes to run it again and to accuse it."""

    named: Named
    exchange: Exchange
    """Of an item as if it had been asked alone, at its part of the fee."""
    request: Request
    """As the oracle knows it."""
    item: bytes
    """An item's proof; empty for what is no list."""

    @property
    def said(self) -> bytes:
        """What contracts take in the place of an output."""
        return self.item or self.exchange.fulfilled.output


class Answers:
    """Those at one oracle. Each call reads the chain."""

    def __init__(self, verifier: Verifier, served: Served, notebook: Notebook) -> None:
        self._verifier, self._served, self._notebook = verifier, served, notebook

    def under(self, cover: Cover) -> Iterator[Named]:
        """What its operator has answered; of requests, whose models the event does not say, with whatever model."""
        client, start = self._verifier.client, self._verifier.history.start_block
        for log, at in client.history(("Fulfilled", "OrderFulfilled"), start, None, cover.operator):
            whole = contracts.event_of(log, at, client.chain_id, client.oracle)
            order = contracts.decode_order(log.values) if log.event == "OrderFulfilled" else None
            if not isinstance(whole, Fulfilled) or (order is not None and order.model_id != cover.model_id):
                continue
            if order is None or not order.items:
                yield Named(whole.id, whole, order, None)
                continue
            for index in range(order.items):
                yield Named(listing.item_id(whole.id, index), whole, order, index)

    def find(self, id_: Hash32, cover: Cover) -> Answer:
        """What a game is about. Raises as `read`, and Unavailable where the chain has no such answer any more."""
        named = next((each for each in self.under(cover) if each.id == id_), None)
        if named is None:
            raise Unavailable(f"the answer {shown(id_)} left the chain: the game is read again")
        return self.read(named)

    def read(self, named: Named) -> Answer:
        """Raises Misconfigured where nobody shows what was asked, and as `History.called`."""
        if named.order is None or named.index is None:
            (exchange,) = self._verifier.history.called(shown(named.id))
            return Answer(named, exchange, exchange.requested.request, b"")
        kept = self._notebook.input_of(named.id)
        if kept is None or Item.read(kept[1]).root != named.whole.output:
            shows = self._served.item(named.whole.id, named.order, named.whole.output, named.index)
            if shows is None:
                raise Misconfigured(
                    f"nobody shows {named.words}, of which the chain has the list's root alone: name its operator's "
                    "node in dispute.openings_urls"
                )
            kept = shows[0], shows[1].said
        return self._item(named, named.order, *kept)

    def keep(self, answer: Answer) -> None:
        """Of an order: whoever has shown it need not do so twice."""
        if answer.named.order is not None:
            self._notebook.keep(answer.named.id, answer.exchange.requested.input, answer.item)

    def _item(self, named: Named, order: Request, input_: bytes, said: bytes) -> Answer:
        client, whole = self._verifier.client, named.whole
        output = Item.read(said).output
        alone = replace(order, items=0, input_hash=Hash32(keccak(input_)), fee=order.fee // order.items)
        hash_ = canonical.result_hash(named.id, order.model_id, output, client.chain_id, client.oracle)
        asked = Requested(named.id, alone, input_, whole.at)
        answered = replace(whole, id=named.id, result_hash=hash_, output=output)
        return Answer(named, Exchange(asked, answered), order, said)


def inputs_of(served: Served, notebook: Notebook) -> InputOf:
    """Where inputs of orders are known from: what was kept, then endpoints."""

    def input_of(id_: Hash32, order: Request) -> bytes | None:
        kept = notebook.input_of(id_)
        return served.input_of(id_, order) if kept is None else kept[0]

    return input_of
