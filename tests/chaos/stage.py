"""One chain, one proxy, one node at work, and a requester who asks: where each row of the fault table plays."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

from demo import chains
from demo.chains import RunningChain
from tests.chaos import tally
from tests.chaos.proxy import Fault, Proxy, calm, serving
from tests.chaos.tally import Tally
from tests.forking import THEMIS
from tests.homes import SELFTEST, make_home, register, said, wait_until_ready
from tests.world import World
from themis.chain.contracts import ORACLE
from themis.core.types import ETHER, Address, Hash32, UseClass

INPUT: Final = bytes(range(64))
REQUEST_GAS: Final = 400_000
REQUEST_FEE_WEI: Final = 200 * 10**9
"""A request is mined whatever a row does to the base fee."""
WINDOW_S: Final = 3_600
FEE_WEI: Final = 10**15
"""More than an answer costs at a fee of 1 gwei and more."""
PATIENCE_S: Final = 90.0
FEES: Final = ("maxFeePerGas", "maxPriorityFeePerGas")
KEPT_BACK_S: Final = 5.0
_LOOK_S: Final = 0.1


class Failed(AssertionError):  # noqa: N818 (a row that failed)
    """What a row says must hold does not."""


def must(holds: object, what: str) -> None:
    if not holds:
        raise Failed(what)


@dataclass(slots=True)
class Stage:
    """A node between a chain and its requests. Requests go to the chain itself; only the node sees the faults."""

    world: World
    model_id: Hash32
    proxy: Proxy
    home: Path
    process: subprocess.Popen[str] | None = None
    url: str = ""
    lane: int = 0
    nonce: int = 0
    """The requester's next one: Anvil's own count is a step behind while it mines."""
    sent: dict[int, dict[str, str]] = field(default_factory=dict)
    """The requester's transactions, by nonce."""
    orders: set[Hash32] = field(default_factory=set)
    """Those that the node has taken: no block tells of them before they are answered."""
    last: list[str] = field(default_factory=list)
    """Hashes of the newest of them: one of these is mined."""
    _mined: int = 0
    _moved_s: float = 0.0
    since_s: float = field(default_factory=time.monotonic)
    """When the fault ended; when the requests were made, where it stays."""

    locks: Path | None = None
    """Where the lock of the key lies; None: beside the home."""
    final: Tally | None = None
    """Taken by the row, where the home does not outlive it."""

    @property
    def chain(self) -> RunningChain:
        return self.world.chain

    @property
    def store(self) -> Path:
        return self.home / "themis.db"

    def ask(self, number: int, **changes: Any) -> None:
        """Ask so many times at once, straight at the chain. `changes`: as `new_request` has them."""
        self.send([self.new_request(**changes) for _ in range(number)])
        self.since_s = time.monotonic()

    def send(self, requests: Sequence[dict[str, str]]) -> Sequence[dict[str, str]]:
        """Hand the requester's transactions to the chain."""
        mined = self._requesters_nonce()
        if mined >= self.nonce:  # else what is kept back has been so for longer than this
            self.nonce, self._mined, self._moved_s = mined, mined, time.monotonic()
        calls: list[Any] = []
        for each in requests:
            self.sent[self.nonce] = each | {"nonce": hex(self.nonce)}
            calls.append(("eth_sendTransaction", [self.sent[self.nonce]]))
            self.nonce += 1
        if hashes := self.proxy.batch(calls):
            self.last = hashes[-1:]
        return requests

    def new_request(
        self,
        *,
        fee_wei: int = FEE_WEI,
        input_: bytes = INPUT,
        model_id: Hash32 | None = None,
        window_s: int = WINDOW_S,
        callback_gas: int = 0,
        use_class: UseClass = UseClass.COMMERCIAL,
        token: Address = ETHER,
    ) -> dict[str, str]:
        """One that is paid in ether, or in a token."""
        self.lane += 1
        deadline_s = self.world.now_s() + window_s
        ask = (model_id or self.model_id, self.world.operator.address, use_class, self.lane, deadline_s, callback_gas)
        data = ORACLE.call("request", ask, input_)
        if token != ETHER:
            data = ORACLE.call("requestWithToken", ask, input_, token, fee_wei)
        return {
            "from": "0x" + self.world.requester.address.hex(),
            "to": "0x" + self.world.client.oracle.hex(),
            "data": "0x" + data.hex(),
            "value": hex(fee_wei if token == ETHER else 0),
            "gas": hex(REQUEST_GAS + callback_gas),
            "maxFeePerGas": hex(REQUEST_FEE_WEI),
            "maxPriorityFeePerGas": hex(10**9),
        }

    def choose(self, fault: Fault) -> None:
        self.proxy.choose(fault)

    def heal(self) -> None:
        """No fault from now on: recovery is counted from here."""
        self.proxy.choose(calm)
        self.since_s = time.monotonic()

    def all_answered(self, within_s: float = PATIENCE_S) -> None:
        """Every request that is on the chain gets its answer in time."""
        self.all_over(within_s)
        found = self.tally()
        must(found.answered == found.asked, f"{found.asked - found.answered} of {found.asked} were not answered")

    def all_mined(self, within_s: float = PATIENCE_S) -> None:
        """A chain that mines by itself still takes its time."""
        self.until(lambda: self.unmined() <= 0, "every request is in a block", within_s)
        # Anvil counts a transaction a moment before it shows its logs.
        self.until(
            lambda: not self.last or any(self.chain.rpc("eth_getTransactionReceipt", each) for each in self.last),
            "the last request's receipt is shown",
        )

    def unmined(self) -> int:
        """Requests that no block has yet. What the pool keeps back is replaced: Anvil 1.7.1 now and then puts a
        transaction whose turn it is among those whose turn it is not, and no block that is mined frees it.
        """
        mined, now_s = self._requesters_nonce(), time.monotonic()
        if mined != self._mined or mined >= self.nonce:
            self._mined, self._moved_s = mined, now_s
        elif now_s > self._moved_s + KEPT_BACK_S:
            self._moved_s = now_s
            self._replace(mined)
        return self.nonce - mined

    def _replace(self, nonce: int) -> None:
        dearer = self.sent[nonce] | {key: hex(int(self.sent[nonce][key], 16) * 13 // 10) for key in FEES}
        try:
            hashes = self.proxy.batch([("eth_sendTransaction", [dearer])])
        except RuntimeError:
            return  # a block has just taken it
        self.sent[nonce] = dearer
        if nonce == self.nonce - 1:
            self.last += hashes

    def _requesters_nonce(self) -> int:
        requester = "0x" + self.world.requester.address.hex()
        return int(self.chain.rpc("eth_getTransactionCount", requester, "latest"), 16)

    def others_answered(self, number: int, within_s: float) -> None:
        """All requests but so many are answered in time: those that cannot be do not stand in the way."""
        self.all_mined(within_s)
        self.until(lambda: len(self.open_ids()) <= number, f"all but {number} of the requests are answered", within_s)
        found = self.tally()
        must(found.answered >= found.asked - number, f"only {found.answered} of {found.asked} were answered")
        self.chain.rpc("evm_increaseTime", 2 * WINDOW_S)
        self.mine()
        self.all_over(60)

    def all_over(self, within_s: float = PATIENCE_S) -> None:
        """Every request that was made is on the chain, and answered or closed, in time."""
        give_up = time.monotonic() + within_s
        self.all_mined(within_s)
        while left := self.open_ids():
            must(self.process is None or self.process.poll() is None, f"the node ended: {self.last_words()}")
            must(time.monotonic() < give_up, f"{len(left)} requests are open after {within_s:g} s")
            time.sleep(_LOOK_S)

    def open_ids(self) -> set[Hash32]:
        asked, answered = tally.requests(self.proxy, self.world, self.orders)
        left = asked - answered
        return left - tally.states(self.store, "closed") if left else left

    def tally(self) -> Tally:
        return self.final or tally.take(self.proxy, self.world, self.store, self.orders)

    # The node

    def start(self, *, wait: bool = True, command: Sequence[str] = THEMIS, **options: Any) -> None:
        with (self.home / "log").open("a") as log:
            line = [*command, "--home", str(self.home), "run"]
            self.process = subprocess.Popen(line, stderr=log, stdout=log, text=True, env=self.environment(), **options)
        if wait:
            self.ready()

    def environment(self) -> dict[str, str]:
        """The lock of the key lies among the temporary files: chains of the same second have the same genesis block."""
        return os.environ | {"TMPDIR": str(self.locks or self.home.parent)}

    def ready(self) -> None:
        """Wait until the node answers on its API."""
        assert self.process is not None
        self.url = wait_until_ready(self.home, self.process)

    def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def end(self, with_signal: signal.Signals = signal.SIGTERM, within_s: float = 30) -> tuple[int, float]:
        """Ask the node to end: its status, and the seconds it took."""
        assert self.process is not None
        start = time.monotonic()
        self.process.send_signal(with_signal)
        try:
            status = self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise Failed(f"{with_signal.name} did not end the node in {within_s:g} s") from None
        return status, time.monotonic() - start

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def log(self) -> str:
        return said(self.home)

    def last_words(self) -> str:
        lines = self.log().splitlines()
        return lines[-1] if lines else "nothing"

    def get(self, path: str) -> Any:
        with urlopen(self.url + path, timeout=30) as response:  # noqa: S310 (our own loopback URL)
            return json.load(response)

    def alerts(self) -> str:
        """Nothing where the node has ended."""
        try:
            return json.dumps(self.get("/v1/status")["alerts"])
        except OSError:
            return ""

    def until(self, holds: Any, what: str, within_s: float = PATIENCE_S) -> None:
        """Wait for something. Raises Failed where it does not come."""
        give_up = time.monotonic() + within_s
        while not holds():
            must(time.monotonic() < give_up, f"not within {within_s:g} s: {what}")
            time.sleep(_LOOK_S)

    # The chain

    def mine(self, blocks: int = 1) -> None:
        self.chain.rpc("anvil_mine", hex(blocks))

    def interval(self, seconds: int) -> None:
        """A block every so many seconds."""
        self.chain.rpc("evm_setAutomine", False)  # noqa: FBT003 (the RPC's parameter)
        self.chain.rpc("evm_setIntervalMining", seconds)

    def hold(self) -> None:
        """No block but those that `mine` makes."""
        self.chain.rpc("evm_setAutomine", False)  # noqa: FBT003 (the RPC's parameter)

    def release(self) -> None:
        """A block for each transaction again, and one now."""
        self.chain.rpc("evm_setAutomine", True)  # noqa: FBT003 (the RPC's parameter)
        self.mine()


@contextmanager
def staged(
    directory: Path,
    *,
    started: bool = True,
    settings: chains.Settings | None = None,
    bundle: Path = SELFTEST,
    config: str = "",
    poll_interval_s: float = 0.05,
) -> Iterator[Stage]:
    """A fresh chain with a licensed model, and a node that serves it through a proxy."""
    with ExitStack() as stack:
        chain = stack.enter_context(chains.start(settings=settings))
        world = World.build(chain)
        model_id = register(world, bundle)
        world.license(model_id)
        proxy = stack.enter_context(serving(chain.rpc_url))
        seen = replace(world, chain=replace(chain, rpc_url=proxy.url))
        home = make_home(directory, seen, [(bundle, model_id)], poll_interval_s=poll_interval_s)
        if config:
            (home / "config.toml").write_text(config + "\n" + (home / "config.toml").read_text())
        stage = Stage(world, model_id, proxy, home)
        stack.callback(stage.kill)
        if started:
            stage.start()
        yield stage
