"""`python -m benchmarks.optimize`: a node tunes itself on its traffic, and is compared with ONNX Runtime's defaults.

The traffic is made by the node's own loops on a chain in memory: contracts of tests/vectors/evm_codes.xz and the
model's golden inputs, asked about in bursts of one to sixteen. Then `themis optimize`'s loop runs, and what it arrived
at is measured side by side with ONNX Runtime's defaults (InferenceSession(model.onnx), one request at a time) and with
the untuned node: whole requests from bytes to result hash, and the model's part alone; both also by CPU time with
one thread, which leaves out what threads do to each other on a busy machine. The journal is kept:
killed, it goes on where it was; complete, only the comparison is made again. Another model or machine begins a new one.
"""

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from eth_utils.crypto import keccak

from benchmarks.exact_inputs import RISK, codes
from tests.fakes import CHAIN_ID, KEY, MODEL, OPERATOR, ORACLE_ADDRESS, FakeChain, FakeClock
from themis.bundles import bundle
from themis.bundles.bundle import Bundle
from themis.core import canonical
from themis.core.fees import FeePolicy
from themis.core.pricing import Pricing, Rule
from themis.core.requesters import Requesters
from themis.core.types import Address, Hash32, Request
from themis.daemon.infer import Infer
from themis.daemon.judge import Judge
from themis.daemon.node import Node, Settings
from themis.daemon.watch import Watch
from themis.engine.engine import OnnxEngine, open_model
from themis.engine.tuning import DEFAULTS, RUNTIME_DEFAULTS, Tuning
from themis.keys.keystore import KeystoreSigner
from themis.optimize import journal, paired, plot, report, traffic
from themis.optimize.evidence import Interval
from themis.optimize.gate import pieces
from themis.optimize.loop import Loop, Subject
from themis.optimize.machine import here
from themis.optimize.paired import Timed
from themis.optimize.traffic import Traffic
from themis.optimize.trial import PIECE, rehearsed, timed
from themis.store.store import SqlStore
from themis.telemetry import Telemetry

FILE: Final = Path(__file__)
REQUESTS: Final = 240
LARGEST_BURST: Final = 16
BLOCKS: Final = 40
"""ABBA blocks of each comparison."""
GWEI: Final = 10**9


def main() -> int:
    """Tune, compare, print and store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", nargs="?", type=Path, default=RISK)
    parser.add_argument("--rounds", type=int, default=100)
    arguments = parser.parse_args()
    loaded = bundle.load(arguments.bundle)
    path = FILE.with_suffix(".jsonl")
    if not journal.read(path, journal.digest_of(loaded), here()).started:
        path.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as home:
        seen = record(loaded, Path(home) / "themis.db")
    Loop(Subject(loaded, seen, DEFAULTS, path), _say).run(arguments.rounds)
    history = journal.read(path, journal.digest_of(loaded), here())
    title = f"{history.started[0].model}: throughput over the untuned node's"
    drawing = plot.draw(report.points(history), title, runtime_defaults=report.runtime_defaults(history))
    FILE.with_suffix(".svg").write_text(drawing)
    result = {
        "loop": report.summary(history),
        "traffic": dict(history.started[-1].traffic),
        "comparison": compare(loaded, seen, history.tuning or DEFAULTS),
        "table": report.rows(history),
    }
    FILE.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
    for name in ("loop", "comparison"):
        print(json.dumps({name: result[name]}, indent=1))
    return 0


def record(loaded: Bundle, store_path: Path) -> Traffic:
    """Let a node answer, and read from its store what it was asked, as `themis optimize` does."""
    chain, draw = FakeChain(), random.Random(1)  # noqa: S311 (the same traffic each time)
    store = SqlStore(store_path, chain_id=CHAIN_ID, oracle=ORACLE_ADDRESS, operator=OPERATOR)
    with closing(store), closing(OnnxEngine({MODEL: loaded}, threads=1)) as engine:
        everything = Pricing(Rule.FREE), Requesters(), None
        settings = Settings(CHAIN_ID, ORACLE_ADDRESS, 0, 1, 0, FeePolicy(200 * GWEI, GWEI), *everything)
        clock = FakeClock()
        node = Node(chain, store, engine, KeystoreSigner(KEY.key), clock, settings, Telemetry(engine.models()))
        inputs = _inputs(loaded, chain)
        draw.shuffle(inputs)
        while inputs:
            burst = [inputs.pop() for _ in range(min(len(inputs), draw.randint(1, LARGEST_BURST)))]
            chain.mine([_request(chain, input_, lane) for lane, input_ in enumerate(burst, len(inputs) * 100)])
            clock.now += 1
            while sum(loop.step() for loop in (Watch(node), Judge(node), Infer(node))):
                pass
        return traffic.recorded(store_path, MODEL, loaded, chain.code)


def _inputs(loaded: Bundle, chain: FakeChain) -> list[bytes]:
    """Half of the contracts are named by address, as consumers do, half are given as code."""
    found = [golden.input for golden in loaded.golden]
    chain.code_at = {Address(each.input[12:32]): each.code for each in loaded.golden if each.code is not None}
    if loaded.name != bundle.load(RISK).name:
        return found * (REQUESTS // len(found))
    for index, code in enumerate(codes()[:: len(codes()) // REQUESTS]):
        target = Address(keccak(code)[:20])
        chain.code_at[target] = code
        found.append(bytes(12) + target + keccak(code) if index % 2 else code)
    return found


def _request(chain: FakeChain, input_: bytes, lane: int) -> tuple[Hash32, Request, bytes]:
    request = chain.request(input_, lane=lane)
    return canonical.request_id(request, CHAIN_ID, ORACLE_ADDRESS), request, input_


def compare(loaded: Bundle, seen: Traffic, tuning: Tuning) -> dict[str, Any]:
    """Throughput over ONNX Runtime's defaults, each pair interleaved, and what a request takes in milliseconds."""
    load_before = os.getloadavg()[0]
    found: dict[str, Any] = {"blocks": BLOCKS, "cores": here().cores}
    for name, candidate in (("untuned", DEFAULTS), ("tuned", tuning)):
        with closing(open_model(loaded, RUNTIME_DEFAULTS)) as runtime, closing(open_model(loaded, candidate)) as model:
            sides = timed(runtime, RUNTIME_DEFAULTS), timed(model, candidate)
            work = pieces(seen.work, max(PIECE, candidate.step))
            found[f"{name}_requests"] = _pair(*sides, work, len(work[0]))
            found[f"{name}_requests_one_thread_cpu"] = _one_thread(loaded, candidate, work)
            found[f"{name}_request_alone"] = _pair(*sides, pieces(seen.work, 1), 1)
        parts = pieces(seen.work, PIECE)
        one_thread = [replace(each, threads=1, lanes=1) for each in (RUNTIME_DEFAULTS, candidate)]
        for kind, tunings, now_s in (
            ("model_part", (RUNTIME_DEFAULTS, candidate), time.perf_counter),
            ("model_part_one_thread_cpu", one_thread, time.process_time),
        ):
            runtime_part, candidate_part = (rehearsed(loaded, each, parts, now_s) for each in tunings)
            found[f"{name}_{kind}"] = _pair(runtime_part, candidate_part, range(len(parts)), PIECE)
    return found | {"load_average": [round(load_before, 1), round(os.getloadavg()[0], 1)]}


def _one_thread(loaded: Bundle, candidate: Tuning, work: Sequence[Any]) -> dict[str, Any]:
    """CPU time of whole requests in one process with one thread, for both."""
    old, new = (replace(each, threads=1, lanes=1, processes=1) for each in (RUNTIME_DEFAULTS, candidate))
    with closing(open_model(loaded, old)) as runtime, closing(open_model(loaded, new)) as model:
        sides = timed(runtime, old, time.process_time), timed(model, new, time.process_time)
        return _pair(*sides, work, len(work[0]))


def _pair(runtime: Timed[Any], candidate: Timed[Any], work: Sequence[Any], requests: int) -> dict[str, Any]:
    spent: dict[str, list[float]] = {"runtime_defaults": [], "candidate": []}

    def watched(name: str, side: Timed[Any]) -> Timed[Any]:
        def run(piece: Any) -> float:
            spent[name].append(side(piece))
            return spent[name][-1]

        return run

    sides = (watched("runtime_defaults", runtime), watched("candidate", candidate))
    found = paired.measure(*sides, work, blocks=BLOCKS, lot=random.Random(0))  # noqa: S311
    per_request = {f"{name}_ms": round(sum(times) / len(times) / requests * 1e3, 3) for name, times in spent.items()}
    return _ratios(found) | per_request


def _ratios(interval: Interval) -> dict[str, float]:
    return {"throughput": round(interval.ratio, 3), "low": round(interval.low, 3), "high": round(interval.high, 3)}


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
