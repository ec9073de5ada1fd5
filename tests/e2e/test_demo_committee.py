"""`make demo NODES=3` tells its whole story: the liar is named and convicted, the killed node loses nothing."""

import json
import os
import subprocess

from demo.programs import ROOT


def test_a_committee_answers_rightly_with_a_liar_in_it_and_one_killed() -> None:
    shell = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    line = ["make", "demo", "NODES=3"]
    done = subprocess.run(line, cwd=ROOT, env=shell, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    *transcript, last = done.stdout.splitlines()
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
