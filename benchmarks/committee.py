"""`python -m benchmarks.committee`: how much later a committee of three answers than one operator, in one run."""

import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any, Final

from demo import chains
from tests.chaos.committee import RESULTS
from tests.chaos.house import TICKS, ticks
from tests.committee_kit import RIGHT, House
from tests.committee_world import CommitteeWorld
from tests.homes import SELFTEST, make_home, register, running, wait_until_ready
from themis.core.types import Hash32

ASKED: Final = 40
BLOCKS_ASKED: Final = 20
_POLL_S: Final = 0.002


def main() -> None:
    """Print and keep."""
    found = {"automine": _latency(None, ASKED), "blocks_of_1_s": _latency(1, BLOCKS_ASKED), "exchanges": _exchanges()}
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    RESULTS.write_text(json.dumps(kept | {"latency": found}, indent=1) + "\n")
    print(json.dumps(found, indent=1))


def _latency(block_time_s: int | None, asked: int) -> dict[str, Any]:
    """What a request takes until its answer, alternating between one operator and 2 of 3."""
    settings = chains.Settings(block_time_s=block_time_s)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        chain = stack.enter_context(chains.start(chains.Kind.ANVIL, settings))
        committee = CommitteeWorld.build(chain, 2, 3)
        world = committee.world
        model_id = register(world, SELFTEST)
        world.license(model_id)
        committee.license(model_id, requester=False)
        homes = [
            committee.home(Path(folder) / str(number), place, [(SELFTEST, model_id)])
            for number, place in enumerate(committee.places)
        ]
        homes.append(make_home(Path(folder) / "alone", world, [(SELFTEST, model_id)]))
        processes = [stack.enter_context(running(home)) for home in homes]
        for home, process in zip(homes, processes, strict=True):
            wait_until_ready(home, process)
        *members, alone = processes
        took: dict[str, list[Took]] = {"operator": [], "committee": []}
        for lane in range(asked):
            took["operator"].append(_answered(committee, [alone], world.ask(model_id, b"one", lane=2 * lane)))
            took["committee"].append(_answered(committee, members, committee.ask(model_id, b"one", lane=2 * lane + 1)))
    return {
        who: {
            "median_ms": round(statistics.median(each.ms for each in all_)),
            "median_blocks": statistics.median(each.blocks for each in all_),
            "cpu_ms": round(statistics.mean(each.cpu_ms for each in all_)),
        }
        for who, all_ in took.items()
    }


@dataclass(frozen=True, slots=True)
class Took:
    """What an answer took: time and processor time from the request's receipt to its answer, and blocks."""

    ms: float
    blocks: int
    cpu_ms: float
    """Of all the nodes that were asked, also of what they do without a request."""


def _answered(committee: CommitteeWorld, nodes: Sequence["Popen[str]"], id_: Hash32) -> Took:
    client, start = committee.world.client, committee.world.start_block
    begun_s, begun_ticks = time.monotonic(), sum(map(ticks, nodes))
    while not (found := client.history(("Fulfilled",), start, id_)):
        time.sleep(_POLL_S)
    took_ms = 1_000 * (time.monotonic() - begun_s)
    cpu_ms = 1_000 * (sum(map(ticks, nodes)) - begun_ticks) / TICKS
    ((_, asked),) = client.history(("Requested",), start, id_)
    return Took(took_ms, found[0][1].block_number - asked.block_number, cpu_ms)


def _exchanges() -> dict[str, int]:
    """HTTP exchanges and bytes of bodies for one request, when all three have computed at once: on the tests' wires."""
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder), 2, 3)
        house.work(1)
        request = house.ask()
        for member in house.members:
            member.compute(request, RIGHT)
        house.work(4)
        return {"calls": house.wires.calls, "bytes": house.wires.carried_bytes}


if __name__ == "__main__":
    main()
