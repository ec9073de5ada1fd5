"""From compilations to labeled token sequences: what is compiled, what is learnt from it, what is held out."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from data import mutations
from data.compiler import Compiled, Job, Results, compile_all
from data.corpus import SOLC_VERSIONS, Corpus, Entry
from templates import synthesis
from templates.kit import Risk
from templates.synthesis import Labeled
from themis.evm.encode import MAX_CODE_BYTES, encode
from themis.evm.report import RiskClass

SYNTHETIC: Final = {"train": 1_100, "validation": 400}
LATER: Final = 300
"""Contracts of synthesis.LATER."""
PER_PACKAGE: Final = 25
VARIED: Final = 20
"""Held-out injections, and half as many plain files, for all SETTINGS; made-up contracts for each of FAMILIES."""
SETTINGS: Final = ((None, False), (200, False), (200, True))
"""(optimizer runs or None, via IR)."""
FAMILIES: Final = ("0.4.26", "0.5.17", "0.6.12", "0.7.6", "0.8.24")
_QUICK_BYTES: Final = 150_000
"""Via IR, more source may take solc-js minutes."""
_VARIED_BYTES: Final = 50_000
SPLITS: Final = ("train", "validation", "test")
CLASSES: Final = len(RiskClass)
_BATCH: Final = 600
"""Jobs sorted by compiler at a time."""
Wish = tuple[Risk | None, bool | None]
"""A class and whether the template shall be vulnerable; None leaves it to chance."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A compilation and what is known about the contracts in it."""

    job: Job
    kind: str
    """synthetic, plain, injected, mutated or varied."""
    split: str
    family: str
    target: str
    """Contract to use; empty: all of them."""
    labels: dict[str, tuple[int, ...]]
    templates: tuple[str, ...]
    twin: str = ""
    """Key of the compilation of the unmodified file, if this one is mutated."""


@dataclass(frozen=True, slots=True)
class Contract:
    """One compiled contract, encoded."""

    kind: str
    split: str
    family: str
    version: str
    via_ir: bool
    templates: tuple[str, ...]
    risks: tuple[int, ...]
    """Classes it has, by what was pasted into it."""
    functions: tuple[bytes, ...]
    """Tokens of each function."""
    known: tuple[tuple[int, ...] | None, ...]
    """Classes of each function; None where unknown."""
    key: str
    """Of its compilation."""
    name: str
    """As file:contract."""
    runs: int | None
    """Optimizer runs; None if it was off."""


def plan(packages: Path, report: Path) -> list[Planned]:
    """Every compilation of the data set. Deterministic.

    Of what could be pasted into real files a half (training, validation) or a quarter (test) is: time.
    """
    corpus = Corpus(packages)
    entries = list(corpus.entries(PER_PACKAGE))
    kept = {split: sum(entry.split == split for entry in entries) for split in SPLITS}
    report.write_text(json.dumps({"files": kept, "reasons": dict(corpus.report.most_common())}, indent=2) + "\n")
    projects = [_project(entry) for entry in entries]
    plain = [found[0] for found in projects]
    mutated = [item for entry, original in zip(entries, plain, strict=True) for item in _mutated(entry, original)]
    parts = {"train": 2, "validation": 2, "test": 4}
    injected: dict[str, list[Planned]] = {split: [] for split in SPLITS}
    for turn, found in enumerate(projects):
        part = parts[found[0].split]
        injected[found[0].split] += found[1 + turn % part :: part]
    synthetic = _synthetic("train")
    return [
        *_synthetic("validation"),
        *plain,
        *mutated,
        *synthetic[: len(synthetic) // 2],
        *injected["test"],
        *_varied(plain, injected["test"]),
        *synthetic[len(synthetic) // 2 :],
        *injected["validation"],
        *injected["train"],
        *_later(),
    ]


def compile_plan(planned: list[Planned], results: Results, npm: Path) -> None:
    """The cheapest first: whoever stops early has most of it, and the rest is of one kind, large."""
    jobs = sorted({item.job.key: item.job for item in planned}.values(), key=lambda job: job.cost)
    for at in range(0, len(jobs), _BATCH):
        batch = jobs[at : at + _BATCH]
        for _ in track(
            compile_all(batch, results, npm), f"compiling {at}-{at + len(batch)} of {len(jobs)}", len(batch)
        ):
            pass


def contracts(planned: list[Planned], results: Results) -> Iterator[Contract]:
    """Encode what was compiled; identical bytecode is used once a split, but in every setting of what is varied."""
    seen: set[tuple[str, bytes]] = set()
    for item in track(planned, "encoding"):
        if item.job.key not in results:
            continue
        for compiled in results.get(item.job.key):
            wanted = compiled.name == item.target if item.target else compiled.file in item.job.wanted
            size = len(compiled.code)
            place = item.job.key if item.kind == "varied" else item.split
            if not wanted or not 100 <= size <= MAX_CODE_BYTES or (place, compiled.code) in seen:
                continue
            seen.add((place, compiled.code))
            by_selector = {
                compiled.selectors[fn]: risks for fn, risks in item.labels.items() if fn in compiled.selectors
            }
            if item.twin:
                by_selector = _acquired(item, compiled, results)
                if not by_selector:
                    continue
            yield _contract(item, compiled, by_selector)


def _acquired(item: Planned, mutant: Compiled, results: Results) -> dict[int, tuple[int, ...]]:
    """Risks by selector that a mutant has and the unmodified contract does not."""
    twins = results.get(item.twin) if item.twin in results else []
    for twin in twins:
        if (twin.file, twin.name) == (mutant.file, mutant.name):
            before = {trace.selector: bytes(trace.tokens) for trace in encode(twin.code).functions}
            found = {
                trace.selector: mutations.acquired(item.templates[0], before[trace.selector], bytes(trace.tokens))
                for trace in encode(mutant.code).functions
                if trace.selector is not None and trace.selector in before
            }
            return {selector: risks for selector, risks in found.items() if risks}
    return {}


def _contract(item: Planned, compiled: Compiled, by_selector: dict[int, tuple[int, ...]]) -> Contract:
    encoded = encode(compiled.code)
    risks = sorted({risk for found in by_selector.values() for risk in found})
    known = [by_selector.get(trace.selector, ()) if trace.selector is not None else () for trace in encoded.functions]
    return Contract(
        item.kind,
        item.split,
        item.family,
        item.job.version,
        item.job.via_ir,
        item.templates,
        tuple(risks),
        tuple(bytes(trace.tokens) for trace in encoded.functions),
        tuple(known),
        item.job.key,
        f"{compiled.file}:{compiled.name}",
        item.job.optimizer_runs,
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


def _later() -> list[Planned]:
    planned = []
    for index in range(LATER):
        rng = Random(f"later {index}")  # noqa: S311 (a seeded choice, no secret)
        version = rng.choice(SOLC_VERSIONS)
        made = synthesis.later(_number(version), rng)
        origin = ("synthetic", "train", "made up")
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


def _mutated(entry: Entry, original: Planned) -> Iterator[Planned]:
    """The same file in the same setting, without one kind of guard."""
    for name, source in mutations.mutants(entry.sources[entry.path]):
        job = replace(original.job, sources={**entry.sources, entry.path: source})
        yield replace(original, job=job, kind="mutated", templates=(name,), twin=original.job.key)


def _varied(plain: list[Planned], injected: list[Planned]) -> list[Planned]:
    """Held-out contracts in every setting, and made-up ones of held-out templates in every family of compilers."""
    found = []
    for items, count in ((injected, VARIED), (plain, VARIED // 2)):
        fit = [item for item in items if item.split == "test" and _number(item.job.version) >= (0, 8, 13)]
        small = [item for item in fit if item.job.source_bytes < _VARIED_BYTES]
        for item in small[:: max(1, len(small) // count)][:count]:
            for runs, via_ir in SETTINGS:
                job = replace(item.job, optimizer_runs=runs, via_ir=via_ir)
                found.append(replace(item, job=job, kind="varied"))
    for version in FAMILIES:
        for index in range(VARIED):
            rng = Random(f"varied {index}")  # noqa: S311 (a seeded choice, no secret)
            made = synthesis.contract(_number(version), rng, "test")
            origin = ("varied", "test", "made up")
            item = _planned({"made.sol": made.source}, "made.sol", version, rng, origin, made)
            found += [replace(item, job=replace(item.job, optimizer_runs=runs, via_ir=False)) for runs in (None, 200)]
    return found


def _planned(  # noqa: PLR0917 (one private caller's worth of facts)
    sources: dict[str, str], path: str, version: str, rng: Random, origin: tuple[str, str, str], made: Labeled
) -> Planned:
    """`origin`: kind, split, family."""
    runs, via_ir = _settings(version, rng)
    via_ir = via_ir and sum(map(len, sources.values())) < _QUICK_BYTES
    job = Job(version, {**sources, path: made.source}, (path,), runs, via_ir)
    labels = {fn: tuple(int(risk) for risk in risks) for fn, risks in made.labels.items()}
    return Planned(job, *origin, made.target, labels, made.templates)
