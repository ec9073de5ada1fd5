"""The decoder in float32, layer by layer: what a conversion is measured against, and what its scales come from.

One layer's weights are in memory at a time, and the stream of all texts.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from themis.core.errors import Misconfigured
from themis.exact.decoder.architecture import Architecture
from themis.exact.decoder.checkpoint import F32, Weights

Record = Callable[[str, NDArray[Any]], None]
"""Told the name of each value that a scale is needed for, and the value, its last axis the channels'."""
BLOCK: Final = 128
ROUTERS: Final = {
    "mixtral": "block_sparse_moe.gate",
    "qwen3_moe": "mlp.gate",
    "olmoe": "mlp.gate",
    "granitemoe": "block_sparse_moe.router.layer",
}
"""Where each kind keeps what chooses experts."""


@dataclass(frozen=True, slots=True)
class Parts:
    """One layer's weights, [outputs, inputs]."""

    before: F32
    q: F32
    k: F32
    v: F32
    biases: tuple[F32, ...] | None
    head_norms: tuple[F32, ...] | None
    out: F32
    between: F32
    router: F32 | None
    experts: tuple[tuple[F32, ...], ...]
    """Gate, up, down; one of a dense layer."""


def parts(weights: Weights, arch: Architecture, layer: int) -> Parts:
    """Raises Misconfigured naming a tensor that is missing or has another shape."""
    at = f"model.layers.{layer}."

    def of(name: str) -> F32:
        return weights.tensor(f"{at}{name}.weight")

    residual = np.float32(arch.multipliers.residual)
    names = [f"{at}self_attn.{part}_proj.bias" for part in "qkv"]
    biases = tuple(map(weights.tensor, names)) if weights.has(names[0]) else None
    return Parts(
        before=of("input_layernorm"),
        q=of("self_attn.q_proj"),
        k=of("self_attn.k_proj"),
        v=of("self_attn.v_proj"),
        biases=biases,
        head_norms=(of("self_attn.q_norm"), of("self_attn.k_norm")) if arch.normed_heads else None,
        out=of("self_attn.o_proj") * residual,
        between=of("post_attention_layernorm"),
        router=of(ROUTERS[arch.kind]) if arch.experts else None,
        experts=tuple((gate, up, down * residual) for gate, up, down in _experts(of, arch)),
    )


def _experts(of: Callable[[str], F32], arch: Architecture) -> Iterator[tuple[F32, F32, F32]]:
    """Gate, up and down of each expert; of a dense layer's one."""
    if arch.experts is None:
        yield of("mlp.gate_proj"), of("mlp.up_proj"), of("mlp.down_proj")
    elif arch.kind == "granitemoe":
        first, last = of("block_sparse_moe.input_linear"), of("block_sparse_moe.output_linear")
        for number in range(arch.experts.count):
            yield first[number, : arch.experts.inner], first[number, arch.experts.inner :], last[number]
    else:
        mixtral = arch.kind == "mixtral"
        inside, names = (
            ("block_sparse_moe", ("w1", "w3", "w2")) if mixtral else ("mlp", ("gate_proj", "up_proj", "down_proj"))
        )
        for number in range(arch.experts.count):
            gate, up, down = (of(f"{inside}.experts.{number}.{name}") for name in names)
            yield gate, up, down


def streams(
    weights: Weights, arch: Architecture, texts: Sequence[Sequence[int]], record: Callable[[int], Record]
) -> list[F32]:
    """Each text's normed stream before the head, [T, width]; `record(layer)` is told what passes, `layers` the end."""
    table = weights.tensor("model.embed_tokens.weight") * np.float32(arch.multipliers.embedding)
    found = [table[np.array(text)] for text in texts]
    del table
    for layer in range(arch.layers):
        mine, told = parts(weights, arch, layer), record(layer)
        for x in found:
            told("stream", x)
            _attend(x, mine, arch, told)
            _feed(x, mine, arch, told)
    last, told = weights.tensor("model.norm.weight"), record(arch.layers)
    for x in found:
        told("stream", x)
        x[:] = _normed(x, last, arch.epsilon)
        told("head_in", x)
    return found


def head(weights: Weights, arch: Architecture) -> F32:
    """[vocabulary, width]. Raises Misconfigured also where it should be the table of tokens, and another is there."""
    found = weights.tensor("model.embed_tokens.weight" if arch.tied else "lm_head.weight")
    if arch.tied and weights.has("lm_head.weight") and not np.array_equal(found, weights.tensor("lm_head.weight")):
        raise Misconfigured(
            "config.json ties the head to the table of tokens, and the checkpoint has another lm_head.weight: set "
            "tie_word_embeddings to false if the model was trained with it, or take it out"
        )
    return found * np.float32(arch.multipliers.logits)


def _attend(x: F32, mine: Parts, arch: Architecture, told: Record) -> None:
    """Add what attention makes of the stream to it."""
    h = _normed(x, mine.before, arch.epsilon)
    told("attention_in", h)
    q, k, v = (
        np.asarray(h @ matrix.T + (0 if mine.biases is None else mine.biases[index]), np.float32).reshape(
            len(x), -1, arch.head_width
        )
        for index, matrix in enumerate((mine.q, mine.k, mine.v))
    )
    if mine.head_norms:
        told("queries_raw", q)
        told("keys_raw", k)
        q, k = (
            _normed(part.reshape(len(x), -1, len(gamma)), gamma, arch.epsilon).reshape(part.shape)
            for part, gamma in zip((q, k), mine.head_norms, strict=True)
        )
    for name, part in (("queries", q), ("keys", k), ("values", v)):
        told(name, part)
    q, k = (_turned(part, arch) for part in (q, k))
    told("queries", q)
    told("keys", k)
    mixed = np.zeros((len(x), arch.heads, arch.head_width), np.float32)
    later = np.triu(np.full((len(x), len(x)), -np.inf, np.float32), 1)
    for number in range(arch.heads):
        pair = number * arch.pairs // arch.heads
        score = q[:, number] @ k[:, pair].T * np.float32(arch.multipliers.attention) + later
        weight = np.exp(score - score.max(-1, keepdims=True))
        mixed[:, number] = weight @ v[:, pair] / weight.sum(-1, keepdims=True)
    o = mixed.reshape(len(x), -1)
    told("attention_out", o)
    x += o @ mine.out.T


def _feed(x: F32, mine: Parts, arch: Architecture, told: Record) -> None:
    """Add what the feed-forward part makes of the stream to it."""
    h = _normed(x, mine.between, arch.epsilon)
    told("feed_in", h)
    if mine.router is None or arch.experts is None:
        x += _gated(h, mine.experts[0], told)
        return
    logits = h @ mine.router.T
    weight = np.exp(logits - logits.max(-1, keepdims=True))
    chosen = np.argsort(-logits, axis=-1, kind="stable")[:, : arch.experts.top_k]
    picked = np.take_along_axis(weight, chosen, -1)
    share = picked / (picked if arch.experts.normed else weight).sum(-1, keepdims=True)
    for number, expert in enumerate(mine.experts):
        rows, place = np.nonzero(chosen == number)
        if len(rows):
            x[rows] += share[rows, place][:, None] * _gated(h[rows], expert, told)


def _gated(h: F32, expert: tuple[F32, ...], told: Record) -> F32:
    gate, up, down = expert
    before, linear = h @ gate.T, h @ up.T
    told("gates", before)
    told("gates", linear)
    with np.errstate(over="ignore"):
        active = before / (1 + np.exp(-before)) * linear
    told("feed_mid", active)
    return np.asarray(active @ down.T)


def _normed(x: F32, gamma: F32, epsilon: float) -> F32:
    return np.asarray(x / np.sqrt((x * x).mean(-1, keepdims=True) + np.float32(epsilon)) * gamma, np.float32)


def _turned(x: F32, arch: Architecture) -> F32:
    half = arch.head_width // 2
    angles = np.arange(len(x))[:, None] * arch.theta ** (-np.arange(half) / half)
    cos, sin = (f(angles).astype(np.float32)[:, None] for f in (np.cos, np.sin))
    one, other = x[..., :half], x[..., half:]
    return np.concatenate([one * cos - other * sin, other * cos + one * sin], -1)


def surprises(hidden: F32, matrix: F32, following: Sequence[int]) -> Iterator[tuple[F32, F32]]:
    """Blocks of rows: log-probabilities of all tokens, and minus that of the token that followed."""
    for first in range(0, len(following), BLOCK):
        logits = hidden[first : first + BLOCK][: len(following) - first] @ matrix.T
        yield scored(logits, following[first : first + BLOCK])


def scored(logits: NDArray[Any], following: Sequence[int]) -> tuple[F32, F32]:
    """Rows of logits -> log-probabilities, and minus that of what followed."""
    shifted = logits - logits.max(-1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return logs, -logs[np.arange(len(following)), list(following)]
