"""A home or a node that is set up wrong: each mistake has a message that says what to do, and nothing is lost."""

import secrets
import shutil
import signal
import sqlite3
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from demo import chains
from tests.chaos.proxy import serving
from tests.cli_kit import Person, Town, copied, run_fails, spoil, wait_for_state
from tests.homes import SELFTEST, make_home, register, running, wait_for_log, wait_until_ready
from tests.patience import PATIENCE_S
from tests.world import World
from themis import config
from themis.chain.abi import Artifact
from themis.chain.rpc import Call, Rpc, RpcError
from themis.core.types import Hash32


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with chains.start() as chain:
        yield Town.build(chain, tmp_path_factory.mktemp("town"))


def test_a_home_is_not_set_up_twice(town: Town) -> None:
    before = (town.requester.home / "config.toml").read_text()
    said = town.requester.fails(78, "init", "--rpc-url", town.world.chain.rpc_url)
    assert said.endswith("config.toml exists: edit it, or choose another --home")
    assert (town.requester.home / "config.toml").read_text() == before


def test_a_home_knows_where_its_oracles_history_begins(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    oracle = "0x" + town.world.client.oracle.hex()
    init = ("init", "--rpc-url", town.world.chain.rpc_url, "--oracle", oracle)
    told = Person(tmp_path / "found", town.requester.signer).tell(*init)
    assert told["start_block"] == town.world.start_block > 0
    told = Person(tmp_path / "given", town.requester.signer).tell(*init, "--start-block", "0")
    assert told["start_block"] == 0
    batch = Rpc.batch

    def pruned(rpc: Rpc, calls: Sequence[Call], **_: int) -> list[Any]:
        missing = RpcError("eth_getCode", "missing trie node")
        return [missing] if calls[0][0] == "eth_getCode" else batch(rpc, calls)

    monkeypatch.setattr(Rpc, "batch", pruned)
    said = Person(tmp_path / "pruned", town.requester.signer).run(*init)
    assert said.status == 0
    assert "missing trie node" in said.err
    assert "set chain.start_block in config.toml to the block that its registry was deployed in" in said.err
    assert "start_block = 0 " in (tmp_path / "pruned/config.toml").read_text()


def test_a_home_hears_of_new_blocks_where_its_endpoint_tells(town: Town, tmp_path: Path) -> None:
    url = town.world.chain.rpc_url
    Person(tmp_path / "told", town.requester.signer).tell("init", "--rpc-url", url)
    assert config.load(tmp_path / "told").chain.ws_url == url.replace("http", "ws")
    with serving(url) as untold:
        Person(tmp_path / "untold", town.requester.signer).tell("init", "--rpc-url", untold.url)
    assert config.load(tmp_path / "untold").chain.ws_url is None


def test_a_wrong_chain_is_said_before_anything_is_sent(town: Town, tmp_path: Path) -> None:
    person = copied(town, tmp_path)
    spoil(person, "chain_id = 31337", "chain_id = 1")
    said = "error[misconfigured]: the RPC serves chain 31337, not 1: correct chain.rpc_url or chain.chain_id"
    for line in (("check",), ("withdraw",), ("models", "list"), ("models", "stop", town.model_id)):
        assert person.fails(78, *line) == said
    assert run_fails(person, 78) == said


@pytest.mark.parametrize(
    ("contract", "said"),
    [(None, "there is no contract at 0x1234"), ("SafeEthVault", "is not a Themis oracle: correct chain.oracle")],
)
def test_a_wrong_contract_is_said_before_anything_is_sent(
    town: Town, tmp_path: Path, contract: str | None, said: str
) -> None:
    person = copied(town, tmp_path)
    address = "1234" * 10 if contract is None else town.world.deploy(Artifact(contract), 1).hex()
    spoil(person, town.world.client.oracle.hex(), address)
    for line in (("check",), ("withdraw",), ("models", "stop", town.model_id)):
        assert said in person.fails(78, *line)
    init = ("init", "--rpc-url", town.world.chain.rpc_url, "--oracle", "0x" + address)
    assert said in Person(tmp_path / "new", person.signer).fails(78, *init)
    assert not (tmp_path / "new").exists()


def test_a_wrong_password_is_said(town: Town, tmp_path: Path) -> None:
    person = copied(town, tmp_path)
    (person.home / "keys/default.password").write_text("wrong")
    said = person.fails(78, "check")
    assert "does not open" in said
    assert said.endswith("correct key.password_file")
    assert run_fails(person, 78) == said


@pytest.mark.parametrize("name", ["default.json", "default.password"])
def test_loose_modes_are_said(town: Town, tmp_path: Path, name: str) -> None:
    person = copied(town, tmp_path)
    (person.home / "keys" / name).chmod(0o644)
    said = person.fails(78, "check")
    assert said.endswith(f"can be read by others (mode 644): run `chmod 600 {person.home / 'keys' / name}`")
    assert run_fails(person, 78) == said


def test_a_broken_store_is_said(town: Town, tmp_path: Path) -> None:
    person = copied(town, tmp_path)
    for left in person.home.glob("themis.db*"):
        left.unlink()
    (person.home / "themis.db").write_text("not a database, by far")
    said = person.fails(78, "check")
    assert f"{person.home / 'themis.db'} cannot be used as the store" in said
    assert run_fails(person, 78) == said


def test_a_corrupt_model_is_said(town: Town, tmp_path: Path) -> None:
    person = copied(town, tmp_path)
    bundle = tmp_path / "bundle"
    shutil.copytree(SELFTEST, bundle)
    spoil(person, str(SELFTEST), str(bundle))
    model = bytearray((bundle / "model.onnx").read_bytes())
    model[len(model) // 2] ^= 1
    (bundle / "model.onnx").write_bytes(model)
    said = person.fails(78, "check")
    assert f"{bundle}/model.onnx has SHA-256" in said
    assert said.endswith("Restore the bundle from its publisher.")
    assert person.fails(78, "models", "verify", str(bundle)) == said
    assert run_fails(person, 78) == said


def test_another_model_than_the_registered_one_is_said(town: Town, tmp_path: Path) -> None:
    person = copied(town, tmp_path)
    model_id = town.world.register(*(Hash32(bytes([root]) * 32) for root in (1, 2, 3)))
    said = person.fails(78, "models", "serve", str(SELFTEST), "0x" + model_id.hex())
    assert f"is not the model registered as 0x{model_id.hex()}" in said
    spoil(person, town.model_id, "0x" + model_id.hex())
    assert f"is not the model registered as 0x{model_id.hex()}" in run_fails(person, 78)


def test_a_second_instance_on_one_key_is_refused(town: Town, tmp_path: Path) -> None:
    with running(town.operator.home) as process:
        wait_until_ready(town.operator.home, process)
        for person in (town.operator, copied(town, tmp_path)):
            said = run_fails(person, 78)
            assert said.startswith("error[misconfigured]: another themis holds ")
            assert said.endswith("two nodes on one key lose transactions")
        assert process.poll() is None


def test_a_node_waits_for_its_rpc_and_then_serves(tmp_path: Path) -> None:
    kept = str(tmp_path / "state.json")
    settings = chains.Settings(port=chains.free_port(), extra=("--state", kept))
    with chains.start(settings=settings) as chain:
        world = World.build(chain)
        model_id = register(world, SELFTEST)
        world.license(model_id)
        home = make_home(tmp_path / "home", world, [(SELFTEST, model_id)])
    person = Person(home, world.operator)
    down = f"the RPC at {chain.rpc_url} did not answer"
    assert down in person.fails(75, "check")
    assert down in Person(tmp_path / "new", world.operator).fails(75, "init", "--rpc-url", chain.rpc_url)
    with running(home) as process:
        wait_for_log(home, "waiting: the checks are repeated until that works")
        assert down in (home / "log").read_text()
        assert process.poll() is None
        with chains.start(settings=settings):
            wait_until_ready(home, process)
            world.wait_for_answers({world.ask(model_id, b"in")})


def test_a_node_that_waits_for_its_rpc_can_be_stopped(tmp_path: Path, town: Town) -> None:
    person = copied(town, tmp_path)
    spoil(person, town.world.chain.rpc_url, f"http://127.0.0.1:{chains.free_port()}")
    (person.home / "log").unlink(missing_ok=True)
    with running(person.home) as process:
        wait_for_log(person.home, "did not answer")
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0


def test_a_node_with_a_token_tells_its_own_people_only(town: Town, tmp_path: Path) -> None:
    person = copied(town, tmp_path)
    (person.home / "token").touch(mode=0o600)
    (person.home / "token").write_text("t" * 20)
    spoil(person, "[api]\n", '[api]\ntoken_file = "token"\n')
    with running(person.home) as process:
        wait_until_ready(person.home, process)
        assert person.tell("status")["running"]
        (person.home / "token").write_text("u" * 20)
        assert "the node's API says: send `Authorization: Bearer TOKEN`" in person.fails(78, "status")


def test_nothing_secret_is_written_or_told(town: Town, tmp_path: Path) -> None:
    """Key, password, token, and what an endpoint's URL has of its owner: in no other file, and in no word or answer."""
    person = copied(town, tmp_path)
    for left in (*person.home.glob("themis.db*"), person.home / "log"):
        left.unlink(missing_ok=True)
    token, user, path, place = (secrets.token_hex(16) for _ in range(4))
    (person.home / "token").touch(mode=0o600)
    (person.home / "token").write_text(token)
    url = f"{town.world.chain.rpc_url.replace('://', f'://{user}:{user}@')}/?key={place}"
    spoil(person, f'rpc_url = "{town.world.chain.rpc_url}"', f'rpc_url = "{url}"')
    spoil(person, "[api]\n", '[log]\nlevel = "debug"\n[api]\ntoken_file = "token"\n')
    told = []
    with running(person.home) as process:
        api = wait_until_ready(person.home, process)
        asked = town.requester.tell(*town.ask("--input-hex", "0x02", "--fee-wei", "9", "--lane", "40"))
        wait_for_state(person, asked["request_id"], "done")
        for told_at in (
            "/v1/status",
            f"/v1/jobs/{asked['request_id']}",
            "/metrics",
            "/",
            "/v1/openapi.json",
            "/v1/none",
        ):
            for given in (token, "a wrong one"):
                answer = httpx.get(f"{api}{told_at}", headers={"Authorization": f"Bearer {given}"})
                told.append(f"{answer.headers} {answer.text}")
        for line in (("status",), ("jobs", "--wide"), ("check",), ("config", "show"), ("keys", "list")):
            ran = person.run(*line)
            assert ran.status == 0, ran.err
            told.append(ran.out + ran.err)
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
    told.append(str(person.run("--set", f"chain.rpc_url=http://127.0.0.1:9/v3/{path}", "check")))
    kept = {person.home / name for name in ("config.toml", "token", "keys/default.json", "keys/default.password")}
    written = {str(file): file.read_bytes() for file in person.home.rglob("*") if file.is_file() and file not in kept}
    assert {Path(name).name for name in written} >= {"log", "themis.db"}
    key = bytes(person.signer.account.key)
    found = [
        (where, what)
        for where, text in (*written.items(), *((f"told: {text[:60]}", text.encode()) for text in told))
        for what in (
            key,
            key.hex().encode(),
            b64encode(key),
            b"of a test",
            *map(str.encode, (token, user, path, place)),
        )
        if what in text
    ]
    assert found == []


def test_requests_that_the_store_lost_are_found_again(town: Town, tmp_path: Path) -> None:
    person = copied(town, tmp_path)
    for left in ("themis.db", "themis.db-shm", "themis.db-wal", "log"):
        (person.home / left).unlink(missing_ok=True)
    assert "the first `themis run` reads the chain" in person.fails(78, "rescan")
    ask = town.ask("--input-hex", "0x02", "--fee-wei", "9", "--lane", "30")
    with running(person.home) as process:
        wait_until_ready(person.home, process)
        answered = town.requester.tell(*ask)
        wait_for_state(person, answered["request_id"], "done")
        assert "its store cannot be changed under it" in person.fails(78, "rescan")
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
    assert not (person.home / "themis.db-wal").exists(), "a store that is closed is one file, which can be copied"
    asked_in = person.tell("jobs", answered["request_id"])["seen_at"]["block_number"]
    open_ = town.requester.tell(*ask[:-1], "31", "--no-wait")["request_id"]
    told = person.tell("rescan")
    assert (told["new"], told["changed"]) == (0, 0), "what is above the newest block that was read is the node's"
    with running(person.home) as process:
        wait_until_ready(person.home, process)
        town.world.wait_for_answers({Hash32(bytes.fromhex(open_[2:]))})
        wait_for_state(person, open_, "done")
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
    with closing(sqlite3.connect(person.home / "themis.db")) as db, db:
        db.execute(
            "DELETE FROM jobs WHERE id IN (?, ?)", [bytes.fromhex(answered["request_id"][2:]), bytes.fromhex(open_[2:])]
        )
    told = person.tell("rescan", "--from", str(asked_in))
    assert (told["new"], told["answers"]) == (2, 2)
    states = {job["id"]: job["state"] for job in person.tell("jobs")}
    assert states[answered["request_id"]] == states[open_] == "mined"


def test_an_unlicensed_operator_is_warned_and_the_fee_is_not_lost(town: Town, tmp_path: Path) -> None:
    """The grant ends before anything is computed: the node refuses, the requester is refunded."""
    snapshot = town.world.chain.rpc("evm_snapshot")
    revoke = ("license", "revoke", town.model_id, town.operator.address, "--role", "operator")
    asked = town.requester.tell(*town.ask("--input-hex", "0x01", "--fee-wei", "55", "--no-wait", "--lane", "20"))
    town.licensor.tell(*revoke)
    warned = [check["detail"] for check in town.operator.tell("check") if check["status"] == "warn"]
    assert ["paid requests are refused" in detail and "GrantIsRevoked" in detail for detail in warned] == [True]
    person = copied(town, tmp_path)
    for left in ("themis.db", "themis.db-shm", "themis.db-wal", "log"):
        (person.home / left).unlink(missing_ok=True)
    with running(person.home) as process:
        wait_until_ready(person.home, process)
        job = wait_for_state(person, asked["request_id"], "closed")
        assert job["reason"] == "unlicensed_operator"
        assert "uses left of the operator's grant: 0" in job["detail"]
    town.world.chain.rpc("evm_increaseTime", 601)
    town.world.chain.rpc("evm_mine")
    assert town.requester.tell("refund", asked["request_id"])["fee"] == "55"
    assert town.world.chain.rpc("evm_revert", snapshot)
