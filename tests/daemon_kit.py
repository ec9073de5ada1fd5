"""A node on fakes, and ways to let it work without threads."""

from pathlib import Path

from tests.fakes import CHAIN_ID, KEY, OPERATOR, ORACLE_ADDRESS, FakeChain, FakeClock, FakeEngine
from themis.core.fees import FeePolicy
from themis.core.job import Job
from themis.core.types import Hash32
from themis.daemon.infer import Infer
from themis.daemon.judge import Judge
from themis.daemon.node import Node, Settings
from themis.daemon.send import Send
from themis.daemon.settle import Settle
from themis.daemon.supervisor import Loop
from themis.daemon.watch import Watch
from themis.edge.keystore import KeystoreSigner
from themis.edge.store import SqliteStore
from themis.telemetry import Telemetry

GWEI = 10**9


class Bench:
    """One operator on one fake chain. `restart` is what a crash leaves: the store, and nothing else."""

    def __init__(self, path: Path, *, confirmations: int = 1, min_fee_wei: int = 0) -> None:
        self.chain = FakeChain()
        self.clock = FakeClock()
        self.engine = FakeEngine()
        self._path = path
        self._settings = Settings(
            chain_id=CHAIN_ID,
            oracle=ORACLE_ADDRESS,
            start_block=0,
            confirmations=confirmations,
            min_fee_wei=min_fee_wei,
            fees=FeePolicy(200 * GWEI, GWEI),
        )
        self._start()

    def restart(self) -> None:
        self.store.close()
        self._start()

    def _start(self) -> None:
        self.store = SqliteStore(self._path, chain_id=CHAIN_ID, oracle=ORACLE_ADDRESS, operator=OPERATOR)
        signer = KeystoreSigner(KEY)
        self.node = Node(
            self.chain, self.store, self.engine, signer, self.clock, self._settings, Telemetry(self.engine.models())
        )
        self.watch, self.judge, self.infer = Watch(self.node), Judge(self.node), Infer(self.node)
        self.send, self.settle = Send(self.node), Settle(self.node)
        self.loops: tuple[Loop, ...] = (self.watch, self.judge, self.infer, self.send, self.settle)

    def work(self) -> None:
        """Run every loop until none has anything left to do."""
        while sum(loop.step() for loop in self.loops):
            pass

    def see(self) -> None:
        """Run the watcher alone until everything is recorded."""
        while self.watch.step():
            pass

    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    def job(self, job_id: Hash32) -> Job:
        job = self.store.job(job_id)
        assert job is not None
        return job
