"""A signer elsewhere, by a stand-in that checks the wire format of Clef's and web3signer's JSON-RPC."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from demo.chains import free_port
from tests.fakes import KEY, ORACLE_ADDRESS
from themis.core.canonical import Grant, grant_typed_data
from themis.core.errors import Misconfigured, Unavailable
from themis.core.fees import Fees
from themis.core.transaction import Transaction
from themis.core.types import Address, Hash32, Role
from themis.keys.external import ExternalSigner, Kind
from themis.keys.keystore import KeystoreSigner

CHAIN_ID = 31_337
ADDRESS = Address(bytes.fromhex(KEY.address[2:]))
TYPED = Transaction(CHAIN_ID, 7, ORACLE_ADDRESS, b"data", 90_000, Fees(30, 2), 5)
PLAIN = Transaction(CHAIN_ID, 0, None, b"\x60", 90_000, Fees(30, 30, typed=False))
FIELDS = {"from", "to", "gas", "nonce", "value", "data", "maxFeePerGas", "maxPriorityFeePerGas", "gasPrice", "chainId"}
GRANT = Grant(
    Hash32(b"\x01" * 32), ADDRESS, ADDRESS, Role.OPERATOR, 7, 0, 0, 2**40 - 1, 2**32 - 1, 2**32 - 1,
    Address(bytes(20)), 100, Address(bytes(20)), 2**96 - 1, Address(bytes(20)), 0, 1, 1,
)  # fmt: skip


class StandIn(BaseHTTPRequestHandler):
    """Signs as the two programs do, and refuses what their parsers refuse."""

    kind: ClassVar[Kind] = Kind.WEB3SIGNER
    mend: ClassVar[dict[str, str]] = {}
    """Fields that it changes before it signs: what a human may do in Clef's window."""
    says: ClassVar[Any] = None

    def do_POST(self) -> None:
        call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.headers["Content-Type"] == "application/json"
        assert set(call) == {"jsonrpc", "id", "method", "params"}
        assert call["jsonrpc"] == "2.0"
        reply = self.says if self.says is not None else {"jsonrpc": "2.0", "id": call["id"], "result": self._sign(call)}
        body = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _sign(self, call: dict[str, Any]) -> Any:
        if "Typed" in call["method"]:
            account, message = call["params"]
            assert account == KEY.address
            assert json.loads(json.dumps(message)) == message
            return "0x" + KEY.sign_message(encode_typed_data(full_message=message)).signature.hex()
        (fields,) = call["params"]
        assert set(fields) <= FIELDS
        assert ("chainId" in fields) is (self.kind is Kind.CLEF)
        assert call["method"] == {"clef": "account_signTransaction", "web3signer": "eth_signTransaction"}[self.kind]
        quantities = set(fields) - {"from", "to", "data"}
        assert all(fields[name] == hex(int(fields[name], 16)) for name in quantities), "no leading zeros"
        assert fields.pop("from") == KEY.address
        fields = {"chainId": hex(CHAIN_ID)} | fields | self.mend
        if "maxFeePerGas" in fields:
            fields["type"] = "0x2"
        raw = "0x" + KEY.sign_transaction(fields).raw_transaction.hex().removeprefix("0x")
        return {"raw": raw, "tx": fields} if self.kind is Kind.CLEF else raw

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def signing(kind: Kind, *, mend: dict[str, str] | None = None, says: Any = None) -> Iterator[ExternalSigner]:
    handler = type("Handler", (StandIn,), {"kind": kind, "mend": mend or {}, "says": says})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield ExternalSigner(f"http://127.0.0.1:{server.server_port}/key/secret", kind, ADDRESS)
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("unsigned", [TYPED, PLAIN], ids=["type 2", "type 0, a creation"])
def test_it_gives_the_bytes_that_the_key_itself_would(kind: Kind, unsigned: Transaction) -> None:
    with signing(kind) as signer:
        assert signer.sign(unsigned) == KeystoreSigner(KEY.key).sign(unsigned)
        assert signer.address == ADDRESS


@pytest.mark.parametrize("kind", list(Kind))
def test_it_signs_grants(kind: Kind) -> None:
    message = grant_typed_data(GRANT, CHAIN_ID, ORACLE_ADDRESS)
    with signing(kind) as signer:
        assert signer.sign_typed(message) == KeystoreSigner(KEY.key).sign_typed(message)


@pytest.mark.parametrize(
    "mend",
    [
        {"maxFeePerGas": "0x1f"},
        {"nonce": "0x8"},
        {"value": "0x6"},
        {"chainId": "0x1"},
        {"data": "0x"},
        {"gas": "0x5208"},
    ],
)
@pytest.mark.parametrize("kind", list(Kind))
def test_what_was_changed_is_not_broadcast(kind: Kind, mend: dict[str, str]) -> None:
    with signing(kind, mend=mend) as signer, pytest.raises(Misconfigured, match="signed something else than it was"):
        signer.sign(TYPED)


def test_another_key_is_noticed() -> None:
    other = Account.from_key(b"\x02" * 32)
    raw = "0x" + KeystoreSigner(other.key).sign(TYPED).hex()
    says = {"jsonrpc": "2.0", "id": 1, "result": raw}
    with signing(Kind.WEB3SIGNER, says=says) as signer, pytest.raises(Misconfigured, match=r"key\.address"):
        signer.sign(TYPED)


@pytest.mark.parametrize("result", [None, "0x", "nonsense", 7, {}, {"raw": None}, "0x02c0"])
def test_what_is_no_transaction_is_said(result: Any) -> None:
    says = {"jsonrpc": "2.0", "id": 1, "result": result}
    with signing(Kind.CLEF, says=says) as signer, pytest.raises(Misconfigured, match="answers with no transaction"):
        signer.sign(TYPED)


@pytest.mark.parametrize(
    ("says", "words"),
    [
        (
            {"jsonrpc": "2.0", "id": 1, "error": {"code": -32000, "message": "Request denied"}},
            "refuses: Request denied",
        ),
        ({"jsonrpc": "2.0", "id": 9, "result": "0x"}, "no JSON-RPC"),
        ([], "no JSON-RPC"),
        ({"jsonrpc": "2.0", "id": 1, "result": json.loads("[" * 99 + "]" * 99)}, "does not answer"),
        ({"jsonrpc": "2.0", "id": 1, "result": "0" * 2**20}, "does not answer"),
    ],
)
def test_a_refusal_is_waited_out(says: Any, words: str) -> None:
    with signing(Kind.CLEF, says=says) as signer, pytest.raises(Unavailable, match=words) as error:
        signer.sign(TYPED)
    assert "secret" not in str(error.value)


def test_one_that_is_away_is_waited_for() -> None:
    signer = ExternalSigner(f"http://127.0.0.1:{free_port()}", Kind.WEB3SIGNER, ADDRESS)
    with pytest.raises(Unavailable, match=r"does not answer: start it, or correct key\.signer_url"):
        signer.sign(TYPED)
