"""`themis check` looks at everything and says all that is wrong, once; nothing here needs a chain."""

from pathlib import Path

import pytest
from eth_account import Account

from demo.chains import free_port
from tests.homes import SELFTEST, write_key
from themis import config
from themis.cli.program import invoke
from themis.core.errors import Misconfigured, Unavailable
from themis.daemon.preflight import Preflight, Status
from themis.keys.keystore import KeystoreSigner

MODEL_ID = "0x" + "11" * 32


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """With an endpoint where nobody answers, no key, and a model that is there."""
    lines = (
        "[chain]",
        f'rpc_url = "http://127.0.0.1:{free_port()}"',
        "chain_id = 31337",
        'oracle = "0x00000000000000000000000000000000000000aa"',
        "[[models]]",
        f'path = "{SELFTEST}"',
        f'model_id = "{MODEL_ID}"',
    )
    (tmp_path / "config.toml").write_text("\n".join(lines) + "\n")
    return tmp_path


def looked(home: Path) -> dict[str, tuple[Status, str]]:
    preflight = Preflight(home, config.load(home))
    try:
        return {each.name: (each.status, each.detail) for each in preflight.checks()}
    finally:
        preflight.close()


def test_a_failure_does_not_hide_what_does_not_stand_on_it(home: Path) -> None:
    found = looked(home)
    statuses = {name: status for name, (status, _) in found.items()}
    assert statuses == {
        "key": Status.FAIL,
        "chain": Status.FAIL,
        "oracle": Status.SKIP,
        "store": Status.SKIP,
        "balance": Status.SKIP,
        "fees": Status.SKIP,
        "requesters": Status.OK,
        "models": Status.OK,
        "registered": Status.SKIP,
        "engine": Status.OK,
    }
    assert found["balance"][1] == "needs key and chain"
    assert found["registered"][1] == "needs oracle"


def test_every_bundle_that_is_wrong_is_named(home: Path) -> None:
    for name, digit in (("gone", "2"), ("lost", "3")):
        with (home / "config.toml").open("a") as file:
            file.write(f'[[models]]\npath = "{name}"\nmodel_id = "0x{digit * 64}"\n')
    status, said = looked(home)["models"]
    assert status is Status.FAIL
    assert "gone" in said
    assert "lost" in said


def test_the_oracle_that_is_not_set_is_said_once(home: Path) -> None:
    write_key(home / "keys", KeystoreSigner(Account.create().key))
    text = (home / "config.toml").read_text()
    (home / "config.toml").write_text(text.replace("oracle =", "# oracle ="))
    found = looked(home)
    assert [name for name, (_, detail) in found.items() if "chain.oracle is not set" in detail] == ["oracle"]
    assert found["store"] == (Status.SKIP, "needs oracle")


def test_what_passed_is_not_done_again(home: Path) -> None:
    preflight = Preflight(home, config.load(home))
    list(preflight.checks())
    engine = preflight.engine
    list(preflight.checks())
    assert engine is not None
    assert preflight.engine is engine
    preflight.close()


def test_machines_that_do_not_answer_are_waited_for(home: Path) -> None:
    """The node starts when they do: that is no fault of its configuration."""
    url = f"ray://127.0.0.1:{free_port()}"
    preflight = Preflight(home, config.load(home, engine={"url": url}))
    (found,) = [each for each in preflight.checks() if each.name == "engine"]
    assert isinstance(found.error, Unavailable)
    assert f"no replica at {url} answers" in found.detail
    preflight.close()


def test_run_takes_the_machines_from_its_line(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["--home", str(home), "run", "--engine", "http://10.0.0.1"]) == Misconfigured.exit_status
    assert "engine.url: must begin with ray://" in capsys.readouterr().err


def test_check_prints_all_and_ends_with_the_first_failure(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["--home", str(home), "check"]) == Misconfigured.exit_status
    told = capsys.readouterr()
    assert [line.split()[0] for line in told.out.splitlines()].count("fail") == 2
    assert "keys new" in told.err


def test_a_node_does_not_wait_for_what_only_its_operator_can_mend(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Although the chain, which is looked at later, may come back by itself."""
    assert invoke(["--home", str(home), "run"]) == Misconfigured.exit_status != Unavailable.exit_status
    assert "the checks are repeated" not in capsys.readouterr().err
