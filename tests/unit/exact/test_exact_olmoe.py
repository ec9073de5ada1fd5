"""OLMoE as transformers runs it: the weights of `models/olmoe-tiny`, whose golden tokens transformers wrote."""

from typing import Final

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from tests.homes import ROOT
from themis.bundles import bundle
from themis.engine.generic import Generic
from themis.exact.decoder import architecture, convert, floating, quantize
from themis.exact.decoder.architecture import Architecture

FOLDER: Final = ROOT / "models/olmoe-tiny"
CONFIG: Final = {
    "model_type": "olmoe",
    "hidden_size": 64,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "num_experts": 8,
    "num_experts_per_tok": 2,
    "max_position_embeddings": 256,
    "tie_word_embeddings": True,
    "vocab_size": 512,
    "rms_norm_eps": 1e-5,
}
"""As its build.py has it, and transformers' defaults."""
PLACES: Final = (("71", "76", "81", "194", "221", "230"), ("252", "257", "262", "373", "400", "408"))
"""What the exporter called queries, keys, values, out, gates with ups, and downs of each layer. Norms are all ones."""


class Exported:
    """The weights, by a checkpoint's names."""

    def __init__(self) -> None:
        held = {each.name: numpy_helper.to_array(each) for each in onnx.load(FOLDER / "model.onnx").graph.initializer}
        ones = {"input_layernorm": 64, "post_attention_layernorm": 64, "self_attn.q_norm": 64, "self_attn.k_norm": 32}
        self.tensors = {"model.embed_tokens.weight": held["_model.lm_head.weight"], "model.norm.weight": np.ones(64)}
        for layer, (*projections, ups, downs) in enumerate(PLACES):
            at = f"model.layers.{layer}."
            found = {f"{at}{name}.weight": np.ones(size) for name, size in ones.items()}
            for name, place in zip("qkvo", projections, strict=True):
                found[f"{at}self_attn.{name}_proj.weight"] = held[f"val_{place}"].T
            found[f"{at}mlp.gate.weight"] = held[f"_model.model.layers.{layer}.mlp.gate.weight"]
            for number, (up, down) in enumerate(zip(held[f"val_{ups}"], held[f"val_{downs}"], strict=True)):
                inside = f"{at}mlp.experts.{number}."
                for name, part in zip(("gate", "up", "down"), (up[:32], up[32:], down), strict=True):
                    found[f"{inside}{name}_proj.weight"] = part
            self.tensors |= found

    def has(self, name: str) -> bool:
        return name in self.tensors

    def tensor(self, name: str) -> NDArray[np.float32]:
        return self.tensors[name].astype(np.float32)


@pytest.fixture(scope="module")
def told() -> list[tuple[list[int], list[int]]]:
    """Questions, and what transformers answered."""
    loaded = bundle.load(FOLDER)
    reader = Generic(loaded)
    return [(reader.ids(each.input), np.frombuffer(each.output, ">u4").tolist()) for each in loaded.golden]


@pytest.fixture(scope="module")
def arch() -> Architecture:
    return architecture.read(CONFIG, 256)


def test_floats_choose_what_transformers_chose(arch: Architecture, told: list[tuple[list[int], list[int]]]) -> None:
    weights = Exported()
    for question, answer in told:
        (stream,) = floating.streams(weights, arch, [[*question, *answer[:-1]]], lambda _: lambda *_: None)
        best = (stream @ floating.head(weights, arch).T).argmax(-1)
        assert best[len(question) - 1 :].tolist() == answer
    assert sum(len(answer) for _, answer in told) > 60


def test_the_exact_form_is_near_them(arch: Architecture, told: list[tuple[list[int], list[int]]]) -> None:
    """Near ties of routers fall either way at a few tokens, and random experts differ as much as can be."""
    texts = [[*question, *answer] for question, answer in told]
    weights = Exported()
    most = convert.scales(weights, arch, texts, None)
    report = convert.compare(weights, arch, (quantize.numbers(weights, arch, most), most), texts)
    assert report.kl_nats < 0.04
    assert report.same_best_percent > 90
