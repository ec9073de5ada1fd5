"""`themis models add`: any ONNX file becomes a bundle that nodes load, or an error that says why not."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import pytest
from eth_abi.packed import encode_packed
from onnx import TensorProto, helper

from tests import foreign_models as foreign
from tests.homes import ROOT
from themis.adopt import adopt, trial
from themis.adopt.adopt import Adopted, Wishes
from themis.bundles import bundle
from themis.cli.program import invoke
from themis.core.errors import Misconfigured, Refused
from themis.core.types import Hash32
from themis.engine.engine import OnnxEngine
from themis.engine.generic import Generic
from themis.engine.sandbox import confined
from themis.exact.session import SessionSettings, open_session

OLMOE: Final = ROOT / "models/olmoe-tiny"
TOKENIZER: Final = (OLMOE / "tokenizer.json").read_bytes()
ID: Final = Hash32(b"\x07" * 32)
WISHES: Final = Wishes("it", "1.0", "A test.", "MIT", "Built with it", None, (), 8, 1_000)
Captured = pytest.CaptureFixture[str]


def made(tmp_path: Path, source: Path, wishes: Wishes = WISHES) -> Adopted:
    """As the command does, but in this process."""
    target = tmp_path / "made"
    target.mkdir()
    return adopt.adopt(source, target, wishes)


def answer(path: Path, input_: bytes) -> bytes:
    (output,) = OnnxEngine({ID: bundle.load(path)}, 1).infer(ID, [(input_, None)])
    return output


def test_floats_give_a_tolerant_model_on_a_grid(tmp_path: Path) -> None:
    source = foreign.source(tmp_path / "source", foreign.perceptron())
    adopted = made(tmp_path, source)
    assert (adopted.exact, adopted.findings) == (False, ("input x: is float32: inputs must be integers",))
    found = bundle.load(tmp_path / "made")
    assert (found.manifest.exactness, found.manifest.preprocessing, found.manifest.moe) == (
        "tolerant",
        "tensors/1",
        None,
    )
    question = encode_packed(["uint32", *["int32"] * 4], [1, 500, -250, 1_000, 0])
    x = np.array([[0.5, -0.25, 1.0, 0.0]], np.float32)
    (expected,) = open_session(found.model).run(None, {"x": x})
    said = Generic(found).told(answer(found.path, question))
    assert said == {"probabilities": np.rint(expected.ravel() * 1_000.0).astype(int).__truediv__(1_000).tolist()}


def test_an_exact_graph_stays_exact_and_equals_its_specification(tmp_path: Path) -> None:
    adopted = made(tmp_path, foreign.source(tmp_path / "source", foreign.exact()))
    assert (adopted.exact, adopted.findings) == (True, ())
    found = bundle.load(tmp_path / "made")
    assert (found.manifest.exactness, found.manifest.runtime.onnxruntime_min) == ("exact", "1.20.0")
    output = answer(found.path, encode_packed(["uint32", *["uint8"] * 4], [1, 1, 2, 3, 4]))
    weight = np.arange(12).reshape(4, 3) - 128
    assert np.frombuffer(output, ">i4").tolist() == ((np.array([1, 2, 3, 4]) - 128) @ weight).tolist()
    with pytest.raises(Refused, match="too large for the model: n = 9, limit 8"):
        answer(found.path, (9).to_bytes(4, "big") + bytes(36))


def test_a_text_classifier_reads_text(tmp_path: Path) -> None:
    source = foreign.source(tmp_path / "source", foreign.sentiment(), tokenizer_json=TOKENIZER)
    assert made(tmp_path, source).golden == 5
    found = bundle.load(tmp_path / "made")
    assert found.manifest.preprocessing == "text/1"
    reader = Generic(found)
    table = onnx.numpy_helper.to_array(onnx.load_from_string(found.model).graph.initializer[0])
    expected = table[reader.ids(b"Apache License")].mean()
    assert reader.told(answer(found.path, b"Apache License"))["score"] == [pytest.approx(expected, abs=0.00051)]
    with pytest.raises(Refused, match="the input is not UTF-8"):
        answer(found.path, b"\xff")


def test_without_a_tokenizer_a_decoder_reads_token_ids(tmp_path: Path) -> None:
    graph = onnx.load(OLMOE / "model.onnx")
    config = foreign.config(max_position_embeddings=64, eos_token_id=[0, 7], num_experts=8, num_experts_per_tok=2)
    source = foreign.source(tmp_path / "source", graph, config_json=config, **{"MODEL_CARD.md": "A card.\n"})
    adopted = made(tmp_path, source)
    assert adopted.margin is not None
    assert adopted.findings[0] == "model: imports ai.onnx 18: only ai.onnx 13-17"
    assert "Cos, " in adopted.findings[1]
    assert "Softmax" in adopted.findings[1]
    found = bundle.load(tmp_path / "made")
    generation = found.manifest.generation
    assert generation
    assert (generation.context, generation.eos_ids, generation.max_new_tokens) == (64, [0, 7], 8)
    assert found.manifest.moe == bundle.load(OLMOE).manifest.moe
    assert (found.path / "MODEL_CARD.md").read_text() == "A card.\n"
    text = Generic(bundle.load(OLMOE))
    ids = np.array(text.ids(b"Themis"), ">u4").tobytes()
    assert answer(found.path, ids) == answer(OLMOE, b"Themis")[: 8 * 4]
    for bad in (ids[:-1], b"", b"\xff" * 4):
        with pytest.raises(Refused, match="invalid_input"):
            answer(found.path, bad)
    with pytest.raises(Refused, match="engine_refused"):
        answer(found.path, (512).to_bytes(4, "big"))


def test_weights_beside_the_graph_are_hashed_mapped_and_run(tmp_path: Path) -> None:
    file = foreign.beside(tmp_path / "source", foreign.perceptron(32))
    (tmp_path / "source/LICENSE").write_text("Terms.\n")
    adopted = made(tmp_path, file)
    assert adopted.findings == (
        "model: keeps weights in another file, which an exact model does not",
        "model: operators outside the exact profile: Relu, Softmax",
    )
    inside = tmp_path / "inside"
    inside.mkdir()
    adopt.adopt(foreign.source(tmp_path / "plain", foreign.perceptron(32)), inside, WISHES)
    outer, inner = bundle.load(tmp_path / "made"), bundle.load(inside)
    assert outer.weights_root == inner.weights_root
    assert [golden.output for golden in outer.golden] == [golden.output for golden in inner.golden]
    weights = tmp_path / "made/weights.bin"
    content = bytearray(weights.read_bytes())
    content[7] ^= 1
    weights.write_bytes(content)
    with pytest.raises(Misconfigured, match=r"weights\.bin has SHA-256"):
        bundle.load(tmp_path / "made")


def link_out(folder: Path) -> None:
    shutil.move(folder / "weights.bin", folder.parent / "weights.bin")
    (folder / "weights.bin").symlink_to("../weights.bin")


def cut_off(folder: Path) -> None:
    (folder / "weights.bin").write_bytes((folder / "weights.bin").read_bytes()[:-1])


def point_at(location: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        graph = onnx.load(folder / "model.onnx", load_external_data=False)
        for tensor in graph.graph.initializer:
            next(entry for entry in tensor.external_data if entry.key == "location").value = location
        (folder / "model.onnx").write_bytes(graph.SerializeToString())

    return change


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (link_out, "lies outside the bundle"),
        (cut_off, r"claims \d+ bytes at \d+ of weights\.bin, which has \d+"),
        (point_at("../../weights.bin"), "does not exist|lies outside the bundle"),
        (point_at("../LICENSE"), "lies outside the bundle"),
        (point_at("/etc/passwd"), "not plain: '/etc/passwd'"),
        (point_at("*/_ORT_MEM_ADDR_/*"), "is not plain"),
        (point_at("nowhere.bin"), r"nowhere\.bin does not exist"),
    ],
    ids=["link", "cut off", "two up", "up", "absolute", "address", "missing"],
)
def test_weights_outside_the_bundle_are_not_read(spoil: Callable[[Path], None], reason: str, tmp_path: Path) -> None:
    folder = foreign.beside(tmp_path / "source", foreign.perceptron()).parent
    (folder.parent / "LICENSE").write_text("Terms.\n")
    (folder / "LICENSE").write_text("Terms.\n")
    spoil(folder)
    with pytest.raises(Misconfigured, match=reason):
        made(tmp_path, folder)


def wide_input() -> onnx.ModelProto:
    nodes = [helper.make_node("ReduceSum", ["x"], ["y"])]
    inputs = [foreign.value("x", TensorProto.FLOAT, [3, 224, 224])]
    return foreign.model(nodes, inputs, [foreign.value("y", TensorProto.FLOAT, [1, 1, 1])], {})


def wide_output() -> onnx.ModelProto:
    nodes = [helper.make_node("Expand", ["x", "shape"], ["y"])]
    shape = {"shape": np.array([300], np.int64)}
    inputs = [foreign.value("x", TensorProto.FLOAT, [1])]
    return foreign.model(nodes, inputs, [foreign.value("y", TensorProto.FLOAT, [300])], shape)


def unknown_operator() -> onnx.ModelProto:
    graph = foreign.perceptron()
    graph.graph.node[1].op_type = "Rellu"
    return graph


def odd_cache() -> onnx.ModelProto:
    graph = onnx.load(OLMOE / "model.onnx")
    graph.graph.output[1].name = "present.9.key"
    for node in graph.graph.node:
        for names in (node.input, node.output):
            names[:] = ["present.9.key" if name == "present.0.key" else name for name in names]
    return graph


@pytest.mark.parametrize(
    ("graph", "files", "reason"),
    [
        (wide_input(), {}, "one input of this model takes 602112 bytes; the oracle takes 24640"),
        (wide_output(), {}, "the answer has 1200 bytes; the oracle takes 1024.*--probe FILE"),
        (unknown_operator(), {}, "ONNX Runtime cannot load .*Rellu"),
        (foreign.perceptron(), {"tokenizer_json": TOKENIZER}, "graph and manifest disagree about input_ids, x"),
        (foreign.sentiment(), {"tokenizer_json": b"{}"}, "tokenizer.json is not run: it has no model"),
        (onnx.load(OLMOE / "model.onnx"), {}, "needs a config.json beside it that says max_position_embeddings"),
        (onnx.load(OLMOE / "model.onnx"), {"config_json": "[" * 100_000}, "is not JSON: nested more than 64 deep"),
        (odd_cache(), {"config_json": "{}"}, r"not so: 0\.key, 9\.key"),
    ],
    ids=["input", "output", "operator", "tokenizer", "bad tokenizer", "context", "config", "cache"],
)
def test_what_cannot_be_served_says_why(
    graph: onnx.ModelProto, files: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    source = foreign.source(tmp_path / "source", graph, **files)
    with pytest.raises(Misconfigured, match=f"(?s){reason}"):
        made(tmp_path, source)


def test_requests_that_the_model_refuses_are_no_golden_ones(tmp_path: Path) -> None:
    source = foreign.source(tmp_path / "source", foreign.sentiment(vocabulary=3))
    sizes, ids, mask = (
        encode_packed(["uint32"] * 2, [1, 1]),
        encode_packed(["int64"], [2]),
        encode_packed(["int64"], [1]),
    )
    found = made(tmp_path, source)
    assert 0 < found.golden < 12, "made up ids beyond the vocabulary are left out"
    (tmp_path / "asked").mkdir()
    asked = replace(WISHES, probes=(sizes + ids + mask,))
    assert adopt.adopt(source, tmp_path / "asked", asked).golden == 1
    beyond = replace(WISHES, probes=(sizes + encode_packed(["int64"], [3]) + mask,))
    with pytest.raises(Misconfigured, match="(?s)the model refuses .*indices element out of data bounds.*--probe"):
        adopt.adopt(source, tmp_path / "asked", beyond)


def scaled() -> onnx.ModelProto:
    graph = foreign.exact()
    tensor = next(tensor for tensor in graph.graph.initializer if list(tensor.dims) == [4, 3])
    tensor.raw_data = bytes(reversed(tensor.raw_data))
    return graph


@pytest.mark.parametrize(
    ("graph", "other"), [(foreign.perceptron(), foreign.perceptron(17)), (foreign.exact(), scaled())]
)
def test_a_model_that_answers_otherwise_at_two_threads(
    graph: onnx.ModelProto, other: onnx.ModelProto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As kernels that add in the threads' order do: here another model stands in for them."""

    def open_other(model: Path, settings: SessionSettings, **options: Any) -> Any:
        return open_session(model if settings.threads == 1 else other.SerializeToString(), settings, **options)

    monkeypatch.setattr(trial, "open_session", open_other)
    source = foreign.source(tmp_path / "source", graph)
    if graph.graph.name == "exact":
        with pytest.raises(Misconfigured, match="is not exact here"):
            made(tmp_path, source)
    else:
        assert made(tmp_path, source).findings[1:] == ("self-test: some answers differ at 2 threads",)
        assert "some answers differ at 2 threads" in (tmp_path / "made/MODEL_CARD.md").read_text()


def no_input() -> onnx.ModelProto:
    tensor = onnx.numpy_helper.from_array(np.zeros(3, np.float32))
    node = helper.make_node("Constant", [], ["y"], value=tensor)
    return foreign.model([node], [], [foreign.value("y", TensorProto.FLOAT, [3])], {})


def half_floats() -> onnx.ModelProto:
    x, y = (foreign.value(name, TensorProto.BFLOAT16, [3]) for name in "xy")
    return foreign.model([helper.make_node("Identity", ["x"], ["y"])], [x], [y], {})


@pytest.mark.parametrize(
    ("graph", "wishes", "reason"),
    [
        (no_input(), WISHES, "inputs: List should have at least 1 item"),
        (half_floats(), WISHES, r"inputs\.0\.dtype: Input should be 'bool', 'uint8'"),
        (foreign.exact(), replace(WISHES, name="A B"), "name: String should match pattern"),
        (foreign.exact(), replace(WISHES, attribution="x" * 201), "attribution: String should have at most 200"),
        (foreign.exact(), replace(WISHES, version="new"), "version: String should match pattern"),
    ],
    ids=["no input", "bfloat16", "name", "attribution", "version"],
)
def test_what_no_manifest_can_say_is_an_error(
    graph: onnx.ModelProto, wishes: Wishes, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(Misconfigured, match=reason):
        made(tmp_path, foreign.source(tmp_path / "source", graph), wishes)


def test_an_output_of_another_shape_than_declared_is_refused(tmp_path: Path) -> None:
    graph = foreign.perceptron()
    graph.graph.output[0].type.tensor_type.shape.dim[0].dim_value = 2
    with pytest.raises(Misconfigured, match=r"probabilities has shape \(1, 3\), not \[2, 3\]"):
        made(tmp_path, foreign.source(tmp_path / "source", graph), replace(WISHES, probes=(b"\0\0\0\1" + bytes(16),)))


def add(home: Path, *line: str) -> int:
    return invoke(["--home", str(home), "models", "add", *line])


def test_the_command_makes_a_bundle_and_says_what_is_next(tmp_path: Path, capsys: Captured) -> None:
    source = foreign.source(tmp_path / "My Model!", foreign.perceptron())
    assert add(tmp_path / "home", str(source), "--json") == 0
    said = capsys.readouterr()
    record = json.loads(said.out)
    assert (record["name"], record["exactness"], record["registered"]) == ("my-model", "tolerant", False)
    assert record["findings"] == ["input x: is float32: inputs must be integers"]
    path = tmp_path / "home/models/my-model"
    assert record["path"] == str(path)
    assert f"then `themis models register {path}`" in said.err
    manifest = bundle.load(path).manifest
    assert (manifest.attribution, manifest.license.spdx) == ("Built with my-model", "LicenseRef-LICENSE")
    assert [file.name for file in path.parent.iterdir()] == ["my-model"], "nothing is left over"


def test_the_same_again_is_no_error_and_another_is(tmp_path: Path, capsys: Captured) -> None:
    source = foreign.source(tmp_path / "it", foreign.perceptron())
    assert add(tmp_path, str(source), "--to", str(tmp_path / "bundle")) == 0
    before = (tmp_path / "bundle/manifest.toml").read_bytes()
    assert add(tmp_path, str(source), "--to", str(tmp_path / "bundle")) == 0
    foreign.source(source, foreign.perceptron(17))
    assert add(tmp_path, str(source), "--to", str(tmp_path / "bundle")) == 78
    assert "is another model: choose another --name or --to" in capsys.readouterr().err
    assert (tmp_path / "bundle/manifest.toml").read_bytes() == before


def test_terms_and_probes_may_lie_elsewhere(tmp_path: Path, capsys: Captured) -> None:
    file = tmp_path / "it.onnx"
    file.write_bytes(foreign.perceptron().SerializeToString())
    assert add(tmp_path, str(file)) == 78
    assert "has no LICENSE: give the model's terms with --license FILE" in capsys.readouterr().err
    (tmp_path / "terms").write_text("Be kind.\n")
    (tmp_path / "question").write_bytes(encode_packed(["uint32", *["int32"] * 4], [1, 1, 2, 3, 4]))
    line = (str(file), "--license", str(tmp_path / "terms"), "--probe", str(tmp_path / "question"), "--spdx", "MIT")
    assert add(tmp_path, *line, "--steps-per-unit", "100") == 0
    found = bundle.load(tmp_path / "models/it")
    assert (found.path / "LICENSE").read_text() == "Be kind.\n"
    assert [golden.input for golden in found.golden] == [(tmp_path / "question").read_bytes()]
    assert found.manifest.outputs[0].steps_per_unit == 100


def test_what_crashes_is_an_error(tmp_path: Path) -> None:
    for crash in (os.abort, use_up_memory):
        with pytest.raises(
            Misconfigured, match=r"it\.onnx crashed the process that opened it, or took more than \d+ MiB"
        ):
            confined(crash, file=tmp_path / "it.onnx", size_bytes=0)


def bomb() -> onnx.ModelProto:
    """Well formed and small; wants 64 GiB when it runs."""
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["zeros"]),
        helper.make_node("ReduceSum", ["zeros"], ["sum"], keepdims=0),
        helper.make_node("Add", ["x", "sum"], ["y"]),
    ]
    x, y = (foreign.value(name, TensorProto.FLOAT, [1]) for name in "xy")
    return foreign.model(nodes, [x], [y], {"shape": np.array([2**34], np.int64)})


def test_a_graph_that_wants_too_much_when_it_runs_is_refused_when_it_is_added(tmp_path: Path) -> None:
    source = foreign.source(tmp_path / "source", bomb())
    (tmp_path / "target").mkdir()
    with pytest.raises(Misconfigured, match="the model refuses .*allocate memory|took more than"):
        confined(adopt.adopt, source, tmp_path / "target", WISHES, file=source, size_bytes=0)


def use_up_memory() -> int:
    return len(bytes(12 * 2**30))


def test_errors_of_the_work_come_back(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="nowhere does not exist"):
        confined(adopt.adopt, tmp_path / "nowhere", tmp_path, WISHES, file=tmp_path, size_bytes=0)


def test_a_bundle_is_not_made_again(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="olmoe-tiny is a bundle already: `themis models register"):
        made(tmp_path, OLMOE)


def test_several_graphs_in_a_directory_are_ambiguous(tmp_path: Path, capsys: Captured) -> None:
    for name in ("a.onnx", "b.onnx"):
        (tmp_path / name).write_bytes(b"")
    assert add(tmp_path, str(tmp_path)) == 78
    assert "holds 2 ONNX files, none called model.onnx" in capsys.readouterr().err


def test_results_are_read_for_people(tmp_path: Path, capsys: Captured) -> None:
    golden = bundle.load(OLMOE).golden[1]
    assert invoke(["models", "read", str(OLMOE), "0x" + golden.output.hex(), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["tokens"] == np.frombuffer(golden.output, ">u4").tolist()
    assert said["tokens"][-1] == 0
    assert "<|end|>" not in said["text"]
    assert invoke(["models", "read", str(OLMOE), "0x0000"]) == 78
    assert "this is no result of olmoe-tiny" in capsys.readouterr().err
    assert invoke(["models", "read", str(ROOT / "models/selftest-moe"), "0x00"]) == 78
    assert "see its model card" in capsys.readouterr().err


def test_a_tolerant_golden_answer_may_differ_by_one_step(tmp_path: Path) -> None:
    made(tmp_path, foreign.source(tmp_path / "source", foreign.perceptron()))
    reader = Generic(bundle.load(tmp_path / "made"))
    wire = [int(n).to_bytes(4, "big") for n in (5, 6, 7, 8)]
    golden = b"".join(wire[:3])
    assert reader.agrees(golden, b"".join(wire[1:]))
    assert not reader.agrees(golden, b"".join(wire[1:][::-1]))
    assert not reader.agrees(golden, golden[:-4])
    exact = Generic(bundle.load(OLMOE))
    assert not exact.agrees(golden, b"".join(wire[1:])), "ids are the answer or they are not"


def test_a_bundle_has_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = foreign.beside(tmp_path / "source", foreign.perceptron(32))
    (file.parent / "LICENSE").write_text("Terms.\n")
    made(tmp_path, file)
    monkeypatch.setattr(bundle, "MAX_BUNDLE_BYTES", 2_000)
    with pytest.raises(Misconfigured, match="has more than 2000 bytes"):
        bundle.load(tmp_path / "made")
    monkeypatch.setattr(bundle, "MAX_FILES", 3)
    with pytest.raises(Misconfigured, match=r"\[files\] lists 5, limit 3"):
        bundle.load(tmp_path / "made")
