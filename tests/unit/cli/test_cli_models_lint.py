"""`themis models lint`: exact or not, and which nodes are not, for people and for pipes."""

import json
from pathlib import Path

import pytest

from benchmarks.op_suite import suite
from tests.homes import SELFTEST
from themis.cli.program import invoke
from themis.exact.graph import serialize

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    (case,) = (case for case in suite() if case.name == "MatMulInteger s8 heavy")
    file = tmp_path / "trap.onnx"
    file.write_bytes(serialize(case.model))
    return file


def test_an_exact_graph_gives_status_0(capsys: Captured) -> None:
    assert invoke(["models", "lint", str(SELFTEST / "model.onnx")]) == 0
    assert capsys.readouterr().err == f"{SELFTEST / 'model.onnx'} is exact: the same bits on every machine\n"


def test_findings_name_node_and_reason_and_give_status_1(trap: Path, capsys: Captured) -> None:
    assert invoke(["models", "lint", str(trap)]) == 1
    heading, finding = capsys.readouterr().out.splitlines()
    assert heading.split("\t") == ["node", "reason"]
    assert finding.startswith("MatMulInteger -> v0_0\tu8 x s8 saturates on AVX2")


def test_as_json(trap: Path, capsys: Captured) -> None:
    assert invoke(["models", "lint", str(trap), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["exact"], found["findings"][0]["node"]) == (False, "MatMulInteger -> v0_0")
    assert invoke(["models", "lint", str(SELFTEST / "model.onnx"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["exact"], found["findings"]) == (True, [])


@pytest.mark.parametrize("content", [None, b"no protobuf \xff"])
def test_a_file_that_is_no_graph_is_an_error(content: bytes | None, tmp_path: Path, capsys: Captured) -> None:
    file = tmp_path / "other.onnx"
    if content is not None:
        file.write_bytes(content)
    assert invoke(["models", "lint", str(file)]) == 78
    assert str(file) in capsys.readouterr().err
