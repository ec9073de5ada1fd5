"""The same weights behind a newer preprocessing: golden answers, card and manifest anew, the graph as it is."""

import json
import sys
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
import onnx

from evaluation import card, reliability
from network.facts import facts
from themis.adopt.publish import publish
from themis.bundles.bundle import MODEL
from themis.evm.encode import ORDERS
from themis.exact.interpret import interpret
from themis.exact.spec import Spec

HERE: Final = Path(__file__).parent


def main() -> None:
    model = onnx.load(HERE / MODEL)
    metrics = json.loads((HERE / "metrics.json").read_text())
    (HERE / "MODEL_CARD.md").write_text(card.render(metrics))
    (HERE / "reliability.svg").write_text(reliability.drawing(metrics["heldout"]["reliability"]))
    shape = metrics["training"]["shape"]
    about = facts(shape["experts"], shape["top_k"], metrics["parameters"]["active"])
    golden = [bytes.fromhex(code) for code in json.loads((HERE / "golden_codes.json").read_text())]
    publish(HERE, model, lambda spec: specified(model, spec), about, [(code, None) for code in golden])


def specified(model: onnx.ModelProto, spec: Spec) -> None:
    """Fill in what the specification of the graph's operators says: what it was emitted from is not at hand."""
    shapes = {"tokens": ("T",), "grams": ("T", len(ORDERS)), "first": ("T",)}
    feed = {name: spec.input(name, np.int64, shape) for name, shape in shapes.items()}
    spec.output("scores_bps", interpret(model, feed)["scores_bps"].astype(np.int64))


if __name__ == "__main__":
    main()
