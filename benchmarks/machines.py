"""What a model on Ray Serve gives: requests a second by replicas, and what a call costs beside one in this process.

Two Ray nodes on this machine, which has client, proxies, Ray's own processes and replicas on the same cores: what more
machines give is not seen here, only that replicas share the work.
"""

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from tests import ray_cluster
from tests.homes import RISK, SELFTEST
from themis.bundles import bundle
from themis.bundles.bundle import Bundle
from themis.config import EngineConfig
from themis.core.errors import Broken
from themis.core.types import Hash32
from themis.engine.afar import STEP, Machines
from themis.engine.cluster import serve_config
from themis.engine.engine import OnnxEngine

RESULTS: Final = Path(__file__).with_suffix(".json")
REPLICAS: Final = (1, 2)
_ID: Final = Hash32(bytes(32))
_ALONE: Final = 60
_MARK: Final = 4
_MANY: Final = 4 * STEP

Work = list[tuple[bytes, bytes | None]]


@dataclass(frozen=True, slots=True)
class Rate:
    """One model in one place."""

    model: str
    place: str
    alone_ms: float
    """Median of one request after the other."""
    per_s: float
    """Requests a second, asked as a busy node asks."""


def main() -> int:
    """Measure, print and store."""
    bundles = [bundle.load(path) for path in (SELFTEST, RISK)]
    config = serve_config(bundles, EngineConfig())
    expected = {each.name: _outputs(each) for each in bundles}
    rates = [_measured(each, None, "this process", expected[each.name]) for each in bundles]
    with ray_cluster.cluster() as cluster:
        for replicas in REPLICAS:
            cluster.deploy(ray_cluster.on_each_node(config, replicas))
            cluster.wait_for_replicas(replicas * len(bundles))
            place = f"Ray, {replicas} replica{'s' * (replicas > 1)}"
            rates += [_measured(each, cluster.url, place, expected[each.name]) for each in bundles]
    machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    RESULTS.write_text(json.dumps({"machine": machine, "rates": [asdict(each) for each in rates]}, indent=1) + "\n")
    Console(width=100).print(_shown(rates))
    return 0


def _measured(found: Bundle, url: str | None, place: str, expected: list[bytes]) -> Rate:
    """Raises Broken where an answer is not that of this process."""
    machines = None if url is None else Machines(url)
    with closing(OnnxEngine({_ID: found}, 1, machines=machines)) as engine:
        works = _works(found)
        alone = []
        for each in works[:_ALONE]:
            begun_s = time.perf_counter()
            engine.infer(_ID, [each])
            alone.append(time.perf_counter() - begun_s)
        many = works[_ALONE:]
        outputs: list[bytes] = []
        begun_s = time.perf_counter()
        for first in range(0, len(many), engine.step()):
            outputs += engine.infer(_ID, many[first : first + engine.step()])
        per_s = len(many) / (time.perf_counter() - begun_s)
    if outputs != expected[_ALONE:]:
        raise Broken(f"{found.name} answers otherwise in {place}")
    return Rate(found.name, place, round(1_000 * statistics.median(alone), 2), round(per_s, 1))


def _outputs(found: Bundle) -> list[bytes]:
    with closing(OnnxEngine({_ID: found}, 1)) as engine:
        return engine.infer(_ID, _works(found))


def _works(found: Bundle) -> Work:
    """Golden inputs, each time with other bytes at the end: no answer is known already."""
    longest = found.manifest.max_input_bytes - _MARK
    return list(_varied([golden.input for golden in found.golden if len(golden.input) <= longest]))


def _varied(inputs: list[bytes]) -> Iterator[tuple[bytes, None]]:
    for turn in range(_ALONE + _MANY):
        yield inputs[turn % len(inputs)] + turn.to_bytes(_MARK, "big"), None


def _shown(rates: list[Rate]) -> Table:
    drawn = Table(title="a model here and on Ray Serve")
    for heading in ("model", "place", "one alone", "a second"):
        drawn.add_column(heading, justify="left" if heading in {"model", "place"} else "right")
    for each in rates:
        drawn.add_row(each.model, each.place, f"{each.alone_ms:g} ms", f"{each.per_s:g}")
    return drawn


if __name__ == "__main__":
    sys.exit(main())
