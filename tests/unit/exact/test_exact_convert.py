"""Checkpoints become exact decoders: near their floats, equal to their specification, the same bytes again."""

import json
import re
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests import checkpoints
from themis.bundles import bundle
from themis.cli.program import invoke
from themis.core.errors import Misconfigured
from themis.exact.decoder import architecture, convert, floating, maxima, memory, quantize
from themis.exact.decoder.checkpoint import SafeTensors
from themis.exact.decoder.network import decoder
from themis.exact.decoder.rotated import Rotated, rotation
from themis.exact.decoder.specified import Spec
from themis.exact.graph import serialize
from themis.exact.lint import lint
from themis.exact.session import open_session

Captured = pytest.CaptureFixture[str]
RNG = np.random.default_rng(11)
TEXTS = RNG.integers(0, 512, (3, 40)).tolist()
CALIBRATION = RNG.integers(0, 512, (6, 48)).tolist()


class Held:
    """A checkpoint in memory."""

    def __init__(self, kind: str) -> None:
        self.tensors = checkpoints.tensors(kind)

    def has(self, name: str) -> bool:
        return name in self.tensors

    def tensor(self, name: str) -> NDArray[np.float32]:
        return self.tensors[name]


@pytest.mark.parametrize("kind", checkpoints.KINDS)
@pytest.mark.parametrize("recipe", maxima.RECIPES)
def test_each_architecture_is_near_its_floats_and_equal_to_its_specification(kind: str, recipe: str) -> None:
    arch, weights = architecture.read(checkpoints.config(kind), 64), Held(kind)
    most = convert.scales(weights, arch, CALIBRATION, None, recipe)
    numbers = quantize.numbers(weights, arch, most)
    report = convert.compare(weights, arch, (numbers, most), TEXTS)
    assert report.predictions == 3 * 39
    assert report.recipe == recipe
    assert 0 < report.kl_nats < (0.01 if recipe == maxima.TWO_BYTES else 0.03)
    assert report.same_best_percent > 85
    assert abs(report.change_percent) < (2 if recipe == maxima.TWO_BYTES else 4)
    model = convert.emit(kind, numbers, arch.context)
    assert lint(model).findings == ()
    spec = Spec(TEXTS[0][:6], {})
    decoder(spec, numbers)
    empty = {
        entry.name: np.zeros([size.dim_value for size in entry.type.tensor_type.shape.dim], np.uint8)
        for entry in model.graph.input[2:]
    }
    feed = {"input_ids": np.array([TEXTS[0][:6]]), "position_ids": np.arange(6)[None], **empty}
    names = list(spec.outputs)
    for name, found in zip(names, open_session(serialize(model)).run(names, feed), strict=True):
        assert np.array_equal(found, spec.outputs[name]), name


@pytest.mark.parametrize("kind", checkpoints.KINDS)
def test_rotated_weights_are_the_same_function_without_outliers(kind: str) -> None:
    arch, weights = architecture.read(checkpoints.config(kind), 64), Held(kind)
    weights.tensors["model.embed_tokens.weight"][:, 3] *= 50
    turned = Rotated(weights, arch)
    theirs, ours = (
        floating.streams(each, arch, TEXTS[:1], lambda _: lambda *_: None)[0] @ floating.head(each, told).T
        for each, told in ((weights, arch), (turned, replace(arch, tied=False)))
    )
    assert np.abs(theirs - ours).max() < 1e-4 * np.abs(theirs).max()
    plain, spread = (np.abs(each.tensor("model.embed_tokens.weight")).max() for each in (weights, turned))
    assert spread < plain / 2


def test_a_rotation_keeps_lengths_and_angles() -> None:
    for size in (1, 2, 7, 24, 576 // 8):
        turned = rotation(np.eye(size, dtype=np.float32))
        assert np.abs(turned @ turned.T - np.eye(size)).max() < 1e-6


def test_a_recipe_is_known_and_its_maxima_are_its_own(tmp_path: Path) -> None:
    arch, weights = architecture.read(checkpoints.config("llama"), 64), Held("llama")
    file = tmp_path / "maxima.json"
    file.write_text(convert.scales(weights, arch, CALIBRATION, None, maxima.ROTATED).to_json())
    with pytest.raises(Misconfigured, match="is of the recipe 'rotated', not 'two bytes'"):
        convert.scales(weights, arch, [], file)
    with pytest.raises(Misconfigured, match="'4 bits' is no recipe: choose one of 'two bytes', 'rotated'"):
        convert.scales(weights, arch, [], file, "4 bits")


def convert_here(source: Path, to: Path, *more: str) -> int:
    return invoke(["exact", "convert", str(source), "--to", str(to), "--context", "64", *more])


def test_the_command_writes_what_models_add_takes(tmp_path: Path, capsys: Captured) -> None:
    source = checkpoints.write(tmp_path / "tiny", "llama", half=True)
    (tmp_path / "test.txt").write_text("Is this contract safe? It moves ether before it writes its books.")
    assert convert_here(source, tmp_path / "made", "--test", str(tmp_path / "test.txt"), "--json") == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["recipe"] == "two bytes"
    assert f"next: `themis models add {tmp_path / 'made'}`" in said.err
    report = json.loads((tmp_path / "made/report.json").read_text())
    assert report["kl_nats"] < 0.01
    again = ["--maxima", str(tmp_path / "made/maxima.json")]
    assert convert_here(source, tmp_path / "again", *again) == 0
    assert (tmp_path / "again/model.onnx").read_bytes() == (tmp_path / "made/model.onnx").read_bytes()
    assert convert_here(source, tmp_path / "made") == 78
    assert "is there already" in capsys.readouterr().err
    assert invoke(["--home", str(tmp_path / "home"), "models", "add", str(tmp_path / "made"), "--json"]) == 0
    added = json.loads(capsys.readouterr().out)
    assert added["exactness"] == "exact"
    found = bundle.load(Path(added["path"]))
    assert found.manifest.generation
    assert found.manifest.generation.context == 64


def test_half_floats_are_read(tmp_path: Path) -> None:
    weights = SafeTensors(checkpoints.write(tmp_path / "tiny", "qwen2", half=True))
    for name, array in checkpoints.tensors("qwen2").items():
        assert np.abs(weights.tensor(name) - array).max() <= np.abs(array).max() / 128
    with pytest.raises(Misconfigured, match=r"has no tensor lm_head\.bias"):
        weights.tensor("lm_head.bias")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model_type": "gpt2"}, "model_type 'gpt2' has no exact recipe: only llama"),
        ({"hidden_act": "gelu"}, "hidden_act is 'gelu', not silu"),
        ({"rope_scaling": {"rope_type": "yarn"}}, r"positions are scaled \(yarn\)"),
        ({"mlp_bias": True}, "feed-forward parts have biases"),
        ({"clip_qkv": 8.0}, "queries, keys and values are clipped"),
        ({"model_type": "granitemoeshared"}, "model_type 'granitemoeshared' has no exact recipe"),
        (
            {"model_type": "granitemoe", "num_local_experts": 2, "num_experts_per_tok": 1, "logits_scaling": 0},
            "logits_scaling is 0, not a positive number",
        ),
        ({"num_attention_heads": 5, "head_dim": 6}, "do not share"),
        ({"hidden_size": "wide"}, "hidden_size is 'wide', not a size"),
    ],
)
def test_what_no_recipe_fits_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(Misconfigured, match=reason):
        architecture.read(checkpoints.config("llama") | changes, 64)


def test_outliers_that_the_recipe_cannot_hold_name_their_layer() -> None:
    arch, weights = architecture.read(checkpoints.config("llama"), 64), Held("llama")
    weights.tensors["model.layers.1.mlp.gate_proj.weight"] *= 1e6
    most = convert.scales(weights, arch, CALIBRATION, None)
    with pytest.raises(Misconfigured, match="layer 1 does not fit the recipe: its gates reach"):
        quantize.numbers(weights, arch, most)


def spoil_length(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-4])


def spoil_header(file: Path) -> None:
    file.write_bytes(b"\xff" * 16)


@pytest.mark.parametrize("spoil", [spoil_length, spoil_header])
def test_a_spoilt_file_is_named(spoil: Any, tmp_path: Path) -> None:
    source = checkpoints.write(tmp_path / "tiny", "llama")
    spoil(source / "model.safetensors")
    with pytest.raises(Misconfigured, match=r"model\.safetensors is not a safetensors file"):
        SafeTensors(source)
    (source / "model.safetensors").unlink()
    with pytest.raises(Misconfigured, match=r"holds neither model\.safetensors nor"):
        SafeTensors(source)


def test_too_little_memory_is_said_before_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr(memory, "free", lambda: 2**18)
    assert convert_here(checkpoints.write(tmp_path / "tiny", "llama"), tmp_path / "made") == 78
    said = capsys.readouterr().err
    assert "too little memory: converting 31,744 weights takes at least 0 MiB, and 0 MiB are free" in said
    assert not (tmp_path / "made").exists()


def test_what_no_file_holds_is_refused_before_it_starts(tmp_path: Path, capsys: Captured) -> None:
    source = checkpoints.write(tmp_path / "large", "mixtral")
    told = checkpoints.config("mixtral") | {"num_hidden_layers": 100_000}
    (source / "config.json").write_text(json.dumps(told))
    assert convert_here(source, tmp_path / "made") == 78
    said = capsys.readouterr().err
    assert "weights make a file of 2" in said
    assert "an exact model is one file of at most 512 MiB" in said
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("kind", checkpoints.KINDS)
def test_weights_are_counted_as_they_are(kind: str) -> None:
    held, tied = checkpoints.tensors(kind), checkpoints.config(kind).get("tie_word_embeddings")
    counted = [each.size for name, each in held.items() if each.ndim > 1 and not (tied and name == "lm_head.weight")]
    assert architecture.read(checkpoints.config(kind), 64).weights == sum(counted)


def test_free_memory_is_what_the_limit_leaves() -> None:
    script = (
        "import resource; from themis.exact.decoder import memory; before = memory.free();"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize();"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 2**26, used + 2**26)); print(before, memory.free())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert 2**25 < after <= 2**26 < before


class OnDemand(Held):
    """As a file is: each tensor is read anew. All layers are the first."""

    def tensor(self, name: str) -> NDArray[np.float32]:
        return super().tensor(re.sub(r"layers\.\d+", "layers.0", name)).copy()


def test_floats_of_one_layer_are_held_at_a_time() -> None:
    """Measured and rounded, a layer more takes its integers and not its floats, which are four bytes a weight."""
    weights, peaks = OnDemand("qwen3_moe"), []
    told = architecture.read(checkpoints.config("qwen3_moe"), 64)
    depths = [replace(told, layers=layers) for layers in (1, 2, 4)]  # the first makes the tables, which are kept
    for arch in depths:
        tracemalloc.start()
        most = convert.scales(weights, arch, [TEXTS[0][:4]], None)
        numbers = quantize.numbers(weights, arch, most)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert len(numbers.layers) == arch.layers
    assert peaks[2] - peaks[1] < memory.PER_WEIGHT * (depths[2].weights - depths[1].weights)


def test_maxima_of_another_model_are_refused(tmp_path: Path) -> None:
    arch = architecture.read(checkpoints.config("llama"), 64)
    file = tmp_path / "maxima.json"
    for content, reason in (("{", "cannot be read as maxima"), ('{"stream": -1}', "holds no maxima")):
        file.write_text(content)
        with pytest.raises(Misconfigured, match=reason):
            convert.scales(Held("llama"), arch, [], file)
    with pytest.raises(Misconfigured, match="the maxima are of 0 layers, the checkpoint has 2"):
        quantize.numbers(Held("llama"), arch, maxima.Maxima(1.0, 1.0, ()))
