"""The language model's benchmark measures what it says, shown on the cut: its floats are floats, digests digests."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks import llm, llm_build, llm_guest
from benchmarks.isa_machines import Machine
from benchmarks.llm_float import FloatGraph
from benchmarks.llm_guest import Running
from tests import small_language_model
from themis.bundles import bundle
from themis.exact.decoder import floating
from themis.exact.graph import serialize
from themis.exact.session import SessionSettings, open_session

IDS = [5, 9, 100, 42, 7, 77, 200, 31]


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The bundle, the float weights and the architecture."""
    folder = tmp_path_factory.mktemp("cut")
    made = small_language_model.cut(folder)
    with small_language_model.recipe() as module:
        weights = module("gguf").Gguf(folder / "cut.gguf")
        return made, weights, module("build").prepared(weights)[0]


def test_the_float_graph_is_the_float_model(cut: Any) -> None:
    """In one run, in pieces, and token by token."""
    _, weights, arch = cut
    (stream,) = floating.streams(weights, arch, [IDS], lambda _: lambda *_: None)
    want = stream[-1] @ floating.head(weights, arch).T
    running = Running(open_session(serialize(FloatGraph(weights, arch).build()), SessionSettings(1, level="all")))
    for sizes in ([8], [3, 5], [1] * 8):
        running.forget()
        rest = list(IDS)
        for size in sizes:
            part, rest = rest[:size], rest[size:]
            found = running.read(part)
        assert np.abs(found - want).max() < 1e-4 * np.abs(want).max()


def test_the_digest_is_of_all_that_was_written(cut: Any) -> None:
    file = cut[0] / "model.onnx"
    digests = {llm_guest.written(file, IDS, 16, SessionSettings(threads)) for threads in (1, 2)}
    digests |= {llm_guest.written(file, IDS, 16, SessionSettings(1), piece=piece) for piece in (1, 3)}
    digests.add(llm_guest.written(file, IDS, 16, SessionSettings(1), cached=False))
    assert len(digests) == 1
    for ids, steps in (([*IDS[:-1], 1], 16), (IDS, 15)):
        assert llm_guest.written(file, ids, steps, SessionSettings(1)) not in digests


def test_it_measures_each_form_in_one_run(cut: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, weights, arch = cut
    monkeypatch.setattr(llm, "BUILT", made)
    for name, value in (("PREFILL_TOKENS", 16), ("DECODE_TOKENS", 4), ("ROUNDS", 1), ("PROMPTS", ("the?", "a?"))):
        monkeypatch.setattr(llm, name, value)
    found = llm.measure(tmp_path, weights, arch, {"recipe": "two bytes"})
    for row in (found, found["float32"], found["int8"]):
        assert row["decode_tokens_per_s"] > 0
        assert row["prefill_ms_per_token"] > 0
        assert row["memory_mib"] > 20
    agreement = found["agreement"]
    assert 0 <= agreement["before_first_difference"] <= agreement["equal"] <= agreement["tokens"] <= 2 * 32
    found = json.loads(json.dumps(found))
    machine = Machine("here again", (sys.executable,), threads=2, level="all")
    told: dict[str, str] = {}
    llm.digests(found, lambda: [machine, *llm.WAYS], told.__setitem__)
    assert told == dict.fromkeys(["here again", *(each.name for each in llm.WAYS)], found["digests"]["here"])


def test_a_build_is_of_the_same_weights_on_each_machine(
    cut: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is held against what was published, all of it."""
    made, weights, _ = cut
    most = tmp_path / "most.json"
    with small_language_model.recipe() as module:
        build = module("build")
        most.write_text(small_language_model.scales(weights, build).to_json())
        monkeypatch.setattr(build, "WISHES", replace(build.WISHES, **small_language_model.WISHED))
        here = SimpleNamespace(name="here", run=lambda kit, _: {"digests": llm_build.built(kit)})
        told: dict[str, dict[str, str]] = {}
        llm.builds(made.parent / "cut.gguf", most, [here], told.__setitem__)
    assert told["here"] == build.identity(bundle.load(made))
    results = {"digests": {"here": "c"}, "builds": told}
    assert not llm.different(results, told["here"])
    assert llm.different(results, told["here"] | {"golden_sha256": "other"})
    assert llm.different(results | {"digests": {"here": "c", "there": "d"}}, told["here"])


def test_the_stored_builds_are_the_published_bundle() -> None:
    """Two runs of the native machine, and one of another kind of processor."""
    stored = json.loads(llm.RESULTS.read_text())
    published = json.loads((llm.FOLDER / "identity.json").read_text())
    assert stored["model_sha256"] == published["model_sha256"]
    assert not llm.different(stored, published)
    assert {"native, first run", "native, second run", "aarch64 cortex-a72 (NEON)"} <= stored["builds"].keys()


def test_digests_of_machines_stay_with_their_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llm, "RESULTS", tmp_path / "llm.json")
    told = {"model_sha256": "ab", "onnxruntime": "1", "prompt_ids": [1], "load_average": 0.5}
    llm.store(told | {"digests": {"here": "c", "Nehalem": "c"}, "builds": {"here": {}}})
    llm.store(told | {"load_average": 0.7, "digests": {"here": "d"}})
    kept = json.loads(llm.RESULTS.read_text())
    assert (kept["load_average"], kept["digests"], kept["builds"]) == (0.7, {"here": "d", "Nehalem": "c"}, {"here": {}})
    for other in ({"model_sha256": "cd"}, {"onnxruntime": "2"}, {"prompt_ids": [2]}):
        llm.store(told | other | {"digests": {"here": "d"}})
        assert json.loads(llm.RESULTS.read_text())["digests"] == {"here": "d"}
