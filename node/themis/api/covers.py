"""`/v1/covers`: whose answers somebody stands for, until when, and in plain words what of them is proved."""

from collections.abc import Callable
from functools import cache
from http import HTTPStatus

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

from themis.api.licensing import Licensing
from themis.chain.disputes import FOREVER, Disputes
from themis.core.errors import Misconfigured
from themis.core.spelling import shown
from themis.dispute.covers import Covered, Covers
from themis.replay.holdings import Holdings


class Cover(BaseModel):
    """One cover. Amounts are decimal texts, in wei."""

    cover: str
    """Its id."""
    guarantor: str
    """Whose bond it is."""
    operator: str
    """Whose answers are covered."""
    model_id: str
    model: str | None
    """The bundle's name; none where this node does not hold it."""
    proved: str
    """What of an answer is proved, and what is not, in words."""
    bond_wei: str
    """That one wrong answer costs."""
    challenge_bond_wei: str
    """That whoever challenges puts up."""
    free_wei: str
    """Of the guarantor's bond, for all its covers: what is neither taken nor set aside."""
    bonded_wei: str
    leaving_wei: str
    """What leaves the bond before long."""
    answers: int
    """So many can be wrong before the free bond is spent."""
    window_s: int
    """An answer can be challenged so long after its deadline."""
    until_s: int | None
    """Takes challenges until then; none: until its guarantor ends it."""
    dispute: str
    """The contract that decides."""
    adaptor: str
    """The contract that says how the model reads and writes."""


def install(app: FastAPI, licensing: Licensing, models: Holdings) -> None:
    """Read through the node's own RPC; none where no warranty is configured."""

    @cache
    def covers() -> Covers | None:
        if licensing.warranty is None:
            return None
        disputes = Disputes(licensing.client, licensing.warranty, licensing.start_block)
        disputes.require()
        return Covers(disputes, models)

    @app.get("/v1/covers")
    def listed() -> list[Cover]:
        """Covers of the warranty in the node's configuration that take challenges, oldest first."""
        return [] if (found := _found(covers)) is None else [_shown(each) for each in found.look()]


def _found(covers: Callable[[], Covers | None]) -> Covers | None:
    try:
        return covers()
    except Misconfigured as error:
        raise HTTPException(HTTPStatus.NOT_FOUND, str(error)) from error


def _shown(found: Covered) -> Cover:
    cover = found.covering.cover
    return Cover(
        cover=shown(found.covering.id),
        guarantor=shown(cover.guarantor),
        operator=shown(cover.operator),
        model_id=shown(cover.model_id),
        model=found.model,
        proved=found.proved,
        bond_wei=str(cover.bond_wei),
        challenge_bond_wei=str(cover.challenge_bond_wei),
        free_wei=str(found.free_wei),
        bonded_wei=str(found.bond.amount_wei),
        leaving_wei=str(found.bond.leaving_wei),
        answers=found.answers,
        window_s=cover.window_s,
        until_s=None if found.covering.until_s == FOREVER else found.covering.until_s,
        dispute=shown(cover.dispute),
        adaptor=shown(cover.adaptor),
    )
