"""Latency of single requests and throughput of a burst, on a real chain with a real node process.

For orientation, infernet-node on such a machine (issue 2): 10 requests/s at best, 74-96 CPU-ms and 31-39 RPC calls per
request, 0.61 s median with automine, 2 blocks with its defaults, 3 of 800 requests lost.
"""

import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

import onnxruntime
from eth_utils.crypto import keccak
from rich.console import Console
from rich.table import Table

from demo import chains
from tests.homes import RISK, SELFTEST, make_home, register, running, wait_until_ready
from tests.world import FEES, World
from themis.chain.abi import Artifact
from themis.chain.contracts import ORACLE
from themis.core.fees import Market
from themis.core.transaction import Transaction
from themis.core.types import Address, Hash32, UseClass

RESULTS: Final = Path(__file__).with_name("requests.json")
SEQUENTIAL: Final = 50
BURST: Final = 200
REQUEST_GAS: Final = 400_000
FEE_WEI: Final = 10**9
TIMEOUT_S: Final = 120
CLOCK_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Row:
    """One model on one kind of chain."""

    model: str
    blocks: str
    latency_blocks: float
    """Median over the sequential requests: block of the answer less block of the request."""
    latency_ms: float
    """Median: from sending the request to seeing the answer in a block, as a client does by polling."""
    latency_p95_ms: float
    burst_per_s: float
    """Requests from the first broadcast to the last answer in a block."""
    burst_lost: int
    cpu_ms: float
    """CPU time of the node per request of the burst, user and system, all threads."""
    rpc_calls: float
    """JSON-RPC calls of the node per request of the burst; a batch counts each of its calls."""
    onnx_share: float
    """Share of the burst's wall time during which ONNX Runtime and preprocessing ran."""


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
    model_id: Hash32
    input: bytes
    lane: int = 0

    def sequential(self) -> list[tuple[int, float]]:
        """(blocks, seconds) of each request, one after the other."""
        return [self._one() for _ in range(SEQUENTIAL)]

    def burst(self) -> tuple[float, int]:
        """Seconds until the last answer, and how many requests had none."""
        raws = self._signed_requests(BURST)
        first_block = self._head()
        before = len(self.world.client.logs("Fulfilled", first_block))
        start = time.monotonic()
        results = self.world.client.rpc.batch([("eth_sendRawTransaction", ["0x" + raw.hex()]) for raw in raws])
        if failed := [result for result in results if isinstance(result, Exception)]:
            raise failed[0]
        answered = 0
        while answered < BURST and time.monotonic() - start < TIMEOUT_S:
            time.sleep(0.02)
            answered = len(self.world.client.logs("Fulfilled", first_block)) - before
        return time.monotonic() - start, BURST - answered

    def _one(self) -> tuple[int, float]:
        """Ask, and poll until the answer is in a block."""
        (raw,) = self._signed_requests(1)
        seen: dict[str, int] = {}
        head = self._head()
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

    def _signed_requests(self, number: int) -> list[bytes]:
        requester, client = self.world.requester, self.world.client
        nonce = int(client.rpc.call("eth_getTransactionCount", "0x" + requester.address.hex(), "latest"), 16)
        fees = FEES.quote(Market(10**10, 0))
        raws = []
        for offset in range(number):
            self.lane += 1
            data = ORACLE.call("request", self._ask_struct(), self.input)
            unsigned = Transaction(
                client.chain_id, nonce + offset, client.oracle, data, REQUEST_GAS, fees, value_wei=FEE_WEI
            )
            raws.append(requester.sign(unsigned))
        return raws

    def _ask_struct(self) -> tuple[Any, ...]:
        deadline_s = self.world.now_s() + 3_600
        return (self.model_id, self.world.operator.address, UseClass.COMMERCIAL, self.lane, deadline_s, 0)

    def _head(self) -> int:
        return int(self.world.client.rpc.call("eth_blockNumber"), 16)


@contextmanager
def started(bundle: Path, block_time_s: int | None, directory: Path) -> Iterator[tuple[Track, int, str]]:
    """A chain, a model, a node: the track, the node's pid and its URL."""
    with chains.start(chains.Kind.ANVIL) as chain:
        world = World.build(chain)
        model_id = register(world, bundle)
        world.license(model_id)
        track = Track(world, model_id, _input(world, bundle))
        if block_time_s is not None:
            chain.rpc("evm_setIntervalMining", block_time_s)
        home = make_home(directory, world, [(bundle, model_id)])
        with running(home) as process:
            yield track, process.pid, wait_until_ready(home, process)


def _input(world: World, bundle: Path) -> bytes:
    """A target with real code for the model that reads code, 64 bytes for the other."""
    if bundle != RISK:
        return bytes(range(64))
    target: Address = world.deploy(Artifact("EthVault"), 3_600)
    code: str = world.chain.rpc("eth_getCode", "0x" + target.hex(), "latest")
    return bytes(12) + target + keccak(bytes.fromhex(code[2:]))


def measure(bundle: Path, block_time_s: int | None) -> Row:
    with (
        tempfile.TemporaryDirectory() as directory,
        started(bundle, block_time_s, Path(directory)) as (track, pid, url),
    ):
        track.burst()  # the first burst warms the node up
        before = Reading.take(pid, url)
        wall_s, lost = track.burst()
        after = Reading.take(pid, url)
        sequential = track.sequential()
    latencies_ms = sorted(1_000 * seconds for _, seconds in sequential)
    return Row(
        model=bundle.name,
        blocks="automine" if block_time_s is None else f"{block_time_s} s",
        latency_blocks=statistics.median(blocks for blocks, _ in sequential),
        latency_ms=round(statistics.median(latencies_ms), 1),
        latency_p95_ms=round(latencies_ms[int(0.95 * len(latencies_ms))], 1),
        burst_per_s=round(BURST / wall_s, 1),
        burst_lost=lost,
        cpu_ms=round(1_000 * (after.cpu_s - before.cpu_s) / BURST, 2),
        rpc_calls=round((after.rpc_calls - before.rpc_calls) / BURST, 2),
        onnx_share=round((after.inference_s - before.inference_s) / wall_s, 3),
    )


def show(rows: Sequence[Row]) -> Table:
    """The rows, and infernet-node's figures for orientation."""
    table = Table(title=f"{SEQUENTIAL} requests one by one, then {BURST} at once")
    for heading in ("model", "blocks", "latency", "", "95 %", "burst", "lost", "CPU", "RPC calls", "ONNX Runtime"):
        table.add_column(heading)
    for row in rows:
        table.add_row(
            row.model,
            row.blocks,
            f"{row.latency_blocks:g} blocks",
            f"{row.latency_ms:g} ms",
            f"{row.latency_p95_ms:g} ms",
            f"{row.burst_per_s:g}/s",
            str(row.burst_lost),
            f"{row.cpu_ms:g} ms",
            f"{row.rpc_calls:g}",
            f"{100 * row.onnx_share:.0f} %",
        )
    table.add_row("infernet-node", "automine", "", "610 ms", "", "10/s", "3 of 800", "74-96 ms", "31-39", "")
    return table


def main() -> int:
    """Measure everything, print it, store it."""
    rows = [measure(bundle, block_time_s) for bundle in (SELFTEST, RISK) for block_time_s in (None, 1)]
    machine = {"cpus": os.cpu_count(), "machine": platform.machine(), "onnxruntime": onnxruntime.__version__}
    RESULTS.write_text(json.dumps({"machine": machine, "rows": [asdict(row) for row in rows]}, indent=2) + "\n")
    Console(width=120).print(show(rows))
    return 1 if any(row.burst_lost for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
