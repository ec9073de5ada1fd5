"""How soon the watcher looks again."""

import pytest

from themis.daemon.pace import Pace, Rhythm


def test_before_any_block_it_polls_as_it_was_told() -> None:
    assert Pace(0.5).wait_s(100.0, 0.001) == 0.5


@pytest.mark.parametrize(
    ("since_s", "look_s", "expected_s"),
    [
        (0.0, 0.001, 0.02),  # right after a block, an endpoint on this machine
        (0.0, 0.05, 0.1),  # the same, 50 ms away
        (1.0, 0.001, 0.1),  # blocks of a second: the next one is seen 0.1 s late at most
        (12.0, 0.001, 0.5),  # never longer than what was set
        (0.0, 3.0, 0.5),  # a slow endpoint does not stretch it either
    ],
)
def test_waits_grow_with_the_time_since_the_last_block(since_s: float, look_s: float, expected_s: float) -> None:
    pace = Pace(0.5)
    pace.saw_block(1_000.0)
    assert pace.wait_s(1_000.0 + since_s, look_s) == pytest.approx(expected_s)


def test_a_short_interval_is_kept() -> None:
    pace = Pace(0.01)
    pace.saw_block(5.0)
    assert pace.wait_s(5.0, 0.2) == 0.01


def test_looks_at_a_chain_of_slow_blocks_stay_few() -> None:
    """Twelve seconds from block to block: three times as many looks as without, not more."""
    pace, now_s, looks = Pace(0.5), 0.0, 0
    pace.saw_block(0.0)
    while now_s < 12:
        now_s += pace.wait_s(now_s, 0.001)
        looks += 1
    assert looks <= 72


@pytest.mark.parametrize(
    ("blocks_s", "since_s", "due"),
    [
        ([0, 12], 12, False),  # two blocks are no rhythm
        ([0, 12, 24], 9, False),
        ([0, 12, 24], 10, True),
        ([0, 12, 24, 48, 60], 12.5, True),  # one was missed
        ([0, 12, 24], 30, False),  # it has ended
        ([5, 5, 5], 1, False),  # mined on demand, all at once
    ],
)
def test_a_block_is_due_when_the_last_ones_say_so(blocks_s: list[float], since_s: float, *, due: bool) -> None:
    rhythm = Rhythm()
    for at_s in blocks_s:
        rhythm.saw_block(at_s)
    assert rhythm.is_due(blocks_s[-1] + since_s) is due
