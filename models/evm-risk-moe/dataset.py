"""From compilations to labeled token sequences: what is compiled, what is learnt from it, what is held out."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

import numpy as np
import synthesis
from compiler import Job, Results, compile_all
from corpus import SOLC_VERSIONS, Corpus, Entry
from numpy.typing import NDArray
from rich.progress import track
from synthesis import Labeled
from template_kit import Risk

from themis.core.evm.encode import MAX_CODE_BYTES, encode

SYNTHETIC: Final = {"train": 3_000, "validation": 300}
PER_PACKAGE: Final = 25
SPLITS: Final = ("train", "validation", "test")
CLASSES: Final = len(Risk)
_BATCH: Final = 600
"""Jobs sorted by compiler at a time."""
Wish = tuple[Risk | None, bool | None]
"""A class and whether the template shall be vulnerable; None leaves it to chance."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A compilation and what is known about the contracts in it."""

    job: Job
    kind: str
    """synthetic, plain or injected."""
    split: str
    family: str
    target: str
    """Contract to use; empty: all of them."""
    labels: dict[str, tuple[int, ...]]
    templates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Contract:
    """One compiled contract, encoded."""

    kind: str
    split: str
    family: str
    version: str
    optimized: bool
    via_ir: bool
    templates: tuple[str, ...]
    risks: tuple[int, ...]
    """Classes it has, by what was pasted into it."""
    functions: tuple[bytes, ...]
    """Tokens of each function."""
    known: tuple[tuple[int, ...] | None, ...]
    """Classes of each function; None where unknown."""


def plan(packages: Path, report: Path) -> list[Planned]:
    """Every compilation of the data set, in the order to do them. Deterministic; every other held-out injection."""
    corpus = Corpus(packages)
    entries = list(corpus.entries(PER_PACKAGE))
    kept = {split: sum(entry.split == split for entry in entries) for split in SPLITS}
    report.write_text(json.dumps({"files": kept, "reasons": dict(corpus.report.most_common())}, indent=2) + "\n")
    projects = [_project(entry) for entry in entries]
    plain = [found[0] for found in projects]
    held = [item for turn, found in enumerate(projects) for item in found[1 + turn % 2 :: 2] if item.split != "train"]
    learnt = [item for found in projects for item in found[1:] if item.split == "train"]
    return [*_synthetic("validation"), *plain, *held, *learnt, *_synthetic("train")]


def compile_plan(planned: list[Planned], results: Results, npm: Path) -> None:
    jobs = [item.job for item in planned]
    for at in range(0, len(jobs), _BATCH):
        batch = jobs[at : at + _BATCH]
        for _ in track(
            compile_all(batch, results, npm), f"compiling {at}-{at + len(batch)} of {len(jobs)}", len(batch)
        ):
            pass


def contracts(planned: list[Planned], results: Results) -> Iterator[Contract]:
    """Encode what was compiled; identical bytecode is used once a split."""
    seen: set[tuple[str, bytes]] = set()
    for item in track(planned, "encoding"):
        if item.job.key not in results:
            continue
        for compiled in results.get(item.job.key):
            wanted = compiled.name == item.target if item.target else compiled.file in item.job.wanted
            size = len(compiled.code)
            if not wanted or not 100 <= size <= MAX_CODE_BYTES or (item.split, compiled.code) in seen:
                continue
            seen.add((item.split, compiled.code))
            by_selector = {
                compiled.selectors[fn]: risks for fn, risks in item.labels.items() if fn in compiled.selectors
            }
            yield _contract(item, compiled.code, by_selector)


def _contract(item: Planned, code: bytes, by_selector: dict[int, tuple[int, ...]]) -> Contract:
    encoded = encode(code)
    risks = sorted({risk for found in by_selector.values() for risk in found})
    known = [by_selector.get(trace.selector, ()) if trace.selector is not None else () for trace in encoded.functions]
    return Contract(
        item.kind,
        item.split,
        item.family,
        item.job.version,
        item.job.optimizer_runs is not None,
        item.job.via_ir,
        item.templates,
        tuple(risks),
        tuple(bytes(trace.tokens) for trace in encoded.functions),
        tuple(known),
    )


def save(found: Iterator[Contract], path: Path) -> None:
    """One JSON line a contract; tokens in hex."""
    with path.open("w") as out:
        for contract in found:
            record: dict[str, Any] = asdict(contract)
            record["functions"] = [tokens.hex() for tokens in contract.functions]
            out.write(json.dumps(record, separators=(",", ":")) + "\n")


def load(path: Path) -> list[Contract]:
    found = []
    with path.open() as lines:
        for line in lines:
            record = json.loads(line)
            record["functions"] = tuple(bytes.fromhex(tokens) for tokens in record["functions"])
            record["known"] = tuple(None if risks is None else tuple(risks) for risks in record["known"])
            record["risks"], record["templates"] = tuple(record["risks"]), tuple(record["templates"])
            found.append(Contract(**record))
    return found


def functions(found: list[Contract], split: str) -> tuple[list[bytes], NDArray[np.float32]]:
    """Distinct labeled functions of a split: tokens and [n, CLASSES] labels. Equal sequences share their risks."""
    merged: dict[bytes, set[int]] = {}
    for contract in found:
        if contract.split == split:
            for tokens, risks in zip(contract.functions, contract.known, strict=True):
                if risks is not None:
                    merged.setdefault(tokens, set()).update(risks)
    labels = np.zeros((len(merged), CLASSES), np.float32)
    for row, classes in enumerate(merged.values()):
        labels[row, list(classes)] = 1
    return list(merged), labels


def _settings(version: str, rng: Random) -> tuple[int | None, bool]:
    """(optimizer runs or None, via IR)."""
    via_ir = _number(version) >= (0, 8, 13) and rng.random() < 0.12
    runs = rng.choice((1, 200, 200, 10_000)) if via_ir or rng.random() < 0.55 else None
    return runs, via_ir


def _number(version: str) -> tuple[int, int, int]:
    major, minor, patch = map(int, version.split("."))
    return major, minor, patch


def _synthetic(split: str) -> list[Planned]:
    planned = []
    for index in range(SYNTHETIC[split]):
        rng = Random(f"synthetic {split} {index}")  # noqa: S311 (a seeded choice, no secret)
        version = rng.choice(SOLC_VERSIONS)
        made = synthesis.contract(_number(version), rng, split)
        origin = ("synthetic", split, "made up")
        planned.append(_planned({"made.sol": made.source}, "made.sol", version, rng, origin, made))
    return planned


def _project(entry: Entry) -> list[Planned]:
    """A real file as it is, and with members pasted in. Held-out projects get held-out templates, one at a time."""
    rng = Random(f"project {entry.package} {entry.path}")  # noqa: S311 (a seeded choice, no secret)
    version = rng.choice(entry.versions)
    nothing = Labeled(entry.sources[entry.path], "", {}, ())
    origin = ("plain", entry.split, entry.family)
    planned = [_planned(entry.sources, entry.path, version, rng, origin, nothing)]
    if entry.split == "train":
        wishes: list[list[Wish]] = [[(None, None)] * 3]
    else:
        risks = list(Risk) if entry.split == "test" else rng.sample(list(Risk), 3)
        wishes = [[(risk, True)] for risk in risks]
        wishes += [[(risk, False)] for risk in rng.sample(list(Risk), 2)]
    for wish in wishes:
        version = rng.choice(entry.versions)
        members = [synthesis.draw(entry.split, _number(version), rng, risk, bad) for risk, bad in wish]
        made = synthesis.inject(entry.sources[entry.path], members, rng)
        if made is not None:
            origin = ("injected", entry.split, entry.family)
            planned.append(_planned(entry.sources, entry.path, version, rng, origin, made))
    return planned


def _planned(  # noqa: PLR0917 (one private caller's worth of facts)
    sources: dict[str, str], path: str, version: str, rng: Random, origin: tuple[str, str, str], made: Labeled
) -> Planned:
    """`origin`: kind, split, family."""
    runs, via_ir = _settings(version, rng)
    job = Job(version, {**sources, path: made.source}, (path,), runs, via_ir)
    labels = {fn: tuple(int(risk) for risk in risks) for fn, risks in made.labels.items()}
    return Planned(job, *origin, made.target, labels, made.templates)
