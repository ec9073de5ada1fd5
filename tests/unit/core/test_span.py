"""Ranges of blocks that fit what an endpoint allows."""

from themis.core.span import LONGEST, Span


def test_a_range_ends_at_the_head() -> None:
    assert Span(10).last(5, 100) == 14
    assert Span(10).last(95, 100) == 100


def test_a_refusal_halves_it_down_to_one_block() -> None:
    span = Span(5)
    sizes = []
    for _ in range(4):
        span.refused()
        sizes.append(span.blocks)
    assert sizes == [2, 1, 1, 1]


def test_what_is_far_too_long_is_cut_to_what_is_common() -> None:
    span = Span(20_000_000)
    span.refused()
    assert span.blocks == LONGEST


def test_answers_in_a_row_double_it() -> None:
    span = Span(3_000)
    for _ in range(3):
        span.answered()
    span.refused()
    for _ in range(3):
        span.answered()
    assert span.blocks == 1_500
    for _ in range(100):
        span.answered()
    assert span.blocks == LONGEST


def test_a_range_that_was_longer_and_is_granted_stays() -> None:
    span = Span(20_000_000)
    for _ in range(10):
        span.answered()
    assert span.blocks == 20_000_000
