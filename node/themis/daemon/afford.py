"""Which answers are sent now: those that pay and that the balance covers. No other gets a nonce."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from themis.core.fees import Fees, together_gas
from themis.core.job import Job, State
from themis.core.spelling import ether, shown
from themis.core.transaction import SentTransaction
from themis.core.trouble import Trouble
from themis.daemon.gather import answer_gas, by_itself, sent_before
from themis.daemon.node import Node
from themis.daemon.worth import lacking

_MOST: Final = 4_096
"""Answers that are looked at to find some that can be sent, past those that can not."""
_FRESH_S: Final = 1
"""How old the balance may be where it is short."""
DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Choice:
    """What to do with answers that are ready."""

    fees: Fees
    jobs: Sequence[Job]
    late: Sequence[tuple[Job, str]]
    """Each with why it was not sent in time."""


def choose(node: Node, unsettled: Sequence[SentTransaction], room: int) -> Choice:
    """At most `room` answers. Those that can not be sent now stay and do not hold up others."""
    limit = room
    while True:
        jobs = node.store.jobs(State.COMPUTED, limit=limit)
        choice = _Selection(node, unsettled).choose(jobs, room)
        if len(choice.jobs) + len(choice.late) >= room or len(jobs) < limit or limit >= _MOST:
            return choice
        limit *= 4


class _Selection:
    def __init__(self, node: Node, unsettled: Sequence[SentTransaction]) -> None:
        self._node = node
        self._unsettled = unsettled
        self._fees = node.settings.fees.quote(node.account.market())
        newest = {transaction.nonce: transaction.most_wei for transaction in unsettled}
        self._in_flight_wei = sum(newest.values())
        cap = node.settings.max_spend_wei
        self._spendable = None if cap is None else cap - node.store.spent_wei(node.clock.now_s() - DAY_S)
        self._unfunded = self._unspendable = 0

    def choose(self, jobs: Sequence[Job], room: int) -> Choice:
        chosen: list[Job] = []
        late: list[tuple[Job, str]] = []
        node = self._node
        chain_time_s = node.time.now_s()
        known = sent_before(jobs, self._unsettled)
        for job in jobs:
            why = lacking(node, job, len(job.answer.output) if job.answer else 0)
            if job.request.deadline_s < chain_time_s:
                late.append((job, why or "its deadline passed before the answer could be sent"))
            elif len(chosen) < room and not why and (job.id in known or self._affordable(job)):
                chosen.append(job)
        self._tell()
        return Choice(self._fees, chosen, late)

    def _affordable(self, job: Job) -> bool:
        """Whether the balance and the cap of the day cover it; then that much is taken."""
        gas = answer_gas(job)
        most_wei = (gas if by_itself(job) else together_gas([gas, gas]) // 2) * self._fees.max_fee_wei
        if self._in_flight_wei + most_wei > self._balance_wei(self._in_flight_wei + most_wei):
            self._unfunded += 1
            return False
        if self._spendable is not None and most_wei > self._spendable:
            self._unspendable += 1
            return False
        self._in_flight_wei += most_wei
        self._spendable = None if self._spendable is None else self._spendable - most_wei
        return True

    def _balance_wei(self, needed_wei: int) -> int:
        account = self._node.account
        if needed_wei > (account.balance_wei or 0):
            account.refresh(after_s=_FRESH_S)
        return account.balance_wei or 0

    def _tell(self) -> None:
        node, cap = self._node, self._node.settings.max_spend_wei
        if self._unfunded:
            node.troubles.say(
                Trouble.UNFUNDED,
                f"{self._unfunded} answers wait for balance: what they may cost is more than the "
                f"{ether(node.account.balance_wei or 0)} of {shown(node.signer.address)}, less what is in flight: "
                "fund it",
            )
        else:
            node.troubles.over(Trouble.UNFUNDED)
        if self._unspendable:
            said = (
                f"fees.max_spend_wei_per_day of {ether(cap or 0)} is reached, {self._unspendable} answers wait: "
                "raise it, or wait"
            )
            node.troubles.say(Trouble.SPENT, said)
        else:
            node.troubles.over(Trouble.SPENT)
