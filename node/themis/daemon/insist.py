"""Insist: what members do not settle among themselves is settled on chain, and who signs two results is reported."""

from typing import Final

from themis.chain import contracts
from themis.committee.known import case_of
from themis.committee.table import Table
from themis.core.agreement import Equivocation, Roster, fold
from themis.core.committee import rank
from themis.core.fees import fulfill_gas
from themis.core.job import Job, State
from themis.core.recourse import Case, Commit, Count, Fine, Move, Reveal, Round, due, in_words
from themis.core.spelling import shown
from themis.core.trouble import Trouble
from themis.core.types import Address, Hash32
from themis.daemon.errands import Errand
from themis.daemon.node import Node

_BATCH: Final = 64
_LOOKS_A_WINDOW: Final = 8
_LONGEST_LOOK_S: Final = 5.0
_SHORTEST_LOOK_S: Final = 0.25
_HURRIED_TURNS: Final = 2
"""Patience with the others where there is no time for a window of it."""
_REMEMBERED: Final = 1_000
"""Requests of earlier lives whose messages are looked at for two results of one member."""
_COMMIT_GAS, _EACH_GAS = 120_000, 70_000
_REVEAL_GAS: Final = 150_000
_FINE_GAS: Final = 250_000
_SLASH_GAS: Final = 300_000
"""Limits, above what contracts/snapshots/gas.json measures."""

_Key = tuple[Hash32, str, Address | None]


class Insist:
    """A loop of members: looks at what is open longer than it should be, and does what is this member's to do."""

    name = "insist"

    def __init__(self, node: Node, table: Table, *, report: bool) -> None:
        """`report`: whether a member that signed two results is reported from here."""
        self._node, self._table, self._report = node, table, report
        self._look_at_s = 0.0
        self._since_s: dict[_Key, float] = {}
        """When each move was seen to be due first, or a request to be open. By the chain's clock, as all times here."""
        self._settled: set[tuple[Hash32, Address]] = set()
        """Of whom nothing is left to take."""
        self._scanned = False
        self._bound = False
        self.pause_s: float | None = None

    def step(self) -> bool:
        """Look, if it is time. Whatever is wanted is sent by another loop."""
        node, window_s = self._node, self._table.floor.assembly.window_s
        if not window_s or node.time.head is None:
            return False
        if not self._scanned:
            self._scan()
        now_s = node.time.now_s()
        if now_s < self._look_at_s:
            return False
        jobs = [
            job
            for state in (State.AGREEING, State.COMPUTED, State.SENDING)
            for job in node.store.jobs(state, limit=_BATCH)
            if job.request.operator == self._table.forum.committee and not job.ordered  # an order has no round
        ]
        open_ = {job.id for job in jobs}
        proofs = self._proofs()
        self._since_s = {key: at_s for key, at_s in self._since_s.items() if key[0] in open_ | proofs.keys()}
        for job in jobs:
            self._since_s.setdefault((job.id, "", None), now_s)
        if not jobs and not proofs:
            self._look_at_s = 0.0
            return False
        every_s = min(max(window_s / _LOOKS_A_WINDOW, _SHORTEST_LOOK_S), _LONGEST_LOOK_S)
        if not self._look_at_s and not proofs:
            self._look_at_s = now_s + every_s  # nearly all is answered by then, and costs no look
        self.pause_s = every_s
        if now_s < self._look_at_s:
            return False
        self._look_at_s = now_s + every_s
        self._bound = False
        self._show(proofs, now_s)
        self._press(jobs, now_s)
        if not self._bound:
            node.troubles.over(Trouble.BOUND)
        return node.errands.waiting

    def _press(self, jobs: list[Job], now_s: float) -> None:
        if not jobs:
            return
        first = min(job.seen_at.block_number for job in jobs)
        rounds = self._table.committee.rounds([job.id for job in jobs], first)
        for job in jobs:
            round_ = rounds.get(job.id)
            for move in self._due(job, round_, now_s):
                self._want(job, move)

    def _due(self, job: Job, round_: Round | None, now_s: float) -> list[Move]:
        """What this member does now: its own part at once, what others should do when they have not in their turn."""
        own, floor = self._node.signer.address, self._table.floor
        if own not in floor.assembly.roster.members:
            return []
        found = []
        case = case_of(self._node.store, floor.assembly, own, job.request, round_, id_=job.id)
        agreed = job.state is not State.AGREEING or floor.agreement(job.id).agreed is not None
        if round_ is None and (agreed or not self._is_overdue(job, case, now_s)):
            return []
        for move in due(case, now_s):
            if agreed and not (isinstance(move, Reveal) and move.member == own):
                continue  # an answer is on its way; whoever is on chain reveals all the same, for it may not come
            if isinstance(move, Count) and (job.answer is None or job.answer.result_hash != move.result_hash):
                continue
            key = (job.id, type(move).__name__, getattr(move, "member", None))
            since_s = self._since_s.setdefault(key, now_s)
            if now_s - since_s >= self._turns(job.id, move) * self._table.turn_s:
                found.append(move)
        return found

    def _is_overdue(self, job: Job, case: Case, now_s: float) -> bool:
        """Whether a round is to be begun: after a window of patience, and in any case while one can be."""
        since_s = self._since_s[job.id, "", None]
        hurried = now_s > case.closes_s - case.window_s
        patience_s = min(_HURRIED_TURNS * self._table.turn_s, case.window_s) if hurried else case.window_s
        return now_s - since_s >= patience_s

    def _turns(self, request: Hash32, move: Move) -> int:
        """How many turns of others come before this member's."""
        own = self._node.signer.address
        roster = self._table.floor.assembly.roster.members
        place = sorted(roster, key=lambda member: rank(request, member)).index(own)
        match move:
            case Commit(commitments) if any(each.member == own for each in commitments):
                return 0
            case Reveal(member, _):
                return 0 if member == own else place + 1
            case _:
                return place

    def _want(self, job: Job, move: Move) -> None:
        output = job.answer.output if job.answer else b""
        match move:
            case Commit(commitments):
                gas = _COMMIT_GAS + _EACH_GAS * len(commitments)
            case Reveal():
                gas = _REVEAL_GAS
            case Count(_, revealed):
                gas = fulfill_gas(job.request, output, revealed)
            case Fine():
                gas = _FINE_GAS
        data = contracts.committee_move(job.request, job.id, move, output)
        self._errand(f"{in_words(move)}, request 0x{job.id.hex()}", data, gas)

    def _errand(self, what: str, data: bytes, gas: int) -> None:
        node = self._node
        if node.errands.want(Errand(what, self._table.forum.committee, data, gas), node.clock.now_s()):
            return
        self._bound = True
        node.troubles.say(
            Trouble.BOUND,
            f"committee.gas_per_day is used up, and this waits: {what}. Raise it, or `themis committee push`",
        )

    def _scan(self) -> None:
        """What earlier lives have heard."""
        self._scanned = True
        floor, store = self._table.floor, self._node.store
        jobs = store.jobs(limit=_REMEMBERED, newest_first=True)
        floor.proofs |= {job.id for job in jobs if _equivocations(self._table, job.id)}

    def _proofs(self) -> dict[Hash32, list[Equivocation]]:
        """What there is to be shown of others: by request."""
        own, found = self._node.signer.address, {}
        for id_ in set(self._table.floor.proofs):
            of_others = [each for each in _equivocations(self._table, id_) if each.one.member != own]
            left = [each for each in of_others if (id_, each.one.member) not in self._settled]
            if left:
                found[id_] = left
        return found

    def _show(self, proofs: dict[Hash32, list[Equivocation]], now_s: float) -> None:
        """Report each member that signed two results, in turns, until nothing is left to take."""
        node, table = self._node, self._table
        for id_, equivocations in proofs.items():
            job = node.store.job(id_)
            for proof in equivocations:
                member = proof.one.member
                if job is None or table.committee.stake_wei(member) == 0:
                    self._settled.add((id_, member))
                    continue
                said = f"member {shown(member)} has signed two results of request 0x{id_.hex()}"
                if not self._report:
                    node.troubles.say(Trouble.TWO_FACED, f"{said}: `themis committee report 0x{id_.hex()}`")
                    continue
                node.troubles.say(Trouble.TWO_FACED, f"{said}: this is reported, and costs it its stake")
                since_s = self._since_s.setdefault((id_, "slash", member), now_s)
                if now_s - since_s >= self._place(id_, member) * table.turn_s:
                    data = contracts.committee_slash(job.request, proof)
                    self._errand(f"report of {shown(member)}, request 0x{id_.hex()}", data, _SLASH_GAS)
        if not self._proofs():
            node.troubles.over(Trouble.TWO_FACED)

    def _place(self, request: Hash32, culprit: Address) -> int:
        """How many others report before this member."""
        members = self._table.floor.assembly.roster.members - {culprit} | {self._node.signer.address}
        return sorted(members, key=lambda member: rank(request, member)).index(self._node.signer.address)


def _equivocations(table: Table, request: Hash32) -> tuple[Equivocation, ...]:
    """Of anybody who ever was a member: also of one that has left."""
    heard = table.store.heard(request)
    everybody = Roster(1, frozenset(each.message.member for each in heard))
    return fold(request, everybody, heard).equivocations
