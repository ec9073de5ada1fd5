"""Writes the bundle `olmoe-tiny` beside this file: the architecture of OLMoE with small random weights.

The source is what anybody would give to `themis models add`: an exported graph, a tokenizer, a configuration. What
transformers itself generates must be what ONNX Runtime answers here. Deterministic with the pinned packages.
"""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Final

import onnx
import torch
from exporting import export
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import OlmoeConfig, OlmoeForCausalLM

from themis.adopt.adopt import Wishes, adopt
from themis.bundles.bundle import CARD, GOLDEN, LICENSE, MANIFEST, MODEL, TOKENIZER

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


def build(path: Path = HERE) -> None:
    """Write model.onnx, tokenizer.json, golden.json and manifest.toml beside LICENSE and MODEL_CARD.md."""
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    model = OlmoeForCausalLM._from_config(CONFIG, attn_implementation="eager").eval()  # noqa: SLF001
    with tempfile.TemporaryDirectory() as scratch:
        source, made = Path(scratch) / "source", Path(scratch) / "made"
        source.mkdir()
        made.mkdir()
        for name in (LICENSE, CARD):
            shutil.copy(path / name, source)
        tokenizer = _tokenizer((path / LICENSE).read_text())
        tokenizer.save(str(source / TOKENIZER))
        (source / "config.json").write_text(CONFIG.to_json_string())
        onnx.save(export(model), source / MODEL)
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
