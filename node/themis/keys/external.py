"""A signer elsewhere: Clef, web3signer, or a vault behind either's JSON-RPC. Implements the `Signer` port.

What comes back is held against what was asked for: a signer may show a human another fee than it signs.
"""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

import rlp
from coincurve import PublicKey

from themis.core import jsontext
from themis.core.errors import Misconfigured, Unavailable
from themis.core.keccak import keccak
from themis.core.spelling import shown
from themis.core.transaction import TYPE_2, Transaction
from themis.core.types import Address
from themis.keys import raw

TIMEOUT_S: Final = 60
"""Somebody may have to approve it."""
_LARGEST_REPLY: Final = 2**20
_OPENER: Final = build_opener(ProxyHandler({}))
_PARITY_OF_EIP_155: Final = 35
_WORD: Final = 32


class Kind(StrEnum):
    """Whose method it speaks."""

    WEB3SIGNER = "web3signer"
    """`eth_signTransaction`, answered with the raw transaction. Geth's answer, an object with `raw`, is taken too."""
    CLEF = "clef"
    """`account_signTransaction`, answered with an object."""


_TRANSACTION: Final = {Kind.WEB3SIGNER: "eth_signTransaction", Kind.CLEF: "account_signTransaction"}
_TYPED: Final = {Kind.WEB3SIGNER: "eth_signTypedData", Kind.CLEF: "account_signTypedData"}


class ExternalSigner:
    """One account of a signer that holds its key."""

    def __init__(self, url: str, kind: Kind, address: Address) -> None:
        self._url, self._kind, self._address = url, kind, address
        parts = urlsplit(url)
        self._shown = f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")

    @property
    def address(self) -> Address:
        return self._address

    def sign(self, transaction: Transaction) -> bytes:
        """Raises Unavailable where it does not sign now, Misconfigured where it signs something else."""
        said = self._call(_TRANSACTION[self._kind], self._fields(transaction))
        found = said.get("raw") if isinstance(said, dict) else said
        try:
            signed = bytes.fromhex(str(found).removeprefix("0x"))
            *_, v, r, s = (int.from_bytes(each) for each in _last_three(signed))
            parity = v if transaction.fees.typed else v - 2 * transaction.chain_id - _PARITY_OF_EIP_155
            same = signed == raw.signed(transaction, r, s, parity)
            signer = _recovered(raw.digest(transaction), r, s, parity) if same else None
        except (ValueError, TypeError, OverflowError, rlp.exceptions.RLPException) as error:
            raise Misconfigured(
                f"the signer at {self._shown} answers with no transaction: correct key.signer"
            ) from error
        if signer != self._address:
            raise Misconfigured(
                f"the signer at {self._shown} signed something else than it was asked to: correct its rules, its chain "
                "id, and key.address"
            )
        return signed

    def sign_typed(self, message: Mapping[str, Any]) -> bytes:
        """An EIP-712 signature. Raises as `sign` does."""
        from eth_account import Account
        from eth_account.messages import encode_typed_data

        said = self._call(_TYPED[self._kind], shown(self._address), _plain(message))
        try:
            signature = bytes.fromhex(str(said).removeprefix("0x"))
            signer = Account.recover_message(encode_typed_data(full_message=dict(message)), signature=signature)
        except (ValueError, TypeError) as error:
            raise Misconfigured(f"the signer at {self._shown} answers with no signature: correct key.signer") from error
        if bytes.fromhex(signer[2:]) != self._address:
            raise Misconfigured(f"the signer at {self._shown} signed for {signer}: correct key.address")
        return signature

    def _fields(self, transaction: Transaction) -> dict[str, str]:
        fees = transaction.fees
        prices = (
            {"maxFeePerGas": hex(fees.max_fee_wei), "maxPriorityFeePerGas": hex(fees.priority_fee_wei)}
            if fees.typed
            else {"gasPrice": hex(fees.max_fee_wei)}
        )
        fields = {
            "from": shown(self._address),
            "gas": hex(transaction.gas),
            "nonce": hex(transaction.nonce),
            "value": hex(transaction.value_wei),
            "data": "0x" + transaction.data.hex(),
        }
        if transaction.to is not None:
            fields["to"] = shown(transaction.to)
        if self._kind is Kind.CLEF:
            fields["chainId"] = hex(transaction.chain_id)
        return fields | prices

    def _call(self, method: str, *params: Any) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = Request(self._url, body, {"Content-Type": "application/json"})  # noqa: S310 (http or https: config)
        try:
            with _OPENER.open(request, timeout=TIMEOUT_S) as response:
                reply = jsontext.parse(response.read(_LARGEST_REPLY))
        except HTTPError as error:
            raise Unavailable(f"the signer at {self._shown} answers with status {error.code}") from error
        except (URLError, OSError, ValueError) as error:
            raise Unavailable(
                f"the signer at {self._shown} does not answer: start it, or correct key.signer_url"
            ) from error
        if not isinstance(reply, dict) or reply.get("id") != 1:
            raise Unavailable(f"the signer at {self._shown} answers with no JSON-RPC: correct key.signer_url")
        if (refusal := reply.get("error")) is not None:
            words = refusal.get("message", refusal) if isinstance(refusal, dict) else refusal
            raise Unavailable(f"the signer at {self._shown} refuses: {words}: approve it there, or mend its rules")
        return reply.get("result")


def _last_three(signed: bytes) -> list[bytes]:
    """V or parity, r and s of a raw transaction."""
    return list(rlp.decode(signed[1:] if signed[:1] == TYPE_2 else signed))[-3:]


def _recovered(digest: bytes, r: int, s: int, parity: int) -> bytes:
    signature = r.to_bytes(_WORD) + s.to_bytes(_WORD) + bytes([parity])
    public = PublicKey.from_signature_and_message(signature, digest, hasher=None).format(compressed=False)
    return keccak(public[1:])[12:]


def _plain(value: Any) -> Any:
    """As JSON has it: bytes as 0x-hex, integers that JSON's readers cut as decimal text."""
    match value:
        case Mapping():
            return {key: _plain(each) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case bytes():
            return "0x" + value.hex()
        case bool():
            return value
        case int():
            return str(value)
        case _:
            return value
