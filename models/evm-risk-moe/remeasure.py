"""What the published weights say of held-out contracts behind the present preprocessing: into metrics.json."""

import json
import statistics
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from eth_utils.crypto import keccak

from data import dataset
from data.compiler import Compiled, Results
from data.dataset import Planned
from evaluation import present, reliability
from network.facts import VERSION
from network.scoring import summary
from themis.evm.encode import MAX_CODE_BYTES, PREPROCESSING, encode
from themis.evm.limits import NotKnown
from themis.evm.report import RiskClass

HERE: Final = Path(__file__).parent
CACHE: Final = HERE.parent / ".cache" / "evm-risk-moe"
METRICS: Final = HERE / "metrics.json"


def main() -> None:
    """Only what `compiled.jsonl` already holds is measured: `build.py data` compiles the rest."""
    metrics = json.loads(METRICS.read_text())
    results = Results(CACHE / "compiled.jsonl")
    items = [item for item in dataset.plan(CACHE / "packs", CACHE / "corpus.json") if _heldout(item)]
    found = list(_compiled([item for item in items if item.job.key in results], results))
    codes = {compiled.code: (item, compiled) for item, compiled in reversed(found)}
    encoded = [encode(code) for code in codes]
    scores = np.array([present.scores(one) for one in encoded])
    truth = np.array([_risks(item, compiled) for item, compiled in codes.values()], bool)
    plain = np.array([item.kind == "plain" for item, _ in codes.values()], bool)
    told = Counter(bit.name.lower() for one in encoded for bit in one.not_known if bit.name)
    metrics |= {"version": VERSION, "preprocessing": PREPROCESSING}
    metrics["retraced"] = {
        "contracts": {"injected": int((~plain).sum()), "unmutated": int(plain.sum())},
        **summary(scores >= metrics["flag_bps"], truth, plain),
        "reliability": reliability.table(scores, truth),
        "between_100_and_9900_bps": int(((scores > 100) & (scores < 9_900)).any(1).sum()),
        "not_known": {bit.name.lower(): told[bit.name.lower()] for bit in NotKnown if bit.name},
        "whole": sum(not one.not_known for one in encoded),
        "selection": _selection(items, results),
        "code_hashes": sorted(keccak(code).hex() for code in codes),
    }
    METRICS.write_text(json.dumps(metrics, indent=1) + "\n")


def _heldout(item: Planned) -> bool:
    return item.split == "test" and item.kind in {"plain", "injected"}


def _compiled(items: list[Planned], results: Results) -> Iterator[tuple[Planned, Compiled]]:
    for item in items:
        for compiled in results.get(item.job.key):
            wanted = compiled.name == item.target if item.target else compiled.file in item.job.wanted
            if wanted and 100 <= len(compiled.code) <= MAX_CODE_BYTES:
                yield item, compiled


def _selection(items: list[Planned], results: Results) -> dict[str, Any]:
    """What distinguishes the compilations that were measured from those that had not been made."""
    found = {}
    for name, there in (("measured", True), ("left_out", False)):
        jobs = [item.job for item in items if (item.job.key in results) is there]
        sizes = [job.source_bytes for job in jobs]
        middle = round(statistics.median(sizes)) if sizes else 0
        found[name] = {"jobs": len(jobs), "median_source_bytes": middle, "via_ir": sum(job.via_ir for job in jobs)}
    return found


def _risks(item: Planned, compiled: Compiled) -> list[bool]:
    risks = {risk for name, found in item.labels.items() if name in compiled.selectors for risk in found}
    return [int(risk) in risks for risk in RiskClass]


if __name__ == "__main__":
    main()
