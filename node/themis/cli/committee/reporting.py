"""`themis committee report`: a member that signed two results loses its stake; whoever shows it is paid."""

from contextlib import closing
from typing import Annotated, Any

import typer

from themis.cli import wallet
from themis.cli.committee import acting
from themis.cli.fields import Json
from themis.cli.home import home_of
from themis.cli.output import print_json, say
from themis.cli.references import ID_DIGITS, prefix
from themis.core.errors import Misconfigured
from themis.core.spelling import shown
from themis.core.types import Hash32

app = typer.Typer(rich_markup_mode=None)


@app.command()
def report(
    context: typer.Context,
    *,
    request: Annotated[
        Any, typer.Argument(parser=prefix, metavar="REQUEST", help="Its id: a member signed two results of it.")
    ],
    as_json: Json = False,
) -> None:
    """Show the committee what this node has heard: two results that one member signed of one request."""
    from themis.chain import contracts
    from themis.core.agreement import Roster, fold
    from themis.store.store import SqlStore

    here = wallet.open_wallet(home_of(context))
    config, client = here.config, here.client
    low, high = (Hash32(bytes.fromhex(request[2:].ljust(ID_DIGITS, digit))) for digit in "0f")
    store = SqlStore(
        config.store_of(here.home.path), chain_id=client.chain_id, oracle=client.oracle, operator=here.signer.address
    )
    with closing(store):
        found = store.ids(low, high, limit=2)
        if len(found) != 1:
            raise Misconfigured(f"{len(found) or 'no'} requests begin with {request}: see `themis jobs`")
        job, heard = store.job(found[0]), store.heard(found[0])
    if job is None or config.committee.address is None:
        raise Misconfigured("this home is a member of no committee: nothing was heard here")
    everybody = Roster(1, frozenset(each.message.member for each in heard))
    told = []
    for proof in fold(job.id, everybody, heard).equivocations:
        member = proof.one.member
        done = acting.send_to(here, job.request.operator, contracts.committee_slash(job.request, proof))
        told.append(
            {"member": shown(member), "results": [shown(proof.one.result_hash), shown(proof.other.result_hash)]}
        )
        told[-1] |= done.facts
        say(f"{shown(member)} has lost its stake: it signed two results of {shown(job.id)}")
    if not told:
        raise Misconfigured("no member is known here to have signed two results of it")
    if as_json:
        print_json(told)
