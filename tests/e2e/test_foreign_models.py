"""A model from elsewhere, from a directory to an answer in a contract: added, registered, licensed, served, asked."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from eth_account import Account

from demo import chains
from demo.chains import RunningChain
from tests import foreign_models as foreign
from tests.cli_kit import Person, spoil, wait_for_state
from tests.homes import ROOT, make_home, register, running, wait_until_ready
from tests.world import World
from themis.adopt.adopt import MAX_INPUT_BYTES
from themis.bundles import bundle
from themis.engine.generic import MAX_OUTPUT_BYTES, Generic
from themis.keys.keystore import KeystoreSigner

OLMOE: Final = ROOT / "models/olmoe-tiny"
POLICY: Final = "personal=open,research=open,commercial=open"


@pytest.fixture(scope="module")
def chain() -> Iterator[RunningChain]:
    with chains.start() as started:
        yield started


def settle(chain: RunningChain, home: Path, index: int, *options: str) -> Person:
    signer = KeystoreSigner(Account.from_key(chain.accounts[index].private_key).key)
    return Person.settle(home, signer, chain.rpc_url, *options)


def source(folder: Path) -> Path:
    """What an exporter leaves: the files of olmoe-tiny without a manifest, with a configuration."""
    folder.mkdir()
    for name in ("model.onnx", "tokenizer.json", "LICENSE"):
        shutil.copy(OLMOE / name, folder)
    config = foreign.config(
        max_position_embeddings=256, eos_token_id=0, num_experts=8, num_experts_per_tok=2, architectures=["Olmoe"]
    )
    (folder / "config.json").write_text(config)
    return folder


def test_a_decoder_is_added_and_asked(chain: RunningChain, tmp_path: Path) -> None:
    lab = settle(chain, tmp_path / "lab", 4)
    deployed = lab.tell("deploy")
    options = ("--oracle", deployed["oracle"], "--start-block", str(deployed["start_block"]))
    requester = settle(chain, tmp_path / "requester", 5, *options)
    line = ("models", "add", str(source(tmp_path / "olmoe")), "--max-new-tokens", "16")
    added = lab.tell(*line)
    assert (added["exactness"], added["golden"], added["registered"]) == ("tolerant", 5, True)
    assert lab.tell(*line) == added, "a second time changes nothing"
    assert [row["model_id"] for row in lab.tell("models", "list")] == [added["model_id"]]
    terms = ("--terms", str(OLMOE / "LICENSE"), "--requester", POLICY, "--operator", POLICY)
    lab.tell("license", "publish", added["model_id"], *terms)
    lab.tell("models", "serve", added["path"], added["model_id"], "--min-fee-wei", "7")
    assert [check["detail"] for check in lab.tell("check") if check["name"] == "models"] == ["olmoe 1.0.0 (tolerant)"]
    spoil(lab, "# port = 8553", "port = 0")
    with running(lab.home) as process:
        wait_until_ready(lab.home, process)
        ask = ("request", added["model_id"], "--operator", lab.address, "--class", "research", "--text", "Themis")
        answered = requester.tell(*ask)
        (status,) = lab.tell("status")["models"]
    assert status["exact"] is False
    golden = bundle.load(OLMOE).golden[0]
    assert golden.input == b"Themis"
    assert answered["output"] == "0x" + golden.output[: 16 * 4].hex()
    said = requester.tell("models", "read", added["path"], answered["output"])
    assert said["tokens"] == np.frombuffer(golden.output, ">u4")[:16].tolist()
    assert said["text"] == Generic(bundle.load(OLMOE)).told(golden.output[: 16 * 4])["text"] != ""


def test_requests_are_answered_with_the_ids_that_transformers_wrote(chain: RunningChain, tmp_path: Path) -> None:
    world = World.build(chain)
    model_id = register(world, OLMOE)
    world.license(model_id)
    home = make_home(tmp_path / "home", world, [(OLMOE, model_id)])
    known = enumerate(bundle.load(OLMOE).golden)
    golden = {world.ask(model_id, each.input, lane=lane): each.output for lane, each in known}
    refused = world.ask(model_id, b"\xff", lane=len(golden))
    with running(home) as process:
        wait_until_ready(home, process)
        found = world.wait_for_answers(set(golden))
        person = Person(home, world.operator)
        job = wait_for_state(person, "0x" + refused.hex(), "closed")
    assert {id_: outputs[0] for id_, outputs in found.items()} == golden
    assert job["history"][-1]["detail"].startswith("invalid_input: the input is not UTF-8")


def test_the_limits_are_the_contracts(chain: RunningChain) -> None:
    client = World.build(chain).client
    assert client.read("MAX_OUTPUT_BYTES") == (MAX_OUTPUT_BYTES,)
    assert client.read("MAX_INPUT_BYTES") == (MAX_INPUT_BYTES,)
