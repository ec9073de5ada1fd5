"""`python -m benchmarks.moe`: what a sparse mixture of experts costs, beside what it could cost and what others take.

Microseconds for one layer with 3-matrix gated experts, medians, one session at a time in one process, idle threads not
spinning. Writes moe.json. One thread is timed by its processor time, which other work on the machine disturbs less; two
threads by the clock, and only where the machine gives two cores at this moment.

What no run can be below (`roofline`): the weights of the experts that are chosen over the measured bandwidth, or the
multiply-adds over the best measured rate, whichever is longer. What plain operators can reach (`reach`): the two
products of each chosen expert at its rows with weights in the cache, then the time to read the weights. `gate`: what
`reach` leaves out, the gated unit's own operators at all those rows. `ideal`: the k active experts as one dense FFN of
the same arithmetic, its weights rotating through all experts from run to run; of several tokens, a router's choice
touches more. `experts`: the experts' own products on rows that are sorted already; what lies between it and `sparse` is
the cost of routing. `chained`: `sparse` as `themis optimize` may rewrite it.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from benchmarks.qmoe import SETTINGS, qmoe
from themis.exact.blocks import U8, ZERO_POINT, Experts
from themis.exact.emit import Emitter
from themis.exact.graph import Graph, Tensor, serialize
from themis.exact.rewrite import rewrite
from themis.exact.session import SessionSettings, open_session
from themis.exact.spec import product

RESULTS: Final = Path(__file__).with_name("moe.json")
TOKENS: Final = (1, 32, 128, 512)
INPUTS: Final = 7
"""Different inputs, used in turn."""
ROUNDS: Final = 21
UP_SHIFT: Final = 9
GOAL: Final = 1.35
"""Largest ratio of sparse to `reach`, for experts of this width and more."""
WIDE: Final = 512
TWO_CORES: Final = 1.7
"""So many times as much as one is what two threads do where there are two cores."""
Feed = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Shape:
    experts: int
    top_k: int
    hidden: int
    expert_hidden: int


GRID: Final = (
    Shape(8, 1, 256, 512),
    Shape(8, 2, 256, 512),
    Shape(16, 2, 256, 512),
    Shape(16, 2, 1024, 1024),
    Shape(32, 4, 512, 512),
    Shape(64, 8, 256, 128),
    Shape(64, 8, 1024, 512),
    Shape(8, 2, 2048, 1024),
)


def layer(shape: Shape) -> Experts:
    """Random bell-shaped weights of 7 bits, which the graph may store as int8."""
    rng = np.random.default_rng(shape.experts)

    def weight(*size: int) -> U8:
        return np.asarray(np.clip(np.rint(rng.standard_normal(size, np.float32) * 12) + 128, 64, 192), np.uint8)

    return Experts(
        router=weight(shape.hidden, shape.experts),
        up=weight(shape.experts, shape.hidden, 2 * shape.expert_hidden),
        down=weight(shape.experts, shape.expert_hidden, shape.hidden),
        route_shift=8,
        up_shift=UP_SHIFT,
        top_k=shape.top_k,
    )


def sparse(experts: Experts) -> bytes:
    emitter = Emitter("sparse", {"T": 2**14}, light=True)
    emitter.output("y", emitter.moe(emitter.input("x", np.uint8, ("T", len(experts.router)), 0, 255), experts))
    return serialize(emitter.build())


def dense(experts: Experts, chosen: Sequence[int]) -> bytes:
    """The chosen experts as one dense FFN."""
    inner = experts.down.shape[1]
    halves = [experts.up[expert][:, part] for part in (slice(inner), slice(inner, None)) for expert in chosen]
    emitter = Emitter("dense", {"T": 2**14}, light=True)
    x = emitter.input("x", np.uint8, ("T", len(experts.router)), 0, 255)
    hidden = emitter.linear(x, np.concatenate(halves, 1), UP_SHIFT)
    active = emitter.glu(hidden, inner * len(chosen), experts.glu_shift)
    emitter.output("y", emitter.project(active, np.concatenate([experts.down[expert] for expert in chosen])))
    return serialize(emitter.build())


def experts_only(experts: Experts) -> bytes:
    """The experts' products on rows that are sorted by expert already."""
    g, number = Graph("experts"), len(experts.down)
    one, zero = np.float32(1), np.uint8(128)
    rows, sizes = g.input("x", np.uint8, ("N", len(experts.router))), g.input("sizes", np.int64, (number,))
    scale = np.float32(2.0**-UP_SHIFT)
    hidden = [
        g.op("QLinearMatMul", part, one, zero, _light(up), scale, np.int8(0), one, zero)
        for part, up in zip(g.ops("Split", number, rows, sizes, axis=0), experts.up, strict=True)
    ]
    active = _gated(g, g.op("Concat", *hidden, axis=0), experts)
    answers = [
        g.op("MatMulInteger", part, _light(down), zero, np.int8(0), dtype=np.int32)
        for part, down in zip(g.ops("Split", number, active, sizes, axis=0), experts.down, strict=True)
    ]
    g.output("y", g.op("Concat", *answers, axis=0))
    return serialize(g.build())


def gate_only(experts: Experts) -> bytes:
    """The gated unit on all rows."""
    g = Graph("gate")
    g.output("y", _gated(g, g.input("hidden", np.uint8, ("N", experts.up.shape[2])), experts))
    return serialize(g.build())


def _gated(g: Graph, hidden: Tensor, experts: Experts) -> Tensor:
    one, zero, inner = np.float32(1), np.uint8(128), experts.down.shape[1]
    gate, linear = (
        g.op("DequantizeLinear", half, one, zero, dtype=np.float32)
        for half in g.ops("Split", 2, hidden, np.array([inner, inner]), axis=1)
    )
    window = g.op("Clip", g.op("Add", gate, np.float32(64)), np.float32(0), np.float32(128))
    gated = g.op("Mul", g.op("Mul", gate, window), linear)
    return g.op("QuantizeLinear", gated, np.float32(2.0**experts.glu_shift), zero, dtype=np.uint8)


def products_only(experts: Experts) -> bytes:
    """Both products of the first expert, side by side."""
    g = Graph("products")
    one, zero, scale = np.float32(1), np.uint8(128), np.float32(2.0**-UP_SHIFT)
    x = g.input("x", np.uint8, ("N", len(experts.router)))
    active = g.input("active", np.uint8, ("N", experts.down.shape[1]))
    g.output("hidden", g.op("QLinearMatMul", x, one, zero, _light(experts.up[0]), scale, np.int8(0), one, zero))
    g.output("y", g.op("MatMulInteger", active, _light(experts.down[0]), zero, np.int8(0), dtype=np.int32))
    return serialize(g.build())


def _light(weight: NDArray[np.uint8]) -> NDArray[np.int8]:
    """As `Emitter(light=True)` stores it."""
    return (weight.astype(np.int16) - ZERO_POINT).astype(np.int8)


def sorted_rows(x: U8, experts: Experts) -> dict[str, NDArray[Any]]:
    """Inputs of `experts_only` for the router's choice."""
    logits = product(x.astype(np.int64), experts.router)
    chosen = np.argsort(-logits, axis=1, kind="stable")[:, : experts.top_k].ravel()
    order = np.argsort(chosen, kind="stable")
    return {"x": x[order // experts.top_k], "sizes": np.bincount(chosen, minlength=experts.router.shape[1])}


class Bench:
    """The layer of a shape, and its candidates: each opened when it is its turn."""

    def __init__(self, shape: Shape, threads: int) -> None:
        self.shape = shape
        self._settings = SessionSettings(threads, spinning=False)
        self._clock = time.thread_time if threads == 1 else time.perf_counter
        self._experts = layer(shape)
        self._bandwidth = bandwidth(self._experts.up.nbytes + self._experts.down.nbytes)
        self._feeds = {tokens: [{"x": x} for x in _inputs(shape, tokens)] for tokens in TOKENS}
        self._ready = {
            tokens: [sorted_rows(feed["x"], self._experts) for feed in feeds] for tokens, feeds in self._feeds.items()
        }

    def times(self) -> dict[int, dict[str, float]]:
        """Microseconds by tokens and candidate."""
        experts, groups = self._experts, range(0, self.shape.experts, self.shape.top_k)
        plain = sparse(experts)
        found = {
            "sparse": self._timed([plain], self._feeds),
            "chained": self._timed([rewrite(plain, ["chained-experts"])], self._feeds),
            "experts": self._timed([experts_only(experts)], self._ready),
            "dense": self._timed([dense(experts, range(self.shape.experts))], self._feeds),
            "ideal": self._timed(
                [dense(experts, range(first, first + self.shape.top_k)) for first in groups], self._feeds
            ),
        }
        floats = {
            tokens: [{"x": (feed["x"].astype(np.float32) - 128) / 32} for feed in feeds]
            for tokens, feeds in self._feeds.items()
        }
        everything = replace(self._settings, level="all")  # ONNX Runtime's own operator with its own defaults
        found |= {one.name: self._timed([qmoe(experts, one)], floats, everything) for one in SETTINGS}
        return {tokens: {name: times[tokens] for name, times in found.items()} for tokens in TOKENS}

    def bounds(self) -> dict[int, dict[str, float]]:
        """By tokens: how many experts a run touches, and `roofline`, `reach` and `gate` in microseconds."""
        kernel, gate = self._kernel(), self._gate()
        one = (self._experts.up.nbytes + self._experts.down.nbytes) / self.shape.experts
        best_rate = max(rows * one / us for rows, us in kernel.items())
        found = {}
        for tokens, ready in self._ready.items():
            sizes = [feed["sizes"][feed["sizes"] > 0] for feed in ready]
            touched = statistics.mean(map(len, sizes))
            read_us = touched * one / self._bandwidth
            work_us = tokens * self.shape.top_k * one / best_rate
            kernel_us = statistics.mean(sum(kernel[int(rows)] for rows in each) for each in sizes)
            found[tokens] = {
                "touched": touched,
                "roofline": max(read_us, work_us),
                "reach": kernel_us + read_us,
                "gate": gate[tokens],
            }
        return found

    def _gate(self) -> dict[int, float]:
        """Microseconds of the gated unit by tokens, less what any run takes."""
        session = open_session(gate_only(self._experts), self._settings)
        width = self._experts.up.shape[2]

        def took_us(rows: int) -> float:
            return self._median([session], [{"hidden": np.full((rows, width), 100, np.uint8)}])

        run_us = took_us(0)
        return {tokens: max(0.1, took_us(tokens * self.shape.top_k) - run_us) for tokens in TOKENS}

    def _kernel(self) -> dict[int, float]:
        """Microseconds of one expert's products by its rows, its weights in the cache, less what any run takes."""
        sizes = {int(rows) for ready in self._ready.values() for feed in ready for rows in feed["sizes"] if rows}
        session = open_session(products_only(self._experts), self._settings)
        hidden, inner = self.shape.hidden, self.shape.expert_hidden
        empty = {"x": np.zeros((0, hidden), np.uint8), "active": np.zeros((0, inner), np.uint8)}
        run_us = self._median([session], [empty])
        found = {}
        for rows in sorted(sizes):
            feed = {name: np.full((rows, value.shape[1]), 100, np.uint8) for name, value in empty.items()}
            found[rows] = max(0.1, self._median([session], [feed]) - run_us)
        return found

    def _timed(
        self, models: Sequence[bytes], feeds: Mapping[int, Sequence[Feed]], settings: SessionSettings | None = None
    ) -> dict[int, float]:
        sessions = [open_session(model, settings or self._settings) for model in models]
        return {tokens: self._median(sessions, feeds[tokens]) for tokens in TOKENS}

    def _median(self, sessions: Sequence[ort.InferenceSession], feeds: Sequence[Feed]) -> float:
        """Sessions and feeds in their turns, after one round that does not count."""
        times = []
        for number in range(-len(sessions), ROUNDS):
            session, feed = sessions[number % len(sessions)], feeds[number % len(feeds)]
            start = self._clock()
            session.run(None, feed)
            times.append((self._clock() - start) * 1e6)
        return statistics.median(times[len(sessions) :])


def _inputs(shape: Shape, tokens: int) -> list[U8]:
    rng = np.random.default_rng(tokens)
    return [rng.integers(64, 192, (tokens, shape.hidden)).astype(np.uint8) for _ in range(INPUTS)]


def bandwidth(size: int) -> float:
    """Bytes a microsecond at which one thread reads so many bytes, again and again."""
    weights, times = np.ones(size, np.uint8), []
    for _ in range(ROUNDS):
        start = time.thread_time()
        weights.max()
        times.append(time.thread_time() - start)
    return size / statistics.median(times) / 1e6


def cores() -> float:
    """How much more two threads hash than one in the same time, just now."""
    block = bytes(50_000_000)

    def hashing_s(threads: int) -> float:
        start = time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(sha256, [block] * threads))
        return (time.perf_counter() - start) / threads

    return statistics.median(hashing_s(1) / hashing_s(2) for _ in range(3))


def row(
    shape: Shape, tokens: int, threads: int, found: Mapping[str, float], bound: Mapping[str, float]
) -> dict[str, Any]:
    best = {bits: min((found[one.name], one.name) for one in SETTINGS if one.bits == bits) for bits in (8, 4)}
    return {
        **asdict(shape),
        "tokens": tokens,
        "threads": threads,
        "touched": round(bound["touched"], 1),
        **{f"{name}_us": round(bound[name], 1) for name in ("roofline", "reach", "gate")},
        **{f"{name}_us": round(found[name], 1) for name in ("sparse", "chained", "ideal", "experts", "dense")},
        "qmoe_int8_us": round(best[8][0], 1),
        "qmoe_int4_us": round(best[4][0], 1),
        "qmoe_best": [best[8][1], best[4][1]],
    }


def summary(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Where the goals hold and where they do not."""
    lines = []
    for threads, tokens in sorted({(one["threads"], one["tokens"]) for one in rows}):
        here = [one for one in rows if (one["threads"], one["tokens"]) == (threads, tokens)]
        wide = [one for one in here if one["expert_hidden"] >= WIDE]
        held = sum(one <= GOAL for one in _ratios(wide, "sparse", "reach"))
        gated = [{**one, "gated_us": one["reach_us"] + one["gate_us"]} for one in wide]
        with_gate = sum(one <= GOAL for one in _ratios(gated, "sparse", "gated"))
        missed = [one for one in gated if min(one["sparse_us"], one["chained_us"]) > GOAL * one["gated_us"]]
        lines.append(
            f"{threads} threads, {tokens:>3} tokens: sparse / reach {_span(_ratios(here, 'sparse', 'reach'))}; goal "
            f"{GOAL} for experts of {WIDE} and wider held in {held} of {len(wide)}, with the gate in {with_gate}, "
            f"where `themis optimize` may chain experts in {len(wide) - len(missed)}"
        )
        if missed:
            own = _span(_ratios(missed, "experts", "gated"))
            lines.append(f"    of the others the experts' own products, without any routing, are {own} of that")
        lines += [
            f"    sparse / {name} {_span(_ratios(here, 'sparse', name))}"
            for name in ("roofline", "ideal", "experts", "chained")
        ]
        for name in ("dense", "qmoe_int8", "qmoe_int4"):
            faster = _ratios(here, name, "sparse")
            lines.append(
                f"    faster than {name} in {sum(one > 1 for one in faster)} of {len(faster)}, {_span(faster)}"
            )
    return lines


def _ratios(rows: Sequence[Mapping[str, Any]], one: str, other: str) -> list[float]:
    return [row[f"{one}_us"] / row[f"{other}_us"] for row in rows]


def _span(ratios: Sequence[float]) -> str:
    if not ratios:
        return "none"
    return f"{min(ratios):.2f} to {max(ratios):.2f}, median {statistics.median(ratios):.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="one small shape, nothing is stored")
    short = parser.parse_args().short
    there = [cores()]
    rows = []
    for threads in (1, 2):
        for shape in GRID[1:2] if short else GRID:
            bench = Bench(shape, threads)
            times, bounds = bench.times(), bench.bounds()
            there.append(cores())
            if threads == 2 and min(there[-2:]) < TWO_CORES:  # before or after it, another program had one of them
                continue
            for tokens in TOKENS:
                rows.append(row(shape, tokens, threads, times[tokens], bounds[tokens]))
                sys.stdout.write(json.dumps(rows[-1]) + "\n")
                sys.stdout.flush()
    sys.stdout.write("\n".join(summary(rows)) + "\n")
    if not short:
        machine = {
            "processor": processor(),
            "cores": os.cpu_count(),
            "two_threads_do": round(statistics.median(there), 2),
            "onnxruntime": ort.__version__,
            "load": [round(one, 1) for one in os.getloadavg()],
        }
        result = {"machine": machine, "summary": summary(rows), "rows": rows}
        RESULTS.write_text(json.dumps(result, indent=1) + "\n")


def processor() -> str:
    """Model name of the processor, as Linux gives it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    main()
