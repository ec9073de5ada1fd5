"""Settle: makes sure that every answer becomes final and every nonce is used, whatever the mempool forgets."""

import logging
from typing import Final

from themis.core.errors import Unavailable
from themis.core.job import State
from themis.core.types import Hash32
from themis.daemon import told
from themis.daemon.afford import DAY_S
from themis.daemon.attempts import Caretaker
from themis.daemon.chronicle import Chronicle
from themis.daemon.node import Node
from themis.telemetry import model_label

STANDING_EVERY_S: Final = 60
_BATCH: Final = 1_000
_COSTS: Final = 200

log = logging.getLogger(__name__)


class Settle:
    """MINED -> DONE; SENDING -> MINED is seen by `watch`."""

    name = "settle"

    def __init__(self, node: Node) -> None:
        self._node = node
        self._caretaker = Caretaker(node)
        self._chronicle = Chronicle(node)
        self._standing_at_s = 0.0

    def step(self) -> bool:
        """Finalize, then look after what is stuck. True when a job needs another loop again."""
        node = self._node
        node.account.refresh()
        node.telemetry.balance_wei.set(node.account.balance_wei or 0)
        self._read_standing()
        self._finalize()
        self._read_costs()
        self._chronicle.step()
        unsettled = node.store.unsettled()
        node.telemetry.unsettled.set(len({transaction.nonce for transaction in unsettled}))
        return self._caretaker.step(unsettled)

    def _read_standing(self) -> None:
        """Whether paid answers are allowed, and until when: a grant ends without anybody saying so.

        Answers are settled all the same when it cannot be read; what was read last stands.
        """
        node = self._node
        if node.clock.now_s() - self._standing_at_s < STANDING_EVERY_S:
            return
        self._standing_at_s = node.clock.now_s()
        model_ids = list(node.engine.models())
        try:
            found = node.chain.standing(model_ids)
        except Unavailable as error:
            log.warning("%s", error)
            return
        for model_id, standing in zip(model_ids, found, strict=True):
            node.standing[model_id] = standing
            node.telemetry.license_expiry.labels(model_label(model_id)).set(standing.expiry_timestamp_s())

    def _read_costs(self) -> None:
        """What settled transactions have cost, where a cap asks for it."""
        node = self._node
        if node.settings.max_spend_wei is None:
            return
        waiting = node.store.uncosted(node.clock.now_s() - DAY_S, _COSTS)
        if not waiting:
            return
        receipts = node.chain.receipts([transaction.hash for transaction in waiting])
        found = {transaction.nonce for transaction, receipt in zip(waiting, receipts, strict=True) if receipt}
        costs: dict[Hash32, int] = {}
        for transaction, receipt in zip(waiting, receipts, strict=True):
            if receipt is not None:
                price = transaction.fees.max_fee_wei if receipt.price_wei is None else receipt.price_wei
                costs[transaction.hash] = receipt.gas_used * price
            elif transaction.nonce in found:
                costs[transaction.hash] = 0
        node.store.record_costs(costs)

    def _finalize(self) -> None:
        node = self._node
        newest = node.store.newest()
        if newest is None:
            return
        deepest = newest.number + 1 - node.settings.confirmations
        final = [
            job
            for job in node.store.jobs(State.MINED, limit=_BATCH)
            if job.mined_at is not None and job.mined_at.block_number <= deepest
        ]
        if final:
            told.finalize(node, final)
