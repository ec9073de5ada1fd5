"""`python -m benchmarks.committee`: how much later a committee of three answers than one operator, in one run."""

import json
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from demo import chains
from tests.chaos.committee import RESULTS
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
    """Milliseconds, and blocks, from a request to its answer, alternating between one operator and 2 of 3."""
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
        for home in homes:
            wait_until_ready(home, stack.enter_context(running(home)))
        took: dict[str, list[tuple[float, int]]] = {"operator": [], "committee": []}
        for lane in range(asked):
            took["operator"].append(_answered(committee, world.ask(model_id, b"one", lane=2 * lane)))
            took["committee"].append(_answered(committee, committee.ask(model_id, b"one", lane=2 * lane + 1)))
    return {
        who: {
            "median_ms": round(statistics.median(ms for ms, _ in each)),
            "median_blocks": statistics.median(blocks for _, blocks in each),
        }
        for who, each in took.items()
    }


def _answered(committee: CommitteeWorld, id_: Hash32) -> tuple[float, int]:
    """Milliseconds from here to its answer, and blocks from the request to it."""
    client, start = committee.world.client, committee.world.start_block
    begun_s = time.monotonic()
    while not (found := client.history(("Fulfilled",), start, id_)):
        time.sleep(_POLL_S)
    took_ms = 1_000 * (time.monotonic() - begun_s)
    ((_, asked),) = client.history(("Requested",), start, id_)
    return took_ms, found[0][1].block_number - asked.block_number


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
