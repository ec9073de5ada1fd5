"""Tiny random checkpoints of the architectures that can be made exact, as Hugging Face writes them."""

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tests.homes import ROOT

TOKENIZER: Final = ROOT / "models/olmoe-tiny/tokenizer.json"
BASE: Final[dict[str, Any]] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
    "vocab_size": 512,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10_000.0,
    "max_position_embeddings": 128,
    "hidden_act": "silu",
    "eos_token_id": 0,
}
KINDS: Final[dict[str, dict[str, Any]]] = {
    "llama": {"model_type": "llama", "tie_word_embeddings": True},
    "qwen2": {"model_type": "qwen2", "use_sliding_window": False},
    "qwen3": {"model_type": "qwen3", "head_dim": 16, "tie_word_embeddings": True},
    "mixtral": {"model_type": "mixtral", "num_local_experts": 5, "num_experts_per_tok": 2},
    "qwen3_moe": {
        "model_type": "qwen3_moe",
        "head_dim": 8,
        "num_experts": 6,
        "num_experts_per_tok": 3,
        "moe_intermediate_size": 24,
    },
    "olmoe": {"model_type": "olmoe", "num_experts": 6, "num_experts_per_tok": 3, "clip_qkv": None},
    "granitemoe": {
        "model_type": "granitemoe",
        "num_local_experts": 5,
        "num_experts_per_tok": 2,
        "tie_word_embeddings": True,
        "embedding_multiplier": 6.0,
        "attention_multiplier": 0.25,
        "residual_multiplier": 0.4,
        "logits_scaling": 3.0,
    },
}


def config(kind: str) -> dict[str, Any]:
    return BASE | KINDS[kind]


def tensors(kind: str, seed: int = 5) -> dict[str, NDArray[np.float32]]:
    """Random weights, some rows larger than others; its head spreads logits so that texts surprise differently."""
    told, rng = config(kind), np.random.default_rng(seed)
    width, vocabulary, heads, pairs = 32, 512, 4, 2
    head = told.get("head_dim", width // heads)
    found: dict[str, NDArray[np.float32]] = {}

    def add(name: str, *shape: int, mean: float = 0.0) -> None:
        scale = 0.2 if mean else 1.2 / np.sqrt(shape[-1])
        found[name] = (mean + rng.normal(0, scale, shape)).astype(np.float32)

    add("model.embed_tokens.weight", vocabulary, width)
    found["model.embed_tokens.weight"] *= 3
    add("model.norm.weight", width, mean=1.0)
    add("lm_head.weight", vocabulary, width)
    if told.get("tie_word_embeddings"):
        del found["lm_head.weight"]
    for layer in range(told["num_hidden_layers"]):
        at = f"model.layers.{layer}."
        for name in ("input_layernorm", "post_attention_layernorm"):
            add(f"{at}{name}.weight", width, mean=1.0)
        for name, shape, mean in _attention(kind, (heads, pairs), head):
            add(f"{at}self_attn.{name}", *shape, mean=mean)
        if kind == "granitemoe":
            experts, inner = told["num_local_experts"], told["intermediate_size"]
            add(f"{at}block_sparse_moe.input_linear.weight", experts, 2 * inner, width)
            add(f"{at}block_sparse_moe.output_linear.weight", experts, width, inner)
        for names, inner in _feeds(kind, told):
            for name, shape in zip(names, ((inner, width), (inner, width), (width, inner)), strict=True):
                add(f"{at}{name}.weight", *shape)
        for name, experts in _routers(told):
            add(f"{at}{name}.weight", experts, width)
    return found


def _attention(kind: str, counts: tuple[int, int], head: int) -> list[tuple[str, tuple[int, ...], float]]:
    heads, pairs = counts
    found: list[tuple[str, tuple[int, ...], float]] = [("o_proj.weight", (32, heads * head), 0.0)]
    for name, rows in (("q", heads * head), ("k", pairs * head), ("v", pairs * head)):
        found.append((f"{name}_proj.weight", (rows, 32), 0.0))
        found += [(f"{name}_proj.bias", (rows,), 0.0)] * (kind == "qwen2")
    if kind == "olmoe":
        return [*found, ("q_norm.weight", (heads * head,), 1.0), ("k_norm.weight", (pairs * head,), 1.0)]
    return found + [(f"{name}_norm.weight", (head,), 1.0) for name in "qk" * kind.startswith("qwen3")]


def _routers(told: dict[str, Any]) -> list[tuple[str, int]]:
    if "num_experts" in told:
        return [("mlp.gate", told["num_experts"])]
    gate = "router.layer" if told["model_type"] == "granitemoe" else "gate"
    return [(f"block_sparse_moe.{gate}", told["num_local_experts"])] if "num_local_experts" in told else []


def _feeds(kind: str, told: dict[str, Any]) -> list[tuple[list[str], int]]:
    if kind == "mixtral":
        inside = [f"block_sparse_moe.experts.{number}." for number in range(told["num_local_experts"])]
        return [([f"{each}w1", f"{each}w3", f"{each}w2"], told["intermediate_size"]) for each in inside]
    names = ["gate_proj", "up_proj", "down_proj"]
    if kind == "granitemoe":
        return []
    if kind in ("qwen3_moe", "olmoe"):
        inside = [f"mlp.experts.{number}." for number in range(told["num_experts"])]
        inner = told["moe_intermediate_size" if kind == "qwen3_moe" else "intermediate_size"]
        return [([each + name for name in names], inner) for each in inside]
    return [([f"mlp.{name}" for name in names], told["intermediate_size"])]


def write(folder: Path, kind: str, *, half: bool = False, **changes: Any) -> Path:
    """As a directory; with `half` in bfloat16."""
    folder.mkdir(parents=True)
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    body = b""
    for name, array in tensors(kind).items():
        raw = (array.view(np.uint32) >> 16).astype("<u2").tobytes() if half else array.astype("<f4").tobytes()
        offsets = [len(body), len(body) + len(raw)]
        header[name] = {"dtype": "BF16" if half else "F32", "shape": list(array.shape), "data_offsets": offsets}
        body += raw
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + body)
    (folder / "config.json").write_text(json.dumps(config(kind) | changes))
    (folder / "tokenizer.json").write_bytes(TOKENIZER.read_bytes())
    (folder / "LICENSE").write_text("Terms of a test.\n")
    return folder
