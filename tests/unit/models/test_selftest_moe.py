"""The bundle `selftest-moe` is what its build script writes, and sparse: only routed experts are computed."""

import runpy
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper

from tests.twins import run
from themis.bundles import bundle
from themis.exact import selftest
from themis.exact.layout import layout

HERE: Final = Path(__file__).parents[3] / "models" / "selftest-moe"
WRITTEN: Final = ("model.onnx", "golden.json", "manifest.toml")


def test_the_committed_files_are_fresh(tmp_path: Path) -> None:
    for name in ("LICENSE", "MODEL_CARD.md"):
        shutil.copy(HERE / name, tmp_path)
    runpy.run_path(str(HERE / "build.py"))["build"](tmp_path)
    stale = [name for name in WRITTEN if (tmp_path / name).read_bytes() != (HERE / name).read_bytes()]
    assert stale == [], "run `python models/selftest-moe/build.py`"


def test_the_license_is_the_projects() -> None:
    assert (HERE / "LICENSE").read_bytes() == (HERE.parents[1] / "LICENSE").read_bytes()


def test_it_is_a_mixture_of_which_a_part_is_active() -> None:
    moe = bundle.load(HERE).manifest.moe
    assert moe
    expert = 3 * selftest.WIDTH * selftest.INNER
    assert (moe.experts, moe.top_k) == (8, 2)
    assert moe.total_parameters - moe.active_parameters == selftest.MOE_LAYERS * (moe.experts - moe.top_k) * expert
    assert (HERE / "model.onnx").stat().st_size < 50_000


def feed(texts: Sequence[bytes]) -> dict[str, NDArray[Any]]:
    read = [selftest.features(text) for text in texts]
    lengths = np.array([len(text) for text in texts])
    place, slot = layout(lengths.tolist())
    return {
        "tokens": np.concatenate([tokens for tokens, _ in read]),
        "grams": np.concatenate([grams for _, grams in read]),
        "place": place,
        "slot": slot,
        "first": np.repeat(np.cumsum(lengths) - lengths, lengths),
        "owner": np.arange(len(texts)),
    }


def expert_rows(texts: Sequence[bytes]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows that each expert's two products really had, and rows that the router chose: [layers, experts] each."""
    model = onnx.load_from_string((HERE / "model.onnx").read_bytes())
    nodes = list(model.graph.node)
    splits = [node for node in nodes if node.op_type == "Split" and len(node.output) == selftest.EXPERTS]
    parts = {name for node in splits for name in node.output}
    products = [node for node in nodes if node.op_type in ("QLinearMatMul", "MatMulInteger") and node.input[0] in parts]
    routers = [node for node in nodes if node.op_type == "TopK"][::3]  # each layer: router, order, inverse
    probes = [(node.output[0], TensorProto.UINT8 if node.op_type[0] == "Q" else TensorProto.INT32) for node in products]
    probes += [(node.output[1], TensorProto.INT64) for node in routers]
    for name, dtype in probes:
        model.graph.output.append(helper.make_tensor_value_info(name, dtype, None))
    found = run(model, feed(texts))
    rows = np.array([len(found[node.output[0]]) for node in products]).reshape(selftest.MOE_LAYERS, 2, -1)
    assert np.array_equal(rows[:, 0], rows[:, 1])
    chosen = [np.bincount(found[node.output[1]].ravel(), minlength=selftest.EXPERTS) for node in routers]
    return rows[:, 0], np.array(chosen)


@settings(max_examples=25, deadline=None)
@given(texts=st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=4))
def test_only_routed_experts_are_computed(texts: list[bytes]) -> None:
    rows, chosen = expert_rows(texts)
    assert np.array_equal(rows, chosen)
    assert (rows.sum(1) == selftest.TOP_K * sum(map(len, texts))).all()


def test_an_expert_without_tokens_has_no_rows() -> None:
    rows, _ = expert_rows([b"\x00"])
    assert ((rows == 0).sum(1) == selftest.EXPERTS - selftest.TOP_K).all()


def test_every_expert_is_chosen_by_something() -> None:
    rows, _ = expert_rows(selftest.PROBES)
    assert (rows > 0).all()


@pytest.mark.parametrize("text", [b"\x00", b"themis", bytes(range(256))])
def test_features_are_in_range(text: bytes) -> None:
    tokens, grams = selftest.features(text)
    assert tokens.tolist() == list(text)
    assert grams.shape == (len(text), 1)
    assert 0 <= grams.min() <= grams.max() < selftest.BUCKETS
