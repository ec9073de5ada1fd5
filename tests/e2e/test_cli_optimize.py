"""`themis optimize` in processes of its own: killed and continued, reported, followed by the node. No chain needed."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from demo import chains
from tests.cli_kit import Person
from tests.fakes import KEY
from tests.forking import THEMIS
from tests.homes import SELFTEST, make_home, register, running, wait_for_log, wait_until_ready, write_key
from tests.optimize_kit import FASTER, flip, round_, started, write
from tests.optimize_kit import SELFTEST as BUNDLE
from tests.world import World
from themis.engine.tuning import DEFAULTS, Tuning
from themis.exact.rewrite import REWRITES, Rewrite
from themis.keys.keystore import KeystoreSigner
from themis.optimize import journal
from themis.optimize.machine import here
from themis.optimize.records import Outcome, Round
from themis.store import lock

DOOMED = (sys.executable, str(Path(__file__).with_name("doomed_optimizer.py")))
TIMEOUT_S = 300
MODEL_ID = "0x" + "07" * 32


@pytest.fixture
def person(tmp_path: Path) -> Person:
    """Somebody with a home whose chain cannot be reached."""
    signer = KeystoreSigner(KEY.key)
    write_key(tmp_path / "keys", signer)
    (tmp_path / "config.toml").write_text(
        f'[chain]\nrpc_url = "http://127.0.0.1:9"\nchain_id = 1\noracle = "0x{"0a" * 20}"\n'
        f'[[models]]\npath = "{SELFTEST}"\nmodel_id = "{MODEL_ID}"\n'
    )
    return Person(tmp_path, signer)


def journal_of(person: Person) -> Path:
    return journal.path_of(person.home, BUNDLE)


def rounds(person: Person) -> tuple[Round, ...]:
    return journal.read(journal_of(person), journal.digest_of(BUNDLE), here()).rounds


def test_killed_in_the_middle_of_a_round_it_goes_on_with_that_round(person: Person) -> None:
    """SIGKILL while round 3 is measured; and again while its record is half on disk."""
    line = ["--home", str(person.home), "optimize", "--rounds", "4"]
    for point in ("measuring", "writing"):
        done = subprocess.run([*DOOMED, point, *line], capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert [each.number for each in rounds(person)] == [1, 2]
    assert not journal_of(person).read_bytes().endswith(b"\n"), "half a record"
    before = rounds(person)
    done = subprocess.run([*DOOMED, "never", *line], capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stderr
    assert [each.number for each in rounds(person)] == [1, 2, 3, 4]
    assert rounds(person)[:2] == before
    assert "no recorded traffic yet, so its 6 golden inputs stand in" in done.stderr


def test_the_report(person: Person) -> None:
    assert "never tuned on this machine: run `themis optimize`" in person.run("optimize", "--report").err
    assert person.tell("optimize", "--report") == []
    write(journal_of(person), started(), round_(1, DEFAULTS, FASTER, Outcome.KEPT, 1.25, over=1.5))
    (found,) = person.tell("optimize", "--report", "--model", "selftest-moe")
    assert found["tuned_over_runtime_defaults"] == {"ratio": 1.5, "low": 1.4, "high": 1.6}
    assert found["table"][0]["change"] == "level none -> basic"
    shown = person.run("optimize", "--report", "--model", MODEL_ID)
    assert "kept" in shown.out
    drawing = journal_of(person).with_suffix(".svg")
    assert f"plot: {drawing}" in shown.err
    assert drawing.read_text().startswith("<svg")


def test_what_cannot_be_done_is_said(person: Person) -> None:
    said = person.fails(78, "optimize", "--model", "other")
    assert said.endswith("--model other: config.toml has selftest-moe")
    with lock.optimizing(person.home):
        assert "two optimizers disturb each other's measurements" in person.fails(78, "optimize")
    journal_of(person).parent.mkdir()
    journal_of(person).write_text("gibberish\n")
    assert "line 1 is not JSON" in person.fails(78, "optimize", "--report")


def test_ctrl_c_keeps_finished_rounds(person: Person) -> None:
    process = subprocess.Popen(
        [*DOOMED, "never", "--home", str(person.home), "optimize"],
        stderr=subprocess.PIPE,
        text=True,
        stdout=subprocess.DEVNULL,
    )
    lines = []
    with process:
        assert process.stderr is not None
        for line in process.stderr:
            lines.append(line)
            if line.startswith("1: "):
                process.send_signal(signal.SIGINT)
    assert process.returncode == 130, lines
    assert "run `themis optimize` to go on" in lines[-1]
    assert [each.number for each in rounds(person)][:1] == [1]


def test_a_node_runs_as_it_was_tuned_while_answers_are_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with chains.start(chains.Kind.ANVIL) as chain:
        world = World.build(chain)
        model_id = register(world, SELFTEST)
        world.license(model_id)
        home = make_home(tmp_path / "home", world, [(SELFTEST, model_id)])
        write(journal.path_of(home, BUNDLE), started(), round_(1, DEFAULTS, FASTER, Outcome.KEPT, 1.25))
        with running(home) as process:
            wait_until_ready(home, process)
            wait_for_log(home, "tuned: selftest-moe")
            world.wait_for_answers({world.ask(model_id, b"anything", lane=lane) for lane in range(3)})
            person = Person(home, world.operator)
            assert person.tell("status")["models"][0]["tuning"] == "level none -> basic"
            beside = subprocess.run(
                [*DOOMED, "never", "--home", str(home), "optimize", "--rounds", "2", "--json"],
                capture_output=True,
                text=True,
                check=False,
                timeout=TIMEOUT_S,
            )
            assert beside.returncode == 0, beside.stderr
            assert "a node runs in this home: it comes first" in beside.stderr
            assert "selftest-moe: 3 recorded requests, 0 left out" in beside.stderr
            assert json.loads(beside.stdout)[0]["rounds"] == 2
            process.terminate()
            assert process.wait(TIMEOUT_S) == 0, (home / "log").read_text()
        rewritten = Tuning(rewrites=("unguarded",))
        write(journal.path_of(home, BUNDLE), started(), round_(9, DEFAULTS, rewritten, Outcome.KEPT, 1.25))
        assert "tuned: selftest-moe" in person.run("check").out
        side_by_side = Tuning(processes=2)
        write(journal.path_of(home, BUNDLE), round_(10, rewritten, side_by_side, Outcome.KEPT, 1.25))
        line = [*THEMIS, "--home", str(home), "check"]
        checked = subprocess.run(line, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
        assert (checked.returncode, "tuned: selftest-moe" in checked.stdout) == (0, True), "and its workers are gone"
        write(journal.path_of(home, BUNDLE), round_(11, side_by_side, rewritten, Outcome.KEPT, 1.25))
        monkeypatch.setitem(REWRITES, "unguarded", Rewrite(flip, ()))
        assert "tuned" not in person.run("check").out
        assert "models run untuned: selftest-moe answers golden input 3 with" in caplog.text


def test_models_that_run_one_way_only_are_left_out(person: Person) -> None:
    config = person.home / "config.toml"
    other = f'[[models]]\npath = "{SELFTEST.parent / "olmoe-tiny"}"\nmodel_id = "0x{"08" * 32}"\n'
    config.write_text(config.read_text() + other)
    assert "olmoe-tiny is left out: it is not exact" in person.run("optimize", "--report").err
    said = person.fails(78, "optimize", "--model", "olmoe-tiny")
    assert said.endswith("cannot be tuned: it is not exact, or takes one request a run and is no decoder")
