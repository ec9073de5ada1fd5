"""What is covered, until when, with how much, and in plain words what of it is proved."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from themis.bundles import disputable
from themis.bundles.bundle import Bundle
from themis.chain.disputes import ADAPTOR, FOREVER, Bond, Covering, Disputes
from themis.core.errors import Denied, Misconfigured
from themis.core.spelling import ether, instant, shown
from themis.core.types import Address, Hash32
from themis.replay.holdings import Holdings

HOUR_S: Final = 3_600
NOT_HELD: Final = "not known here: this home does not hold the model"


@dataclass(frozen=True, slots=True)
class Covered:
    """One cover, its guarantor's money, and what is proved of the answers."""

    covering: Covering
    bond: Bond
    """The guarantor's, for all its covers."""
    model: str | None
    """The bundle's name; None where it is not held here."""
    proved: str
    """In words."""

    @property
    def free_wei(self) -> int:
        return self.bond.amount_wei - self.bond.reserved_wei

    @property
    def answers(self) -> int:
        """So many can be wrong before the bond is spent."""
        return self.free_wei // self.covering.cover.bond_wei

    @property
    def words(self) -> dict[str, str]:
        """For people."""
        cover = self.covering.cover
        ends = self.covering.until_s
        return {
            "cover": shown(self.covering.id),
            "guarantor": shown(cover.guarantor),
            "operator": shown(cover.operator),
            "model_id": shown(cover.model_id),
            "bond": f"{ether(cover.bond_wei)} for a wrong answer",
            "free": f"{ether(self.free_wei)} of {ether(self.bond.amount_wei)}, {ether(self.bond.leaving_wei)} leaving",
            "answers": f"{self.answers} can be wrong before it is spent",
            "window": f"{cover.window_s / HOUR_S:g} hours after an answer's deadline",
            "until": "its guarantor ends it" if ends == FOREVER else instant(ends),
            "proved": self.proved,
        }


class Covers:
    """Those of one warranty, and the bundles by which is known what of an answer is proved."""

    def __init__(self, disputes: Disputes, models: Holdings) -> None:
        self.disputes, self._models = disputes, models
        self._known: dict[tuple[Hash32, Address], tuple[str, str]] = {}
        """Name and words by model and adaptor: to load a bundle takes a while, and neither changes."""

    def look(self) -> list[Covered]:
        """All that take challenges. Raises Unavailable."""
        coverings = self.disputes.covers().values()
        bonds = self.disputes.bonds([covering.cover.guarantor for covering in coverings])
        return [self._seen(covering, bonds[covering.cover.guarantor]) for covering in coverings]

    def _seen(self, covering: Covering, bond: Bond) -> Covered:
        cover = covering.cover
        key = (cover.model_id, cover.adaptor)
        if key not in self._known:
            try:
                bundle = self._models.find(cover.model_id)
            except Misconfigured:
                return Covered(covering, bond, None, NOT_HELD)
            self._known[key] = bundle.name, _words(self.disputes, bundle, cover.adaptor)
        return Covered(covering, bond, *self._known[key])


def adaptor_for(disputes: Disputes, bundle: Bundle, known: Sequence[Address]) -> tuple[Address, str]:
    """Which of some adaptors reads as a bundle does, and what is proved then. Raises Misconfigured where none does."""
    reads = {_reads(disputes, adaptor): adaptor for adaptor in known}
    wanted = bundle.manifest.preprocessing
    if wanted not in reads:
        raise Misconfigured(
            f"{bundle.name} reads requests as {wanted}, and dispute.adaptors know {', '.join(reads) or 'nothing'}: "
            "add the address of an adaptor for it"
        )
    return reads[wanted], proved(disputes, bundle, reads[wanted])


def proved(disputes: Disputes, bundle: Bundle, adaptor: Address) -> str:
    """What is proved of an answer. Raises Misconfigured where nothing is."""
    verdict = disputable.examine(bundle)
    if not verdict.disputable:
        raise Misconfigured(f"{bundle.name} cannot be covered: {verdict.reasons[0]}; see `themis models check`")
    if (reads := _reads(disputes, adaptor)) != bundle.manifest.preprocessing:
        raise Misconfigured(
            f"{bundle.name} reads requests as {bundle.manifest.preprocessing}, and the adaptor knows {reads}"
        )
    return verdict.proved


def _reads(disputes: Disputes, adaptor: Address) -> str:
    """The preprocessing that an adaptor referees."""
    try:
        return str(disputes.read(ADAPTOR, adaptor, "preprocessing")[0])
    except (Denied, ValueError) as error:
        raise Misconfigured(f"{shown(adaptor)} is no adaptor: correct dispute.adaptors") from error


def _words(disputes: Disputes, bundle: Bundle, adaptor: Address) -> str:
    try:
        return proved(disputes, bundle, adaptor)
    except Misconfigured as error:
        return f"nothing: {error}"
