"""A command's transaction: its hash is known and kept before it is sent, and what is repeated pays once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eth_utils.crypto import keccak

from tests.fakes import CHAIN_ID, KEY, ORACLE_ADDRESS
from themis.chain.outbox import Outbox
from themis.chain.rpc import Call, Rpc, RpcError
from themis.chain.transact import transact
from themis.core.errors import Denied, Misconfigured, Unavailable
from themis.core.fees import FeePolicy
from themis.keys.keystore import KeystoreSigner

GWEI = 10**9
FEES = FeePolicy(200 * GWEI, GWEI)


class Endpoint(Rpc):
    """An endpoint in memory: what it took, and how it fails."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:1")
        self.sent: list[str] = []
        self.mined: dict[str, str] = {}
        self.refuse: Callable[[str], Exception | None] = lambda _: None
        self.base_fee = GWEI
        self.nonce = 0
        self.looks_that_fail = 0
        self.mines = True

    def batch(self, calls: list[Call], *, attempts: int = 1) -> list[Any]:  # type: ignore[override]
        return [self._answer(method, params) for method, params in calls]

    def _answer(self, method: str, params: list[Any]) -> Any:
        match method:
            case "eth_sendRawTransaction":
                return self._take(params[0])
            case "eth_getTransactionReceipt":
                if self.looks_that_fail:
                    self.looks_that_fail -= 1
                    raise Unavailable("indexing in progress")
                status = self.mined.get(params[0])
                return None if status is None else {"status": status, "transactionHash": params[0], "logs": []}
            case "eth_getTransactionCount":
                return hex(self.nonce)
            case "eth_getBlockByNumber":
                return {"baseFeePerGas": hex(self.base_fee)}
            case "eth_estimateGas":
                return hex(50_000)
            case _:
                return None

    def _take(self, raw: str) -> Any:
        tx_hash = "0x" + keccak(bytes.fromhex(raw[2:])).hex()
        self.sent.append(tx_hash)
        if self.mines:
            self.mined[tx_hash] = "0x1"
        refusal = self.refuse(raw)
        if isinstance(refusal, RpcError):
            return refusal
        if refusal is not None:
            raise refusal
        return tx_hash


class Scene:
    def __init__(self, folder: Path, slept: list[float]) -> None:
        self.endpoint, self.slept = Endpoint(), slept
        self.told: list[str] = []
        self.outbox = Outbox(folder, self.told.append)

    def run(self, data: bytes = b"data", intent: bytes | None = None) -> Any:
        whole = (self.endpoint, CHAIN_ID, KeystoreSigner(KEY.key), FEES, ORACLE_ADDRESS, data, 5)
        return transact(*whole, outbox=self.outbox, intent=intent)

    def kept(self) -> int:
        folder = self.outbox.folder
        assert folder is not None
        return len(list(folder.glob("*.json")))


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds
        slept.append(seconds)

    slept: list[float] = []
    monkeypatch.setattr("themis.chain.transact.time.monotonic", lambda: now[0])
    monkeypatch.setattr("themis.chain.transact.time.sleep", sleep)
    return Scene(tmp_path / "outbox", slept)


def test_the_hash_is_kept_and_told_before_it_is_sent(scene: Scene) -> None:
    def kept_and_told(_: str) -> None:
        assert scene.kept() == 1
        assert scene.told[0].startswith("transaction 0x")

    scene.endpoint.refuse = kept_and_told
    receipt = scene.run()
    assert receipt["transactionHash"] in scene.told[0]
    assert scene.kept() == 0


@pytest.mark.parametrize(
    "refusal",
    [RpcError("eth_sendRawTransaction", "already known"), Unavailable("504"), RpcError("x", "nonce too low")],
)
def test_a_lost_yes_is_no_failure(scene: Scene, refusal: Exception) -> None:
    scene.endpoint.refuse = lambda _: refusal
    assert scene.run()["status"] == "0x1"


def test_looks_that_fail_are_repeated(scene: Scene) -> None:
    scene.endpoint.looks_that_fail = 20
    assert scene.run()["status"] == "0x1"
    assert len(set(scene.endpoint.sent)) == 1
    assert scene.slept[0] < 0.02, "a development chain takes no longer"
    assert scene.slept[-1] == 0.1


def test_a_repeated_command_goes_on_with_its_transaction(scene: Scene) -> None:
    scene.endpoint.mines = False
    with pytest.raises(Unavailable, match=r"0x.* was not mined within 120 s: run the same command again: it goes on"):
        scene.run()
    first = set(scene.endpoint.sent)
    scene.endpoint.mined = {next(iter(first)): "0x1"}
    assert scene.run()["transactionHash"] in first
    assert set(scene.endpoint.sent) == first
    assert any(line.startswith("going on with transaction 0x") for line in scene.told)
    assert scene.kept() == 0


def test_another_command_is_another_transaction(scene: Scene) -> None:
    scene.endpoint.mines = False
    with pytest.raises(Unavailable):
        scene.run()
    scene.endpoint.mines = True
    scene.run(b"other")
    assert scene.kept() == 1


def test_what_the_caller_goes_on_with_is_kept_until_it_is_done(scene: Scene) -> None:
    first = scene.run(intent=b"ask")
    assert scene.kept() == 1
    assert scene.run(b"another deadline", intent=b"ask") == first
    scene.outbox.done(b"ask")
    assert scene.run(b"another deadline", intent=b"ask") != first


def test_one_that_is_too_cheap_is_replaced_and_every_attempt_is_looked_for(scene: Scene) -> None:
    scene.endpoint.mines = False
    scene.endpoint.looks_that_fail = 3

    def rise(_: str) -> None:
        scene.endpoint.base_fee = 50 * GWEI
        if len(set(scene.endpoint.sent)) == 2:
            scene.endpoint.mined = {scene.endpoint.sent[0]: "0x1"}

    scene.endpoint.refuse = rise
    assert scene.run()["transactionHash"] == scene.endpoint.sent[0]
    assert len(set(scene.endpoint.sent)) == 2


def test_a_nonce_that_another_transaction_took_is_said(scene: Scene) -> None:
    scene.endpoint.mines = False
    scene.endpoint.refuse = lambda _: setattr(scene.endpoint, "nonce", 1)
    with pytest.raises(Denied, match="another transaction took the nonce of 0x.*: run it again"):
        scene.run()
    assert scene.kept() == 0


@pytest.mark.parametrize(
    ("words", "error"),
    [("insufficient funds for gas * price + value", Misconfigured), ("exceeds block gas limit", Unavailable)],
)
def test_what_is_refused_for_good_is_said_at_once(scene: Scene, words: str, error: type[Exception]) -> None:
    scene.endpoint.mines = False
    scene.endpoint.refuse = lambda _: RpcError("eth_sendRawTransaction", words)
    with pytest.raises(error, match=words.replace("*", r"\*").replace("+", r"\+")):
        scene.run()
    assert scene.kept() == 0
    assert len(scene.endpoint.sent) == 1


def test_one_that_reverts_is_over(scene: Scene) -> None:
    scene.endpoint.mines = False
    scene.endpoint.refuse = lambda raw: scene.endpoint.mined.update(
        {"0x" + keccak(bytes.fromhex(raw[2:])).hex(): "0x0"}
    )
    with pytest.raises(Denied, match="was mined but reverted"):
        scene.run()
    assert scene.kept() == 0


def test_what_cannot_be_kept_is_not_sent(scene: Scene) -> None:
    folder = scene.outbox.folder
    assert folder is not None
    folder.write_text("a file")
    with pytest.raises(Misconfigured, match="cannot be written .*: nothing was sent"):
        scene.run()
    assert scene.endpoint.sent == []
