"""The same weights behind a newer preprocessing: golden answers, card and manifest anew, the graph as it is."""

import json
import sys
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parent))

import card
import numpy as np
import onnx
import onnxruntime

from themis.adopt.publish import Facts, publish
from themis.bundles.bundle import MODEL
from themis.evm.encode import MAX_CODE_BYTES, ORDERS, PREPROCESSING
from themis.exact.spec import Spec

HERE: Final = Path(__file__).parent
VERSION: Final = "0.3.0"
_SUMMARY: Final = "Scores EVM runtime bytecode for six classes of vulnerability: a mixture-of-experts model."


def main() -> None:
    model = onnx.load(HERE / MODEL)
    metrics = json.loads((HERE / "metrics.json").read_text())
    (HERE / "MODEL_CARD.md").write_text(card.render(metrics))
    facts = Facts(
        name="evm-risk-moe",
        version=VERSION,
        description=_SUMMARY,
        attribution="Built with Themis evm-risk-moe",
        preprocessing=PREPROCESSING,
        max_input_bytes=MAX_CODE_BYTES,
        spdx="Apache-2.0",
        experts=metrics["training"]["shape"]["experts"],
        top_k=metrics["training"]["shape"]["top_k"],
        active_parameters=metrics["parameters"]["active"],
        units={"scores_bps": "T"},
        also=("metrics.json",),
    )
    golden = [bytes.fromhex(code) for code in json.loads((HERE / "golden_codes.json").read_text())]
    publish(HERE, model, _run, facts, [(code, None) for code in golden])


def _run(spec: Spec) -> None:
    """ONNX Runtime in the specification's place: the two were found equal when these weights were exported."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(HERE / MODEL, options, providers=["CPUExecutionProvider"])
    shapes = {"tokens": ("T",), "grams": ("T", len(ORDERS)), "first": ("T",)}
    feed = {name: spec.input(name, np.int64, shape) for name, shape in shapes.items()}
    spec.outputs["scores_bps"] = session.run(["scores_bps"], feed)[0].astype(np.int64)


if __name__ == "__main__":
    main()
