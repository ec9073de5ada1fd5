"""What config.json says of a decoder, for the architectures that can be made exact; others are refused by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, Final

from themis.core.errors import Misconfigured

DENSE: Final = ("llama", "mistral", "qwen2", "qwen3")
SPARSE: Final = ("mixtral", "qwen3_moe", "olmoe", "granitemoe")
KNOWN: Final = (*DENSE, *SPARSE)


@dataclass(frozen=True, slots=True)
class Experts:
    """A mixture of experts in each layer."""

    count: int
    top_k: int
    inner: int
    normed: bool
    """Shares are of the chosen experts, not of all."""


@dataclass(frozen=True, slots=True)
class Multipliers:
    """What Granite multiplies by; elsewhere nothing but scores."""

    embedding: float
    attention: float
    """Of queries times keys."""
    residual: float
    """Of what attention and feed-forward parts add to the stream."""
    logits: float


@dataclass(frozen=True, slots=True)
class Architecture:
    """The sizes of a decoder."""

    kind: str
    layers: int
    width: int
    heads: int
    pairs: int
    head_width: int
    inner: int
    vocabulary: int
    epsilon: float
    theta: float
    context: int
    tied: bool
    experts: Experts | None
    multipliers: Multipliers

    @property
    def weights(self) -> int:
        """How many matrices hold, without norms and biases."""
        attention = self.width * self.head_width * 2 * (self.heads + self.pairs)
        feed = 3 * self.width * self.inner
        if self.experts:
            feed = self.experts.count * self.width * (3 * self.experts.inner + 1)
        return self.layers * (attention + feed) + (2 - self.tied) * self.vocabulary * self.width

    @property
    def normed_heads(self) -> bool:
        """Queries and keys are normed."""
        return self.kind in ("qwen3", "qwen3_moe", "olmoe")

    @property
    def normed_together(self) -> bool:
        """All heads in one norm, not each in its own."""
        return self.kind == "olmoe"


def read(config: Mapping[str, Any], context: int) -> Architecture:
    """Of a config.json, for up to `context` tokens. Raises Misconfigured for one that no recipe is known for."""
    kind = config.get("model_type")
    if kind not in KNOWN:
        raise Misconfigured(f"model_type {kind!r} has no exact recipe: only {', '.join(KNOWN)} have one")
    if strange := [reason for reason in _strange(config) if reason]:
        raise Misconfigured(f"this {kind} has no exact recipe: {'; '.join(strange)}")
    heads = _size(config, "num_attention_heads")
    width = _size(config, "hidden_size")
    experts = None
    if kind in SPARSE:
        local = kind in ("mixtral", "granitemoe")
        count = _size(config, "num_local_experts" if local else "num_experts")
        inner = _size(config, "moe_intermediate_size" if kind == "qwen3_moe" else "intermediate_size")
        normed = local or bool(config.get("norm_topk_prob"))
        experts = Experts(count, _size(config, "num_experts_per_tok"), inner, normed)
    pairs = config.get("num_key_value_heads") or heads
    head_width = int(config.get("head_dim") or width // heads)
    found = Architecture(
        kind=str(kind),
        layers=_size(config, "num_hidden_layers"),
        width=width,
        heads=heads,
        pairs=int(pairs),
        head_width=head_width,
        inner=_size(config, "intermediate_size"),
        vocabulary=_size(config, "vocab_size"),
        epsilon=float(config.get("rms_norm_eps", 1e-6)),
        theta=float(config.get("rope_theta") or (config.get("rope_parameters") or {}).get("rope_theta") or 10_000.0),
        context=min(context, _size(config, "max_position_embeddings")),
        tied=bool(config.get("tie_word_embeddings", False)),
        experts=experts,
        multipliers=_multipliers(config if kind == "granitemoe" else {}, head_width),
    )
    if found.heads % found.pairs or found.head_width % 2:
        raise Misconfigured(f"{found.heads} heads of {found.head_width} do not share {found.pairs} keys evenly")
    return found


def _strange(config: Mapping[str, Any]) -> list[str]:
    scaling = config.get("rope_scaling") or config.get("rope_parameters") or {}
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    sparse = config.get("mlp_only_layers") or int(config.get("decoder_sparse_step", 1)) != 1
    return [
        "" if config.get("hidden_act", "silu") == "silu" else f"hidden_act is {config['hidden_act']!r}, not silu",
        "" if kind == "default" else f"positions are scaled ({kind})",
        "some layers have no experts" if sparse else "",
        "its feed-forward parts have biases" if config.get("mlp_bias") else "",
        "its queries, keys and values are clipped" if config.get("clip_qkv") else "",
        "it attends to a window" if config.get("sliding_window") and config.get("use_sliding_window", True) else "",
    ]


def _multipliers(config: Mapping[str, Any], head_width: int) -> Multipliers:
    usual = {"embedding_multiplier": 1.0, "residual_multiplier": 1.0, "logits_scaling": 1.0}
    usual["attention_multiplier"] = 1.0 if config else head_width**-0.5
    found = {key: config.get(key, value) for key, value in usual.items()}
    if strange := [key for key, value in found.items() if not isinstance(value, int | float) or not 0 < value < inf]:
        raise Misconfigured(f"config.json: {strange[0]} is {found[strange[0]]!r}, not a positive number")
    return Multipliers(
        embedding=float(found["embedding_multiplier"]),
        attention=float(found["attention_multiplier"]),
        residual=float(found["residual_multiplier"]),
        logits=1 / float(found["logits_scaling"]),
    )


def _size(config: Mapping[str, Any], key: str) -> int:
    size = config.get(key)
    if not isinstance(size, int) or not 0 < size < 2**31:
        raise Misconfigured(f"config.json: {key} is {size!r}, not a size")
    return size
