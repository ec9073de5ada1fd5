"""One key's games: runs covered answers again, challenges wrong ones, and plays both sides of what it is in.

What it has to do follows from the chain and from its outbox alone: killed anywhere, it goes on with the transaction
that was signed last, and a reorganization makes a move due again.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from themis.chain import gas
from themis.chain.contracts import DISPUTE, WARRANTY
from themis.chain.disputes import ADAPTOR, Claim, Covering, Disputes, Game, Standing
from themis.chain.logs import DEEP
from themis.chain.outbox import Outbox
from themis.chain.transact import ContractDenied
from themis.core import canonical
from themis.core.abi import encode
from themis.core.errors import Denied, Misconfigured, Refused, Unavailable
from themis.core.fees import FeePolicy
from themis.core.keccak import keccak
from themis.core.spelling import ether, shown
from themis.core.types import Address, Hash32, LogPosition
from themis.dispute import playing
from themis.dispute.answers import Answer, Answers, Named
from themis.dispute.archive import Archive
from themis.dispute.held import Held
from themis.dispute.notebook import Notebook
from themis.dispute.playing import Challenger, Guarantor, Planned, Undecided
from themis.dispute.served import Served
from themis.dispute.showing import NotInTrace
from themis.dispute.staked import Staked
from themis.dispute.tally import CHALLENGER, GUARANTOR, UNDECIDED, Seat, Tally
from themis.ports import Signer
from themis.replay.history import Exchange
from themis.replay.verdict import Outcome, Verifier

DAY_S: Final = 86_400
SHARE_PERCENT: Final = 45
"""Of a bond: the challenger's, as Warranty.sol divides it."""
GAME_GAS: Final = 1_200_000
"""Of a challenger's moves at most: in benchmarks/lies.json all moves of `withheld` take 840,552."""
_LATER: Final = frozenset(("TooEarly", "NotNow", "NoGame", "NotConvicted", "TooLate"))
"""Refusals that the next look at the chain explains: the other side, or somebody else, was faster."""


@dataclass(frozen=True, slots=True)
class Hand:
    """Who plays, and what may be spent."""

    signer: Signer | None
    """None: nothing is sent, and what would be is said."""
    account: Address
    fees: FeePolicy
    outbox: Outbox
    most_bonds_wei: int
    """For challenges, in 24 hours."""


@dataclass(slots=True)
class Watcher:
    """Looks at the chain again and again."""

    disputes: Disputes
    verifier: Verifier
    archive: Archive
    served: Served
    hand: Hand
    notebook: Notebook
    say: Callable[[str], None]
    tally: Tally = field(default_factory=Tally)
    _answers: Answers = field(init=False)
    _staked: Staked = field(init=False)
    _paid: set[tuple[Hash32, int]] = field(init=False, default_factory=set)
    """Convicted games, by where they ended: no stake is left to be taken for them."""
    _settled: set[tuple[Hash32, Hash32, LogPosition]] = field(init=False, default_factory=set)
    """By model, id and place: answers that are right, or another model's. They need no second look."""
    _seats: list[Seat] = field(init=False, default_factory=list)
    _challenger: Challenger = field(init=False)
    _guarantor: Guarantor = field(init=False)
    _models: dict[Hash32, Held] = field(init=False, default_factory=dict)
    _said: set[str] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self._challenger = Challenger(self.disputes, self.verifier, self.archive, self.served, self._held)
        self._guarantor = Guarantor(self.verifier, self.archive, self._held)
        self._answers = Answers(self.verifier, self.served, self.notebook)
        self._staked = Staked(self.disputes)

    def step(self) -> bool:
        """Do what is due. True where something was sent, so that more may be due. Raises Unavailable.

        What stands in the way of one game or cover is said, and stands in no other's.
        """
        covers = self.disputes.covers()
        games = self.disputes.games(covers)
        acted = False
        self._seats = []
        for game in games:
            if not game.ended and self.hand.account in (game.guarantor, game.challenger):
                work = partial(self._play, game, covers[game.cover_id])
                acted |= self._tried(f"game {shown(game.id)}", work)
        for game in games:
            if game.moves[-1].name == "Convicted":
                acted |= self._tried(
                    f"stakes for game {shown(game.id)}", partial(self._take, game, covers[game.cover_id])
                )
        for covering in covers.values():
            acted |= self._tried(f"cover {shown(covering.id)}", partial(self._look_after, covering, games))
        self._count(games)
        return acted

    def _count(self, games: list[Game]) -> None:
        own = self.hand.account
        bond = self.disputes.bonds([own])[own]
        self.tally.funded(bond.amount_wei, bond.reserved_wei, bond.leaving_wei)
        self.tally.seated(self._seats)
        mine = [game for game in games if own in (game.guarantor, game.challenger) and game.ended]
        self.tally.ended((self._side(game), game.moves[-1].name) for game in mine)
        self.tally.put_up(self._put_up(games))
        self.tally.most_bonds.set(self.hand.most_bonds_wei)
        self.tally.stepped.set(time.time())

    def _side(self, game: Game) -> str:
        return CHALLENGER if game.challenger == self.hand.account else GUARANTOR

    def _tried(self, subject: str, work: Callable[[], bool]) -> bool:
        try:
            return work()
        except NotInTrace as error:
            self._tell(f"{subject}: this answer cannot be defended: {error}")
        except Undecided as error:
            self._tell(f"{subject}: no contract convicts this answer: {error}")
        except (Denied, Misconfigured, Refused, Unavailable) as error:
            self._tell(f"{subject}: {error}")
        return False

    def _play(self, game: Game, covering: Covering) -> bool:
        answer = self._answers.find(game.request_id, covering.cover)
        self._answers.keep(answer)
        exchange = answer.exchange
        claim = playing.claim_of(covering.cover, game, exchange)
        standing, now_s = self.disputes.standing(game), self.disputes.client.now_s()
        by_s = standing.by_s(self.disputes.reveal_s(game.dispute))
        self._seats.append(Seat(self._side(game), standing.phase, by_s))
        planned = playing.ended_elsewhere(self.disputes, game, claim, standing, now_s) or self._planned(
            game, claim, exchange, standing
        )
        if planned is None:
            return False
        subject = f"game {shown(game.id)}"
        try:
            return self._send(planned, subject)
        except ContractDenied as refused:
            if refused.denial.error == "NotCommitted":
                commitment = keccak(encode(["bytes32", "bytes32"], [game.id, keccak(planned.data)]))
                data = DISPUTE.call("commit", claim.hash, commitment)
                return self._send(Planned("commit to the proof first", game.dispute, data), subject)
            if refused.denial.error not in _LATER:
                raise
            return False

    def _planned(self, game: Game, claim: Claim, exchange: Exchange, standing: Standing) -> Planned | None:
        if self.hand.account == game.challenger:
            return self._challenger.plan(game, claim, exchange, standing)
        return self._guarantor.plan(game, claim, exchange, standing)

    def _take(self, game: Game, covering: Covering) -> bool:
        """Stakes of those who signed what was convicted, whoever convicted it: what is due is on the chain."""
        convicted_at = game.moves[-1].block_number
        if (game.id, convicted_at) in self._paid:
            return False
        answer = self._answers.find(game.request_id, covering.cover)
        planned = list(self._staked.due(covering, answer))
        if not planned and int(self.disputes.client.rpc.call("eth_blockNumber"), 16) > convicted_at + DEEP:
            self._paid.add((game.id, convicted_at))
        words = answer.named.words
        return sum(self._tried(words, partial(self._send, each, words)) for each in planned) > 0

    def _look_after(self, covering: Covering, games: list[Game]) -> bool:
        """Answers under a cover, and a challenge to each that is wrong."""
        cover = covering.cover
        if cover.guarantor == self.hand.account or not self._is_provable(covering):
            return False
        acted = False
        for named in self._answers.under(cover):
            if (cover.model_id, named.id, named.whole.at) not in self._settled:
                acted |= self._tried(named.words, partial(self._examine, covering, named, games))
        return acted

    def _examine(self, covering: Covering, named: Named, games: list[Game]) -> bool:
        answer, model_id = self._answers.read(named), covering.cover.model_id
        wrong = self._is_wrong(answer) if answer.request.model_id == model_id else False
        if wrong is False:
            self._settled.add((model_id, named.id, named.whole.at))
        if not wrong:
            return False
        self._answers.keep(answer)
        if self._is_played(games, covering, answer.exchange.fulfilled.result_hash):
            return False
        return self._challenge(covering, answer, games)

    def _is_provable(self, covering: Covering) -> bool:
        """Whether the model is held, and read as the cover's adaptor says."""
        try:
            bundle = self._held(covering.cover.model_id).bundle
            (reads,) = self.disputes.read(ADAPTOR, covering.cover.adaptor, "preprocessing")
        except (Misconfigured, Denied) as error:
            self._tell(f"cover {shown(covering.id)} is not watched: {error}")
            return False
        if reads != bundle.manifest.preprocessing:
            self._tell(
                f"cover {shown(covering.id)} is not watched: its adaptor reads {reads}, and {bundle.name} "
                f"{bundle.manifest.preprocessing}"
            )
            return False
        return True

    def _is_wrong(self, answer: Answer) -> bool | None:
        """None: it cannot be run again here."""
        hash_ = answer.exchange.fulfilled.result_hash
        known = self.notebook.wrong(hash_)
        if known is None:
            try:
                verdict = self.verifier.run_again(answer.exchange)
            except (Refused, Misconfigured) as error:
                self._tell(f"{answer.named.words} cannot be run again: {error}")
                return None
            known = verdict.outcome is not Outcome.EQUAL
            self.notebook.note(hash_, wrong=known)
            self.tally.answers.labels("wrong" if known else "right").inc()
            self.say(f"{answer.named.words}: its answer is {'WRONG' if known else 'right'}")
        return known

    def _is_played(self, games: list[Game], covering: Covering, answer: Hash32) -> bool:
        """Whether this key has played about the answer, or another has convicted it."""
        covered = self.disputes.read(WARRANTY, self.disputes.warranty, "coveredOf", covering.id, answer)[0]
        about = [game for game in games if (game.cover_id, game.answer) == (covering.id, answer)]
        return bool(covered[-1]) or any(game.challenger == self.hand.account for game in about)

    def _challenge(self, covering: Covering, answer: Answer, games: list[Game]) -> bool:
        cover, subject = covering.cover, answer.named.words
        said = (cover, canonical.request_words(answer.request), answer.said)
        try:
            self.disputes.read(WARRANTY, self.disputes.warranty, "challengeableUntil", *said)
        except Denied as refused:
            self._tell(f"{subject} is wrong and cannot be challenged: {refused}")
            return False
        if self._challenger.is_undecided(answer.exchange):
            if self._tell(
                f"{subject} is wrong and is not challenged: only running the model again shows what is wrong"
            ):
                self.tally.answers.labels(UNDECIDED).inc()
            return False
        if (cost_wei := self._cost_wei()) > cover.bond_wei * SHARE_PERCENT // 100:
            self._tell(
                f"{subject} is wrong and is not challenged: a game may cost {ether(cost_wei)} of gas, and what is won "
                f"is {SHARE_PERCENT} % of {ether(cover.bond_wei)}"
            )
            return False
        spent = self._put_up(games)
        if self.hand.signer is not None and spent + cover.challenge_bond_wei > self.hand.most_bonds_wei:
            self._tell(
                f"{subject} is wrong and is not challenged: its bond of {ether(cover.challenge_bond_wei)} is more than "
                "dispute.max_bonds_wei leaves for these 24 hours: raise it"
            )
            return False
        data = DISPUTE.call("challenge", *said)
        try:
            return self._send(Planned("challenge", cover.dispute, data, cover.challenge_bond_wei), subject)
        except ContractDenied as refused:
            self._tell(f"{subject} is wrong and cannot be challenged: {refused}")
            return False

    def _cost_wei(self) -> int:
        """What a game may cost now, in wei, where everything is withheld."""
        return GAME_GAS * self.hand.fees.quote(gas.market(self.disputes.client.rpc)).max_fee_wei

    def _put_up(self, games: list[Game]) -> int:
        """Bonds of challenges in these 24 hours, in wei: by what the chain says, whoever ran when."""
        now_s, covers = self.disputes.client.now_s(), self.disputes.covers()
        total = 0
        for game in games:
            begun_s = game.moves[0].values["revealBy"] - self.disputes.reveal_s(game.dispute)
            if game.challenger == self.hand.account and begun_s > now_s - DAY_S:
                total += covers[game.cover_id].cover.challenge_bond_wei
        return total

    def _send(self, planned: Planned, subject: str) -> bool:
        """Raises ContractDenied before it costs anything."""
        hand = self.hand
        if hand.signer is None:
            self._tell(f"{subject}: would {planned.what}")
            return False
        receipt = self.disputes.send(
            hand.signer, hand.fees, hand.outbox, planned.place, planned.data, planned.value_wei
        )
        self.say(f"{subject}: {planned.what}: {int(receipt['gasUsed'], 16):,} gas, {receipt['transactionHash']}")
        return True

    def _held(self, model_id: Hash32) -> Held:
        """Raises Misconfigured for a model that is not held."""
        if model_id not in self._models:
            self._models[model_id] = Held.of(self.verifier.holdings.find(model_id))
        return self._models[model_id]

    def _tell(self, line: str) -> bool:
        """Once: False where it was told before."""
        if line in self._said:
            return False
        self._said.add(line)
        self.say(line)
        return True
