"""Orders: taken at the door, where each refusal is said at once, and looked at once more before they are answered."""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Protocol

from themis.core import canonical, listing, policy
from themis.core import order as orders
from themis.core.errors import Reason, Refused, Unavailable
from themis.core.job import Closed, Fact, Job
from themis.core.types import BlockId, Denial, Hash32, Request, TermsKey
from themis.daemon.judge import require_acceptable
from themis.daemon.node import Node
from themis.daemon.worth import lacking_now
from themis.ports import Store

MOST_OPEN: Final = 512
"""Orders that wait for their answers at once."""
MOST_OPEN_EACH: Final = 64
"""Of one requester."""
MOST_AT_ONCE: Final = 16
"""That are looked at, or wait to be."""
_CATCH_UP_S: Final = 3.0
_LOOK_S: Final = 0.02
_OUTPUT: Final = bytes(32)
"""What an answer is taken to be before it is known."""

log = logging.getLogger(__name__)


class Loops(Protocol):
    """Those of the node, which sleep."""

    def look(self) -> None:
        """There may be a new block."""
        ...

    def nudge(self) -> None:
        """There is something new for a loop."""
        ...


class Asleep:
    """Loops that nobody wakes."""

    def look(self) -> None: ...

    def nudge(self) -> None: ...


class Door:
    """Where orders come in, from any thread. One is looked at at a time, so that no deposit counts twice."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.loops: Loops = Asleep()
        """Those that a taken order wakes."""
        self._lock = threading.Lock()
        self._room = threading.BoundedSemaphore(MOST_AT_ONCE)

    @property
    def store(self) -> Store:
        """Where orders are kept."""
        return self._node.store

    def take(self, order: Request, signature: bytes, inputs: Sequence[bytes]) -> Job:
        """The job of an order. One that is here already is not looked at again: it is told what became of it.

        Raises Refused with the reason, and Unavailable where it cannot be told now, or too many come at once.
        """
        node = self._node
        input_ = listing.pack(inputs) if order.items else inputs[0]
        id_ = canonical.request_id(order, node.settings.chain_id, node.settings.oracle)
        if (known := node.store.job(id_)) is not None:
            return known
        if not self._room.acquire(blocking=False):
            raise Unavailable(f"{MOST_AT_ONCE} orders are being looked at: ask again in a moment")
        try:
            with self._lock:
                if (known := node.store.job(id_)) is not None:
                    return known
                job = self._acceptable(id_, order, signature, input_)
                node.store.record_order(job, node.clock.now_s())
        finally:
            self._room.release()
        log.info("took order 0x%s of 0x%s: %d inputs", id_.hex(), order.requester.hex(), len(inputs))
        self.loops.nudge()
        return job

    def _acceptable(self, id_: Hash32, order: Request, signature: bytes, input_: bytes) -> Job:
        """The job, with what its answer will earn. What costs the least to look at comes first."""
        node = self._node
        if order.operator != node.operator:
            said = f"this node answers for 0x{node.operator.hex()}, and the order is for 0x{order.operator.hex()}"
            raise Refused(Reason.UNSERVED_REQUESTER, said)
        block = self._newest()
        job = Job(id_, order, input_, orders.taken_at(block), order_signature=signature)
        require_acceptable(node, job)
        spoken_for = self._spoken_for(order)
        if node.settings.requesters.limited:
            node.settings.requesters.require_within(*node.store.accepted(order.requester, node.clock.now_s()))
        pay = node.chain.order_pay(order, signature, _OUTPUT, 0, block)
        if isinstance(pay, Unavailable):
            raise pay
        if isinstance(pay, Denial):
            raise orders.refusal(pay, order.operator)
        job = replace(job, royalty_bps=orders.royalty_in(order, pay))
        (royalty_bps,) = node.chain.licenses([policy.license_queries(job)[0]])
        if not isinstance(royalty_bps, int):
            raise Unavailable("the requester's license was there, and is not any more: ask again in a moment")
        orders.require_offered(order, node.chain.order_standing(order, block), royalty_bps, spoken_for)
        (lacking,) = lacking_now(node, [(job, _OUTPUT)], block)
        if isinstance(lacking, Unavailable):
            raise lacking
        if lacking:
            raise Refused(Reason.UNDERPAID, f"{lacking}; sign another one with a higher fee")
        self._require_terms(job, block)
        return job

    def _newest(self) -> BlockId:
        """The newest block, once it is recorded: a deposit of a moment ago is in it. Raises Unavailable."""
        node, give_up_s = self._node, time.monotonic() + _CATCH_UP_S
        head = node.chain.head()
        while (newest := node.store.newest()) is None or newest.number < head.number:
            if time.monotonic() > give_up_s:
                raise Unavailable(f"block {head.number} of the chain was not read yet: ask again in a moment")
            self.loops.look()
            time.sleep(_LOOK_S)
        return newest.id

    def _spoken_for(self, order: Request) -> int:
        """Fees of open orders out of the same deposit. Raises Refused where there are too many, or one in its lane."""
        found = self._node.store.orders()
        if len(found) >= MOST_OPEN:
            raise Refused(Reason.TOO_MANY, f"{MOST_OPEN} orders wait for their answers here: ask again later")
        own = [job.request for job in found if job.request.requester == order.requester]
        if len(own) >= MOST_OPEN_EACH:
            raise Refused(Reason.TOO_MANY, f"{MOST_OPEN_EACH} of its requester's orders wait for their answers")
        if order.lane in {each.lane for each in own}:
            raise Refused(Reason.OUT_OF_TURN, f"another order waits in lane {order.lane}: use another lane")
        return sum(each.fee for each in own if each.token == order.token)

    def _require_terms(self, job: Job, block: BlockId) -> None:
        """They travel with the result."""
        node, key = self._node, TermsKey(job.request.model_id, job.request.terms_version)
        if node.store.terms(key) is not None:
            return
        (found,) = node.chain.terms([(key, block)])
        if isinstance(found, Unavailable):
            raise found
        node.store.record_terms({key: found}, block.number)


def still_taken(node: Node, jobs: Sequence[Job]) -> tuple[list[Job], list[tuple[Job, Fact]]]:
    """Those of the jobs whose answers pay for themselves and, of orders, would be taken now; and what closes others.

    A requester may have canceled, or taken its deposit back: that is seen before gas is spent. What cannot be told now,
    or does not pay for itself now, is in neither.
    """
    good: list[Job] = []
    gone: list[tuple[Job, Fact]] = []
    newest = node.store.newest()
    if newest is None:
        return good, gone
    for job in jobs:
        if job.order_signature is None or job.answer is None:
            good.append(job)
            continue
        pay = node.chain.order_pay(job.request, job.order_signature, job.answer.output, job.least_pay, newest.id)
        if isinstance(pay, Denial):
            refused = orders.refusal(pay, job.request.operator)
            gone.append((job, Closed(refused.reason, refused.detail)))
        elif isinstance(pay, Unavailable):
            log.warning("whether order 0x%s is still good cannot be told: %s", job.id.hex(), pay)
        else:
            good.append(job)
    return _paying(node, good, newest.id), gone


def _paying(node: Node, jobs: Sequence[Job], block: BlockId) -> list[Job]:
    """What somebody else's answer has used first, ours does not; or the other way round."""
    answers = [(job, b"" if job.answer is None else job.answer.output) for job in jobs]
    found = lacking_now(node, answers, block)
    for job, lacking in zip(jobs, found, strict=True):
        if isinstance(lacking, Unavailable):
            log.warning("what the answer to 0x%s takes cannot be told: %s", job.id.hex(), lacking)
    return [job for job, lacking in zip(jobs, found, strict=True) if not lacking]
