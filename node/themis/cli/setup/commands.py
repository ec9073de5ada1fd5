"""Commands that set a home up: `init` and `deploy`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from themis.cli import wallet
from themis.cli.fields import Json
from themis.cli.home import Home, home_of
from themis.cli.output import print_record, say
from themis.core.errors import Misconfigured, Unavailable
from themis.core.spelling import address, endpoint, shown
from themis.core.types import Address

if TYPE_CHECKING:
    from themis.chain.client import OracleClient

app = typer.Typer(rich_markup_mode=None)


@app.command()
def init(
    context: typer.Context,
    *,
    rpc_url: Annotated[
        Any, typer.Option(parser=endpoint, metavar="URL", help="HTTP endpoint of the chain; asked for the chain's id.")
    ],
    oracle: Annotated[Any, typer.Option(parser=address, metavar="ADDRESS", help="None: deploy next.")] = None,
    start_block: Annotated[
        int | None, typer.Option(min=0, help="Block its registry was deployed in; none: found on the chain.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write config.toml into a new home."""
    from themis.chain import client
    from themis.chain.client import OracleClient
    from themis.chain.rpc import Rpc, redacted
    from themis.cli import configfile

    home = home_of(context)
    if home.config_file.exists():
        raise Misconfigured(f"{home.config_file} exists: edit it, or choose another --home")
    rpc = Rpc(rpc_url)
    chain_id = int(rpc.call("eth_chainId"), 16)
    if oracle is not None:
        found = OracleClient(rpc, chain_id, Address(oracle))
        client.require_oracle(found)
        start_block = _deployed_in(found) if start_block is None else start_block
    start_block = start_block or 0
    oracle_text = None if oracle is None else shown(oracle)
    written = {"rpc_url": rpc_url, "ws_url": _heads_beside(rpc_url, chain_id), "oracle": oracle_text}
    configfile.create(home.config_file, **written, chain_id=chain_id, start_block=start_block)
    record = {
        "config": str(home.config_file),
        "chain_id": chain_id,
        "rpc": redacted(rpc_url),
        "oracle": oracle_text,
        "start_block": start_block,
    }
    print_record(record, as_json=as_json)
    say("next: `themis keys new`" + ("" if oracle else ", then `themis deploy`"))


def _heads_beside(rpc_url: str, chain_id: int) -> str | None:
    """A WebSocket at the same address that tells of new blocks, as development chains have one; None: there is none."""
    from themis.chain.heads import Heads

    url = rpc_url.replace("http", "ws", 1)
    heads = Heads(url, chain_id)
    try:
        heads.wait(0)
    except Unavailable:
        return None
    finally:
        heads.close()
    return url


def _deployed_in(oracle: "OracleClient") -> int:
    """Where the history of oracle and registry begins; 0, and a word about it, where the endpoint cannot tell."""
    from themis.chain import client

    try:
        return client.deployed_in(oracle.rpc, oracle.registry)
    except Unavailable as error:
        say(
            f"the oracle's first block is unknown ({error}), so lists read the whole chain: "
            "set chain.start_block in config.toml to the block that its registry was deployed in"
        )
        return 0


@app.command()
def deploy(
    context: typer.Context,
    *,
    registry: Annotated[
        Any, typer.Option(parser=address, metavar="ADDRESS", help="A registry of models to read; none: a new one.")
    ] = None,
    signed_deposits: Annotated[
        bool,
        typer.Option(
            "--signed-deposits", help="Only what takes deposits by signature, beside the oracle of config.toml."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Deploy an oracle, with a registry of models where it is given none, and write its address into config.toml."""
    from themis.chain import client
    from themis.chain.abi import address as address_bytes
    from themis.chain.contracts import ORACLE, REGISTRY
    from themis.chain.rpc import Rpc
    from themis.cli import configfile

    home = home_of(context)
    if signed_deposits:
        print_record(_deploy_signed_deposits(home), as_json=as_json)
        return
    config = home.config()
    if config.chain.oracle is not None:
        raise Misconfigured("chain.oracle is set already: remove it from config.toml to deploy another one")
    rpc = Rpc(*config.chain.urls, quorum=config.chain.quorum)
    client.require_chain(rpc, config.chain.chain_id)
    signer = wallet.unlock(home, config)
    sending = (rpc, config.chain.chain_id, signer, config.fees.limits())
    outbox = wallet.outbox(home)
    if registry is None:
        made = client.deploy(*sending, REGISTRY, outbox=outbox)
        registry = address_bytes(made["contractAddress"])
        start_block = int(made["blockNumber"], 16)
        say(f"registry deployed at {shown(registry)}: --registry takes it, should this stop before the oracle is there")
    else:
        start_block = client.deployed_in(rpc, registry)
    done = wallet.Done(client.deploy(*sending, ORACLE, registry, outbox=outbox), [])
    oracle = shown(address_bytes(done.receipt["contractAddress"]))
    say(f"oracle deployed at {oracle}")
    configfile.set_oracle(home.config_file, oracle, start_block)
    record = {"oracle": oracle, "registry": shown(registry), "start_block": start_block}
    print_record(record | done.facts, as_json=as_json)


def _deploy_signed_deposits(home: Home) -> dict[str, Any]:
    from themis.chain import client
    from themis.chain.abi import address as address_bytes
    from themis.chain.deposits import DEPOSITS
    from themis.cli import configfile

    here = wallet.open_wallet(home)
    if here.config.chain.signed_deposits is not None:
        raise Misconfigured("chain.signed_deposits is set already: remove it from config.toml to deploy another one")
    sending = (here.client.rpc, here.client.chain_id, here.signer, here.config.fees.limits())
    done = wallet.Done(client.deploy(*sending, DEPOSITS, here.client.oracle, outbox=here.outbox), [])
    place = shown(address_bytes(done.receipt["contractAddress"]))
    configfile.set_address(home.config_file, "chain", "signed_deposits", place)
    say(f"requesters sign for it with `themis account sign AMOUNT FILE --token ADDRESS --through {place}`")
    return {"signed_deposits": place} | done.facts
