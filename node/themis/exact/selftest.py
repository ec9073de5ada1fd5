"""A tiny mixture-of-experts network with every block in it, for the check a node makes before it signs anything.

The same network is published as the bundle `selftest-moe`; its weights come from SHAKE-256, the golden digests below
from the specification.
"""

import hashlib
from collections.abc import Mapping
from itertools import pairwise
from math import prod
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from themis.core.errors import Misconfigured
from themis.exact.blocks import I32, U8, Blocks, Experts, V, gains
from themis.exact.emit import Emitter
from themis.exact.graph import serialize
from themis.exact.layout import layout, starts
from themis.exact.session import SessionSettings, open_session

SEED: Final = b"themis selftest-moe 1"
WIDTH: Final = 16
HEADS: Final = 2
EXPERTS: Final = 8
TOP_K: Final = 2
INNER: Final = 12
MOE_LAYERS: Final = 2
BUCKETS: Final = 64
SCORES: Final = 16
EXTENTS: Final[Mapping[str, int]] = {"T": 16_384, "F": 64, "L": 256}

PROBES: Final = (b"\x00", bytes(256), b"\xff" * 256, bytes(range(256)), b"themis", bytes(range(0, 256, 3)) * 2)
"""Inputs of the network: shortest, longest, constant, all different."""
GOLDEN: Final[Mapping[str, str]] = {
    "network": "3692413506b3e475e7d01e6ee0c03c57e80dbd71a2c791655d0a3f3529a6971c",
    "extremes": "b16e63e9b0750c00fa259f99a455d3b064e7004b57874d9c8913073c842c9a3c",
}
"""SHA-256 of what the specification gives, little-endian int32: a test runs it, a node need not at each start."""


def network(b: Blocks[V]) -> None:
    """Bytes and bigrams -> MoE -> attention, running maximum -> MoE -> largest feature -> 16 scores in basis points."""
    tokens = b.input("tokens", np.int64, ("T",), 0, 255)
    grams = b.input("grams", np.int64, ("T", 1), 0, BUCKETS - 1)
    place = b.input("place", np.int64, ("T",), 0, EXTENTS["F"] * EXTENTS["L"] - 1)
    slot = b.input("slot", np.int64, ("F", "L"), -1, EXTENTS["T"] - 1)
    first = b.input("first", np.int64, ("T",), 0, EXTENTS["T"] - 1)
    owner = b.input("owner", np.int64, ("F",), 0, EXTENTS["F"] - 1)
    unit = gains(np.ones(WIDTH))
    x = b.add(b.embed(tokens, _weight("table", 256, WIDTH), 3), b.embed_bag(grams, _weight("grams", BUCKETS, WIDTH), 2))
    x = b.residual(x, b.moe(b.rms_norm(x, unit), _experts("first")), 11)
    qkv = b.linear(b.rms_norm(x, unit), _weight("qkv", WIDTH, 3 * WIDTH), [7] * 2 * WIDTH + [6] * WIDTH)
    mixed = b.attention(qkv, place, slot, heads=HEADS, head_width=WIDTH // HEADS, score_shift=6)
    x = b.residual(x, b.project(mixed, _weight("mix", WIDTH, WIDTH)), 4)
    seen = b.running_max(b.linear(b.rms_norm(x, unit), _weight("see", WIDTH, 8), 7), first, EXTENTS["L"])
    x = b.residual(x, b.project(seen, _weight("recall", 8, WIDTH)), 6)
    x = b.residual(x, b.moe(b.rms_norm(x, unit), _experts("second")), 11)
    features = b.max_groups(b.max_tokens(b.rms_norm(x, unit), slot), owner)
    logits = b.project(features, _weight("head", WIDTH, SCORES), np.zeros(SCORES, np.int32))
    knots: I32 = np.tile(np.arange(0, 10_001, 625, dtype=np.int32), (SCORES, 1))
    b.output("scores_bps", b.basis_points(logits, knots, np.full(SCORES, -(2**13), np.int32), 2**10))


def extremes(b: Blocks[V]) -> None:
    """Products at the ends of u8, where saturating kernels go wrong, and every rounding of the requantization."""
    x = b.input("x", np.uint8, ("T", 256), 0, 255)
    weight = np.where(_weight("ends", 256, 64) & 1, np.uint8(255), np.uint8(0))
    b.output("product", b.project(x, weight))
    b.output("light", b.project(x, np.where(weight, np.uint8(192), np.uint8(64))))
    for shift in (0, 9, 16):
        b.output(f"requantized{shift}", b.linear(x, weight, shift))
    b.output("gated", b.glu(x, 128, 12))


def build() -> onnx.ModelProto:
    """Return the graph that `selftest-moe` publishes."""
    emitter = Emitter("selftest-moe", EXTENTS)
    network(emitter)
    return emitter.build()


def features(data: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Preprocessing `bytes/1`: 1..256 bytes -> tokens [T], bigram buckets [T, 1]."""
    pairs = pairwise(b"\x00" + data)
    grams = [[(31 * first + second) % BUCKETS] for first, second in pairs]
    return np.frombuffer(data, np.uint8).astype(np.int64), np.array(grams, np.int64)


def check(threads: int) -> None:
    """Run both networks here. Raises Misconfigured when a bit differs from what the specification gives."""
    for name, (model, feed) in cases().items():
        session = open_session(serialize(model), SessionSettings(threads))
        outputs = [output.name for output in session.get_outputs()]
        found = session.run(outputs, dict(feed))
        if digest(found) != GOLDEN[name]:
            raise Misconfigured(
                f"ONNX Runtime {ort.__version__} ({threads} threads) fails the `{name}` self-test of exact arithmetic. "
                "Answers from this machine would be wrong: install another onnxruntime version, or serve elsewhere."
            )


def digest(outputs: list[NDArray[Any]]) -> str:
    """SHA-256 of all outputs in order."""
    return hashlib.sha256(b"".join(output.astype("<i4").tobytes() for output in outputs)).hexdigest()


def cases() -> dict[str, tuple[onnx.ModelProto, dict[str, NDArray[Any]]]]:
    """Both networks as graphs, each with the inputs it is checked on."""
    read = [features(probe) for probe in PROBES]
    lengths = np.array([len(probe) for probe in PROBES])
    place, slot = layout(lengths.tolist())
    feed: dict[str, NDArray[Any]] = {
        "tokens": np.concatenate([tokens for tokens, _ in read]),
        "grams": np.concatenate([grams for _, grams in read]),
        "place": place,
        "slot": slot,
        "first": starts(lengths),
        "owner": np.arange(len(PROBES)),
    }
    emitter = Emitter("extremes", {"T": 16})
    extremes(emitter)
    rising = np.arange(256, dtype=np.uint8)
    rows = np.stack([np.zeros_like(rising), np.full_like(rising, 255), _weight("x", 256), rising])
    return {"network": (build(), feed), "extremes": (emitter.build(), {"x": rows})}


def _experts(name: str) -> Experts:
    return Experts(
        router=_weight(f"{name} router", WIDTH, EXPERTS),
        up=_weight(f"{name} up", EXPERTS, WIDTH, 2 * INNER),
        down=_weight(f"{name} down", EXPERTS, INNER, WIDTH),
        route_shift=8,
        up_shift=7,
        top_k=TOP_K,
    )


def _weight(name: str, *shape: int) -> U8:
    """Bell-shaped bytes around 128: each the mean of four bytes of SHAKE-256(seed, name)."""
    stream = hashlib.shake_256(SEED + b"/" + name.encode()).digest(4 * prod(shape))
    return np.asarray(np.frombuffer(stream, np.uint8).reshape(*shape, 4).sum(-1, dtype=np.uint16) // 4, np.uint8)
