"""A token (ERC-20) as somebody who pays with it needs it: what the oracle may take, letting it, and signing for it."""

from typing import Final

from themis.chain import client
from themis.chain.client import OracleClient
from themis.chain.outbox import NOTHING, Outbox
from themis.chain.rpc import RpcError
from themis.core import eip712
from themis.core.abi import decode, encode
from themis.core.eip712 import Domain
from themis.core.errors import Misconfigured
from themis.core.fees import FeePolicy
from themis.core.keccak import keccak
from themis.core.types import Address
from themis.ports import Signer

_ALLOWANCE: Final = keccak(b"allowance(address,address)")[:4]
_APPROVE: Final = keccak(b"approve(address,uint256)")[:4]
_WORD: Final = 32


def allow(  # noqa: PLR0917 (an allowance has that many parts)
    oracle: OracleClient, signer: Signer, fees: FeePolicy, token: Address, amount: int, outbox: Outbox = NOTHING
) -> bool:
    """Let the oracle take `amount` of the signer's tokens, exactly; False where it may already.

    An allowance that is too small is taken back first: USDT asks for that. Raises Misconfigured for no token.
    """
    allowed = _allowance(oracle, signer.address, token)
    if allowed >= amount:
        return False
    for value in (0, amount) if allowed else (amount,):
        data = _APPROVE + encode(["address", "uint256"], [oracle.oracle, value])
        client.transact(oracle.rpc, oracle.chain_id, signer, fees, token, data, 0, outbox=outbox)
    return True


def domain(oracle: OracleClient, token: Address) -> Domain:
    """Where signatures of a token's owners count (EIP-712). Raises Misconfigured where it takes none."""
    calls = ("name()", "DOMAIN_SEPARATOR()", "version()")
    name, separator, version = (_read(oracle, token, each) for each in calls)
    if name is None or separator is None:
        raise Misconfigured(f"0x{token.hex()} takes no signatures of its owners: use `themis account deposit`")
    for said in (*([] if version is None else [_text(version)]), "1", "2"):
        found = Domain(_text(name), said, oracle.chain_id, token)
        if eip712.separator(found) == separator:
            return found
    raise Misconfigured(f"0x{token.hex()} does not say what its owners sign for: use `themis account deposit`")


def nonce(oracle: OracleClient, token: Address, owner: Address) -> int:
    """The next permit's (EIP-2612). Raises Misconfigured for a token without any."""
    found = _read(oracle, token, "nonces(address)", owner)
    if found is None or len(found) != _WORD:
        raise Misconfigured(f"0x{token.hex()} takes no permits (EIP-2612): try --authorization (EIP-3009)")
    return int.from_bytes(found)


def _read(oracle: OracleClient, token: Address, function: str, *arguments: Address) -> bytes | None:
    """What a view returns; None where the token has none of that name."""
    data = keccak(function.encode())[:4] + encode(["address"] * len(arguments), arguments)
    call = {"to": "0x" + token.hex(), "data": "0x" + data.hex()}
    try:
        found = bytes.fromhex(oracle.rpc.call("eth_call", call, "latest")[2:])
    except RpcError as error:
        if error.passing:
            raise
        return None
    return found or None


def _text(encoded: bytes) -> str:
    try:
        (said,) = decode(["string"], encoded)
    except ValueError:
        return ""
    return str(said)


def _allowance(oracle: OracleClient, owner: Address, token: Address) -> int:
    data = _ALLOWANCE + encode(["address", "address"], [owner, oracle.oracle])
    call = {"to": "0x" + token.hex(), "data": "0x" + data.hex()}
    try:
        found = bytes.fromhex(oracle.rpc.call("eth_call", call, "latest")[2:])
    except RpcError as error:
        raise Misconfigured(f"0x{token.hex()} is not a token ({error}): correct --token") from error
    if len(found) != _WORD:
        raise Misconfigured(f"0x{token.hex()} is not a token: correct --token")
    return int.from_bytes(found)
