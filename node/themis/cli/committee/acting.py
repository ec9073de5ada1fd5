"""What the commands on committees share: which one, reads, and transactions to it."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from themis.cli.wallet import Done, Wallet
from themis.core.errors import Misconfigured
from themis.core.spelling import address
from themis.core.types import Address

if TYPE_CHECKING:
    from themis.chain.abi import Artifact, Log
    from themis.chain.client import OracleClient
    from themis.chain.committees import Committees

CommitteeArgument = Annotated[
    Any, typer.Argument(parser=address, metavar="[COMMITTEE]", help="None: the one this home is a member of.")
]


def committee_of(here: Wallet, given: Address | None) -> Address:
    """The one that is meant. Raises Misconfigured."""
    found = given or here.config.committee.address
    if found is None:
        raise Misconfigured("which committee? Give its address, or join one")
    return Address(found)


def reader(client: "OracleClient", start_block: int) -> "Committees":
    from themis.chain.committees import Committees

    return Committees(client, start_block)


def committees(here: Wallet) -> "Committees":
    return reader(here.client, here.config.chain.start_block)


def view(here: Wallet, artifact: "Artifact", place: Address, function: str, *arguments: Any) -> Any:
    """The one value of a view. Raises as `OracleClient.read`."""
    from themis.chain.rpc import RpcError
    from themis.chain.transact import denied

    call = {"to": "0x" + place.hex(), "data": "0x" + artifact.call(function, *arguments).hex()}
    try:
        said = here.client.rpc.call("eth_call", call, "latest")
        (value,) = artifact.result(function, bytes.fromhex(said[2:]))
    except RpcError as error:
        raise denied(error) from error
    except ValueError as error:
        raise Misconfigured(f"what is at 0x{place.hex()} does not answer {function}: correct its address") from error
    return value


def transact(
    here: Wallet, artifact: "Artifact", place: Address, function: str, *arguments: Any, value_wei: int = 0
) -> Done:
    """Send one to another contract than the oracle, and wait for it. Raises ContractDenied before it costs anything."""
    return send_to(here, place, artifact.call(function, *arguments), value_wei)


def send_to(here: Wallet, place: Address, data: bytes, value_wei: int = 0) -> Done:
    """As `transact`, of calldata."""
    from themis.chain.client import transact as send

    whole = (here.client.rpc, here.client.chain_id, here.signer, here.config.fees.limits(), place)
    return Done(send(*whole, data, value_wei, outbox=here.outbox), [])


def logs_of(done: Done, artifact: "Artifact", place: Address) -> "list[Log]":
    """What one contract logged in a transaction."""
    ours = [raw for raw in done.receipt["logs"] if raw["address"].lower() == "0x" + place.hex()]
    found = (
        artifact.log([bytes.fromhex(t[2:]) for t in raw["topics"]], bytes.fromhex(raw["data"][2:])) for raw in ours
    )
    return [log for log in found if log is not None]


def on_committee(here: Wallet, place: Address, function: str, *arguments: Any, value_wei: int = 0) -> Done:
    from themis.chain.contracts import COMMITTEE

    return transact(here, COMMITTEE, place, function, *arguments, value_wei=value_wei)
