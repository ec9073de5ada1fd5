"""Trained weights to the bundle: integers, ONNX, golden answers, manifest."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from data.dataset import Contract
from network import integers
from network.batches import flatten
from network.calibration import calibrate
from network.facts import NAME, facts
from network.floats import CLASSES, RiskNetwork, Shape
from network.integers import MAX_ROWS, Weights, freeze, write
from network.training import contract_labels, contract_logits
from themis.adopt.publish import publish
from themis.exact.emit import Emitter
from themis.exact.roots import parameters


def trained(folder: Path, shape: Shape) -> RiskNetwork:
    network = RiskNetwork(shape)
    network.load_state_dict(torch.load(folder / "weights.pt", weights_only=True))
    return network.eval()


def weights(network: RiskNetwork, found: list[Contract]) -> Weights:
    """Calibrate on validation, then round."""
    validation = [contract for contract in found if contract.split == "validation"]
    clean = [contract for contract in found if contract.split == "train" and contract.kind == "plain"]
    calibration = calibrate(
        contract_logits(network, validation), contract_labels(validation), contract_logits(network, clean)
    )
    return freeze(network, calibration)


def emit(w: Weights) -> onnx.ModelProto:
    emitter = Emitter(NAME, {"T": MAX_ROWS})
    write(emitter, w)
    return emitter.build()


def active_parameters(model: onnx.ModelProto, shape: Shape) -> int:
    """Parameters without the experts that a token is not routed to."""
    expert = shape.width * 2 * shape.inner + shape.inner * shape.width
    return parameters(model) - (shape.experts - shape.top_k) * expert * (shape.layers + 1)


def bundle(path: Path, w: Weights, shape: Shape, golden: Sequence[bytes]) -> None:
    """Write model.onnx, golden.json and manifest.toml; LICENSE and MODEL_CARD.md must be there."""
    model = emit(w)
    about = facts(shape.experts, shape.top_k, active_parameters(model, shape))
    publish(path, model, lambda b: integers.write(b, w), about, [(code, None) for code in golden])


def feed(functions: Sequence[bytes]) -> dict[str, NDArray[Any]]:
    """Inputs of the graph for one contract's functions."""
    flat = flatten(functions)
    return {"tokens": flat.tokens, "grams": flat.grams, "first": flat.first}


def scores(session: Any, found: Sequence[Contract]) -> NDArray[np.int64]:
    """[n, CLASSES] in basis points, by ONNX Runtime."""
    rows = np.zeros((len(found), CLASSES), np.int64)
    for row, contract in enumerate(found):
        rows[row] = session.run(["scores_bps"], feed(contract.functions))[0].max(0)
    return rows
