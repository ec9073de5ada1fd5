"""Which uses of a model a request needs a license for, and whether a request is one we answer at all. Pure."""

from themis.core import canonical, listing
from themis.core.errors import Reason, Refused
from themis.core.job import Job
from themis.core.types import ETHER, Address, Hash32, LicenseQuery, Role, UseClass


def operators_use(fee: int, requesters: UseClass) -> UseClass:
    """Whoever is paid for serving serves commercially, whatever the requester is (PROTOCOL.md, License)."""
    return UseClass.COMMERCIAL if fee > 0 else requesters


def license_queries(job: Job) -> tuple[LicenseQuery, LicenseQuery]:
    """The requester's and the operator's question, at the request's block and under the terms it is pinned to."""
    request = job.request

    def query(account: Address, role: Role, use_class: UseClass) -> LicenseQuery:
        return LicenseQuery(request.model_id, request.terms_version, account, role, use_class, job.seen_at.block)

    return (
        query(request.requester, Role.REQUESTER, request.use_class),
        query(request.operator, Role.OPERATOR, operators_use(request.fee, request.use_class)),
    )


def require_acceptable(job: Job, *, chain_id: int, oracle: Address, min_fee_wei: int, chain_time_s: float) -> None:
    """Check what needs no chain and no model. Raises Refused."""
    request = job.request
    if canonical.request_id(request, chain_id, oracle) != job.id:
        raise Refused(Reason.INVALID_INPUT, "the logged request does not hash to its id")
    if _input_hash(job) != request.input_hash:
        raise Refused(Reason.INVALID_INPUT, "the input does not hash to the request's inputHash")
    if request.deadline_s < chain_time_s:
        refundable = "" if job.ordered else "; the fee can be refunded"
        raise Refused(Reason.EXPIRED, f"its deadline {request.deadline_s} has passed{refundable}")
    least_wei = min_fee_wei * max(1, request.items)
    if request.token == ETHER and request.fee < least_wei:
        raise Refused(Reason.UNDERPAID, f"fee {request.fee} wei is below fees.min_fee_wei {least_wei}")


def _input_hash(job: Job) -> Hash32:
    try:
        return listing.input_hash(job.request, job.input)
    except ValueError as error:
        raise Refused(Reason.INVALID_INPUT, str(error)) from error
