"""What it brings that answers share a transaction: gas and rate of a burst, beside a node whose answers go alone.

Side by side in one run, each burst on a fresh chain with a fresh node as `themis init` leaves it. Alone: blocks of so
little gas that a fair share of one has room for a single answer.
"""

import json
import statistics
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from rich.console import Console

from benchmarks.requests import ROUNDS, fresh
from benchmarks.track import SELFTEST, Track
from themis.chain.contracts import ORACLE

RESULTS: Final = Path(__file__).with_name("gathering.json")
NUMBER: Final = 500
_ONE_EACH: Final = 1_000_000
_MANY: Final = 30_000_000


@dataclass(frozen=True, slots=True)
class Burst:
    """One burst."""

    per_s: float
    gas: float
    """Of the operator's transactions, for each answer."""
    together: float
    """Answers in a transaction, on average."""
    lost: int


@dataclass(frozen=True, slots=True)
class Ratio:
    """Gathered against alone: medians of rounds in turn."""

    alone: Burst
    gathered: Burst
    rate: float
    gas: float


def burst(block_gas: int) -> Burst:
    with fresh(SELFTEST) as track:
        track.world.chain.rpc("evm_setBlockGasLimit", hex(block_gas))
        track.world.chain.rpc("evm_mine")
        first_block = track.head() + 1
        wall_s, lost = track.burst(NUMBER)
        gases = _gases(track, first_block)
        answered = NUMBER - lost
        return Burst(
            round(answered / wall_s, 1), round(sum(gases) / answered, 1), round(answered / len(gases), 2), lost
        )


def _gases(track: Track, first_block: int) -> list[int]:
    """Gas of each transaction that answers."""
    rpc, oracle = track.world.client.rpc, "0x" + track.world.client.oracle.hex()
    topics = ["0x" + ORACLE.topic("Fulfilled").hex()]
    logs = rpc.call("eth_getLogs", {"address": oracle, "fromBlock": hex(first_block), "topics": topics})
    hashes = list(dict.fromkeys(log["transactionHash"] for log in logs))
    return [int(receipt["gasUsed"], 16) for receipt in rpc.batch([("eth_getTransactionReceipt", [h]) for h in hashes])]


def compare() -> Ratio:
    """A block for each transaction, as Anvil makes them: what limits the rate is the node and the chain's own work."""
    alone, gathered = [], []
    for _ in range(ROUNDS):
        alone.append(burst(_ONE_EACH))
        gathered.append(burst(_MANY))
    first, second = (sorted(each, key=lambda one: one.per_s)[ROUNDS // 2] for each in (alone, gathered))
    gas = statistics.median(one.gas for one in gathered) / statistics.median(one.gas for one in alone)
    return Ratio(first, second, round(second.per_s / first.per_s, 2), round(gas, 3))


def main() -> int:
    """Measure, print and store."""
    found = compare()
    Console().print_json(json.dumps(asdict(found)))
    RESULTS.write_text(json.dumps(asdict(found), indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
