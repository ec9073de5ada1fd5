"""`/v1/committees`: what stands behind an operator that is a committee, from the chain alone."""

from http import HTTPStatus

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

from themis.api.licensing import Licensing
from themis.api.licensing_queries import AddressText, address
from themis.chain.committees import Committees
from themis.core.errors import Misconfigured
from themis.licensing.committees import shown_committee


class CommitteeMember(BaseModel):
    """As `MemberRow`. Amounts are decimal texts, in wei."""

    member: str
    owner: str
    stake_wei: str
    release_at_s: int
    slashed: bool
    endpoint: str
    signing: bool
    answered: int
    fined: int
    outvoted: int


class Committee(BaseModel):
    """Rules, members, and what became of what it was asked."""

    committee: str
    threshold: int
    max_royalty_bps: int
    window_s: int
    unbonding_s: int
    stake_wei: str
    fine_wei: str
    stake_behind_answer_wei: str
    signing: int
    asked: int
    answered: int
    refunded: int
    slashed: int
    members: list[CommitteeMember]


def install(app: FastAPI, licensing: Licensing) -> None:
    """Read through the node's own RPC."""

    @app.get("/v1/committees/{operator}")
    def committee(operator: AddressText) -> Committee:
        committees = Committees(licensing.client, licensing.start_block)
        try:
            return Committee.model_validate(shown_committee(committees.seen(address(operator))))
        except Misconfigured as error:
            raise HTTPException(HTTPStatus.NOT_FOUND, str(error)) from error
