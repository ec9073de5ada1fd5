"""Being told of a block wakes the watcher at once; a WebSocket that is away is an alert and stops nobody."""

import threading
import time
from pathlib import Path

from tests.daemon_kit import Bench
from themis.core.errors import Unavailable
from themis.daemon.listen import Listen
from themis.daemon.supervisor import Supervisor


class Scripted:
    """Heads that come, do not come, or fail, in that order."""

    def __init__(self, *said: bool | Unavailable) -> None:
        self._said = iter(said)
        self.closed = 0

    def wait(self, _: float) -> bool:
        said = next(self._said)
        if isinstance(said, Unavailable):
            raise said
        return said

    def close(self) -> None:
        self.closed += 1


def listening(bench: Bench, *said: bool | Unavailable) -> tuple[Listen, list[int]]:
    return listening_to(bench, Scripted(*said))


def listening_to(bench: Bench, heads: Scripted) -> tuple[Listen, list[int]]:
    woken: list[int] = []
    return Listen(bench.node, heads, lambda: woken.append(1)), woken  # type: ignore[arg-type]


def hears(listen: Listen) -> bool:
    """Whether it goes on to listen at once; no other loop is woken by it."""
    assert not listen.step()
    return listen.pause_s == 0


def test_a_head_wakes_and_silence_does_not(tmp_path: Path) -> None:
    listen, woken = listening(Bench(tmp_path / "db"), False, True, False)  # noqa: FBT003 (a script)
    assert [hears(listen) for _ in range(3)] == [True] * 3
    assert len(woken) == 1


def test_one_that_is_away_is_an_alert_and_asked_again_later(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "db")
    listen, woken = listening(bench, Unavailable("it is away"), Unavailable("it is away"), True)  # noqa: FBT003
    assert not hears(listen)
    assert bench.node.troubles.found() == ["it is away; new blocks are polled for meanwhile"]
    assert not hears(listen), "not so soon"
    bench.wait(1)
    assert not hears(listen)
    bench.wait(1)
    assert not hears(listen), "pauses grow"
    bench.wait(1)
    assert hears(listen)
    assert (bench.node.troubles.found(), len(woken)) == ([], 1)


def test_a_chain_that_is_too_fast_to_be_told_of_is_polled_for_a_while(tmp_path: Path) -> None:
    """There the watcher finds a block at each look; being told of every one costs more than it saves."""
    bench = Bench(tmp_path / "db")
    heads = Scripted(*[True] * 100)
    listen, woken = listening_to(bench, heads)
    for _ in range(30):
        assert hears(listen)
        bench.wait(0.05)
    assert (len(woken), heads.closed) == (30, 0), "20 a second are told of"
    while hears(listen):
        bench.wait(0.001)
    assert heads.closed == 1
    told = len(woken)
    assert told < 60
    assert not hears(listen), "it does not listen meanwhile"
    bench.wait(1)
    assert hears(listen)
    assert len(woken) == told + 1


def test_whoever_knows_of_a_block_is_not_kept_waiting_for_the_poll(tmp_path: Path) -> None:
    """The poll is a minute; a look comes at once."""
    bench = Bench(tmp_path / "db")
    looks: list[float] = []
    looked = threading.Event()

    class Watching:
        name = "watch"

        def step(self) -> bool:
            looks.append(time.monotonic())
            looked.set()
            return False

    supervisor = Supervisor(bench.node, (Watching(),), poll_interval_s=60)
    thread = threading.Thread(target=supervisor.run)
    thread.start()
    try:
        for _ in range(3):
            assert looked.wait(10)
            looked.clear()
            supervisor.look()
        assert looked.wait(10)
    finally:
        supervisor.stop()
        thread.join(10)
    assert not thread.is_alive()
    assert len(looks) >= 4
