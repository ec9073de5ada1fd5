"""A chain, a node as `themis init` leaves it, and a requester: what the benchmarks of requests are run on."""

import compileall
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from urllib.request import urlopen

from eth_utils.crypto import keccak

from demo import chains
from tests.chaos.proxy import Proxy, serving
from tests.cli_kit import Person
from tests.forking import THEMIS
from tests.homes import RISK, ROOT, SELFTEST, register, running, wait_until_ready, write_key
from tests.world import FEES, World
from themis.chain.abi import Artifact
from themis.chain.contracts import ORACLE
from themis.chain.rpc import Rpc
from themis.core.fees import Market
from themis.core.transaction import Transaction
from themis.core.types import Address, Hash32, UseClass

__all__ = ["RISK", "SELFTEST", "Reading", "Track", "laid", "start"]

REQUEST_GAS: Final = 400_000
FEE_WEI: Final = 10**15
TIMEOUT_S: Final = 120
BATCH: Final = 100
KEPT_BACK_S: Final = 2.0
CLOCK_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Reading:
    """Counters of the node process."""

    cpu_s: float
    rpc_calls: float
    inference_s: float

    @classmethod
    def take(cls, pid: int, url: str) -> "Reading":
        ticks = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
        with urlopen(f"{url}/metrics", timeout=10) as response:  # noqa: S310 (our own loopback URL)
            lines = response.read().decode().splitlines()
        return cls(
            cpu_s=sum(map(int, ticks)) / CLOCK_TICKS,
            rpc_calls=_total(lines, "themis_rpc_calls_total"),
            inference_s=_total(lines, "themis_inference_seconds_sum"),
        )


def _total(lines: Sequence[str], metric: str) -> float:
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(metric) and "_created" not in line)


@dataclass(slots=True)
class Track:
    """A world in which requests are made, and the input they carry."""

    world: World
    proxy: Proxy
    home: Path
    model_id: Hash32
    input: bytes
    pid: int = 0
    url: str = ""
    start_s: float = 0.0
    lane: int = 0
    asked: dict[int, Transaction] = field(default_factory=dict)
    """The requester's transactions, by nonce."""
    _mined: int = 0
    _moved_s: float = 0.0

    def burst(self, number: int) -> tuple[float, int]:
        """Seconds until the last answer, and how many requests had none."""
        raws = self.signed(number)
        first_block = self.head()
        before = self.answered(first_block)
        start = time.monotonic()
        broadcast(self.world.client.rpc, raws)
        answered = 0
        while answered < number and time.monotonic() - start < TIMEOUT_S:
            time.sleep(0.02)
            answered = self.answered(first_block) - before
            self._free(start)
        return time.monotonic() - start, number - answered

    def one(self) -> tuple[int, float]:
        """Ask, and poll until the answer is in a block: blocks and seconds between the two."""
        (raw,) = self.signed(1)
        seen: dict[str, int] = {}
        head = self.head()
        query = {"address": "0x" + self.world.client.oracle.hex(), "fromBlock": hex(head)}
        requested, fulfilled = ("0x" + ORACLE.topic(event).hex() for event in ("Requested", "Fulfilled"))
        start = time.monotonic()
        self.world.client.rpc.call("eth_sendRawTransaction", "0x" + raw.hex())
        while fulfilled not in seen:
            if time.monotonic() - start > TIMEOUT_S:
                raise RuntimeError(f"no answer after {TIMEOUT_S} s")
            time.sleep(0.002)
            for log in self.world.client.rpc.call("eth_getLogs", query):
                if (number := int(log["blockNumber"], 16)) > head:
                    seen[log["topics"][0]] = number
        return seen[fulfilled] - seen[requested], time.monotonic() - start

    def signed(self, number: int) -> list[bytes]:
        client = self.world.client
        nonce = self._nonce("pending")  # a transaction of the last burst may still be in the pool
        fees = FEES.quote(Market(10**10, 0))
        deadline_s = self.world.now_s() + 3_600
        raws = []
        for offset in range(number):
            self.lane += 1
            ask = (self.model_id, self.world.operator.address, UseClass.COMMERCIAL, self.lane, deadline_s, 0)
            data = ORACLE.call("request", ask, self.input)
            asked = Transaction(
                client.chain_id, nonce + offset, client.oracle, data, REQUEST_GAS, fees, value_wei=FEE_WEI
            )
            self.asked[asked.nonce] = asked
            raws.append(self.world.requester.sign(asked))
        return raws

    def _free(self, begun_s: float) -> None:
        """Replace a request that the pool keeps back.

        Anvil 1.7.1 now and then puts a transaction whose turn it is among those whose turn it is not, and no block that
        is mined frees it: that is no fault of the node.
        """
        now_s, mined = time.monotonic(), self._nonce("latest")
        if mined != self._mined or mined not in self.asked:
            self._mined, self._moved_s = mined, now_s
        elif now_s - max(begun_s, self._moved_s) > KEPT_BACK_S:
            self._moved_s = now_s
            dearer = FEES.bump(self.asked[mined].fees, Market(10**10, 0))
            if dearer is not None:
                self.asked[mined] = replace(self.asked[mined], fees=dearer)
                self.world.client.rpc.batch(
                    [("eth_sendRawTransaction", ["0x" + self.world.requester.sign(self.asked[mined]).hex()])]
                )

    def _nonce(self, block: str) -> int:
        requester = "0x" + self.world.requester.address.hex()
        return int(self.world.client.rpc.call("eth_getTransactionCount", requester, block), 16)

    def answered(self, first_block: int) -> int:
        client = self.world.client
        query = {"address": "0x" + client.oracle.hex(), "fromBlock": hex(first_block)}
        topics = [["0x" + ORACLE.topic("Fulfilled").hex()]]
        return len(client.rpc.call("eth_getLogs", query | {"topics": topics}))

    def head(self) -> int:
        return int(self.world.client.rpc.call("eth_blockNumber"), 16)


def broadcast(rpc: Rpc, raws: Sequence[bytes]) -> None:
    """In batches, as a node hands them over. Raises what the chain complains of."""
    for result in rpc.batch([("eth_sendRawTransaction", ["0x" + raw.hex()]) for raw in raws]):
        if isinstance(result, Exception):
            raise result


@contextmanager
def laid(bundle: Path, directory: Path, *, away_s: float | None = None) -> Iterator[Track]:
    """A fresh chain with a licensed model, and a home as `themis init` writes it; no node yet.

    With `away_s` (one way and back again) a proxy stands between.
    """
    with ExitStack() as stack:
        chain = stack.enter_context(chains.start(chains.Kind.ANVIL))
        world = World.build(chain)
        model_id = register(world, bundle)
        world.license(model_id)
        proxy = stack.enter_context(serving(chain.rpc_url))
        proxy.heads_after_s = None if away_s is None else away_s / 2
        operator = Person(directory / "home", world.operator)
        oracle = ("--oracle", "0x" + world.client.oracle.hex(), "--start-block", str(world.start_block))
        operator.tell("init", "--rpc-url", chain.rpc_url if away_s is None else proxy.url, *oracle)
        write_key(operator.home / "keys", world.operator)
        with (operator.home / "config.toml").open("a") as config:
            config.write(f'\n[[models]]\npath = "{bundle}"\nmodel_id = "0x{model_id.hex()}"\n')
        yield Track(world, proxy, operator.home, model_id, _input(world, bundle))


@contextmanager
def start(track: Track) -> Iterator[Track]:
    """The node of a track, on a port of its own, with its byte code, as `pip install` leaves it."""
    compileall.compile_dir(ROOT / "node/themis", quiet=2)
    begun = time.monotonic()
    port = f"api.port={chains.free_port()}"
    with running(track.home, [*THEMIS, "--set", port]) as process:
        track.url = wait_until_ready(track.home, process)
        track.start_s = time.monotonic() - begun
        track.pid = process.pid
        yield track


def _input(world: World, bundle: Path) -> bytes:
    """A target with real code for the model that reads code, 64 bytes for the other."""
    if bundle != RISK:
        return bytes(range(64))
    target: Address = world.deploy(Artifact("EthVault"), 3_600)
    code: str = world.chain.rpc("eth_getCode", "0x" + target.hex(), "latest")
    return bytes(12) + target + keccak(bytes.fromhex(code[2:]))
