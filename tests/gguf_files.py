"""Writes a small Llama as llama.cpp does: two layers, a small vocabulary, weights of four and eight bits."""

import struct
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

WIDTH, HEADS, PAIRS, INNER, LAYERS, ALIGNMENT = 64, 2, 1, 96, 2, 32
CONTROL: Final = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
Q4_1, Q8_0, F32 = 3, 8, 0


def vocabulary() -> list[str]:
    """Tokens of control, each byte, and one merge."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in plain]
    return [*CONTROL, *map(chr, plain), *(chr(256 + place) for place in range(len(rest))), "th"]


def metadata() -> dict[str, Any]:
    tokens = vocabulary()
    return {
        "general.architecture": "llama",
        "llama.block_count": LAYERS,
        "llama.context_length": 256,
        "llama.embedding_length": WIDTH,
        "llama.feed_forward_length": INNER,
        "llama.attention.head_count": HEADS,
        "llama.attention.head_count_kv": PAIRS,
        "llama.rope.freq_base": 10_000.0,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.vocab_size": len(tokens),
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [3] * len(CONTROL) + [1] * (len(tokens) - len(CONTROL)),
        "tokenizer.ggml.merges": ["t h"],
    }


def write(file: Path, seed: int = 9) -> Path:
    rng, head = np.random.default_rng(seed), WIDTH // HEADS
    shapes = {"attn_q": (WIDTH, WIDTH), "attn_k": (PAIRS * head, WIDTH), "attn_v": (PAIRS * head, WIDTH)}
    shapes |= {"attn_output": (WIDTH, WIDTH), "ffn_gate": (INNER, WIDTH), "ffn_up": (INNER, WIDTH)}
    shapes |= {"ffn_down": (WIDTH, INNER)}
    tensors = [
        ("token_embd", Q8_0, rng.normal(0, 0.6, (len(vocabulary()), WIDTH))),
        ("output_norm", F32, np.ones(WIDTH)),
    ]
    for layer in range(LAYERS):
        tensors += [(f"blk.{layer}.{name}", F32, np.ones(WIDTH)) for name in ("attn_norm", "ffn_norm")]
        tensors += [(f"blk.{layer}.{name}", Q4_1, rng.normal(0, 0.15, shape)) for name, shape in shapes.items()]
    told, head_bytes, body = metadata(), b"", b""
    for key, value in told.items():
        head_bytes += _text(key) + _value(value)
    for name, kind, array in tensors:
        sizes = b"".join(struct.pack("<Q", size) for size in array.shape[::-1])
        head_bytes += (
            _text(f"{name}.weight") + struct.pack("<I", array.ndim) + sizes + struct.pack("<IQ", kind, len(body))
        )
        body += _packed(array.astype(np.float32), kind)
        body += bytes(-len(body) % ALIGNMENT)
    start = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(told)) + head_bytes
    file.write_bytes(start + bytes(-len(start) % ALIGNMENT) + body)
    return file


def _packed(array: NDArray[np.float32], kind: int) -> bytes:
    if kind == F32:
        return array.astype("<f4").tobytes()
    blocks = array.reshape(-1, 32)
    if kind == Q8_0:
        scale = (np.abs(blocks).max(1) / 127).astype("<f2")
        values = np.rint(blocks / scale.astype(np.float32)[:, None]).clip(-127, 127).astype("i1")
        return b"".join(d.tobytes() + row.tobytes() for d, row in zip(scale, values, strict=True))
    least = blocks.min(1).astype("<f2")
    scale = ((blocks.max(1) - blocks.min(1)) / 15).astype("<f2")
    values = np.rint((blocks - least.astype(np.float32)[:, None]) / scale.astype(np.float32)[:, None])
    nibbles = values.clip(0, 15).astype(np.uint8)
    pairs = nibbles[:, :16] | nibbles[:, 16:] << 4
    return b"".join(d.tobytes() + m.tobytes() + row.tobytes() for d, m, row in zip(scale, least, pairs, strict=True))


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _value(value: Any) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", 8) + _text(value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    inner = [_value(item) for item in value]
    return struct.pack("<I", 9) + inner[0][:4] + struct.pack("<Q", len(inner)) + b"".join(item[4:] for item in inner)
