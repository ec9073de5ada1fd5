"""What the published weights say of a contract."""

from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime

from themis.evm.encode import Encoded


def scores(encoded: Encoded) -> list[int]:
    """By class, in basis points."""
    feed = {"tokens": encoded.tokens, "grams": encoded.grams, "first": encoded.starts}
    rows = _SESSION.run(["scores_bps"], {name: np.array(column, np.int64) for name, column in feed.items()})[0]
    return [int(score) for score in rows.max(0)]


_OPTIONS: Final = onnxruntime.SessionOptions()
_OPTIONS.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
_MODEL: Final = Path(__file__).parents[1] / "model.onnx"
_SESSION: Final = onnxruntime.InferenceSession(_MODEL, _OPTIONS, providers=["CPUExecutionProvider"])
