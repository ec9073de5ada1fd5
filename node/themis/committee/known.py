"""What a member knows of a request without an answer: what it can put on chain, and what opens it."""

import secrets

from themis.core.assembly import Assembly
from themis.core.errors import Refused
from themis.core.recourse import Case, Opening, Round, commitments_of, openings_of
from themis.core.types import Address, Hash32, Request
from themis.ports import Store


def case_of(
    store: Store | None, assembly: Assembly, own: Address, request: Request, round_: Round | None, *, id_: Hash32
) -> Case:
    """As `due` takes it. Without a store nothing was heard: what the chain shows is known to everybody."""
    heard = [] if store is None else store.heard(id_)
    members = assembly.roster.members
    commitments = {member: each for member, each in commitments_of(heard).items() if member in members}
    openings = openings_of(heard)
    job = None if store is None else store.job(id_)
    if store is not None and job is not None and job.answer is not None and own in commitments:
        try:  # it is promised already: this only reads what with
            fresh = Hash32(secrets.token_bytes(32))
            salt = store.vow(request.operator, id_, job.answer.result_hash, fresh)
            openings[own] = Opening(job.answer.result_hash, salt)
        except Refused:
            pass  # what it promised is another result than it has now: `agree` says so
    return Case(
        quorum=assembly.quorum,
        window_s=assembly.window_s,
        fines=assembly.fine_wei > 0,
        deadline_s=request.deadline_s,
        commitments=commitments,
        openings=openings,
        round=round_,
    )
