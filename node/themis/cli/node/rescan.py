"""`themis rescan`: blocks that were read before, read again."""

import time
from contextlib import closing
from dataclasses import asdict
from typing import Annotated

import typer

from themis.cli import wallet
from themis.cli.fields import Json
from themis.cli.home import home_of
from themis.cli.output import print_record, progress, say
from themis.core.errors import Misconfigured

app = typer.Typer(rich_markup_mode=None)


@app.command()
def rescan(
    context: typer.Context,
    *,
    first: Annotated[
        int | None, typer.Option("--from", min=0, metavar="BLOCK", help="From this block on; without: all.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Read the chain again for requests that the node has missed. Stop the node first; it answers what was found."""
    from themis.chain.oracle import RpcChain
    from themis.daemon.rescan import rescan as read_again
    from themis.store.location import is_there
    from themis.store.lock import resting
    from themis.store.store import SqlStore

    home = home_of(context)
    config = home.config()
    place = config.store_of(home.path)
    operator = wallet.own_address(home, config)
    if not is_there(place):
        raise Misconfigured("there is no store yet: the first `themis run` reads the chain")
    with resting(home.path):
        client = wallet.connect(config)
        store = SqlStore(place, chain_id=client.chain_id, oracle=client.oracle, operator=operator)
        with closing(store):
            if not store.lead():
                raise Misconfigured("a node with this key uses the database: stop it first")
            start = config.chain.start_block if first is None else max(first, config.chain.start_block)
            found = read_again(
                RpcChain(client, config.committee.address or operator), store, start, time.time(), progress
            )
    print_record(asdict(found), as_json=as_json)
    if found.new or found.changed:
        say("start the node: `themis run` goes on with what was found")
