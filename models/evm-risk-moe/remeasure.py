"""What the published weights say of held-out contracts behind the present preprocessing: into metrics.json."""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parent))

import dataset
import numpy as np
import onnxruntime
from compiler import Compiled, Results
from dataset import Planned
from scoring import summary
from template_kit import Risk

from themis.evm.encode import MAX_CODE_BYTES, PREPROCESSING, Encoded, encode
from themis.evm.limits import NotKnown

HERE: Final = Path(__file__).parent
CACHE: Final = HERE.parent / ".cache" / "evm-risk-moe"
METRICS: Final = HERE / "metrics.json"
VERSION: Final = "0.3.0"


def main() -> None:
    """Only what `compiled.jsonl` already holds is measured: `build.py data` compiles the rest."""
    metrics = json.loads(METRICS.read_text())
    found = list(_heldout())
    codes = {compiled.code: (item, compiled) for item, compiled in reversed(found)}
    encoded = [encode(code) for code in codes]
    scores = np.array([_scores(one) for one in encoded])
    truth = np.array([_risks(item, compiled) for item, compiled in codes.values()], bool)
    plain = np.array([item.kind == "plain" for item, _ in codes.values()], bool)
    told = Counter(bit.name.lower() for one in encoded for bit in one.not_known if bit.name)
    metrics |= {"version": VERSION, "preprocessing": PREPROCESSING}
    metrics["retraced"] = {
        "contracts": {"injected": int((~plain).sum()), "unmutated": int(plain.sum())},
        **summary(scores >= metrics["flag_bps"], truth, plain),
        "between_100_and_9900_bps": int(((scores > 100) & (scores < 9_900)).any(1).sum()),
        "not_known": {bit.name.lower(): told[bit.name.lower()] for bit in NotKnown if bit.name},
        "whole": sum(not one.not_known for one in encoded),
    }
    METRICS.write_text(json.dumps(metrics, indent=1) + "\n")


def _heldout() -> Any:
    results = Results(CACHE / "compiled.jsonl")
    for item in dataset.plan(CACHE / "packs", CACHE / "corpus.json"):
        if item.split == "test" and item.kind in ("plain", "injected") and item.job.key in results:
            for compiled in results.get(item.job.key):
                wanted = compiled.name == item.target if item.target else compiled.file in item.job.wanted
                if wanted and 100 <= len(compiled.code) <= MAX_CODE_BYTES:
                    yield item, compiled


def _risks(item: Planned, compiled: Compiled) -> list[bool]:
    risks = {risk for name, found in item.labels.items() if name in compiled.selectors for risk in found}
    return [int(risk) in risks for risk in Risk]


def _scores(encoded: Encoded) -> list[int]:
    feed = {"tokens": encoded.tokens, "grams": encoded.grams, "first": encoded.starts}
    rows = _SESSION.run(["scores_bps"], {name: np.array(column, np.int64) for name, column in feed.items()})[0]
    return [int(score) for score in rows.max(0)]


_OPTIONS: Final = onnxruntime.SessionOptions()
_OPTIONS.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
_SESSION: Final = onnxruntime.InferenceSession(HERE / "model.onnx", _OPTIONS, providers=["CPUExecutionProvider"])

if __name__ == "__main__":
    main()
