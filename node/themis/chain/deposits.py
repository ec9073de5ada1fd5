"""`SignedDeposits`: a contract beside the oracle that pays tokens into deposits by their owners' signatures."""

from typing import Final

from themis.chain import contracts, transact
from themis.chain.abi import Artifact
from themis.chain.client import OracleClient
from themis.chain.rpc import RpcError
from themis.core.deposit import SignedDeposit
from themis.core.errors import Denied, Misconfigured
from themis.core.types import Address

DEPOSITS: Final = Artifact("SignedDeposits")


def require(oracle: OracleClient, place: Address) -> None:
    """Raises Misconfigured where the code there is not this version's, for this oracle: it gets an owner's tokens."""
    calls = [("eth_call", [{"data": _hex(DEPOSITS.creation(oracle.oracle))}, "latest"])]
    expected, found = oracle.rpc.agreed([*calls, ("eth_getCode", [_hex(place), "latest"])])
    for each in (expected, found):
        if isinstance(each, RpcError):
            raise transact.denied(each) from each
    if found != expected:
        raise Misconfigured(
            f"{_hex(place)} is no SignedDeposits of the oracle {_hex(oracle.oracle)}, or of another version: correct "
            "chain.signed_deposits, or --through"
        )


def tried(oracle: OracleClient, signed: SignedDeposit, sender: Address) -> None:
    """Call for a deposit, and send nothing. Raises Denied where it would be refused."""
    call = {"from": _hex(sender), "to": _hex(signed.through), "data": _hex(data(signed))}
    try:
        oracle.rpc.call("eth_call", call, "latest")
    except RpcError as error:
        if error.passing:
            raise
        why = contracts.denial(error.data).error if error.data else error.message
        raise Denied(
            f"0x{signed.domain.contract.hex()} does not take it ({why}): the account has less than {signed.amount} of "
            "it, what was signed was used or has ended, or the token has no such signatures"
        ) from error


def data(signed: SignedDeposit) -> bytes:
    """Calldata that pays it in."""
    function, arguments = signed.call
    return DEPOSITS.call(function, *arguments)


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
