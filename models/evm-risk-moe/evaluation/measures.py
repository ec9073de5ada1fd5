"""Measure the exported model on held-out projects with held-out templates, and everything the card says."""

import json
import statistics
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from eth_utils.crypto import keccak
from numpy.typing import NDArray

from data.compiler import Job, Results, compile_all
from data.corpus import SOLC_VERSIONS
from data.dataset import Contract
from data.mutations import MUTATIONS
from evaluation import baselines, reliability, slither_baseline
from evaluation.robustness import by_setting
from network.exporting import feed, scores
from network.floats import RiskNetwork, weight_shift
from network.integers import Weights, write
from network.scoring import summary
from network.training import contract_labels, contract_logits
from templates import synthesis
from themis.evm import report
from themis.evm.encode import encode
from themis.exact.lint import lint
from themis.exact.session import SessionSettings, open_session
from themis.exact.spec import Spec

FLAG_BPS: Final = 5_000
SPEC_INPUTS: Final = 200
_DEMO: Final = Path(__file__).parents[3] / "contracts" / "src" / "demo"


def evaluate(  # noqa: PLR0917 (one call)
    found: list[Contract], network: RiskNetwork, weights: Weights, model: bytes, work: Path, npm: Path
) -> dict[str, Any]:
    """Everything of metrics.json but what training and the corpus report."""
    session = open_session(model)
    test = heldout(found)
    answers = scores(session, test)
    flags, truth = answers >= FLAG_BPS, contract_labels(test)
    plain = np.array([contract.kind == "plain" for contract in test])
    varied = [contract for contract in found if contract.kind == "varied"]
    mutated = [contract for contract in found if contract.kind == "mutated" and contract.split == "test"]
    figures = summary(flags, truth, plain)
    figures["reliability"] = reliability.table(answers, truth)
    figures["by_template"] = _by_template(test, flags)
    figures["mutations"] = _mutations(mutated, scores(session, mutated) >= FLAG_BPS)
    figures["by_setting"] = by_setting(varied, scores(session, varied) >= FLAG_BPS, contract_labels(varied))
    figures["baselines"] = {
        "lr": summary(baselines.regression(found, test), truth, plain),
        "rules": summary(baselines.rules(test), truth, plain),
        "slither": _slither(test, truth, plain, flags, work),
    }
    return {
        "heldout": figures,
        "contracts": {"injected": int((~plain).sum()), "unmutated": int(plain.sum())},
        "exactness": _exactness(test, network, weights, model, answers),
        "speed": _speed(session, work),
        "demo_pair": _demo_pair(session, work, npm),
    }


def heldout(found: list[Contract]) -> list[Contract]:
    """The contracts that the headline is about: held-out projects, as they are and with held-out templates."""
    return [contract for contract in found if contract.split == "test" and contract.kind in ("plain", "injected")]


def _by_template(test: list[Contract], flags: NDArray[np.bool_]) -> dict[str, dict[str, int]]:
    """For each held-out template: how many of its vulnerable and of its safe forms were there, and how many flagged."""
    table: dict[str, dict[str, int]] = {}
    for contract, row in zip(test, flags, strict=True):
        if contract.kind == "injected":
            (template,) = contract.templates
            risk = synthesis.risk_of(template)
            if risk is None:
                continue
            form = "vulnerable" if contract.risks else "safe"
            counts = table.setdefault(
                template, {"vulnerable": 0, "vulnerable_flagged": 0, "safe": 0, "safe_flagged": 0}
            )
            counts[form] += 1
            counts[f"{form}_flagged"] += bool(row[risk])
    return dict(sorted(table.items()))


def _mutations(found: list[Contract], flags: NDArray[np.bool_]) -> dict[str, dict[str, float]]:
    """For each way to take a guard out of held-out real code: contracts with a risk by it, and the share flagged."""
    table = {}
    for name in MUTATIONS:
        rows = [row for row, contract in enumerate(found) if contract.templates == (name,)]
        if rows:
            hits = [all(flags[row, list(found[row].risks)]) for row in rows]
            table[name] = {"contracts": len(rows), "recall": round(float(np.mean(hits)), 4)}
    return table


def _slither(
    test: list[Contract], truth: NDArray[np.bool_], plain: NDArray[np.bool_], flags: NDArray[np.bool_], work: Path
) -> dict[str, Any]:
    """Slither where it could read the contract, and the model on the same contracts."""
    found = slither_baseline.verdicts(test, truth, work / "slither.jsonl")
    rows = found.analyzed
    return {
        **summary(found.flags[rows], truth[rows], plain[rows]),
        "version": slither_baseline.VERSION,
        "detectors": found.detectors,
        "analyzed": int(rows.sum()),
        "failed": int((~rows).sum()),
        "errors": found.errors,
        "model_on_the_same": summary(flags[rows], truth[rows], plain[rows]),
    }


def _exactness(
    test: list[Contract], network: RiskNetwork, weights: Weights, model: bytes, answers: NDArray[np.int64]
) -> dict[str, Any]:
    """ONNX Runtime against the NumPy specification bit for bit, and integers against the float network."""
    sample = sorted(test, key=lambda contract: sum(map(len, contract.functions)))[:: max(1, len(test) // SPEC_INPUTS)]
    sample = sample[:SPEC_INPUTS]
    sessions = [open_session(model, SessionSettings(threads)) for threads in (1, 2)]
    equal = {1: 0, 2: 0}
    for contract in sample:
        inputs = feed(contract.functions)
        spec = Spec(inputs)
        write(spec, weights)
        for threads, session in zip((1, 2), sessions, strict=True):
            equal[threads] += bool((session.run(None, inputs)[0] == spec.outputs["scores_bps"]).all())
    float_flags = contract_logits(network, test) >= _centers(weights, network)
    return {
        "inputs": len(sample),
        "equal_1_thread": equal[1],
        "equal_2_threads": equal[2],
        "lint_findings": len(lint(onnx.load_from_string(model)).findings),
        "flags_equal_to_float": round(float((float_flags == (answers >= FLAG_BPS)).mean()), 5),
    }


def _centers(weights: Weights, network: RiskNetwork) -> NDArray[np.float64]:
    """The logits at which the score is FLAG_BPS, read back from the curve."""
    unit = 2.0 ** (weight_shift(network.head) + 5)
    columns = np.arange(weights.knots.shape[1])
    found = []
    for knots, low in zip(weights.knots, weights.low, strict=True):
        found.append((low + np.interp(FLAG_BPS, knots, columns) * weights.step) / unit)
    return np.array(found)


def _speed(session: Any, work: Path) -> dict[str, Any]:
    """Milliseconds from bytecode to the hash of the report, one thread, by size of the code."""
    codes = sorted(set(_codes(work)), key=len)
    picked = {"median": codes[len(codes) // 2], "largest": codes[-1]}
    return {name: {"bytes": len(code), **_timed(session, code)} for name, code in picked.items()}


def _codes(work: Path) -> list[bytes]:
    with (work / "compiled.jsonl").open() as lines:
        rows = [json.loads(line) for _, line in zip(range(3_000), lines, strict=False)]
    texts = [contract["code"] for row in rows for contract in row["contracts"] if "__" not in contract["code"]]
    return [code for code in map(bytes.fromhex, texts) if 100 <= len(code) <= 24_576]


def _timed(session: Any, code: bytes) -> dict[str, float]:
    encoding, inference = [], []
    for _ in range(20):
        started = time.perf_counter()
        encoded = encode(code)
        inputs = {
            "tokens": np.array(encoded.tokens, np.int64),
            "grams": np.array(encoded.grams, np.int64),
            "first": np.array(encoded.starts, np.int64),
        }
        ready = time.perf_counter()
        keccak(report.pack(session.run(["scores_bps"], inputs)[0].tolist(), encoded))
        encoding.append(ready - started)
        inference.append(time.perf_counter() - ready)
    return {
        "tokens": len(encoded.tokens),
        "encode_ms": round(statistics.median(encoding) * 1e3, 2),
        "infer_ms": round(statistics.median(inference) * 1e3, 2),
        "total_ms": round(statistics.median(map(sum, zip(encoding, inference, strict=True))) * 1e3, 2),
    }


def _demo_pair(session: Any, work: Path, npm: Path) -> list[dict[str, Any]]:
    """Reentrancy scores of the demo contracts, which no training saw, across compilers and settings."""
    jobs: dict[str, tuple[str, Job]] = {}
    for version in SOLC_VERSIONS:
        if tuple(map(int, version.split("."))) >= (0, 8, 20):
            for runs, via_ir in ((None, False), (1, False), (200, False), (10_000, False), (200, True)):
                sources = {f"{name}.sol": (_DEMO / f"{name}.sol").read_text() for name in ("EthVault", "SafeEthVault")}
                job = Job(version, sources, tuple(sources), runs, via_ir)
                setting = (
                    f"{version}, {'optimizer off' if runs is None else f'runs {runs}'}{', via IR' if via_ir else ''}"
                )
                jobs[job.key] = (setting, job)
    results = Results(work / "demo.jsonl")
    rows = []
    for job in compile_all([job for _, job in jobs.values()], results, npm):
        row: dict[str, Any] = {"setting": jobs[job.key][0]}
        for compiled in results.get(job.key):
            functions = [bytes(trace.tokens) for trace in encode(compiled.code).functions]
            row[compiled.name] = session.run(["scores_bps"], feed(functions))[0].max(0).tolist()
        rows.append(row)
    return sorted(rows, key=lambda row: str(row["setting"]))
