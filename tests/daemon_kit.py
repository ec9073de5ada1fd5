"""A node on fakes, and ways to let it work, and die, without threads."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fakes import CHAIN_ID, KEY, OPERATOR, ORACLE_ADDRESS, SIGNATURE, FakeChain, FakeClock, FakeEngine
from themis.core import listing
from themis.core.fees import FeePolicy
from themis.core.job import Job
from themis.core.pricing import Pricing, Rule
from themis.core.requesters import Requesters
from themis.core.types import Hash32
from themis.daemon.infer import Infer
from themis.daemon.judge import Judge
from themis.daemon.node import Node, Settings
from themis.daemon.orders import Door
from themis.daemon.send import Send
from themis.daemon.settle import Settle
from themis.daemon.supervisor import Loop
from themis.daemon.watch import Watch
from themis.keys.keystore import KeystoreSigner
from themis.store.store import SqlStore
from themis.telemetry import Telemetry

GWEI = 10**9
EVERYTHING = Pricing(Rule.FREE)
EVERYBODY = Requesters()
EFFECTS = frozenset(
    (
        "record_events",
        "rewind",
        "record",
        "record_terms",
        "record_order",
        "record_sent",
        "record_broadcast",
        "record_costs",
        "record_hour",
        "reopen",
        "vow",
        "hear",
    )
)
"""What a node does to its store. What it does to the chain is `send`."""


class Killed(BaseException):
    """SIGKILL: nothing may catch it."""


@dataclass(slots=True)
class Life:
    """How many more writes and broadcasts the process lives to see; None: any number."""

    left: int | None = None

    def spend(self) -> None:
        if self.left is None:
            return
        self.left -= 1
        if self.left < 0:
            raise Killed


@dataclass(frozen=True, slots=True)
class Mortal:
    """A port. The process may die after each of its effects; a batch of transactions is broadcast one by one."""

    port: Any
    life: Life

    def __getattr__(self, name: str) -> Any:
        whole = getattr(self.port, name)
        if name == "send":
            return self._send
        if name not in EFFECTS:
            return whole

        def deadly(*arguments: Any) -> Any:
            result = whole(*arguments)
            self.life.spend()
            return result

        return deadly

    def _send(self, raws: list[bytes]) -> list[str | None]:
        complaints = []
        for raw in raws:
            complaints += self.port.send([raw])
            self.life.spend()
        return complaints


@dataclass(frozen=True, slots=True)
class _Watching:
    """Loops of which the watcher alone wakes."""

    look: Callable[[], None]

    def nudge(self) -> None: ...


class Bench:
    """One operator on one fake chain. `restart` is what a crash leaves: the store, and nothing else."""

    def __init__(
        self,
        path: Path,
        *,
        confirmations: int = 1,
        min_fee_wei: int = 0,
        pricing: Pricing = EVERYTHING,
        requesters: Requesters = EVERYBODY,
        max_spend_wei: int | None = None,
        gather_s: float = 0.0,
        signers: int = 0,
    ) -> None:
        """`signers`: as if so many members of a committee had to sign; who is asked is the key all the same."""
        self.chain = FakeChain()
        self.clock = FakeClock()
        self.engine = FakeEngine()
        self.life = Life()
        self._path = path
        self._settings = Settings(
            chain_id=CHAIN_ID,
            oracle=ORACLE_ADDRESS,
            start_block=0,
            confirmations=confirmations,
            min_fee_wei=min_fee_wei,
            fees=FeePolicy(200 * GWEI, GWEI),
            pricing=pricing,
            requesters=requesters,
            max_spend_wei=max_spend_wei,
            gather_s=gather_s,
            signers=signers,
        )
        self._start()

    def restart(self) -> None:
        self.store.close()
        self.life.left = None
        self._start()

    def lose_store(self) -> None:
        """What a new machine with the same key starts from."""
        self.store.close()
        for left in self._path.parent.glob(f"{self._path.name}*"):
            left.unlink()
        self._start()

    def _start(self) -> None:
        self.store = SqlStore(self._path, chain_id=CHAIN_ID, oracle=ORACLE_ADDRESS, operator=OPERATOR)
        signer = KeystoreSigner(KEY.key)
        chain: Any = Mortal(self.chain, self.life)
        store: Any = Mortal(self.store, self.life)
        telemetry = Telemetry(self.engine.models())
        self.node = Node(chain, store, self.engine, signer, self.clock, self._settings, telemetry)
        self.watch, self.judge, self.infer = Watch(self.node), Judge(self.node), Infer(self.node)
        self.send, self.settle = Send(self.node), Settle(self.node)
        self.door = Door(self.node)
        self.door.loops = _Watching(self.see)
        self.loops: tuple[Loop, ...] = (self.watch, self.judge, self.infer, self.send, self.settle)

    def work(self) -> None:
        """Run every loop until none has anything left to do."""
        while sum(loop.step() for loop in self.loops):
            pass

    def mine(self) -> None:
        """Mine a block, and let the loops see it."""
        self.chain.mine()
        self.work()

    def see(self) -> None:
        """Run the watcher alone until everything is recorded."""
        while self.watch.step():
            pass

    def order(self, input_: bytes = b"in", **changes: object) -> Hash32:
        """Bring an order to the door; its id."""
        order = self.chain.order(input_, **changes)
        job = self.door.take(order, SIGNATURE, listing.questions(order, input_))
        return job.id

    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    def job(self, job_id: Hash32) -> Job:
        job = self.store.job(job_id)
        assert job is not None
        return job
