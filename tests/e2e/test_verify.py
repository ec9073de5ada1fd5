"""`themis verify` and its page: anybody runs an answer again, and a lie shows from its first byte on."""

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from demo import chains
from tests.cli_kit import Person, Town
from tests.homes import RISK, ROOT, SELFTEST, make_home, register, running, wait_until_ready
from tests.patience import PATIENCE_S
from tests.world import FEES, World
from themis.bundles import bundle
from themis.chain import contracts
from themis.chain.rpc import Call, Rpc, RpcError
from themis.core import canonical, listing, merkle
from themis.core.spelling import shown
from themis.core.types import Hash32, Request

LIE = b"\x01" * 16
NUMBERS = {"float32": 1, "uint8": 2, "int32": 6, "int64": 7, "bool": 9, "float64": 11, "uint32": 12}
"""ONNX's, of types."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A town whose operator runs an honest node, has lied about other requests, and somebody without a key."""

    town: Town
    nobody: Person
    risk: Hash32
    url: str

    @property
    def world(self) -> World:
        return self.town.world

    def asked(self, model_id: Hash32 | str, input_: bytes, lane: int, **more: Any) -> Hash32:
        id_ = bytes.fromhex(model_id[2:]) if isinstance(model_id, str) else model_id
        return self.world.ask(Hash32(id_), input_, lane=lane, **more)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    homes = tmp_path_factory.mktemp("homes")
    with chains.start() as chain:
        town = Town.build(chain, homes)
        risk = register(town.world, RISK)
        town.world.license(risk)
        nobody = Person(homes / "nobody", town.requester.signer)
        at = ("--oracle", "0x" + town.world.client.oracle.hex(), "--start-block", str(town.world.start_block))
        nobody.tell("init", "--rpc-url", chain.rpc_url, *at)
        (nobody.home / "models").mkdir()
        for source in (SELFTEST, RISK):
            shutil.copytree(source, nobody.home / "models" / source.name)
        node = make_home(homes / "node", town.world, [(SELFTEST, Hash32(bytes.fromhex(town.model_id[2:])))])
        with running(node) as process:
            yield Scene(town, nobody, risk, wait_until_ready(node, process))
    assert not (nobody.home / "keys").exists()


def lied(scene: Scene, id_: Hash32, output: bytes) -> str:
    """The operator answers that by hand; the transaction's hash."""
    client = scene.world.client
    (log,) = client.logs("Requested", scene.world.start_block, id_)
    words = canonical.request_words(contracts.decode_request(log.values["request"]))
    receipt, _ = client.transact(scene.world.operator, FEES, "fulfill", words, output, 0)
    tx_hash: str = receipt["transactionHash"]
    return tx_hash


def verified(person: Person, *line: str) -> tuple[int, Any, str]:
    done = person.run("verify", *line, "--json")
    return done.status, json.loads(done.out), done.err.splitlines()[-1]


def test_an_honest_answer_is_equal(scene: Scene) -> None:
    id_ = scene.asked(scene.town.model_id, b"an honest question", 0)
    (output,) = scene.world.wait_for_answers({id_})[id_]
    status, (found,), said = verified(scene.nobody, "0x" + id_.hex())
    assert (status, found["outcome"], found["first_difference"]) == (0, "equal", None)
    assert found["output"] == found["computed"] == "0x" + output.hex()
    assert found["model"] == "selftest-moe 1.0.0"
    assert said.startswith("equal: the answer to 0x")
    for name in (found["answer_tx_hash"], "0x" + id_.hex()[:8]):
        assert verified(scene.nobody, name) == (0, [found], said)
    plain = scene.nobody.run("verify", found["answer_tx_hash"])
    assert plain.status == 0
    assert "outcome           equal\n" in plain.out


def test_a_lie_shows_from_its_first_byte_on(scene: Scene) -> None:
    known = bundle.load(SELFTEST).golden[0]
    lie = bytearray(known.output)
    lie[5] ^= 1
    id_ = scene.asked(scene.risk, known.input, 1)
    truth = scene.asked(scene.risk, bytes.fromhex("6001600155"), 2)
    tx_hash = lied(scene, id_, bytes(32))
    status, (found,), said = verified(scene.nobody, tx_hash)
    assert (status, found["outcome"]) == (1, "differs")
    first = found["first_difference"]
    computed = bytes.fromhex(found["computed"][2:])
    assert computed[:first] == bytes(first)
    assert computed[first] != 0
    assert said.endswith(f"byte {first} is the first")
    status, (short,), _ = verified(scene.nobody, lied(scene, truth, b""))
    assert (status, short["first_difference"]) == (1, 0), "an answer that ends too soon differs where it ends"


def test_an_order_is_verified_with_its_input(scene: Scene, tmp_path: Path) -> None:
    world, nobody = scene.world, scene.nobody
    known = bundle.load(SELFTEST).golden
    model_id = Hash32(bytes.fromhex(scene.town.model_id[2:]))

    def answered(order: Request, output: bytes) -> str:
        world.deposit(order.fee)
        words = canonical.request_words(order)
        receipt, _ = world.client.transact(world.operator, FEES, "fulfillOrder", words, world.signed(order), output, 0)
        tx_hash: str = receipt["transactionHash"]
        return tx_hash

    one = answered(world.order(model_id, known[0].input), known[0].output)
    assert "of whose input the chain has the hash alone" in nobody.fails(78, "verify", one)
    assert "its hash is another" in nobody.fails(78, "verify", one, "--input-hex", "0xff01")
    status, (found,), _ = verified(nobody, one, "--input-hex", shown(known[0].input))
    assert (status, found["outcome"], found["output"]) == (0, "equal", shown(known[0].output))
    assert verified(nobody, found["request_id"][:10], "--input-hex", shown(known[0].input))[0] == 0
    assert nobody.tell("trace", one, "--input-hex", shown(known[0].input))[0]["equal"]

    inputs, outputs = [each.input for each in known[:3]], [each.output for each in known[:3]]
    file = tmp_path / "list"
    file.write_text("\n".join(map(shown, inputs)))
    order = world.order(model_id, listing.pack(inputs), items=len(inputs))
    right = answered(order, listing.result_root(inputs, outputs))
    assert verified(nobody, right, "--list", str(file))[0] == 0
    order = world.order(model_id, listing.pack(inputs), items=len(inputs))
    wrong = answered(order, listing.result_root(inputs, [*outputs[:-1], b"another"]))
    assert verified(nobody, wrong, "--list", str(file))[0] == 1


def test_a_trace_is_of_the_model_s_own_answer(scene: Scene) -> None:
    nobody = scene.nobody
    id_ = scene.asked(scene.town.model_id, b"an honest trace", 12)
    (output,) = scene.world.wait_for_answers({id_})[id_]
    (found,) = nobody.tell("trace", "0x" + id_.hex())
    assert (found["format"], found["equal"], found["output"]) == ("trace-2", True, "0x" + output.hex())
    leaves = [
        encode(
            ["uint256", "uint256", "uint256[]", "bytes32"],
            [int(each["word"], 16), NUMBERS[each["dtype"]], each["shape"], bytes.fromhex(each["root"][2:])],
        )
        for each in found["tensors"]
    ]
    assert found["tensor_count"] == len(leaves)
    assert found["trace_root"] == "0x" + merkle.root(leaves, merkle.sha256).hex()

    target = scene.world.client.oracle
    code = bytes.fromhex(scene.world.client.rpc.call("eth_getCode", "0x" + target.hex(), "latest")[2:])
    named = scene.asked(scene.risk, encode(["address", "bytes32"], [target, keccak(code)]), 13)
    lied(scene, named, bytes(32))
    done = nobody.run("trace", "0x" + named.hex(), "--json")
    (other,) = json.loads(done.out)
    assert (done.status, other["equal"], other["output"] != "0x" + bytes(32).hex()) == (1, False, True)
    assert "no trace leads to it" in done.err
    assert other["elements"] > 10**6

    silent = scene.asked(scene.risk, encode(["address", "bytes32"], [target, keccak(b"other")]), 14)
    lied(scene, silent, bytes(32))
    assert "not the code that was asked about" in nobody.fails(65, "trace", "0x" + silent.hex())


def test_code_is_what_its_hash_says(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    target = scene.world.client.oracle
    code = bytes.fromhex(scene.world.client.rpc.call("eth_getCode", "0x" + target.hex(), "latest")[2:])
    id_ = scene.asked(scene.risk, encode(["address", "bytes32"], [target, keccak(code)]), 3)
    honest = verified(scene.nobody, lied(scene, id_, bytes(32)))[1][0]["computed"]
    again = scene.asked(scene.risk, encode(["address", "bytes32"], [target, keccak(code)]), 4)
    tx_hash = lied(scene, again, bytes.fromhex(honest[2:]))
    assert verified(scene.nobody, tx_hash)[:2][0] == 0

    other = scene.asked(scene.risk, encode(["address", "bytes32"], [target, keccak(b"other")]), 5)
    status, (found,), said = verified(scene.nobody, lied(scene, other, bytes(32)))
    assert (status, found["outcome"], found["computed"]) == (1, "unanswerable", None)
    assert "not the code that was asked about" in said

    agreed = Rpc.agreed

    def pruned(rpc: Rpc, calls: Sequence[Call]) -> list[Any]:
        missing = RpcError("eth_getCode", "missing trie node")
        return [missing] if calls[0][0] == "eth_getCode" and calls[0][1][1] != "latest" else agreed(rpc, calls)

    monkeypatch.setattr(Rpc, "agreed", pruned)
    assert verified(scene.nobody, tx_hash)[0] == 0, "code of that hash is that code, whenever it was read"
    assert "keeps the state of old blocks" in scene.nobody.fails(75, "verify", "0x" + other.hex())


def test_what_cannot_be_verified_says_why(scene: Scene, tmp_path: Path) -> None:
    nobody, world = scene.nobody, scene.world
    unknown = "0x" + "ab" * 32
    assert f"there is no transaction and no request {unknown}" in nobody.fails(78, "verify", unknown)
    assert "no request at this oracle begins with 0xababab" in nobody.fails(78, "verify", "0xababab")
    assert "hex digits" in nobody.fails(64, "verify", "nonsense")

    open_ = scene.asked(scene.risk, b"\x60\x01", 6)
    assert "has no answer yet: it is due by 20" in nobody.fails(75, "verify", "0x" + open_.hex())
    (asked,) = world.client.history(("Requested",), world.start_block, open_)
    assert "has no answer yet" in nobody.fails(75, "verify", "0x" + asked[1].tx_hash.hex())
    (registered,) = world.client.history(("ModelRegistered",), world.start_block, scene.risk)
    assert "asked and answered nothing" in nobody.fails(78, "verify", "0x" + registered[1].tx_hash.hex())

    tolerant = register(world, ROOT / "models/olmoe-tiny")
    world.license(tolerant)
    id_ = scene.asked(tolerant, b"a question", 7)
    lied(scene, id_, LIE)
    said = nobody.fails(78, "verify", "0x" + id_.hex())
    assert "(olmoe-tiny 1.0.0) is not held here: give its bundle with --bundle DIR" in said
    said = nobody.fails(78, "verify", "0x" + id_.hex(), "--bundle", str(ROOT / "models/olmoe-tiny"))
    assert "olmoe-tiny is not exact: honest machines may differ" in said
    assert "does not exist" in nobody.fails(78, "verify", "0x" + id_.hex(), "--bundle", str(tmp_path))

    elsewhere = World.build(world.chain)
    model_id = register(elsewhere, SELFTEST)
    elsewhere.license(model_id)
    foreign = elsewhere.ask(model_id, b"elsewhere")
    (asked,) = elsewhere.client.history(("Requested",), elsewhere.start_block, foreign)
    for name in (foreign, asked[1].tx_hash):
        said = nobody.fails(78, "verify", "0x" + name.hex())
        assert f"belongs to {shown(elsewhere.client.oracle)}, and this home uses the oracle" in said


def test_logs_that_do_not_hash_are_not_believed(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    id_ = scene.asked(scene.risk, b"\x60\x03", 9)
    lied(scene, id_, bytes(32))
    decoded = contracts.decode_log

    def doctored(raw: Any) -> Any:
        log, at = decoded(raw) or (None, None)
        if log is not None and log.event == "Fulfilled":
            log.values["output"] = LIE
        return None if log is None else (log, at)

    monkeypatch.setattr(contracts, "decode_log", doctored)
    assert "does not hash to what it says it is" in scene.nobody.fails(75, "verify", "0x" + id_.hex())


def test_the_node_verifies_for_whoever_asks(scene: Scene) -> None:
    id_ = scene.asked(scene.town.model_id, b"asked over HTTP", 10)
    scene.world.wait_for_answers({id_})
    with httpx.Client(base_url=scene.url, timeout=PATIENCE_S) as http:
        reply = http.get(f"/v1/verify/0x{id_.hex()}")
        assert reply.status_code == 200, reply.text
        assert reply.json() == verified(scene.nobody, "0x" + id_.hex())[1]
        assert reply.json()[0]["outcome"] == "equal"
        problems = {
            "0x" + "ab" * 32: (404, "there is no transaction and no request"),
            "0xabab": (422, "String should match"),
        }
        for name, (status, detail) in problems.items():
            reply = http.get(f"/v1/verify/{name}")
            assert reply.status_code == status, reply.text
            assert detail in reply.json()["detail"]
        risk = scene.asked(scene.risk, b"\x60\x04", 11)
        assert http.get(f"/v1/verify/0x{risk.hex()}").status_code == 503
        lied(scene, risk, bytes(32))
        reply = http.get(f"/v1/verify/0x{risk.hex()}")
        assert (reply.status_code, "is not held here" in reply.json()["detail"]) == (409, True)


def test_an_unanswered_request_has_nothing_to_verify(scene: Scene) -> None:
    id_ = scene.asked(scene.risk, b"\x60\x02", 8, window_s=3_600)
    scene.world.chain.rpc("evm_increaseTime", 4_000)
    scene.world.chain.rpc("evm_mine")
    name = "0x" + id_.hex()
    assert "was not answered by its deadline" in scene.nobody.fails(78, "verify", name)
    scene.town.requester.tell("refund", name)
    assert "was refunded: there is no answer to verify" in scene.nobody.fails(78, "verify", name)
