"""Rows: the node's own process: killed, ended, started twice, its terminal gone."""

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

from tests.chaos import faults
from tests.chaos.stage import Stage, must
from tests.chaos.table import row
from tests.forking import THEMIS

KIND = "process"
GRACE_S = 8.0
"""Docker gives ten."""


@row("30 SIGKILLs on a ready node with work open", KIND)
def killed(stage: Stage) -> None:
    chance = random.Random(7)  # noqa: S311 (no secret)
    for _ in range(30):
        stage.ask(8)
        time.sleep(chance.uniform(0, 0.4))
        stage.kill()
        stage.start()
    stage.ask(8)
    stage.all_answered(120)


@row("5 SIGKILLs while the endpoint fails one request in four", KIND)
def killed_and_flaky(stage: Stage) -> None:
    stage.choose(faults.sometimes(faults.gone, 0.25))
    for pause_s in (0.1, 0.3, 0.5, 0.2, 0.4):
        stage.ask(8)
        time.sleep(pause_s)
        stage.kill()
        stage.start()
    stage.heal()
    stage.all_answered(120)


def _ends(stage: Stage, with_signal: signal.Signals) -> None:
    status, took_s = stage.end(with_signal)
    must(status == 0, f"{with_signal.name} ended it with {status}: {stage.last_words()}")
    must(took_s <= GRACE_S, f"{with_signal.name} took {took_s:.1f} s")


@row("SIGTERM under load", KIND)
def ended_under_load(stage: Stage) -> None:
    for _ in range(3):
        stage.ask(60)
        time.sleep(0.2)
        _ends(stage, signal.SIGTERM)
        stage.start()
    stage.all_answered()


@row("SIGTERM while the endpoint hangs", KIND)
def ended_while_it_hangs(stage: Stage) -> None:
    stage.choose(faults.hanging)
    stage.ask(4)
    time.sleep(2)
    _ends(stage, signal.SIGTERM)
    stage.heal()
    stage.start()
    stage.all_answered()


@row("SIGTERM while the endpoint hangs during the checks at the start", KIND, started=False)
def ended_at_start(stage: Stage) -> None:
    stage.choose(faults.hanging)
    stage.start(wait=False)
    time.sleep(4)
    _, took_s = stage.end(signal.SIGTERM)
    must(took_s <= GRACE_S, f"it took {took_s:.1f} s")
    must("Traceback" not in stage.log(), "a traceback")
    stage.heal()
    stage.start()
    stage.ask(2)
    stage.all_answered()


@row("SIGHUP ends it as SIGTERM does", KIND)
def hung_up(stage: Stage) -> None:
    stage.ask(20)
    _ends(stage, signal.SIGHUP)
    stage.start()
    stage.all_answered()


@row("SIGINT ends it", KIND)
def interrupted(stage: Stage) -> None:
    stage.ask(20)
    _ends(stage, signal.SIGINT)
    stage.start()
    stage.all_answered()


@row("SIGSTOP for 20 s", KIND)
def stopped(stage: Stage) -> None:
    assert stage.process is not None
    stage.ask(20)
    stage.process.send_signal(signal.SIGSTOP)
    time.sleep(20)
    stage.process.send_signal(signal.SIGCONT)
    stage.since_s = time.monotonic()
    stage.ask(4)
    stage.all_answered()


def _run_again(stage: Stage, home: Path) -> subprocess.CompletedProcess[str]:
    line = [*THEMIS, "--home", str(home), "run"]
    return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False, env=stage.environment())


@row("a second instance in the same home, and in a copy of it", KIND)
def second_instance(stage: Stage) -> None:
    elsewhere = stage.home.with_name(stage.home.name + "-copy")
    shutil.copytree(stage.home, elsewhere)
    try:
        for home in (stage.home, elsewhere):
            done = _run_again(stage, home)
            must(done.returncode == 78, f"the second one ended with {done.returncode}")
    finally:
        shutil.rmtree(elsewhere)
    stage.ask(4)
    stage.all_answered()


@row("stdout and stderr closed", KIND, started=False)
def closed_output(stage: Stage) -> None:
    (stage.home / "log").touch()
    read, write = os.pipe()
    line = [*THEMIS, "--home", str(stage.home), "run"]
    stage.process = subprocess.Popen(line, stdout=write, stderr=write, text=True, env=stage.environment())
    os.close(write)
    os.close(read)
    stage.ready()
    stage.ask(4)
    stage.all_answered()
    _ends(stage, signal.SIGTERM)


@row("`themis jobs` into a pipe that is closed", KIND)
def closed_pipe(stage: Stage) -> None:
    stage.ask(20)
    stage.all_answered()
    read, write = os.pipe()
    os.close(read)
    line = [*THEMIS, "--home", str(stage.home), "jobs", "--json"]
    done = subprocess.run(line, stdout=write, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    os.close(write)
    must(done.returncode in {0, 74, 141}, f"status {done.returncode}: {done.stderr[-200:]}")
    must("Traceback" not in done.stderr, "a traceback")
