"""Agree: what was asked of a committee is committed to, signed and agreed on before it is sent."""

import logging
import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from themis.committee.talk import Talk
from themis.committee.wire import MOST_LEAVES
from themis.core import committee
from themis.core.agreement import Agreement, Fault, Heard
from themis.core.committee import COMMITMENT_TYPE, RESULT_TYPE, Commitment, Result
from themis.core.errors import Reason, Refused
from themis.core.job import Agreed, Closed, Fact, Job, State
from themis.core.spelling import shown
from themis.core.trouble import Trouble
from themis.core.types import Address, Hash32
from themis.daemon import told
from themis.daemon.cosign import Cosigning, Ready
from themis.daemon.gather import Patience, by_room
from themis.daemon.node import Node
from themis.daemon.spread import Spread

_BATCH: Final = 64
_FRESH_S: Final = 5
"""How old the list of members may be while something is to be agreed on."""
_IDLE_S: Final = 60
"""And while nothing is."""
_SALT_BYTES: Final = 32
_MOST_NAMED: Final = 10_000

log = logging.getLogger(__name__)


class Agree:
    """AGREEING -> COMPUTED, when it is our turn to send; or CLOSED when it is too late."""

    name = "agree"

    def __init__(self, node: Node, talk: Talk, spread: Spread) -> None:
        self._node, self._talk, self._table, self._spread = node, talk, talk.table, spread
        self._named: set[tuple[Hash32, Address, Fault]] = set()
        self._cosigning = Cosigning(talk, node.batches)
        self._patience = Patience(node.settings.gather_s)
        self.pause_s: float | None = None

    def step(self) -> bool:
        """Take each request as far as it goes now. False when none went further."""
        node = self._node
        jobs = node.store.jobs(State.AGREEING, limit=_BATCH)
        lately = self._table.floor.heard_lately()  # first: what comes meanwhile is for the next step
        self._table.floor.refresh(_FRESH_S if jobs else _IDLE_S)
        node.telemetry.seated(self._table.floor.assembly.seats.get(self._table.signer.address))
        self._spread.look()
        found = [(job, fact) for job in jobs if (fact := self._advanced(job)) is not None]
        facts: list[tuple[Job, Fact]] = [(job, fact) for job, fact in found if not isinstance(fact, Agreed)]
        facts += self._together([(job, fact) for job, fact in found if isinstance(fact, Agreed)])
        for id_ in lately - {job.id for job in jobs}:
            self._name(self._table.floor.agreement(id_))  # its answer was faster than what was said of it
        self._talk.about([job.id for job in jobs])
        self._tell_apart()
        if facts:
            told.record(node, facts)
        return bool(facts)

    def _advanced(self, job: Job) -> Fact | None:
        try:
            agreement = self._spoken(job)
        except Refused as refused:
            return Closed(refused.reason, refused.detail)
        self._name(agreement)
        if self._node.time.now_s() > job.request.deadline_s:
            said = f"{len(agreement.commitments)} members committed, {agreement.roster.quorum} must sign the same"
            return Closed(Reason.EXPIRED, said)
        return self._our_turn(agreement)

    def _spoken(self, job: Job) -> Agreement:
        """Where it stands, once this member has said what it may say. Raises Refused for a result that it may not."""
        floor, own = self._table.floor, self._node.signer.address
        agreement = floor.agreement(job.id)
        if own not in agreement.roster.members or job.answer is None:
            return agreement
        if own not in agreement.commitments:
            self._commit(job.id, job.answer.result_hash)
            agreement = floor.agreement(job.id)
        if agreement.open and own not in agreement.results:
            self._sign(job.id, job.answer.result_hash)
            agreement = floor.agreement(job.id)
        return agreement

    def _commit(self, id_: Hash32, result_hash: Hash32) -> None:
        """What is signed was promised on disk before: see `Store.vow`."""
        node, forum = self._node, self._table.forum
        own = node.signer.address
        salt = node.store.vow(forum.committee, id_, result_hash, Hash32(secrets.token_bytes(_SALT_BYTES)))
        commitment = committee.commitment_of(result_hash, salt, own)
        signature = node.signer.sign_typed(committee.typed(forum, COMMITMENT_TYPE, id_, commitment))
        self._say(Commitment(own, id_, commitment, signature))

    def _sign(self, id_: Hash32, result_hash: Hash32) -> None:
        node, forum = self._node, self._table.forum
        salt = node.store.vow(forum.committee, id_, result_hash, Hash32(secrets.token_bytes(_SALT_BYTES)))
        signature = node.signer.sign_typed(committee.typed(forum, RESULT_TYPE, id_, result_hash))
        self._say(Result(node.signer.address, id_, result_hash, salt, signature))

    def _say(self, message: Commitment | Result) -> None:
        self._node.store.hear([Heard(message, self._node.clock.now_s())])

    def _our_turn(self, agreement: Agreement) -> Agreed | None:
        node = self._node
        turn_s = agreement.turn_s(node.signer.address, self._table.turn_s)
        if agreement.agreed is None or turn_s is None or node.clock.now_s() < turn_s:
            return None
        waits_since_s = node.store.history(agreement.request)[-1].at_s
        if node.clock.now_s() < waits_since_s + turn_s - agreement.agreed_at_s:
            return None  # it was agreed on before the chain reorganized: turns begin anew
        return Agreed(tuple(each.signature for each in agreement.signatures(agreement.agreed)))

    def _together(self, ready: Sequence[Ready]) -> list[Ready]:
        """Those that go now. What is this member's to send at once waits until enough others have signed its root."""
        node, cosigning, self.pause_s = self._node, self._cosigning, None
        found, waiting, head = cosigning.done(), cosigning.waiting(), node.time.head
        done = {job.id for job, _ in found}
        found += [(job, agreed) for job, agreed in ready if job.ordered]  # the deposit pays in a transaction of its own
        fresh = {job.id: (job, agreed) for job, agreed in ready if job.id not in waiting | done and not job.ordered}
        if not fresh or head is None:
            return [*found, *fresh.values()]
        signed = [replace(job, signatures=agreed.signatures) for job, agreed in fresh.values()]
        groups = by_room(signed[:MOST_LEAVES], head)
        left_s = self._patience.left_s(
            signed, full=len(groups) > 1, now_s=node.clock.now_s(), chain_time_s=node.time.now_s()
        )
        self.pause_s = left_s or None
        if not left_s:
            found += [each for group in groups for each in cosigning.propose([fresh[job.id] for job in group])]
        return found

    def _tell_apart(self) -> None:
        apart = self._talk.troubles()
        if apart:
            self._node.troubles.say(Trouble.APART, "; ".join(apart.values()))
        else:
            self._node.troubles.over(Trouble.APART)

    def _name(self, agreement: Agreement) -> None:
        """Say once what members did that others should know."""
        node = self._node
        for member, faults in agreement.faults().items():
            for fault in faults - {Fault.LATE, Fault.SILENT}:
                if (agreement.request, member, fault) in self._named:
                    continue
                if len(self._named) >= _MOST_NAMED:
                    self._named.clear()
                self._named.add((agreement.request, member, fault))
                log.warning("member %s %s about 0x%s", shown(member), _SAID[fault], agreement.request.hex())
                if member == node.signer.address:
                    node.troubles.say(Trouble.OUTVOTED, _OUTVOTED.format(agreement.request.hex()))


_SAID: Final = {
    Fault.OUTVOTED: "is outvoted",
    Fault.EQUIVOCATED: "has signed two results",
}
_OUTVOTED: Final = (
    "the other members agree on another result of 0x{} than this node: run `themis verify` on it, and `themis check`; "
    "do not go on serving before you know why"
)
