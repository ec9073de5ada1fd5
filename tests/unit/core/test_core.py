"""Fork points, fees and what is acceptable."""

from dataclasses import replace

import pytest
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import CHAIN_ID, ORACLE_ADDRESS, FakeChain
from themis.core import canonical, policy
from themis.core.errors import Misconfigured, Reason, Refused
from themis.core.fees import FeePolicy, Fees, Market, fulfill_gas
from themis.core.job import Job
from themis.core.reorg import TAIL_LENGTH, covers, extended, fork_point, linked
from themis.core.types import Block, BlockId, BlockRef, Hash32, LogPosition, Role, UseClass

GWEI = 10**9
POLICY = FeePolicy(cap_wei=200 * GWEI, priority_fee_wei=GWEI)


def ref(number: int, salt: int = 0) -> BlockRef:
    return BlockRef(number, Hash32(number.to_bytes(16, "big") + salt.to_bytes(16, "big")), 2 * number)


def test_the_tail_keeps_the_newest_and_never_goes_back() -> None:
    tail: list[BlockRef] = []
    for number in range(0, 3 * TAIL_LENGTH, 2):
        tail = extended(tail, ref(number))
    assert len(tail) == TAIL_LENGTH
    assert tail[-1] == ref(3 * TAIL_LENGTH - 2)
    assert extended(tail, ref(tail[-2].number, salt=1))[-2:] == [tail[-3], ref(tail[-2].number, salt=1)]


@given(st.integers(0, 19))
def test_fork_point_is_the_newest_common_block(forked_at: int) -> None:
    tail = [ref(n) for n in range(20)]
    canonical_hashes = {n: ref(n, salt=n > forked_at).hash for n in range(20)}
    assert fork_point(tail, canonical_hashes) == tail[forked_at]


def test_a_chain_without_a_common_block_is_said_aloud() -> None:
    with pytest.raises(Misconfigured, match="it was reset"):
        fork_point([ref(3), ref(4)], {3: ref(3, salt=1).hash})


MARKETS = st.builds(Market, st.none() | st.integers(0, 500 * GWEI), st.integers(0, 300 * GWEI))


@given(MARKETS)
def test_quotes_keep_the_cap(market: Market) -> None:
    fees = POLICY.quote(market)
    assert fees.priority_fee_wei <= fees.max_fee_wei <= POLICY.cap_wei
    assert fees.typed is (market.base_fee_wei is not None)


def test_what_the_chain_suggests_is_paid_and_never_less_than_the_operators_own() -> None:
    assert POLICY.quote(Market(GWEI, 25 * GWEI)) == Fees(27 * GWEI, 25 * GWEI)
    assert POLICY.quote(Market(GWEI, 0)) == Fees(3 * GWEI, GWEI)
    assert POLICY.quote(Market(GWEI, 900 * GWEI)) == Fees(200 * GWEI, 200 * GWEI)


def test_a_chain_without_base_fee_is_paid_its_gas_price() -> None:
    assert POLICY.quote(Market(None, 25 * GWEI)) == Fees(25 * GWEI, 25 * GWEI, typed=False)
    assert POLICY.quote(Market(None, 900 * GWEI)) == Fees(200 * GWEI, 200 * GWEI, typed=False)


@given(MARKETS, st.integers(0, 500 * GWEI), st.integers(0, 300 * GWEI))
def test_a_bump_is_taken_by_every_client_or_not_tried(first: Market, base_wei: int, tip_wei: int) -> None:
    later = Market(None if first.base_fee_wei is None else base_wei, tip_wei)
    last = POLICY.quote(first)
    bumped = POLICY.bump(last, later)
    if bumped is None:
        assert (
            last.max_fee_wei * 1_125 > POLICY.cap_wei * 1_000 or last.priority_fee_wei * 1_125 > POLICY.cap_wei * 1_000
        )
    else:
        assert bumped.max_fee_wei * 1_000 >= last.max_fee_wei * 1_125
        assert bumped.priority_fee_wei * 1_000 >= last.priority_fee_wei * 1_125
        assert bumped.priority_fee_wei <= bumped.max_fee_wei <= POLICY.cap_wei
        assert bumped.typed is last.typed


def test_bumps_go_on_up_to_the_cap_and_not_beyond() -> None:
    market = Market(GWEI, GWEI)
    seen = [100 * GWEI]
    while fees := POLICY.bump(Fees(seen[-1], GWEI), market):
        seen.append(fees.max_fee_wei)
    assert POLICY.cap_wei * 1_000 // 1_125 < seen[-1] <= POLICY.cap_wei
    assert POLICY.bump(Fees(170 * GWEI, GWEI), market) == Fees(POLICY.cap_wei, 1_250_000_001)
    assert POLICY.bump(Fees(190 * GWEI, GWEI), market) is None


def test_gas_leaves_the_callback_its_64th() -> None:
    request = FakeChain().request(callback_gas=630_000)
    plain = fulfill_gas(replace(request, callback_gas=0), bytes(32))
    assert fulfill_gas(request, bytes(32)) == plain + 630_000 + 10_000 + 10_000


def test_paid_serving_is_commercial() -> None:
    assert policy.operators_use(0, UseClass.PERSONAL) is UseClass.PERSONAL
    assert policy.operators_use(1, UseClass.PERSONAL) is UseClass.COMMERCIAL


def job(input_: bytes = b"in", **changes: object) -> Job:
    request = FakeChain().request(input_, **changes)
    at = LogPosition(9, Hash32(bytes(32)), 0, Hash32(bytes(32)))
    return Job(canonical.request_id(request, CHAIN_ID, ORACLE_ADDRESS), request, input_, at)


def require(subject: Job, *, min_fee_wei: int = 0, chain_time_s: float = 0) -> None:
    policy.require_acceptable(
        subject, chain_id=CHAIN_ID, oracle=ORACLE_ADDRESS, min_fee_wei=min_fee_wei, chain_time_s=chain_time_s
    )


def test_license_questions_name_block_role_and_class() -> None:
    subject = job(use_class=UseClass.RESEARCH)
    requester, operator = policy.license_queries(subject)
    assert (requester.role, requester.use_class, requester.block) == (
        Role.REQUESTER,
        UseClass.RESEARCH,
        subject.seen_at.block,
    )
    assert (operator.role, operator.use_class, operator.block) == (
        Role.OPERATOR,
        UseClass.COMMERCIAL,
        subject.seen_at.block,
    )


def test_good_requests_are_acceptable() -> None:
    subject = job()
    require(subject, min_fee_wei=subject.request.fee, chain_time_s=subject.request.deadline_s)


@pytest.mark.parametrize(
    ("subject", "limits", "reason"),
    [
        (replace(job(), id=Hash32(bytes(32))), {}, Reason.INVALID_INPUT),
        (replace(job(), input=b"other"), {}, Reason.INVALID_INPUT),
        (job(), {"min_fee_wei": 10**15 + 1}, Reason.UNDERPAID),
        (job(), {"chain_time_s": 2.0**40}, Reason.EXPIRED),
    ],
)
def test_bad_requests_are_refused_with_the_reason(subject: Job, limits: dict[str, int], reason: Reason) -> None:
    with pytest.raises(Refused) as refused:
        require(subject, **limits)
    assert refused.value.reason is reason
    assert refused.value.detail


def block(number: int, parent: bytes, mark: bytes = b"") -> Block:
    return Block(number, Hash32(keccak(parent + mark)), Hash32(parent), 0, 0, 0, may_log=False)


def test_blocks_are_followed_down_as_far_as_they_are_linked() -> None:
    first = block(1, bytes(32))
    second, other = block(2, first.hash), block(2, first.hash, b"other")
    third = block(3, second.hash)
    assert linked([first, second, third], third.ref) == [first, second, third]
    assert linked([first, other, third], third.ref) == [third]
    assert linked([first, None, third], third.ref) == [third]
    assert linked([first, second, third], block(3, second.hash, b"other").ref) == []


def test_a_tail_covers_what_is_recorded_and_still_on_its_chain() -> None:
    tail = [BlockRef(5, Hash32(b"\x05" * 32), 0), BlockRef(9, Hash32(b"\x09" * 32), 0)]
    assert covers(tail, BlockId(9, Hash32(b"\x09" * 32)))
    assert covers(tail, BlockId(7, Hash32(b"\x07" * 32))), "within a range that was read"
    assert not covers(tail, BlockId(9, Hash32(b"\x08" * 32))), "another branch"
    assert not covers(tail, BlockId(10, Hash32(b"\x0a" * 32))), "not recorded yet"
    assert not covers([], BlockId(0, Hash32(bytes(32))))
