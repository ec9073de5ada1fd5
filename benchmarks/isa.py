"""`make isa`: the same models and inputs on other processors and ONNX Runtime versions must give the same bits.

Writes isa.json and prints a line for each machine. Expected digests come from the executable specification. Operators
outside the profile run too: that some of them differ shows that the comparison can fail.
"""

import argparse
import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from benchmarks import isa_machines
from benchmarks.isa_guest import digest
from benchmarks.isa_machines import Machine
from benchmarks.op_suite import suite
from themis.bundles import bundle
from themis.bundles.bundle import Bundle
from themis.core.errors import Unavailable
from themis.engine import batch, preprocess
from themis.exact import selftest
from themis.exact.graph import serialize
from themis.exact.interpret import interpret
from themis.exact.lint import lint
from themis.exact.session import RUNTIME_ERRORS, open_session

RESULTS: Final = Path(__file__).with_name("isa.json")
RISK: Final = Path(__file__).parents[1] / "models" / "evm-risk-moe"
SHORT_CPU: Final = "Haswell"
"""Where u8 x s8 saturates: the short form has to meet the trap."""
CONTROLS: Final = {
    "x86-64 Haswell": "op MatMulInteger s8 heavy",
    "native, onnxruntime 1.23.2": "op Max int64 beyond int32",
}
"""What the linter refuses must differ on these machines: saturation without VNNI, and the int64 bug."""
Entry = tuple[str, onnx.ModelProto, list[dict[str, NDArray[Any]]]]
"""Name, model, inputs of each run."""


def exact_kit(*, short: bool) -> Iterator[Entry]:
    """What must agree everywhere: the operators of the profile, the self-test, the default model."""
    for seed in range(1 if short else 3):
        for case in suite(seed):
            if lint(case.model).exact:
                yield f"op {seed} {case.name}", case.model, [case.feed]
    for name, (model, feed) in selftest.cases().items():
        yield f"selftest {name}", model, [feed]
    yield "evm-risk-moe", onnx.load(RISK / bundle.MODEL), golden_feeds(bundle.load(RISK), together=not short)


def outside_kit() -> Iterator[Entry]:
    """What the linter refuses, where ONNX Runtime runs it."""
    for case in suite():
        if not lint(case.model).exact and _runs(case.model, case.feed):
            yield f"op {case.name}", case.model, [case.feed]


def golden_feeds(loaded: Bundle, *, together: bool) -> list[dict[str, NDArray[Any]]]:
    """Each golden input of a bundle alone, and all of them in one batch."""
    prepare = preprocess.find(loaded.manifest.preprocessing).prepare
    samples = [prepare(golden.input, golden.code) for golden in loaded.golden]
    groups = [[sample] for sample in samples] + ([samples] if together else [])
    return [batch.collate(group, loaded.dtypes, loaded.declared) for group in groups]


def write_kit(folder: Path, kit: Iterable[Entry]) -> dict[str, str]:
    """Write models and inputs for the guest. Returns each model's name by the stem of its file."""
    names = {}
    folder.mkdir()
    for number, (name, model, feeds) in enumerate(kit):
        stem = f"{number:04}"
        names[stem] = name
        (folder / f"{stem}.onnx").write_bytes(serialize(model))
        for index, feed in enumerate(feeds):
            np.savez(folder / f"{stem}.{index:04}.npz", **feed)  # type: ignore[arg-type]
    return names


def specified(entry: Entry) -> str:
    """Digest of the answers that the specification gives."""
    _, model, feeds = entry
    digests = "".join(digest(list(interpret(model, feed).values())) for feed in feeds)
    return hashlib.sha256(digests.encode()).hexdigest()


def measure(folder: Path, *, short: bool) -> dict[str, Any]:
    """Run both kits on every machine. Raises Unavailable where a machine cannot be had."""
    exact, outside = list(exact_kit(short=short)), list(outside_kit())
    names = [write_kit(folder / part, kit) for part, kit in (("exact", exact), ("outside", outside))]
    want = {entry[0]: specified(entry) for entry in exact}
    controls = {entry[0]: specified(entry) for entry in outside if entry[0] in CONTROLS.values()}
    usual = _native_outside(folder, names[1]) | controls  # which may be wrong on this processor too
    rows: list[dict[str, Any]] = []
    for machine in machines(short=short):
        started = time.monotonic()
        runs = [machine.run(folder / part) for part in ("exact", "outside")]
        found, other = (
            {known[stem]: value for stem, value in run["digests"].items()}
            for known, run in zip(names, runs, strict=True)
        )
        rows.append(
            {
                "machine": machine.name,
                "onnxruntime": runs[0]["onnxruntime"],
                "equal": sum(found[name] == digest_ for name, digest_ in want.items()),
                "different": [name for name, digest_ in want.items() if found[name] != digest_],
                "groups": grouped(found),
                "outside_different": [name for name, value in other.items() if value != usual[name] and _ran(value)],
                "outside_without_kernel": [name for name, value in other.items() if not _ran(value)],
                "seconds": round(time.monotonic() - started, 1),
            }
        )
        print_row(rows[-1], len(want))
    return {
        "onnxruntime": onnxruntime.__version__,
        "specification": grouped(want),
        "models": len(want),
        "machines": rows,
    }


def grouped(digests: Mapping[str, str]) -> dict[str, str]:
    """One digest for all operators, one for each network."""
    parts: dict[str, list[str]] = {}
    for name, value in digests.items():
        parts.setdefault("operators" if name.startswith("op ") else name, []).append(value)
    return {name: hashlib.sha256("".join(values).encode()).hexdigest() for name, values in parts.items()}


def print_row(row: Mapping[str, Any], total: int) -> None:
    verdict = "equal" if row["equal"] == total else "DIFFERENT: " + ", ".join(row["different"][:3])
    digests = "  ".join(value[:8] for value in row["groups"].values())
    outside = f"{len(row['outside_different'])} outside the profile differ"
    sys.stdout.write(f"{row['machine']:<58} {digests}  {row['equal']}/{total} {verdict}; {outside}\n")
    sys.stdout.flush()


def machines(*, short: bool) -> Iterator[Machine]:
    if short:
        return isa_machines.x86(SHORT_CPU)
    return chain(isa_machines.native(), isa_machines.versions(), isa_machines.x86(), isa_machines.arm())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--short",
        action="store_true",
        help=f"only {SHORT_CPU}, fewer inputs, nothing stored; status 0 where it cannot run",
    )
    short = parser.parse_args().short
    with tempfile.TemporaryDirectory() as folder:
        try:
            result = measure(Path(folder), short=short)
        except Unavailable as error:
            sys.stderr.write(f"isa: NOT RUN: {error}\n")
            return 0 if short else 1
    if not short:
        RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    silent = silent_controls(result["machines"])
    for name in silent:
        sys.stderr.write(f"isa: {name} differs nowhere, so this comparison proves nothing: look into it\n")
    return 1 if silent or any(row["different"] for row in result["machines"]) else 0


def silent_controls(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Controls that ought to differ on a machine of the table, and do not."""
    return [
        f"`{control}` on {row['machine']}"
        for row in rows
        for prefix, control in CONTROLS.items()
        if row["machine"].startswith(prefix) and control not in row["outside_different"]
    ]


def _native_outside(folder: Path, names: Mapping[str, str]) -> dict[str, str]:
    """What this processor gives outside the profile, to compare others with."""
    machine = next(iter(isa_machines.native()))
    return {names[stem]: value for stem, value in machine.run(folder / "outside")["digests"].items()}


def _ran(digest_: str) -> bool:
    return not digest_.startswith("cannot run")


def _runs(model: onnx.ModelProto, feed: Mapping[str, NDArray[Any]]) -> bool:
    try:
        open_session(serialize(model)).run(None, dict(feed))
    except RUNTIME_ERRORS:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
