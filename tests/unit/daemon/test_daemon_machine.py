"""Whatever the world does between any two steps, every request gets exactly one answer. Stateful, as raiden tests."""

import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from tests.daemon_kit import GWEI, Bench, Killed
from tests.fakes import SIGNATURE
from themis.core import listing
from themis.core.errors import Reason, Refused, Unavailable
from themis.core.job import State
from themis.core.types import Hash32, Request
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
        self.orders: dict[Hash32, tuple[Request, bytes]] = {}
        self.serial = 0

    @rule(target=ids, paid=st.booleans())
    def ask(self, *, paid: bool) -> Hash32:
        self.serial += 1
        id_ = self.bench.chain.ask(self.serial.to_bytes(4, "big"), fee=int(paid), deadline_s=2**40 - 1)
        self.asked.add(id_)
        return id_

    @rule(items=st.integers(0, 2), effects=st.none() | st.integers(0, 1))
    def order(self, items: int, effects: int | None) -> None:
        """Its requester sends it until it has been taken, the process may die at the door, and knows its id."""
        if self.bench.chain.down:
            return
        self.serial += 1
        input_ = self.serial.to_bytes(4, "big")
        input_ = listing.pack([input_] * items) if items else input_
        order = self.bench.chain.order(input_, fee=1, items=items, deadline_s=2**40 - 1)
        self.bench.life.left = effects
        try:
            self._bring(order, input_)
        except Killed:
            self.bench.restart()
            self._bring(order, input_)
        self.bench.life.left = None

    def _bring(self, order: Request, input_: bytes) -> None:
        with suppress(Unavailable, Refused):  # the chain is not read yet, or is another now
            job = self.bench.door.take(order, SIGNATURE, listing.questions(order, input_))
            self.orders[job.id] = order, input_

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
        bench.chain.gas_limit = 30_000_000
        bench.chain.base_fee_wei = GWEI
        bench.work()
        for order, input_ in self.orders.values():  # a store that was lost has lost them
            self._bring(order, input_)
        for _ in range(12):
            bench.work()
            bench.chain.mine()
            bench.wait(LOST_AFTER_S)
        bench.work()
        everything = self.asked | set(self.orders)
        assert set(bench.chain.answers()) == everything
        for id_ in filter(bench.store.job, everything):
            assert bench.job(id_).state is State.DONE
        assert bench.store.unsettled() == []
        assert bench.store.counts().by_reason[Reason.REVERTED] == 0


World.TestCase.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestWorld = World.TestCase
