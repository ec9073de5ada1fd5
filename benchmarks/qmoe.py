"""ONNX Runtime's own quantized mixture of experts, `com.microsoft.QMoE`, with the weights of an exact layer."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from themis.exact.blocks import Experts


@dataclass(frozen=True, slots=True)
class Setting:
    """What its user can choose."""

    bits: int
    block: int
    """Weights that share a scale; 0 for one scale a row."""
    accuracy: int
    """`accuracy_level`: 4 lets it quantize activations to int8; 0 does not."""

    @property
    def name(self) -> str:
        return f"int{self.bits} block {self.block or 'row'} accuracy {self.accuracy}"


SETTINGS: Final = tuple(
    Setting(bits, block, accuracy) for bits in (8, 4) for block in (0, 32, 128) for accuracy in (0, 4)
)


def qmoe(experts: Experts, setting: Setting) -> bytes:
    """float32 x [T, d] -> float32 y [T, d]: a float router, then the operator with its gated activation."""
    inner, hidden = experts.down.shape[1:]
    gate, linear = experts.up[..., :inner], experts.up[..., inner:]
    woven = np.stack([gate, linear], 3).reshape(*experts.up.shape)
    tensors: dict[str, NDArray[Any]] = {"router": (experts.router.astype(np.float32) - 128) / 1_024}
    for name, weight in (("1", woven), ("2", experts.down)):
        tensors[f"w{name}"], tensors[f"s{name}"] = quantized(np.swapaxes(weight, 1, 2), setting)
    nodes = [
        helper.make_node("MatMul", ["x", "router"], ["logits"]),
        helper.make_node(
            "QMoE",
            ["x", "logits", "w1", "s1", "", "w2", "s2"],
            ["y"],
            domain="com.microsoft",
            k=experts.top_k,
            expert_weight_bits=setting.bits,
            activation_type="swiglu",
            swiglu_fusion=1,
            normalize_routing_weights=1,
            accuracy_level=setting.accuracy,
        ),
    ]
    if setting.block:
        nodes[1].attribute.append(helper.make_attribute("block_size", setting.block))
    entries = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["T", hidden]) for name in ("x", "y")]
    initializers = [numpy_helper.from_array(array, name) for name, array in tensors.items()]
    graph = helper.make_graph(nodes, "qmoe", entries[:1], entries[1:], initializers)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())


def quantized(weight: NDArray[np.uint8], setting: Setting) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """[E, n, k] u8 around 128 -> packed weights [E, n, k * bits / 8] and scales [E, n] or [E, n, k / block]."""
    sizes = weight.shape[:2] if not setting.block else (*weight.shape[:2], weight.shape[2] // setting.block)
    if setting.bits == 8:
        return np.ascontiguousarray(weight), np.full(sizes, 1 / 1_024, np.float32)
    nibbles: NDArray[np.uint8] = np.ascontiguousarray(weight) >> np.uint8(4)
    packed: NDArray[np.uint8] = nibbles[..., 0::2] | nibbles[..., 1::2] << np.uint8(4)
    return packed, np.full(sizes, 1 / 64, np.float32)
