"""Exports a decoder of transformers with its cache, so that `themis models add` takes it.

    python models/olmoe-tiny/exporting.py SOURCE TARGET [--bits 4|8]

SOURCE is a directory with weights as transformers loads them; nothing is fetched. With --bits the experts become
ONNX Runtime's `QMoE` operator and the other products `MatMulNBits`; without, floats, and the weights of the routed
experts are gathered for each token.
"""

import argparse
import shutil
from pathlib import Path
from typing import Any, Final

import onnx
import recipes
import torch
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel
from transformers.cache_utils import DynamicCache
from transformers.integrations.moe import ALL_EXPERTS_FUNCTIONS

BLOCK: Final = 32
"""Weights that share a scale."""
ALSO: Final = ("tokenizer.json", "config.json", "generation_config.json", "LICENSE", "README.md")
SIZES: Final = {"input_ids": "tokens", "position_ids": "tokens", "attention_mask": "total", "logits": "tokens"}
"""What the free dimension of each tensor is called; those of the cache are called past and total."""


class Step(torch.nn.Module):
    """A model with its cache as a list of tensors."""

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self._model = model

    def forward(
        self, ids: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor, past: list[torch.Tensor]
    ) -> tuple[torch.Tensor, ...]:
        cache = DynamicCache()
        for layer in range(len(past) // 2):
            cache.update(past[2 * layer], past[2 * layer + 1], layer)
        found = self._model(
            input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True
        )
        layers = found.past_key_values.layers
        return (found.logits, *(tensor for layer in layers for tensor in (layer.keys, layer.values)))


def export(model: PreTrainedModel, experts: str = "batched_mm") -> onnx.ModelProto:
    """The graph, with sizes that have names, and without what the exporter notes about itself.

    Raises ValueError naming a kind of decoder that is not known.
    """
    config: Any = model.config
    if said := recipes.refusal(config):
        raise ValueError(said)
    model.set_experts_implementation(experts)
    cached, new = 3, 5
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    past = [f"past_key_values.{layer}.{part}" for layer in range(config.num_hidden_layers) for part in ("key", "value")]
    inputs = (
        torch.zeros(1, new, dtype=torch.int64),
        torch.ones(1, cached + new, dtype=torch.int64),
        torch.arange(cached, cached + new)[None],
        [torch.zeros(1, config.num_key_value_heads, cached, width) for _ in past],
    )
    free = torch.export.Dim.DYNAMIC
    program: Any = torch.onnx.export(
        Step(model),
        inputs,
        dynamo=True,
        dynamic_shapes=({1: free}, {1: free}, {1: free}, [{2: free} for _ in past]),
        opset_version=18,
        input_names=["input_ids", "attention_mask", "position_ids", *past],
        output_names=["logits", *(name.replace("past_key_values", "present") for name in past)],
        verbose=False,
    )
    graph: onnx.ModelProto = program.model_proto
    for entry in (*graph.graph.input, *graph.graph.output):
        for size in entry.type.tensor_type.shape.dim:
            if size.dim_param:
                size.dim_param = SIZES.get(entry.name, "past" if entry.name in past else "total")
    del graph.graph.value_info[:], graph.metadata_props[:], graph.graph.metadata_props[:]
    for node in graph.graph.node:
        del node.metadata_props[:]
        node.ClearField("doc_string")
    return graph


def quantized(model: PreTrainedModel, bits: int) -> onnx.ModelProto:
    """The graph with weights of `bits` bits: experts in QMoE, everything else that has weights in MatMulNBits."""
    for module in model.modules():
        if isinstance(getattr(module, "gate_up_proj", None), torch.nn.Parameter):
            _quantize_experts(module, bits)
    graph = export(model, f"qmoe{bits}")
    quantizer = MatMulNBitsQuantizer(graph, bits=bits, block_size=BLOCK, is_symmetric=True, accuracy_level=4)
    quantizer.process()
    found: onnx.ModelProto = quantizer.model.model
    return found


def _quantize_experts(module: Any, bits: int) -> None:
    """Gate and up rows alternate, as QMoE wants them. Raises ValueError for experts that it does not compute."""
    gate = type(getattr(module, "act_fn", None)).__name__
    if gate not in ("SiLU", "SiLUActivation") or hasattr(module, "gate_up_proj_bias"):
        raise ValueError("experts other than SiLU-gated ones without bias are not exported with --bits")
    gate_up = module.gate_up_proj.data
    half = gate_up.shape[1] // 2
    mixed = torch.stack([gate_up[:, :half], gate_up[:, half:]], 2).reshape(gate_up.shape)
    for number, weight in ((1, mixed), (2, module.down_proj.data)):
        packed, scales = _packed(weight, bits)
        module.register_buffer(f"packed{number}", packed)
        module.register_buffer(f"scales{number}", scales)


def _packed(weight: torch.Tensor, bits: int) -> tuple[torch.Tensor, torch.Tensor]:
    """[experts, rows, columns] -> unsigned integers around the middle, and a scale for each block of a row."""
    experts, rows, columns = weight.shape
    blocks = weight.float().reshape(experts, rows, columns // BLOCK, BLOCK)
    scales = (blocks.abs().amax(-1) / (2 ** (bits - 1) - 1)).clamp_min(1e-12)
    steps = torch.round(blocks / scales[..., None]) + 2 ** (bits - 1)
    packed = steps.clamp(0, 2**bits - 1).to(torch.uint8).reshape(experts, rows, columns)
    return (packed[..., 0::2] | (packed[..., 1::2] << 4) if bits == 4 else packed).contiguous(), scales.contiguous()


def _qmoe(bits: int) -> Any:
    def run(module: Any, hidden: torch.Tensor, chosen: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        dense = torch.zeros(hidden.shape[0], module.packed1.shape[0]).scatter(1, chosen, weights.to(torch.float32))
        absent = [None] * 8
        operands = [hidden, dense, module.packed1, module.scales1, None, module.packed2, module.scales2]
        attributes: dict[str, Any] = {
            "k": chosen.shape[1],
            "block_size": BLOCK,
            "expert_weight_bits": bits,
            "accuracy_level": 4,
        }
        attributes |= {"activation_type": "swiglu", "swiglu_fusion": 1, "activation_alpha": 1.0, "activation_beta": 0.0}
        return torch.onnx.ops.symbolic(
            "com.microsoft::QMoE",
            [*operands, *absent[:7], dense],
            attrs=attributes | {"normalize_routing_weights": 0},
            dtype=hidden.dtype,
            shape=tuple(hidden.shape),
            version=1,
        )

    return run


for _bits in (4, 8):
    ALL_EXPERTS_FUNCTIONS.register(f"qmoe{_bits}", _qmoe(_bits))


def main() -> None:
    """Write model.onnx and model.onnx.data, and what lies beside the weights, into TARGET."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--bits", type=int, choices=(4, 8))
    asked = parser.parse_args()
    if said := recipes.refusal(AutoConfig.from_pretrained(asked.source, local_files_only=True)):
        parser.error(said)
    model = AutoModelForCausalLM.from_pretrained(
        asked.source, local_files_only=True, attn_implementation="eager", dtype=torch.float32
    ).eval()
    with torch.no_grad():
        graph = quantized(model, asked.bits) if asked.bits else export(model)
    asked.target.mkdir(parents=True)
    onnx.save(graph, asked.target / "model.onnx", save_as_external_data=True, location="model.onnx.data")
    for name in ALSO:
        if (asked.source / name).exists():
            shutil.copy(asked.source / name, asked.target)


if __name__ == "__main__":
    main()
