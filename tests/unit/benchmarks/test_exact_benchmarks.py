"""The commands that measure exactness and speed: they notice what differs, and their committed results are complete."""

import json
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from benchmarks import isa, isa_machines, moe
from benchmarks.op_suite import suite
from benchmarks.qmoe import SETTINGS, qmoe
from themis.exact.lint import lint
from themis.exact.session import open_session

TINY = moe.Shape(experts=4, top_k=2, hidden=128, expert_hidden=128)


@pytest.fixture
def kit(tmp_path: Path) -> tuple[Path, dict[str, str], list[isa.Entry]]:
    exact = (case for case in suite() if lint(case.model).exact)
    entries = [(case.name, case.model, [case.feed]) for case in islice(exact, 5)]
    return tmp_path / "kit", isa.write_kit(tmp_path / "kit", entries), entries


def test_the_guest_computes_the_specified_digests(kit: tuple[Path, dict[str, str], list[isa.Entry]]) -> None:
    folder, names, entries = kit
    found = next(iter(isa_machines.native())).run(folder)["digests"]
    assert {names[stem]: value for stem, value in found.items()} == {
        entry[0]: isa.specified(entry) for entry in entries
    }


def test_a_control_that_shows_nothing_is_reported() -> None:
    rows = [
        {"machine": "x86-64 Haswell (AVX2)", "outside_different": ["op Softmax float32"]},
        {"machine": "native, onnxruntime 1.23.2, 1 threads", "outside_different": ["op Max int64 beyond int32"]},
    ]
    assert isa.silent_controls(rows) == ["`op MatMulInteger s8 heavy` on x86-64 Haswell (AVX2)"]


def test_the_committed_table_has_every_kind_of_machine_and_all_agree() -> None:
    stored = json.loads(isa.RESULTS.read_text())
    names = "\n".join(row["machine"] for row in stored["machines"])
    wanted = ("Nehalem", "SandyBridge", "Haswell", "cortex-a72", "neoverse-n1", "a64fx", "1.20.1", "2 threads")
    assert [name for name in wanted if name not in names] == []
    assert all(row["different"] == [] and row["equal"] == stored["models"] > 900 for row in stored["machines"])
    assert all(row["groups"] == stored["specification"] for row in stored["machines"])
    assert isa.silent_controls(stored["machines"]) == []


def test_the_ideal_is_the_sum_of_its_experts() -> None:
    """The dense FFN of k experts computes what they compute: same arithmetic, same work."""
    experts = moe.layer(TINY)
    x = np.random.default_rng(0).integers(64, 192, (9, TINY.hidden)).astype(np.uint8)
    together = open_session(moe.dense(experts, [1, 3])).run(None, {"x": x})[0]
    alone = [open_session(moe.dense(experts, [expert])).run(None, {"x": x})[0] for expert in (1, 3)]
    assert np.array_equal(together, alone[0] + alone[1])


def test_every_setting_of_the_rival_runs() -> None:
    experts, x = moe.layer(TINY), np.ones((3, TINY.hidden), np.float32)
    for setting in SETTINGS:
        (found,) = open_session(qmoe(experts, setting)).run(None, {"x": x})
        assert found.shape == x.shape
        assert np.isfinite(found).all()
        assert found.any()


def test_the_committed_grid_is_the_commands() -> None:
    stored = json.loads(moe.RESULTS.read_text())
    found = [
        (
            row["threads"],
            moe.Shape(*(row[name] for name in ("experts", "top_k", "hidden", "expert_hidden"))),
            row["tokens"],
        )
        for row in stored["rows"]
    ]
    together = {shape for threads, shape, _ in found if threads > 1}  # those that had two cores
    assert found == [
        (threads, shape, tokens)
        for threads in (1, 2)
        for shape in moe.GRID
        for tokens in moe.TOKENS
        if threads == 1 or shape in together
    ]
    assert moe.summary(stored["rows"]) == stored["summary"]
