"""Measure the exported model on held-out projects with held-out templates, and everything the card says."""

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import baselines
import numpy as np
import onnx
from compiler import Job, Results, compile_all
from corpus import SOLC_VERSIONS
from dataset import Contract
from exact_network import Weights, write
from exporting import feed, scores
from network import CLASSES, RiskNetwork, weight_shift
from numpy.typing import NDArray
from scoring import class_score
from template_kit import Risk
from training import contract_labels, contract_logits

from themis.core.evm import report
from themis.core.evm.encode import encode
from themis.exact.lint import lint
from themis.exact.session import open_session
from themis.exact.spec import Spec

FLAG_BPS: Final = 5_000
SPEC_INPUTS: Final = 200
_BOOTSTRAPS: Final = 1_000
_DEMO: Final = Path(__file__).parents[2] / "contracts" / "src" / "demo"


def evaluate(  # noqa: PLR0917 (one call)
    found: list[Contract], network: RiskNetwork, weights: Weights, model: bytes, work: Path, npm: Path
) -> dict[str, Any]:
    """Everything of metrics.json but what training and the corpus report."""
    test = [contract for contract in found if contract.split == "test"]
    session = open_session(model)
    answers = scores(session, test)
    flags, truth = answers >= FLAG_BPS, contract_labels(test)
    plain = np.array([contract.kind == "plain" for contract in test])
    heldout = _summary(flags, truth, plain)
    heldout["macro_f1_interval_95"] = _interval(flags, truth)
    heldout["by_setting"] = _by_setting(test, flags, truth)
    heldout["baselines"] = {
        "lr": _summary(baselines.regression(found, test), truth, plain),
        "rules": _summary(baselines.rules(test), truth, plain),
        "slither": None,
    }
    return {
        "heldout": heldout,
        "contracts": {"injected": int((~plain).sum()), "unmutated": int(plain.sum())},
        "exactness": _exactness(test, network, weights, model, answers),
        "speed": _speed(session, work),
        "demo_pair": _demo_pair(session, work, npm),
    }


def _summary(flags: NDArray[np.bool_], truth: NDArray[np.bool_], plain: NDArray[np.bool_]) -> dict[str, Any]:
    """Per class over all test contracts; `fpr` counts unmutated contracts flagged in any class."""
    per_class = {}
    for risk in Risk:
        score = class_score(flags[:, risk], truth[:, risk])
        per_class[risk.name.lower()] = {
            "f1": round(score.f1, 4),
            "precision": round(score.precision, 4),
            "recall": round(score.recall, 4),
            "fpr": round(float(flags[plain, risk].mean()), 4),
            "support": score.support,
        }
    macro = statistics.fmean(entry["f1"] for entry in per_class.values())
    return {"macro_f1": round(macro, 4), "fpr": round(float(flags[plain].any(1).mean()), 4), "per_class": per_class}


def _interval(flags: NDArray[np.bool_], truth: NDArray[np.bool_]) -> list[float]:
    """95 % bootstrap interval of macro-F1 over contracts."""
    rng = np.random.default_rng(0)
    values = []
    for _ in range(_BOOTSTRAPS):
        rows = rng.integers(0, len(flags), len(flags))
        values.append(np.mean([class_score(flags[rows, c], truth[rows, c]).f1 for c in range(CLASSES)]))
    return [round(float(value), 4) for value in np.quantile(values, (0.025, 0.975))]


def _by_setting(test: list[Contract], flags: NDArray[np.bool_], truth: NDArray[np.bool_]) -> dict[str, dict[str, Any]]:
    settings: dict[str, Callable[[Contract], bool]] = {
        "optimizer off": lambda contract: not contract.optimized,
        "optimizer on": lambda contract: contract.optimized and not contract.via_ir,
        "via IR": lambda contract: contract.via_ir,
        "solc 0.4-0.7": lambda contract: not contract.version.startswith("0.8"),
        "solc 0.8": lambda contract: contract.version.startswith("0.8"),
    }
    table = {}
    for name, fits in settings.items():
        rows = np.array([fits(contract) for contract in test])
        f1 = [class_score(flags[rows, c], truth[rows, c]).f1 for c in range(CLASSES)]
        table[name] = {"contracts": int(rows.sum()), "macro_f1": round(float(np.mean(f1)), 4)}
    return table


def _exactness(
    test: list[Contract], network: RiskNetwork, weights: Weights, model: bytes, answers: NDArray[np.int64]
) -> dict[str, Any]:
    """ONNX Runtime against the NumPy specification bit for bit, and integers against the float network."""
    sample = sorted(test, key=lambda contract: sum(map(len, contract.functions)))[:: max(1, len(test) // SPEC_INPUTS)]
    sample = sample[:SPEC_INPUTS]
    sessions = [open_session(model, threads) for threads in (1, 2)]
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
    """Milliseconds from bytecode to report, one thread, by size of the code."""
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
        report.pack(session.run(["scores_bps"], inputs)[0].tolist(), encoded)
        encoding.append(ready - started)
        inference.append(time.perf_counter() - ready)
    return {
        "tokens": len(encoded.tokens),
        "encode_ms": round(statistics.median(encoding) * 1e3, 2),
        "infer_ms": round(statistics.median(inference) * 1e3, 2),
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
