"""Of which bundles a wrong answer can be proved, and what it takes."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.homes import RISK, ROOT, SELFTEST
from themis.bundles import bundle, disputable
from themis.bundles.bundle import LICENSE, MODEL, Bundle
from themis.bundles.manifest import GenerationSchema
from themis.cli.program import invoke

Captured = pytest.CaptureFixture[str]
TOLERANT = ROOT / "models/olmoe-tiny"


def under(loaded: Bundle, spdx: str, terms: str, path: Path) -> Bundle:
    """The bundle under other terms."""
    (path / LICENSE).write_text(terms)
    (path / MODEL).write_bytes(loaded.model)
    license_ = loaded.manifest.license.model_copy(update={"spdx": spdx})
    return replace(loaded, path=path, manifest=loaded.manifest.model_copy(update={"license": license_}))


def test_what_of_an_answer_can_be_proved() -> None:
    assert disputable.examine(bundle.load(SELFTEST)).proved.startswith("everything")
    risk = disputable.examine(bundle.load(RISK))
    assert risk.disputable
    assert risk.proved == "network and report; the tokens of the code are decided by running the tracer again"


def test_terms_must_let_anybody_check(tmp_path: Path) -> None:
    loaded = bundle.load(SELFTEST)
    closed = disputable.examine(under(loaded, "LicenseRef-LICENSE", "Anybody may run the model on Mondays.", tmp_path))
    assert not closed.disputable
    assert closed.proved == "nothing"
    (reason,) = closed.reasons
    assert disputable.CLAUSE in reason
    clause = "7. Verification. Anybody may run\n  the Model to check\tan answer that was given with it, and say so."
    assert disputable.examine(under(loaded, "LicenseRef-LICENSE", clause, tmp_path)).disputable
    assert disputable.examine(under(loaded, "MIT", "", tmp_path)).disputable


def test_a_decoder_and_an_unknown_way_to_read_are_not_disputable() -> None:
    loaded = bundle.load(SELFTEST)
    generation = GenerationSchema(
        eos_ids=[0], max_new_tokens=1, context=2, tokens="t", logits="l", cache=[["past", "present"]]
    )
    changed = loaded.manifest.model_copy(update={"preprocessing": "text/1", "generation": generation})
    reasons = disputable.examine(replace(loaded, manifest=changed)).reasons
    assert [reason.split(":")[0] for reason in reasons] == [
        "it writes token by token, in many runs, and a trace is of one",
        "there is no referee for how text/1 reads a request",
    ]


def test_check_says_it_and_gives_a_status(capsys: Captured) -> None:
    assert invoke(["models", "check", str(SELFTEST), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["name"], found["disputable"], found["reasons"]) == ("selftest-moe", True, [])
    assert invoke(["models", "check", str(TOLERANT)]) == 1
    said = capsys.readouterr()
    assert "disputable  no\n" in said.out
    assert "not disputable: it is not exact" in said.err
    assert invoke(["models", "check", str(TOLERANT), "--json"]) == 1
    assert len(json.loads(capsys.readouterr().out)["reasons"]) == 2
