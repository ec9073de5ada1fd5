"""The next move of one side of a game: what to send to the chain, if anything."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from themis.chain.contracts import DISPUTE, WARRANTY
from themis.chain.disputes import Claim, Cover, Disputes, Game, Move, Phase, Standing
from themis.core.errors import Refused
from themis.core.types import ETHER, Address, Hash32
from themis.dispute import proving, search, showing
from themis.dispute.adaptors import links
from themis.dispute.adaptors.links import Accused, Asked
from themis.dispute.archive import Archive
from themis.dispute.claim import Ask, Claimed
from themis.dispute.held import Held
from themis.dispute.search import WrongInput
from themis.dispute.served import Served
from themis.dispute.tree import Shown, Unproved
from themis.replay import rerun
from themis.replay.history import Exchange
from themis.replay.verdict import Verifier


class Undecided(Exception):  # noqa: N818 (a verdict)
    """What is wrong is nothing that a contract decides: running the model again shows it, and no bond pays for it."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A transaction that is due."""

    what: str
    """In words."""
    place: Address
    data: bytes
    value_wei: int = 0


def claim_of(cover: Cover, game: Game, exchange: Exchange) -> Claim:
    """What a game is about, as its moves say it."""
    request = exchange.requested.request
    fee = request.fee if request.token == ETHER else 0
    return Claim(cover, game.request_id, game.answer, request.input_hash, request.requester, fee)


def ended_elsewhere(disputes: Disputes, game: Game, claim: Claim, standing: Standing, now_s: int) -> Planned | None:
    """Either side's: another game has convicted the answer, or the clock of whose move it is has run out."""
    covered = disputes.read(WARRANTY, disputes.warranty, "coveredOf", game.cover_id, game.answer)[0]
    if covered[-1]:
        data = DISPUTE.call("settle", claim, game.challenger)
        return Planned("settle: another game has convicted the answer", game.dispute, data)
    if now_s > standing.by_s(disputes.reveal_s(game.dispute)):
        data = DISPUTE.call("timeout", claim, game.challenger)
        return Planned("timeout: a clock has run out", game.dispute, data)
    return None


class Guarantor:
    """Commits to the trace of its answer, and shows what is asked of it."""

    def __init__(self, verifier: Verifier, archive: Archive, held: Callable[[Hash32], Held]) -> None:
        self._verifier, self._archive, self._held = verifier, archive, held

    def plan(self, game: Game, claim: Claim, exchange: Exchange, standing: Standing) -> Planned | None:
        """Raises as `Archive.make`, and NotInTrace where its answer was wrong."""
        if standing.phase is Phase.REVEAL:
            trace = self._archive.make(self._verifier, exchange)
            held = self._held(claim.cover.model_id)
            answered = Asked(exchange.requested.input, None, exchange.fulfilled.output, links.NOTHING)
            witness = held.adaptor.witness(held.sight(trace, answered))
            data = DISPUTE.call("reveal", claim, game.challenger, trace.root, witness)
            return Planned("reveal the trace's root", game.dispute, data)
        if standing.phase is not Phase.GUARANTOR:
            return None
        asked = next(move for move in reversed(game.moves) if move.name == "Asked").values
        trace = self._archive.make(self._verifier, exchange)
        shown = showing.find(trace, asked["node"], leaves=asked["leaves"], number=asked["number"])
        if shown.leaves:
            data = DISPUTE.call("openLeaves", game.id, shown.leaves)
            return Planned(f"show {len(shown.leaves)} leaves", game.dispute, data)
        data = DISPUTE.call("open", game.id, shown.count, shown.nodes)
        return Planned(f"show {len(shown.nodes)} nodes", game.dispute, data)


class Challenger:
    """Finds what is wrong, asking endpoints first and then the chain, and proves it."""

    def __init__(
        self,
        disputes: Disputes,
        verifier: Verifier,
        archive: Archive,
        served: Served,
        held: Callable[[Hash32], Held],
    ) -> None:
        self._disputes, self._verifier, self._archive, self._served = disputes, verifier, archive, served
        self._held = held
        self._known: dict[tuple[Hash32, Hash32], tuple[Claimed, set[str]]] = {}
        """By game and trace, with the transactions that were read: what leads to a root does so for good."""

    def plan(self, game: Game, claim: Claim, exchange: Exchange, standing: Standing) -> Planned | None:
        """Raises as `Archive.make`, and Unavailable where what was shown on chain cannot be read."""
        if standing.phase is not Phase.CHALLENGER:
            return None
        held, asked = self._held(claim.cover.model_id), self._asked(exchange, standing.witness)
        try:
            mine = self._archive.make(self._verifier, exchange)
        except Refused as refused:
            shown = held.of_request(asked)
            if shown is None:
                raise Undecided(f"the model answers no such input ({refused})") from refused
            data = DISPUTE.call("proveInput", claim, asked.input, shown)
            return Planned("prove that the model answers no such input", game.dispute, data)
        key = (game.id, standing.trace_root)
        claimed, read = self._known.setdefault(key, (Claimed(standing.trace_root, mine), set()))
        self._learn(game, claimed, read)
        found = _find(held, claimed, asked)
        while isinstance(found, Ask):
            if not self._is_served(game.request_id, claimed, found):
                data = DISPUTE.call("ask", claim.hash, proving.place(claimed, found))
                return Planned("ask what is not served", game.dispute, data)
            found = _find(held, claimed, asked)
        if found is None:
            accused = held.adaptor.output_fault(held.sight(mine, asked))
            if accused is None:
                raise Undecided("the trace is right, and so is what it gives of the answer")
            data = DISPUTE.call("proveOutput", claim, asked.output, held.of_output(claimed, asked, accused))
            return Planned("prove that the answer is not what the trace gives", game.dispute, data)
        if isinstance(found, Accused):
            data = DISPUTE.call("proveInput", claim, asked.input, held.of_input(claimed, asked, found))
            return Planned("prove a wrong input", game.dispute, data)
        charge = proving.charge(held.prover, claimed, found)
        data = DISPUTE.call("prove", claim, proving.JUDGES.index(charge.judge), charge.rootless)
        return Planned(f"prove: {type(found).__name__}, by {charge.judge}", game.dispute, data)

    def is_undecided(self, exchange: Exchange) -> bool:
        """Whether nothing that a contract decides can be wrong with a wrong answer. Raises as `Archive.make`."""
        held, asked = self._held(exchange.requested.request.model_id), self._asked(exchange, links.NOTHING)
        try:
            mine = self._archive.make(self._verifier, exchange)
        except Refused:
            return held.of_request(asked) is None
        named = replace(asked, witness=held.adaptor.witness(held.sight(mine, asked)))
        return held.adaptor.output_fault(held.sight(mine, named)) is None

    def _asked(self, exchange: Exchange, witness: Hash32) -> Asked:
        """Raises Unavailable where the code that was asked about cannot be had."""
        request, client = exchange.requested, self._verifier.client
        bundle = self._held(request.request.model_id).bundle
        asked = Asked(request.input, None, exchange.fulfilled.output, witness)
        try:
            code = rerun.code_asked_about(client, bundle, request.input, request.at.block)
        except Refused:
            return asked
        if code is None:
            return asked
        return replace(asked, code=code, gone=rerun.is_gone(client, bundle, request.input, code))

    def _learn(self, game: Game, claimed: Claimed, read: set[str]) -> None:
        """What was shown on the chain."""
        for asked, opened in _answered(game.moves):
            if opened.tx_hash in read:
                continue
            _, place = self._disputes.arguments(asked, "ask")
            if _learned(claimed, proving.asked(place), self._shown(opened, asked)):
                read.add(opened.tx_hash)

    def _shown(self, opened: Move, asked: Move) -> Shown:
        if asked.values["leaves"]:
            _, leaves = self._disputes.arguments(opened, "openLeaves")
            return Shown(leaves=tuple(leaves))
        _, count, nodes = self._disputes.arguments(opened, "open")
        return Shown(count, tuple(nodes))

    def _is_served(self, request: Hash32, claimed: Claimed, ask: Ask) -> bool:
        return any(_learned(claimed, ask, shown) for shown in self._served.answers(request, ask))


def _find(held: Held, claimed: Claimed, asked: Asked) -> Ask | search.Fault | Accused | None:
    """What is wrong, or what to ask. Raises Undecided."""
    found = search.look(held.prover.program, claimed)
    if not isinstance(found, WrongInput):
        return found
    fault = held.adaptor.input_fault(held.sight(claimed, asked), claimed, found)
    if fault is None:
        raise Undecided("its tokens are not the tracer's, and pass all checks that a contract makes")
    return fault


def _learned(claimed: Claimed, ask: Ask, shown: Shown) -> bool:
    try:
        claimed.learn(ask, shown)
    except Unproved:
        return False
    return True


def _answered(moves: Sequence[Move]) -> list[tuple[Move, Move]]:
    """Questions with the moves that answered them."""
    pairs = []
    asked = None
    for move in moves:
        if move.name == "Asked":
            asked = move
        elif move.name == "Opened" and asked is not None:
            pairs.append((asked, move))
    return pairs
