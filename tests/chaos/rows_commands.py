"""Rows: commands that send a transaction through an endpoint which loses the answer."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.chaos import faults
from tests.chaos.proxy import Fault
from tests.chaos.stage import INPUT, Stage, must
from tests.chaos.table import row
from tests.forking import THEMIS
from tests.homes import write_key

KIND = "commands"
SEND, RECEIPT = frozenset(("eth_sendRawTransaction",)), frozenset(("eth_getTransactionReceipt",))


def asking_home(stage: Stage) -> Path:
    """A home of the requester's that talks to the same proxy."""
    home = stage.home / "requester"
    write_key(home / "keys", stage.world.requester)
    lines = (stage.home / "config.toml").read_text().splitlines()
    (home / "config.toml").write_text("\n".join(lines[: lines.index("[api]")]) + "\n")
    return home


def _line(stage: Stage) -> Sequence[str]:
    line = ["request", "0x" + stage.model_id.hex(), "--operator", "0x" + stage.world.operator.address.hex()]
    ask = ["--class", "commercial", "--input-hex", "0x" + INPUT.hex(), "--fee-wei", str(10**15), "--json"]
    return [*THEMIS, "--home", str(asking_home(stage)), *line, *ask]


def _request(stage: Stage) -> subprocess.CompletedProcess[str]:
    return subprocess.run(_line(stage), capture_output=True, text=True, timeout=180, check=False)


def _pays_once(stage: Stage, fault: Fault) -> None:
    """The command succeeds, prints what it sent, and there is one request on the chain."""
    stage.choose(fault)
    done = _request(stage)
    stage.heal()
    must(done.returncode == 0, f"it ended with {done.returncode}: {done.stderr.splitlines()[-1:]}")
    must(json.loads(done.stdout)["output"], "no output")
    must("0x" in done.stderr, "the hash was not told while it was waited for")
    stage.all_answered()
    must(stage.tally().asked == 1, f"{stage.tally().asked} requests were paid for")


@row("a command's transaction: answered with 'already known'", KIND)
def known(stage: Stage) -> None:
    _pays_once(stage, faults.of(SEND, faults.error(-32000, "already known")))


@row("a command's transaction: the yes is lost (504)", KIND)
def lost(stage: Stage) -> None:
    _pays_once(stage, faults.once_each(SEND, faults.lost_yes))


@row("a command's transaction: one look for the receipt fails", KIND)
def receipt_fails(stage: Stage) -> None:
    _pays_once(stage, faults.once_each(RECEIPT, faults.status(502)))


@row("a command's transaction: 'indexing in progress' three times", KIND)
def indexing(stage: Stage) -> None:
    _pays_once(stage, faults.once_each(RECEIPT, faults.each(faults.error(-32000, "indexing in progress")), 3))


@row("a command's transaction: no receipt for 10 looks", KIND)
def no_receipt(stage: Stage) -> None:
    _pays_once(stage, faults.once_each(RECEIPT, faults.each(faults.result(None)), 10))


@row("a command that is repeated does not pay twice", KIND)
def repeated(stage: Stage) -> None:
    """The first try is cut off after its transaction was taken; the second finds it."""
    stage.choose(faults.after(SEND, faults.gone))
    first = _request_in(stage, 12)
    stage.heal()
    second = _request(stage)
    must(second.returncode == 0, f"the second ended with {second.returncode}: {second.stderr[-200:]}")
    must("0x" in first, f"the first did not tell its hash: {first[-200:]}")
    must(stage.tally().asked == 1, f"{stage.tally().asked} requests were paid for")


def _request_in(stage: Stage, seconds: float) -> str:
    """What the command says until it is ended from outside."""
    process = subprocess.Popen(_line(stage), stderr=subprocess.PIPE, text=True)
    try:
        return process.communicate(timeout=seconds)[1]
    except subprocess.TimeoutExpired:
        process.terminate()
        return process.communicate()[1]
