"""`make demo NODES=3` tells its whole story: the liar is named and convicted, the killed node loses nothing."""

import json
import os
import subprocess
import sys

import pytest

import demo.__main__ as command
from demo.programs import ROOT


def test_a_committee_answers_rightly_with_a_liar_in_it_and_one_killed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", command_of("make", "demo", "NODES=3"))
    assert command.main() == 0, capsys.readouterr().err
    *transcript, last = capsys.readouterr().out.splitlines()
    outcome = json.loads(last)
    assert len(outcome["request_ids"]) == 2
    assert all(score > 9_000 for score in outcome["reentrancy_bps"])
    honest = {signer for signers in outcome["signers"] for signer in signers}
    assert len(honest) == 2
    assert outcome["outvoted"] not in honest
    assert outcome["slashed"]["member"].lower() == outcome["outvoted"]
    assert len(set(outcome["slashed"]["results"])) == 2
    after = outcome["committee_after"]
    assert (after["asked"], after["answered"], after["slashed"], after["signing"]) == (2, 2, 1, 2)
    text = "\n".join(transcript)
    assert 20 < len(transcript) < 60
    assert all(len(each) <= 120 for each in transcript)
    for told in ("Cy's node answers otherwise", "it is outvoted", "stands by what she has signed", "are gone"):
        assert told in text


def command_of(*line: str) -> list[str]:
    """What make would run, as Python's arguments."""
    shell = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    planned = subprocess.check_output([*line, "--dry-run"], cwd=ROOT, env=shell, text=True).splitlines()[-1]
    python, m, *arguments = planned.split()
    assert (python, m) == ("python", "-m")
    return arguments
