"""Of which bundles a wrong answer can be proved, and what it takes."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests import foreign_models as foreign
from tests.homes import RISK, ROOT, SELFTEST
from themis.adopt import adopt
from themis.adopt.adopt import Wishes
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
    assert risk.proved == (
        "network, n-grams and report are proved on the chain, and cheap checks of the tokens are made; the tracer that "
        "writes the tokens is decided by running it again, and no bond pays for what only that shows"
    )


def test_the_same_words_are_in_card_and_documentation() -> None:
    """Whoever reads one of them has read all."""
    words = disputable.PROVED["evm-trace-5"]
    for file in (ROOT / "docs/proofs.md", RISK / "MODEL_CARD.md"):
        assert words in " ".join(file.read_text().split()), file


def test_what_the_referee_of_tensors_cannot_read_is_a_reason(tmp_path: Path) -> None:
    graph = foreign.exact()
    target = tmp_path / "made"
    target.mkdir()
    wishes = Wishes("brought", "1.0", "A test.", "MIT", "Built with it", None, (), 8, 1_000)
    adopt.adopt(foreign.source(tmp_path / "source", graph), target, wishes)
    loaded = bundle.load(target)
    assert disputable.examine(loaded).reasons == ()
    assert disputable.examine(loaded).proved.startswith("everything")
    (x,), (y,) = loaded.manifest.inputs, loaded.manifest.outputs
    stepped = x.model_copy(update={"dtype": "float32", "steps_per_unit": 1_000})
    changed = loaded.manifest.model_copy(update={"inputs": [stepped], "outputs": [y, y]})
    assert list(disputable.examine(replace(loaded, manifest=changed)).reasons) == [
        "x travels in steps of 1/1000, and the trace has whole numbers",
        "its answers begin with sizes: more than one output has some that are not fixed",
    ]


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
