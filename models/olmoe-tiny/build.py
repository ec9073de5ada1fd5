"""Writes the bundle `olmoe-tiny` beside this file: the architecture of OLMoE with small random weights.

The source is what anybody would give to `themis models add`: an exported graph, a tokenizer, a configuration. What
transformers itself generates must be what ONNX Runtime answers here. Deterministic with the pinned packages.
"""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

import onnx
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import OlmoeConfig, OlmoeForCausalLM
from transformers.cache_utils import DynamicCache

from themis.edge.adopt import Wishes, adopt
from themis.edge.bundle import CARD, GOLDEN, LICENSE, MANIFEST, MODEL, TOKENIZER

HERE: Final = Path(__file__).parent
WRITTEN: Final = (MODEL, TOKENIZER, GOLDEN, MANIFEST)
SEED: Final = 104
"""One whose second answer ends by itself, and whose closest choice is not close."""
END: Final = "<|end|>"
VOCABULARY: Final = 512
MAX_NEW_TOKENS: Final = 24
CONFIG: Final = OlmoeConfig(
    vocab_size=VOCABULARY,
    hidden_size=64,
    intermediate_size=32,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    num_experts=8,
    num_experts_per_tok=2,
    max_position_embeddings=256,
    tie_word_embeddings=True,
    initializer_range=0.3,  # large, so that random logits lie far apart
    bos_token_id=None,
    eos_token_id=0,
    pad_token_id=None,
)
WISHES: Final = Wishes(
    name="olmoe-tiny",
    version="1.0.0",
    description="OLMoE's architecture with small random weights: generates noise, for tests.",
    attribution="Built with Themis olmoe-tiny",
    spdx="Apache-2.0",
    license_file=None,
    probes=(),
    max_new_tokens=MAX_NEW_TOKENS,
    steps_per_unit=1,
)
LAYERS: Final = range(CONFIG.num_hidden_layers)
PAST: Final = [f"past_key_values.{layer}.{part}" for layer in LAYERS for part in ("key", "value")]
PRESENT: Final = [name.replace("past_key_values", "present") for name in PAST]


class Step(torch.nn.Module):
    """The model with its cache as a list of tensors."""

    def __init__(self, model: OlmoeForCausalLM) -> None:
        super().__init__()
        self._model = model

    def forward(
        self, ids: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor, past: list[torch.Tensor]
    ) -> tuple[torch.Tensor, ...]:
        cache = DynamicCache()
        for layer in LAYERS:
            cache.update(past[2 * layer], past[2 * layer + 1], layer)
        found = self._model(
            input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True
        )
        layers = found.past_key_values.layers
        return (found.logits, *(tensor for layer in layers for tensor in (layer.keys, layer.values)))


def build(path: Path = HERE) -> None:
    """Write model.onnx, tokenizer.json, golden.json and manifest.toml beside LICENSE and MODEL_CARD.md."""
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    model = OlmoeForCausalLM._from_config(CONFIG, attn_implementation="eager").eval()  # noqa: SLF001
    model.set_experts_implementation("batched_mm")  # gathers the weights of the routed experts, and no others
    with tempfile.TemporaryDirectory() as scratch:
        source, made = Path(scratch) / "source", Path(scratch) / "made"
        source.mkdir()
        made.mkdir()
        for name in (LICENSE, CARD):
            shutil.copy(path / name, source)
        tokenizer = _tokenizer((path / LICENSE).read_text())
        tokenizer.save(str(source / TOKENIZER))
        (source / "config.json").write_text(CONFIG.to_json_string())
        onnx.save(_export(model), source / MODEL)
        print(adopt(source, made, WISHES))
        _check(model, tokenizer, json.loads((made / GOLDEN).read_text()))
        for name in WRITTEN:
            shutil.copy(made / name, path)


def _tokenizer(text: str) -> Tokenizer:
    """Byte-level BPE, learned from the license."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=[END], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([text], trainer)
    return tokenizer


def _export(model: OlmoeForCausalLM) -> onnx.ModelProto:
    """The graph, with sizes that have names, and without what the exporter notes about itself."""
    cached, new = 3, 5
    heads, width = CONFIG.num_key_value_heads, CONFIG.hidden_size // CONFIG.num_attention_heads
    past = [torch.zeros(1, heads, cached, width) for _ in PAST]
    inputs = (
        torch.zeros(1, new, dtype=torch.int64),
        torch.ones(1, cached + new, dtype=torch.int64),
        torch.arange(cached, cached + new)[None],
        past,
    )
    free = torch.export.Dim.DYNAMIC
    program: Any = torch.onnx.export(
        Step(model),
        inputs,
        dynamo=True,
        dynamic_shapes=({1: free}, {1: free}, {1: free}, [{2: free} for _ in PAST]),
        opset_version=18,
        input_names=["input_ids", "attention_mask", "position_ids", *PAST],
        output_names=["logits", *PRESENT],
        verbose=False,
    )
    graph: onnx.ModelProto = program.model_proto
    names = {"input_ids": "tokens", "position_ids": "tokens", "attention_mask": "total", "logits": "tokens"}
    for entry in (*graph.graph.input, *graph.graph.output):
        for size in entry.type.tensor_type.shape.dim:
            if size.dim_param:
                size.dim_param = names.get(entry.name, "past" if entry.name in PAST else "total")
    del graph.graph.value_info[:], graph.metadata_props[:], graph.graph.metadata_props[:]
    for node in graph.graph.node:
        del node.metadata_props[:]
        node.ClearField("doc_string")
    return graph


def _check(model: OlmoeForCausalLM, tokenizer: Tokenizer, golden: list[dict[str, str]]) -> None:
    """The golden answers are what transformers generates."""
    for entry in golden:
        ids = tokenizer.encode(bytes.fromhex(entry["input"][2:]).decode()).ids
        with torch.no_grad():
            found = model.generate(torch.tensor([ids]), max_new_tokens=MAX_NEW_TOKENS, do_sample=False)
        answer = b"".join(token.to_bytes(4, "big") for token in found[0, len(ids) :].tolist())
        if answer.hex() != entry["output"][2:]:
            raise ValueError(f"transformers answers 0x{answer.hex()}, ONNX Runtime otherwise: {entry}")


if __name__ == "__main__":
    build()
