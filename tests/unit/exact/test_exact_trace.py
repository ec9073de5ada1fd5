"""Format "trace-2": what every tensor of a run is, under one root, and where its elements lie."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks.liars import altered
from tests.homes import RISK, SELFTEST
from tests.referee_cases import drawn
from tests.referee_kit import Bench
from tests.vectors import traces as vectors
from themis.bundles import bundle
from themis.bundles.bundle import Bundle
from themis.core import merkle
from themis.engine import batch, preprocess
from themis.exact import program, trace
from themis.exact.program import WITNESS
from themis.exact.roots import INPUT
from themis.exact.session import open_session
from themis.exact.trace import LEAF_BYTES, WIRE

DTYPES = st.sampled_from([np.dtype(t) for t in ("?", "u1", "i1", "u4", "i4", "i8", "f4", "f8")])
SHAPES = st.lists(st.sampled_from([0, 1, 2, 3, 33, 65]), max_size=3).map(tuple)
MODELS = (SELFTEST, RISK)


def naive_top(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01" + naive_top(leaves[:half]) + naive_top(leaves[half:])).digest()


def feed_of(loaded: Bundle, input_: bytes) -> dict[str, NDArray[Any]]:
    sample = preprocess.find(loaded.manifest.preprocessing).prepare(input_, None)
    return batch.collate([sample], loaded.dtypes, loaded.declared)


@settings(deadline=None)
@given(dtype=DTYPES, shape=SHAPES, seed=st.integers(0, 99))
def test_an_element_lies_where_it_is_said_to(dtype: np.dtype[Any], shape: tuple[int, ...], seed: int) -> None:
    array = np.random.default_rng(seed).integers(0, 2 if dtype.kind == "b" else 128, shape).astype(dtype)
    leaves = list(trace.leaves(array))
    expected = sha256(b"\x02" + len(leaves).to_bytes(32, "big") + naive_top(leaves)).digest()
    assert trace.commit(7, array).root == expected
    assert max(map(len, leaves)) <= LEAF_BYTES
    size = WIRE.get(dtype, dtype).itemsize
    for index in np.ndindex(shape):
        leaf = leaves[trace.leaf_of(dtype, shape, index)]
        place = (index[-1] * size if index else 0) % LEAF_BYTES
        assert int.from_bytes(leaf[place : place + size], "big") == int(array[index])
    if not array.size:
        assert leaves == [b""]


def test_negative_numbers_are_two_s_complement_and_big_endian() -> None:
    for dtype in ("i1", "i4", "i8", "f4", "f8"):
        (leaf,) = trace.leaves(np.array([-2], dtype))
        assert int.from_bytes(leaf, "big", signed=True) == -2


def test_what_is_no_integer_is_in_no_trace() -> None:
    for value in (0.5, np.inf):
        with pytest.raises(ValueError, match="no integer"), np.errstate(invalid="ignore"):
            trace.commit(1, np.array([value], np.float32))


def test_the_format_is_as_it_was_frozen() -> None:
    """A change here is another format, with another name, not new vectors."""
    cases = json.loads(vectors.FORMAT_FILE.read_text())
    assert {case["op"] for case in cases} == vectors.DRAWN.keys()
    for case in cases:
        assert vectors.again(case) == case


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.name)
def test_the_trace_of_a_shipped_model_is_of_its_run_and_without_fault(path: Path) -> None:
    loaded = bundle.load(path)
    bench, rng = Bench(onnx.load_from_string(loaded.model)), np.random.default_rng(5)
    session = open_session(loaded.model)
    for golden in loaded.golden[:4]:
        feed = feed_of(loaded, golden.input)
        honest = bench.honest(feed)
        outputs = dict(zip(bench.program.outputs, session.run(list(bench.program.outputs), feed), strict=True))
        assert all(np.array_equal(honest[bench.program.outputs[name]], found) for name, found in outputs.items())
        assert tuple(honest) == bench.program.traced
        found = list(bench.accusations(honest, rng, 3))
        assert len(found) > 1_000
        assert not any(bench.convicted(honest, accusation) for accusation in found)


def test_how_many_nodes_run_together_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = bundle.load(SELFTEST)
    model = onnx.load_from_string(loaded.model)
    feed = feed_of(loaded, b"Themis weighs")
    roots = set()
    for count in (7, 24, 10_000):
        monkeypatch.setattr(trace, "NODES_AT_ONCE", count)
        roots.add(trace.trace(model, program.read(model), feed).root)
    assert len(roots) == 1


def test_any_element_changes_the_root_and_a_header_opens() -> None:
    model, feed = drawn("MatMul", 2)
    bench = Bench(model)
    honest = bench.honest(feed)
    headers = tuple(trace.commit(word, array) for word, array in honest.items())
    found = trace.Trace(headers)
    leaves = [header.leaf() for header in headers]
    for index, leaf in enumerate(leaves):
        assert merkle.verify(found.root, leaf, merkle.prove(leaves, index, merkle.sha256), merkle.sha256)
    rng = np.random.default_rng(0)
    for word in honest:
        changed = honest | {word: altered(honest[word], rng)}
        assert trace.Trace(tuple(trace.commit(*item) for item in changed.items())).root != found.root
    assert [header.word >> 248 for header in headers[:2]] == [INPUT, INPUT]
    assert headers[-1].word & 0xFFFFFFFF == WITNESS
