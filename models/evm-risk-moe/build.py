"""Make the model from what package registries hold, in stages that resume: data, train, slither, evaluate, export."""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parent))

from data import corpus, dataset
from data.compiler import Results
from evaluation import card, measures, reliability, slither_baseline
from network import exporting, facts
from network.floats import Shape
from network.training import Recipe
from network.training import train as fit
from templates import synthesis
from themis.evm.encode import PREPROCESSING
from themis.exact.graph import serialize
from themis.exact.roots import parameters

HERE: Final = Path(__file__).parent
CACHE: Final = HERE.parent / ".cache" / "evm-risk-moe"
SHAPE: Final = Shape()
GOLDEN: Final = HERE / "golden_codes.json"
METRICS: Final = HERE / "metrics.json"


def data() -> None:
    """Packages -> compilations -> encoded contracts."""
    corpus.fetch_compilers(CACHE / "npm")
    corpus.fetch(CACHE / "packs", corpus.package_list())
    planned = dataset.plan(CACHE / "packs", CACHE / "corpus.json")
    results = Results(CACHE / "compiled.jsonl")
    dataset.compile_plan(planned, results, CACHE / "npm")
    dataset.save(dataset.contracts(planned, results), CACHE / "contracts.jsonl")


def train() -> None:
    """Encoded contracts -> weights."""
    fit(dataset.load(CACHE / "contracts.jsonl"), CACHE, Recipe(), SHAPE)


def slither() -> None:
    """Held-out contracts -> what Slither says of their source."""
    tested = {contract.key for contract in measures.heldout(dataset.load(CACHE / "contracts.jsonl"))}
    planned = [item for item in dataset.plan(CACHE / "packs", CACHE / "corpus.json") if item.job.key in tested]
    slither_baseline.run(planned, CACHE / "slither.jsonl", CACHE / "slither", CACHE / "npm")


def evaluate() -> None:
    """Weights -> metrics.json."""
    found = dataset.load(CACHE / "contracts.jsonl")
    network = exporting.trained(CACHE, SHAPE)
    weights = exporting.weights(network, found)
    model = exporting.emit(weights)
    metrics = {
        "version": facts.VERSION,
        "preprocessing": PREPROCESSING,
        "flag_bps": measures.FLAG_BPS,
        **measures.evaluate(found, network, weights, serialize(model), CACHE, CACHE / "npm"),
        "parameters": {"total": parameters(model), "active": exporting.active_parameters(model, SHAPE)},
        "templates": {split: len(templates) for split, templates in synthesis.SPLITS.items()},
        "compilers": corpus.SOLC_VERSIONS,
        "corpus": _json(CACHE / "corpus.json"),
        "dataset": _dataset(found),
        "training": _json(CACHE / "training.json"),
        **{name: _json(METRICS)[name] for name in ("before", "audited")},
    }
    METRICS.write_text(json.dumps(metrics, indent=1) + "\n")


def export() -> None:
    """Weights and metrics -> card, model.onnx, golden.json, manifest.toml."""
    metrics = _json(METRICS)
    (HERE / "MODEL_CARD.md").write_text(card.render(metrics))
    (HERE / "reliability.svg").write_text(reliability.drawing(metrics["heldout"]["reliability"]))
    weights = exporting.weights(exporting.trained(CACHE, SHAPE), dataset.load(CACHE / "contracts.jsonl"))
    exporting.bundle(HERE, weights, SHAPE, [bytes.fromhex(code) for code in _json(GOLDEN)])


def _dataset(found: list[dataset.Contract]) -> dict[str, Any]:
    """What was planned, what of it was compiled, and the contracts that gave."""
    planned, results = dataset.plan(CACHE / "packs", CACHE / "corpus.json"), Results(CACHE / "compiled.jsonl")
    kinds = Counter(f"{contract.kind}, {contract.split}" for contract in found)
    compiled = sum(item.job.key in results for item in planned)
    return {"planned": len(planned), "compiled": compiled, "contracts": dict(sorted(kinds.items()))}


def _json(path: Path) -> Any:
    return json.loads(path.read_text())


STAGES: Final = {"data": data, "train": train, "slither": slither, "evaluate": evaluate, "export": export}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stages", nargs="*", help=f"of {', '.join(STAGES)}; default: all, in order")
    for stage in parser.parse_args().stages or STAGES:
        STAGES[stage]()


if __name__ == "__main__":
    main()
