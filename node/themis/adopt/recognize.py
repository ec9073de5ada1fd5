"""Recognizes what a graph from elsewhere is: a decoder with a cache, and a mixture of experts."""

import re
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, Final

import onnx

from themis.bundles.manifest import MAX_NEW_TOKENS, GenerationSchema, MixtureSchema, TensorSchema
from themis.core.errors import Misconfigured
from themis.exact.roots import parameters

CACHE: Final = re.compile(r"^(past_key_values?|present_key_values?|past|present)[._]?(?=.)")
"""How exporters begin the names of cache inputs and outputs; what follows is the same in both."""
IDS, MASK, POSITIONS, LOGITS = "input_ids", "attention_mask", "position_ids", "logits"
CONTEXT: Final = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")
EXPERTS: Final = ("num_experts", "num_local_experts", "n_routed_experts")
TOP_K: Final = ("num_experts_per_tok", "num_experts_per_token", "moe_topk")
STACKED: Final = 3
"""Axes of the tensor that holds a matrix for each expert."""


def generation(
    inputs: Sequence[TensorSchema], outputs: Sequence[TensorSchema], config: Mapping[str, Any], max_new_tokens: int
) -> GenerationSchema | None:
    """How the graph generates; None for one without a cache. Raises Misconfigured where it cannot be told."""
    names = [tensor.name for tensor in inputs]
    past = {CACHE.sub("", name): name for name in names if CACHE.match(name)}
    present = {CACHE.sub("", tensor.name): tensor.name for tensor in outputs if CACHE.match(tensor.name)}
    if not past:
        return None
    strange = set(names) - set(past.values()) - {IDS, MASK, POSITIONS}
    strange |= {IDS, LOGITS} - set(names) - {tensor.name for tensor in outputs}
    strange |= {*past} ^ {*present}
    if strange:
        raise Misconfigured(
            f"the graph has a cache, and as a decoder would have to have {IDS}, {LOGITS} and pairs of past and present "
            f"tensors, besides {MASK} and {POSITIONS} if it reads them; not so: {', '.join(sorted(strange))}"
        )
    context = next((config[key] for key in CONTEXT if isinstance(config.get(key), int)), None)
    if context is None:
        raise Misconfigured(f"a decoder needs a config.json beside it that says {CONTEXT[0]} (and eos_token_id)")
    ends = config.get("eos_token_id")
    return GenerationSchema(
        eos_ids=[end for end in (ends if isinstance(ends, list) else [ends]) if isinstance(end, int)],
        max_new_tokens=min(max_new_tokens, MAX_NEW_TOKENS),
        context=context,
        tokens=IDS,
        mask=MASK if MASK in names else None,
        positions=POSITIONS if POSITIONS in names else None,
        logits=LOGITS,
        cache=[[name, present[key]] for key, name in past.items()],
    )


def mixture(model: onnx.ModelProto, config: Mapping[str, Any]) -> MixtureSchema | None:
    """The mixture of experts that config.json tells of, counted in the graph's stacked weights."""
    experts, top_k = (
        next((config[key] for key in keys if isinstance(config.get(key), int)), 0) for keys in (EXPERTS, TOP_K)
    )
    stacked = [
        prod(tensor.dims)
        for tensor in model.graph.initializer
        if len(tensor.dims) == STACKED and tensor.dims[0] == experts
    ]
    if not 0 < top_k <= experts or not stacked:
        return None
    total = parameters(model)
    idle = sum(stacked) // experts * (experts - top_k)
    return MixtureSchema(experts=experts, top_k=top_k, total_parameters=total, active_parameters=total - idle)
