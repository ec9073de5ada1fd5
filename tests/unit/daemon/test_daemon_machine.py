"""Whatever the world does between any two steps, every request gets exactly one answer. Stateful, as raiden tests."""

import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from tests.daemon_kit import GWEI, Bench, Killed
from themis.core.errors import Reason, Unavailable
from themis.core.job import State
from themis.core.types import Hash32
from themis.daemon.attempts import LOST_AFTER_S


class World(RuleBasedStateMachine):
    """Requests, blocks, reorganizations, forgetful mempools, dead endpoints and crashes, in any order."""

    ids = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self._directory = tempfile.TemporaryDirectory()
        self.bench = Bench(Path(self._directory.name) / "themis.db", confirmations=3)
        self.bench.chain.foretold = None  # by itself every answer is taken
        self.bench.chain.mine()
        self.bench.see()
        self.asked: set[Hash32] = set()
        self.serial = 0

    @rule(target=ids, paid=st.booleans())
    def ask(self, *, paid: bool) -> Hash32:
        self.serial += 1
        id_ = self.bench.chain.ask(self.serial.to_bytes(4, "big"), fee=int(paid), deadline_s=2**40 - 1)
        self.asked.add(id_)
        return id_

    @rule(loop=st.integers(0, 4), seconds=st.sampled_from([0, 1, 6, 31, 61]))
    def step(self, loop: int, seconds: int) -> None:
        self.bench.wait(seconds)
        try:
            self.bench.loops[loop].step()
        except Unavailable:
            assert self.bench.chain.down

    @rule(loop=st.integers(0, 4), seconds=st.sampled_from([0, 6]), effects=st.integers(0, 3))
    def die(self, loop: int, seconds: int, effects: int) -> None:
        """The process is killed in the middle of a step, after so many writes and broadcasts."""
        self.bench.wait(seconds)
        self.bench.life.left = effects
        with suppress(Killed, Unavailable):
            self.bench.loops[loop].step()
        self.bench.restart()

    @rule()
    def work(self) -> None:
        if not self.bench.chain.down:
            self.bench.work()

    @rule(include=st.booleans())
    def mine(self, *, include: bool) -> None:
        self.bench.chain.mine(include=include)

    @rule(depth=st.integers(1, 4), keep_answers=st.booleans())
    def reorganize(self, depth: int, *, keep_answers: bool) -> None:
        depth = min(depth, len(self.bench.chain.chain) - 2)
        if depth > 0:
            self.bench.chain.reorg(depth, keep_requests=True, keep_answers=keep_answers)

    @rule(lane=st.integers(0, 9))
    def starve(self, lane: int) -> None:
        """Callbacks of some have no gas left beside others: those answers go alone."""
        self.bench.chain.starved = lambda request: request.lane % 10 == lane

    @rule(answers=st.integers(1, 4))
    def shrink_blocks(self, answers: int) -> None:
        """So many answers have room in one transaction."""
        self.bench.chain.gas_limit = 4 * 180_000 * answers

    @rule()
    def forget_transactions(self) -> None:
        self.bench.chain.mempool.clear()

    @rule(gwei=st.integers(1, 60))
    def change_base_fee(self, gwei: int) -> None:
        self.bench.chain.base_fee_wei = gwei * GWEI

    @rule(down=st.booleans())
    def unplug(self, *, down: bool) -> None:
        self.bench.chain.down = down

    @rule()
    def crash(self) -> None:
        self.bench.restart()

    @rule()
    def lose_store(self) -> None:
        self.bench.lose_store()

    @invariant()
    def nobody_is_answered_twice(self) -> None:
        assert all(len(answers) == 1 for answers in self.bench.chain.answers().values())

    def teardown(self) -> None:
        try:
            self._settle_down()
        finally:
            self.bench.store.close()
            self._directory.cleanup()

    def _settle_down(self) -> None:
        """Let the world be kind for a while: then everything must be answered, once, and nothing left over."""
        bench = self.bench
        bench.chain.down = False
        bench.chain.base_fee_wei = GWEI
        for _ in range(12):
            bench.work()
            bench.chain.mine()
            bench.wait(LOST_AFTER_S)
        bench.work()
        assert set(bench.chain.answers()) == self.asked
        for id_ in self.asked:
            assert bench.job(id_).state is State.DONE
        assert bench.store.unsettled() == []
        assert bench.store.counts().by_reason[Reason.REVERTED] == 0


World.TestCase.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestWorld = World.TestCase
