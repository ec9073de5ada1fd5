"""`/v1/committees`: those that can be asked, and what stands behind one's answers, from the chain alone."""

from http import HTTPStatus

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

from themis.api.licensing import Licensing
from themis.api.licensing_queries import AddressText, address
from themis.chain.committees import Committees
from themis.core.errors import Misconfigured
from themis.core.spelling import shown
from themis.licensing.committees import shown_committee, shown_rules


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


class Terms(BaseModel):
    """The rules that make a committee. Amounts are decimal texts, in wei."""

    committee: str
    threshold: int
    """So many members must sign the same."""
    max_royalty_bps: int
    window_s: int
    unbonding_s: int
    stake_wei: str
    """Of each member."""
    fine_wei: str


class Committee(Terms):
    """Rules, members, and what became of what it was asked."""

    stake_behind_answer_wei: str
    signing: int
    asked: int
    answered: int
    late: int
    """Without an answer when the deadline was over."""
    refunded: int
    slashed: int
    members: list[CommitteeMember]


def install(app: FastAPI, licensing: Licensing) -> None:
    """Read through the node's own RPC."""
    committees = Committees(licensing.client, licensing.start_block)

    @app.get("/v1/committees")
    def listed() -> list[Terms]:
        """Those of the factory in the node's configuration, oldest first, and the one it is a member of."""
        made = [] if licensing.factory is None else committees.made_by(licensing.factory)
        own = licensing.committee
        if own is not None and own not in (each for each, _ in made):
            made.append((own, committees.rules(own)))
        return [Terms(committee=shown(each), **shown_rules(rules)) for each, rules in made]

    @app.get("/v1/committees/{operator}")
    def committee(operator: AddressText) -> Committee:
        try:
            return Committee.model_validate(shown_committee(committees.seen(address(operator))))
        except Misconfigured as error:
            raise HTTPException(HTTPStatus.NOT_FOUND, str(error)) from error
