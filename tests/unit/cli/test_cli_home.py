"""Commands that need a home and no chain: keys, config, version, and what a stopped node remembers."""

import json
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from tests.daemon_kit import Bench
from tests.fakes import CHAIN_ID, KEY, ORACLE_ADDRESS
from tests.homes import ROOT, write_key
from themis.api import views
from themis.bundles import bundle
from themis.cli.program import invoke
from themis.core.requesters import HOUR_S
from themis.core.spelling import shown
from themis.core.types import Hash32
from themis.keys.keystore import KeystoreSigner

Captured = pytest.CaptureFixture[str]
SECRET = "22" * 32
ADDRESS = Account.from_key(SECRET).address


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "config.toml").write_text(
        f'[chain]\nrpc_url = "https://user:word@rpc.example/v3/s3cret?key=s3cret"\nchain_id = {CHAIN_ID}\n'
        f'oracle = "0x{ORACLE_ADDRESS.hex()}"\n'
    )
    write_key(tmp_path / "keys", KeystoreSigner(KEY.key))
    return tmp_path


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key.hex"
    path.touch(mode=0o600)
    path.write_text(f"0x{SECRET}\n")
    return path


def run(home: Path, *line: str) -> int:
    return invoke(["--home", str(home), *line])


def data(home: Path, capsys: Captured, *line: str) -> Any:
    assert run(home, *line, "--json") == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def test_a_key_is_imported_from_a_file_and_listed(tmp_path: Path, key_file: Path, capsys: Captured) -> None:
    made = data(tmp_path, capsys, "keys", "import", "mine", "--private-key-file", str(key_file))
    assert made == {"name": "mine", "address": ADDRESS, "file": str(tmp_path / "keys/mine.json")}
    assert data(tmp_path, capsys, "keys", "list") == [made]
    for file in (tmp_path / "keys").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert SECRET not in file.read_text()


def test_a_key_comes_from_a_file_of_any_editor(tmp_path: Path, key_file: Path, capsys: Captured) -> None:
    key_file.write_bytes(b"\xef\xbb\xbf0X" + SECRET.encode() + b"\r\n")
    assert data(tmp_path, capsys, "keys", "import", "--private-key-file", str(key_file))["address"] == ADDRESS


def test_making_a_key_shows_no_secret(tmp_path: Path, capsys: Captured) -> None:
    assert run(tmp_path, "keys", "new") == 0
    captured = capsys.readouterr()
    password = (tmp_path / "keys/default.password").read_text().strip()
    assert password not in captured.out + captured.err
    assert "back up" in captured.err


def test_a_loose_private_key_file_is_refused(tmp_path: Path, key_file: Path, capsys: Captured) -> None:
    key_file.chmod(0o644)
    assert run(tmp_path, "keys", "import", "--private-key-file", str(key_file)) == 78
    said = f"{key_file} can be read by others (mode 644): run `chmod 600 {key_file}`"
    assert capsys.readouterr().err == f"error[misconfigured]: {said}\n"
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize("text", ["", "0x12", "z" * 64, "1 " * 64])
def test_nonsense_is_no_private_key(tmp_path: Path, key_file: Path, capsys: Captured, text: str) -> None:
    key_file.write_text(text)
    assert run(tmp_path, "keys", "import", "--private-key-file", str(key_file)) == 78
    assert "must hold one private key: 64 hex digits" in capsys.readouterr().err


def test_a_key_name_cannot_leave_the_home(tmp_path: Path, capsys: Captured) -> None:
    assert run(tmp_path, "keys", "new", "../../evil") == 78
    assert "cannot be a key's name" in capsys.readouterr().err


def test_a_home_that_cannot_be_written_is_said(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "file").touch()
    assert run(tmp_path / "file", "keys", "new") == 78
    assert "cannot be written (Not a directory): choose another --home" in capsys.readouterr().err


def test_no_keys_is_said(tmp_path: Path, capsys: Captured) -> None:
    assert run(tmp_path, "keys", "list") == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "run `themis keys new`" in captured.err


def test_config_show_names_origins_and_hides_secrets(
    home: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THEMIS_API__PORT", "77")
    assert invoke(["--home", str(home), "--set", "fees.min_fee_wei=3", "config", "show", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["chain.rpc_url"] == {"value": "https://rpc.example/***", "origin": "file"}
    assert shown["api.port"] == {"value": "77", "origin": "env"}
    assert shown["fees.min_fee_wei"] == {"value": "3", "origin": "cli"}
    assert shown["engine.threads"] == {"value": "1", "origin": "default"}
    assert run(home, "config", "show") == 0
    assert "s3cret" not in capsys.readouterr().out


def test_config_ray_prints_what_a_cluster_runs(home: Path, capsys: Captured) -> None:
    assert run(home, "config", "ray") == 78
    assert "no model is configured" in capsys.readouterr().err
    with (home / "config.toml").open("a") as file:
        for name, digit in (("selftest-moe", "1"), ("olmoe-tiny", "2")):
            file.write(f'[[models]]\npath = "{ROOT / "models" / name}"\nmodel_id = "0x{digit * 64}"\n')
        file.write("[engine]\nthreads = 2\n")
    assert run(home, "config", "ray") == 0
    rows, writer = json.loads(capsys.readouterr().out)["applications"]
    hash_ = shown(bundle.load(ROOT / "models/selftest-moe").manifest_hash)
    assert rows["name"] == f"selftest-moe-{hash_[2:10]}"
    assert (rows["route_prefix"], rows["import_path"]) == (f"/{hash_}", "themis.engine.replica:app")
    assert rows["args"] == {
        "path": str(ROOT / "models/selftest-moe"),
        "manifest_hash": hash_,
        "threads": 2,
        "request_seconds": 120,
        "request_memory_mib": 2_048,
    }
    assert rows["deployments"][0]["ray_actor_options"] == {"num_cpus": 2}
    assert [each["deployments"][0]["max_ongoing_requests"] for each in (rows, writer)] == [4, 1]


def test_version(tmp_path: Path, capsys: Captured) -> None:
    assert set(data(tmp_path, capsys, "version")) == {"themis", "onnxruntime", "python", "platform"}


def test_status_of_a_home_where_no_node_ever_ran(home: Path, capsys: Captured) -> None:
    status = data(home, capsys, "status")
    assert not status["running"]
    assert set(status["jobs"].values()) == {0}
    assert status["operator"] == KEY.address
    assert not (home / "themis.db").exists()
    assert run(home, "status") == 0
    assert "not running" in capsys.readouterr().out


def test_watching_redraws_until_it_is_interrupted(
    home: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    naps = iter((None, KeyboardInterrupt()))

    def sleep(_: float) -> None:
        if (interrupt := next(naps)) is not None:
            raise interrupt

    monkeypatch.setattr(time, "sleep", sleep)
    assert run(home, "status", "--watch") == 130
    assert "not running" in capsys.readouterr().out
    assert next(naps, "all used") == "all used"


def test_watching_into_a_pipe_is_a_line_for_each_change(
    home: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(home / "themis.db")
    steps = iter((lambda: None, bench.chain.ask, bench.see, lambda: None, bench.work))

    def sleep(_: float) -> None:
        step = next(steps, None)
        if step is None:
            raise KeyboardInterrupt
        step()

    monkeypatch.setattr(time, "sleep", sleep)
    assert run(home, "status", "--watch") == 130
    bench.store.close()
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition("Z ")[2].split("; ")[:2] for line in lines] == [
        ["not running", "no job"],
        ["not running", "seen 1"],
        ["not running", "sending 1"],
    ]


def test_watching_as_json_is_an_object_for_each_change(
    home: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    naps = iter((None, None))

    def sleep(_: float) -> None:
        if next(naps, KeyboardInterrupt) is not None:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", sleep)
    assert run(home, "status", "--watch", "--json") == 130
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["running"] is False


@pytest.fixture
def remembered(home: Path) -> tuple[Path, Hash32]:
    """A home whose node has answered one request and was then stopped."""
    bench = Bench(home / "themis.db")
    id_ = bench.chain.ask()
    bench.work()
    bench.mine()
    bench.settle.step()
    bench.store.close()
    return home, id_


def test_a_stopped_node_is_read_from_its_store(remembered: tuple[Path, Hash32], capsys: Captured) -> None:
    home, id_ = remembered
    assert data(home, capsys, "status")["jobs"]["done"] == 1
    (job,) = data(home, capsys, "jobs", "--state", "done")
    assert job["id"] == "0x" + id_.hex()
    assert data(home, capsys, "jobs", "--state", "seen") == []
    assert run(home, "jobs", "--state", "seen") == 0
    assert capsys.readouterr() == ("", "0 of 1 jobs: those that are seen (--state)\n")
    assert run(home, "jobs", "--state", "done") == 0
    assert capsys.readouterr().err == "1 of 1 jobs: those that are done (--state)\n"
    assert run(home, "jobs") == 0
    assert capsys.readouterr().err == ""
    for beginning in (job["id"][:8], job["id"][2:12].upper()):
        assert data(home, capsys, "jobs", beginning)["id"] == job["id"]
    detail = data(home, capsys, "jobs", job["id"])
    assert [entry["fact"] for entry in detail["history"]] == [
        "Seen",
        "Accepted",
        "Computed",
        "Sent",
        "Mined",
        "Finalized",
    ]
    assert run(home, "jobs", job["id"]) == 0
    assert "Finalized" in capsys.readouterr().out
    assert run(home, "jobs") == 0
    assert job["id"] in capsys.readouterr().out


def test_who_watches_at_a_terminal_sees_what_hours_brought_and_the_newest_requests(
    remembered: tuple[Path, Hash32], capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, id_ = remembered
    hour = int(time.time()) // HOUR_S
    bench = Bench(home / "themis.db")
    bench.store.record_hour(
        hour, {"answers": 1, "answer_seconds": 3, "income ether": 2e15, "gas_wei": 1e15}, {"open": 5}
    )
    bench.store.record_hour(hour - 3, {"answers": 8, "refusals": 1, "answer_seconds": 4, "income ether": 2e15}, {})
    bench.store.close()

    def sleep(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "100")
    assert run(home, "status", "--watch") == 130
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    none = "." * 20
    for line in (
        f"answers {none}█..▁ 9 in 24 hours, 1 refused",
        f"income {none}█..█ 0.004 ether",
        f"gas {none}...█ 0.001 ether",
        f"time {none}▂..█ 0.78 s to the answer",
        f"queue {none}...█ 5 open at most",
    ):
        assert line in lines
    assert lines[-1].startswith(f"0x{id_.hex()[:6]}")


def test_an_unknown_job_is_said(remembered: tuple[Path, Hash32], capsys: Captured) -> None:
    assert run(remembered[0], "jobs", "0x" + "00" * 32) == 78
    assert "this node knows no request 0x0000" in capsys.readouterr().err


def test_a_beginning_of_several_ids_lists_them(home: Path) -> None:
    """Of 17 ids two begin with the same digit."""
    bench = Bench(home / "themis.db")
    ids = [shown(bench.chain.ask(bytes([number]))) for number in range(17)]
    bench.work()
    digit = next(digit for digit in "0123456789abcdef" if sum(id_[2] == digit for id_ in ids) > 1)
    said = views.job_beginning(bench.store, f"0x{digit}")
    bench.store.close()
    those = sorted(id_ for id_ in ids if id_[2] == digit)[:5]
    assert said == f"several requests begin with 0x{digit}: give more of one of {', '.join(those)}"


def test_a_stale_port_file_means_not_running(home: Path, capsys: Captured) -> None:
    (home / "api.port").write_text("1\n")
    assert not data(home, capsys, "status")["running"]


def test_a_store_of_another_key_is_refused(remembered: tuple[Path, Hash32], capsys: Captured) -> None:
    home, _ = remembered
    write_key(home / "keys", KeystoreSigner(Account.from_key(SECRET).key))
    assert run(home, "status") == 78
    assert "belongs to another chain, oracle or key" in capsys.readouterr().err
