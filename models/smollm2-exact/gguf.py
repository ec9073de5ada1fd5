"""Reads what this model needs of a GGUF file: metadata, and tensors of floats, Q8_0 and Q4_1, as a checkpoint's."""

import struct
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
MAGIC: Final = b"GGUF"
SCALARS: Final = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
STRING, ARRAY = 8, 9
BLOCK: Final = 32
"""Elements that share a scale."""
TYPES: Final[dict[int, np.dtype[Any]]] = {
    0: np.dtype("<f4"),
    1: np.dtype("<f2"),
    3: np.dtype([("d", "<f2"), ("m", "<f2"), ("q", "u1", 16)]),
    8: np.dtype([("d", "<f2"), ("q", "i1", 32)]),
}
Q4_1, Q8_0 = 3, 8
NAMES: Final = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
"""A layer's tensors there and here."""
OTHERS: Final = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}


class Gguf:
    """A file's metadata, and its tensors by Hugging Face's names."""

    def __init__(self, file: Path) -> None:
        self._bytes = np.memmap(file, np.uint8, "r")
        self._at = 0
        if self._take("<4s") != MAGIC or self._take("<I") not in (2, 3):
            raise ValueError(f"{file} is not a GGUF file of version 2 or 3")
        tensors, entries = self._take("<Q"), self._take("<Q")
        self.metadata: dict[str, Any] = {}
        for _ in range(entries):
            key = self._text()
            self.metadata[key] = self._value(self._take("<I"))
        self._places: dict[str, tuple[tuple[int, ...], int, int]] = {}
        for _ in range(tensors):
            name = self._text()
            shape = tuple(self._take("<Q") for _ in range(self._take("<I")))[::-1]
            self._places[name] = (shape, self._take("<I"), self._take("<Q"))
        aligned = self.metadata.get("general.alignment", 32)
        self._data = -(-self._at // aligned) * aligned

    def has(self, name: str) -> bool:
        return self._name(name) in self._places

    def tensor(self, name: str) -> F32:
        """Queries and keys with their rows as Hugging Face has them: GGUF keeps the halves that turn interleaved."""
        shape, kind, offset = self._places[self._name(name)]
        dtype = TYPES[kind]
        count = prod(shape) // (BLOCK if kind in (Q4_1, Q8_0) else 1)
        start = self._data + offset
        raw = self._bytes[start : start + count * dtype.itemsize].view(dtype)
        found = _dequantized(raw, kind).reshape(shape)
        heads = {"q_proj": "attention.head_count", "k_proj": "attention.head_count_kv"}.get(name.split(".")[-2])
        return found if heads is None else _halves(found, self.metadata[f"llama.{heads}"])

    def _name(self, name: str) -> str:
        if name in OTHERS:
            return OTHERS[name]
        layer, _, part = name.removeprefix("model.layers.").removesuffix(".weight").partition(".")
        return f"blk.{layer}.{NAMES.get(part, part)}.weight"

    def _take(self, form: str) -> Any:
        size = struct.calcsize(form)
        (value,) = struct.unpack(form, self._bytes[self._at : self._at + size].tobytes())
        self._at += size
        return value

    def _text(self) -> str:
        return str(self._take(f"<{self._take('<Q')}s").decode())

    def _value(self, kind: int) -> Any:
        if kind == STRING:
            return self._text()
        if kind == ARRAY:
            inner, count = self._take("<I"), self._take("<Q")
            return [self._value(inner) for _ in range(count)]
        return self._take(SCALARS[kind])


def _dequantized(raw: NDArray[Any], kind: int) -> F32:
    if kind == Q8_0:
        return raw["d"].astype(np.float32)[:, None] * raw["q"].astype(np.float32)
    if kind == Q4_1:
        nibbles = np.concatenate([raw["q"] & 15, raw["q"] >> 4], 1).astype(np.float32)
        return raw["d"].astype(np.float32)[:, None] * nibbles + raw["m"].astype(np.float32)[:, None]
    return raw.astype(np.float32)


def _halves(weight: F32, heads: int) -> F32:
    rows = weight.shape[0] // heads // 2
    return weight.reshape(heads, rows, 2, -1).swapaxes(1, 2).reshape(weight.shape)
