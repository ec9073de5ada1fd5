"""People who run `themis` commands, in this process, each in a home; and a town of them around one oracle."""

import io
import json
import shutil
import subprocess
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.chains import RunningChain
from tests.forking import THEMIS
from tests.homes import SELFTEST, make_home, register, write_key
from tests.patience import PATIENCE_S, until
from tests.world import World
from themis.cli.program import invoke
from themis.keys.keystore import KeystoreSigner


@dataclass(frozen=True, slots=True)
class Result:
    """What one command did."""

    status: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a home and a key."""

    home: Path
    signer: KeystoreSigner

    @classmethod
    def settle(cls, home: Path, signer: KeystoreSigner, rpc_url: str, *options: str) -> "Person":
        """Make the home with `themis init`; the key file is one that opens quickly."""
        person = cls(home, signer)
        person.tell("init", "--rpc-url", rpc_url, *options)
        write_key(home / "keys", signer)
        return person

    @property
    def address(self) -> str:
        return self.signer.account.address

    def run(self, *line: str) -> Result:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            status = invoke(["--home", str(self.home), *line])
        return Result(status, out.getvalue(), err.getvalue())

    def tell(self, *line: str) -> Any:
        """What a command that must succeed prints as JSON."""
        result = self.run(*line, "--json")
        assert result.status == 0, result.err
        return json.loads(result.out)

    def fails(self, status: int, *line: str) -> str:
        """The error line, without its newline, of a command that must fail; it printed nothing else but talk."""
        result = self.run(*line)
        assert result.status == status, result
        assert "Traceback" not in result.err
        last = result.err.splitlines()[-1]
        assert last.startswith("error["), result.err
        return last


@dataclass(frozen=True, slots=True)
class Town:
    """An oracle with one licensed model, and people who hold it wrong."""

    world: World
    model_id: str
    licensor: Person
    operator: Person
    requester: Person

    @classmethod
    def build(cls, chain: RunningChain, homes: Path) -> "Town":
        world = World.build(chain)
        model_id = register(world, SELFTEST)
        world.license(model_id)
        options = ("--oracle", "0x" + world.client.oracle.hex(), "--start-block", str(world.start_block))
        licensor = Person.settle(homes / "licensor", world.licensor, chain.rpc_url, *options)
        requester = Person.settle(homes / "requester", world.requester, chain.rpc_url, *options)
        operator = Person(make_home(homes / "operator", world, [(SELFTEST, model_id)]), world.operator)
        return cls(world, "0x" + model_id.hex(), licensor, operator, requester)

    def ask(self, *options: str) -> tuple[str, ...]:
        """Command line of a request for commercial use."""
        return ("request", self.model_id, "--operator", self.operator.address, "--class", "commercial", *options)


def wait_for_state(person: Person, job_id: str, state: str) -> Any:
    """The job, once the node has brought it to that state: it may see the chain later than we do."""
    return until(lambda: person.tell("jobs", job_id), lambda job: job["state"] == state)


def copied(town: Town, tmp_path: Path) -> Person:
    """The operator's home, to be spoiled."""
    home = tmp_path / "home"
    shutil.copytree(town.operator.home, home)
    return Person(home, town.operator.signer)


def spoil(person: Person, old: str, new: str) -> None:
    file = person.home / "config.toml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def run_fails(person: Person, status: int) -> str:
    """`themis run` in a process of its own must end by itself; its last line."""
    line = [*THEMIS, "--home", str(person.home), "run"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]
