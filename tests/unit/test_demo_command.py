"""How the demo ends, for a person and for a program, and what it says when something takes too long."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import demo.__main__ as command
from demo import actors, chains, node, patience
from demo.actors import Actor
from demo.chains import Kind
from demo.next_steps import NEXT_STEPS
from demo.node import Node
from demo.patience import exhausted, until
from demo.programs import ROOT
from themis.core.errors import Broken, Unavailable

Captured = pytest.CaptureFixture[str]
OUTCOME = {"chain": "anvil", "model_id": "0x01"}
SLOW = "run it again when the machine has less to do"


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "tell", lambda *_: OUTCOME)
    monkeypatch.setattr(sys, "argv", ["demo"])


def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)


def test_a_person_is_told_what_to_try_next(told: None, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    at_a_terminal(monkeypatch)
    assert command.main() == 0
    said = capsys.readouterr().out
    assert "{" not in said
    assert "What to try next" in said
    assert all(thing in said and how in said for thing, how in NEXT_STEPS)
    assert max(map(len, said.splitlines())) <= 110


def test_a_program_gets_the_json_line_last(told: None, capsys: Captured) -> None:
    assert command.main() == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == OUTCOME


def test_json_is_the_only_line_at_a_terminal_too(told: None, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    at_a_terminal(monkeypatch)
    monkeypatch.setattr(sys, "argv", ["demo", "--json"])
    assert command.main() == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == OUTCOME


def test_what_it_names_exists() -> None:
    text = " ".join(how for _, how in NEXT_STEPS)
    paths = re.findall(r"(?:contracts|docs)/[\w./]+\w|\w+\.md", text)
    assert len(paths) == 4
    assert [path for path in paths if not (ROOT / path).exists()] == []
    readme = (ROOT / "README.md").read_text()
    assert all(f"\n## {heading}\n" in readme for heading in ("On your own chain", "Your contract asks"))
    assert re.findall("`make demo CHAIN=(\\w+)`", text) == [kind for kind in Kind if kind is not Kind.ANVIL]


def test_patience_ends_with_what_was_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PATIENCE_S", 0)
    with pytest.raises(Unavailable, match=f"^waited 0 s for the sun: {SLOW}$"):
        until(lambda: False, bool, "the sun")
    assert until(lambda: 7, bool, "seven") == 7


def test_a_slow_command_is_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actors, "PATIENCE_S", 0)
    with pytest.raises(Unavailable, match=rf"s for the operator's `themis version`: {SLOW}"):
        Actor("operator", tmp_path).themis("version")


def test_a_slow_chain_is_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chains, "PATIENCE_S", 0)
    with pytest.raises(Unavailable, match="anvil did not start: no answer in 0 s"), chains.start():
        pass


def test_a_node_that_says_nothing_is_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (node, patience):
        monkeypatch.setattr(module, "PATIENCE_S", 0.1)
    (tmp_path / "log").write_text("it cannot\n")
    with subprocess.Popen(["sleep", "60"]) as process:
        silent = Node(f"http://127.0.0.1:{chains.free_port()}", process, tmp_path / "log")
        with pytest.raises(Unavailable, match=f"s for the node to get ready: {SLOW}"):
            silent.wait_ready()
        with pytest.raises(Unavailable, match="the node does not answer /v1/status"):
            silent.get("/v1/status")
        process.kill()
    with pytest.raises(Broken, match=r"the node did not get ready\. It said:\nit cannot"):
        silent.wait_ready()


def test_a_node_that_does_not_stop_is_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stubborn = tmp_path / "themis"
    stubborn.write_text("#!/bin/bash\ntrap '' TERM\ntouch $2/deaf\nwhile true; do sleep 0.1; done\n")
    stubborn.chmod(0o755)
    monkeypatch.setattr(node, "THEMIS", stubborn)
    monkeypatch.setattr(node, "PATIENCE_S", 0.1)

    def run() -> None:
        with node.running(Actor("operator", tmp_path)):
            until((tmp_path / "deaf").exists, bool, "its script")

    with pytest.raises(Unavailable, match=f"s for the node to stop: {SLOW}"):
        run()


def test_the_command_says_it_in_one_line(told: None, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    def slow(*_: Any) -> Any:
        raise exhausted("Ganache")

    monkeypatch.setattr(command, "tell", slow)
    assert command.main() == 75
    assert capsys.readouterr().err == f"error[unavailable]: waited 180 s for Ganache: {SLOW}\n"
