"""`themis keys rotate`: the offer moves to a new key, and no open request is lost. Two nodes, one real chain."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from demo import chains
from tests.cli_kit import Person, Town
from tests.homes import running, wait_until_ready
from tests.patience import PATIENCE_S
from themis.core.types import Hash32
from themis.keys import keystore

UNUSED = "0x" + "00" * 20


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    with chains.start() as chain:
        yield Town.build(chain, tmp_path / "town")


def ids(*texts: str) -> set[Hash32]:
    return {Hash32(bytes.fromhex(text[2:])) for text in texts}


def test_an_offer_moves_to_a_new_key_and_nothing_is_lost(town: Town, tmp_path: Path) -> None:
    """What is open when it moves is answered by the old node, what is asked afterwards by the new one."""
    old, requester = town.operator, town.requester
    ask = ("--class", "commercial", "--input-hex", "0x05", "--fee-wei", "90", "--no-wait")
    open_ = [
        requester.tell("request", town.model_id, "--operator", old.address, *ask, "--lane", str(n)) for n in (1, 2)
    ]
    home = tmp_path / "rotated"
    told = old.tell("keys", "rotate", str(home))
    assert told["offers"] == [{"model_id": town.model_id, "token": UNUSED}]
    new_key = keystore.address_of(home / "keys/default.json")
    assert told["new_key"].lower() == "0x" + new_key.hex()
    balance = int(town.world.chain.rpc("eth_getBalance", told["new_key"], "latest"), 16)
    again = old.tell("keys", "rotate", str(home))
    assert again["offers"] == [], "nothing is left to move"
    assert int(town.world.chain.rpc("eth_getBalance", told["new_key"], "latest"), 16) == balance
    new = Person(home, old.signer)
    assert {check["name"]: check["status"] for check in new.tell("check")}["license of selftest-moe"] == "ok"
    refused = requester.fails(77, "request", town.model_id, "--operator", old.address, *ask, "--lane", "3")
    assert "OperatorNotServing" in refused
    with running(old.home) as former, running(home) as latter:
        wait_until_ready(old.home, former)
        wait_until_ready(home, latter)
        line = ("request", town.model_id, "--operator", told["new_key"], *ask, "--lane", "4")
        later = requester.tell(*line)
        town.world.wait_for_answers(ids(*(each["request_id"] for each in (*open_, later))))
        for process in (former, latter):
            process.terminate()
            assert process.wait(PATIENCE_S) == 0
    assert [job["state"] for job in new.tell("jobs") if job["id"] == later["request_id"]] != []
    assert {job["id"] for job in old.tell("jobs")} == {each["request_id"] for each in open_}
    earned = [Person(each, old.signer).tell("withdraw")["amount"] for each in (old.home, home)]
    assert all(int(amount) > 0 for amount in earned)


def test_what_cannot_be_guessed_is_said(town: Town, tmp_path: Path) -> None:
    old = town.operator
    assert "has this very key: choose another home" in old.fails(78, "keys", "rotate", str(old.home))
    file = old.home / "config.toml"
    text = file.read_text()
    file.write_text(f'{text}[key]\nkeystore = "{old.home}/keys/default.json"\n')
    said = old.fails(78, "keys", "rotate", str(tmp_path / "new"))
    assert "this home's key is not in it: copy its config.toml to" in said
    assert not (tmp_path / "new").exists()
