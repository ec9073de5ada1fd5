"""`themis committee push`: whatever is due on chain about a request that its committee has not answered."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from themis.cli import wallet
from themis.cli.committee import acting
from themis.cli.fields import Json
from themis.cli.home import home_of
from themis.cli.output import print_json, say
from themis.cli.references import prefix
from themis.cli.request.payment import requested
from themis.core.errors import Misconfigured
from themis.core.spelling import instant, shown

if TYPE_CHECKING:
    from themis.cli.wallet import Wallet
    from themis.store.store import SqlStore

app = typer.Typer(rich_markup_mode=None)

_OPEN: Final = 1
"""As `State` in IInferenceOracle.sol."""


def output_of(text: str) -> bytes:
    """Bytes as 0x-hex."""
    return bytes.fromhex(text.removeprefix("0x"))


@app.command()
def push(
    context: typer.Context,
    *,
    request: Annotated[
        Any, typer.Argument(parser=prefix, metavar="REQUEST", help="Asked of a committee: 6 digits of it or more.")
    ],
    output: Annotated[
        Any, typer.Option(parser=output_of, metavar="HEX", help="To count; none: what this home's node has computed.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Do what is due on chain about a request: commit, reveal, count, fine; after its deadline refund. Anybody may."""
    from themis.chain import contracts
    from themis.chain.committee import RpcCommittee
    from themis.committee.known import case_of
    from themis.core.canonical import request_words
    from themis.core.recourse import Count, due, in_words, next_s

    here = wallet.open_wallet(home_of(context))
    id_, asked = requested(here, request)
    state, seq, _ = here.client.read("stateOf", asked.requester, asked.lane)
    if (state, seq) != (_OPEN, asked.seq):
        raise Misconfigured(f"request {shown(id_)} is not open: it was answered or refunded, and nothing is due")
    now_s, place = here.client.now_s(), RpcCommittee(here.client.rpc, asked.operator)
    done: list[dict[str, Any]] = []
    if now_s > asked.deadline_s:
        sent = here.transact("refund", request_words(asked))
        done.append({"did": "the fee is the requester's credit again"} | sent.facts)
    rounds = place.rounds([id_], here.config.chain.start_block)
    with _store(here) as store:
        case = case_of(store, place.assembly(), here.signer.address, asked, rounds.get(id_), id_=id_)
        job = None if store is None else store.job(id_)
    if output is None and job is not None and job.answer is not None:
        output = job.answer.output
    for move in due(case, now_s):
        if isinstance(move, Count) and output is None:
            raise Misconfigured("enough members revealed one result, which this home has not computed: --output HEX")
        sent = acting.send_to(here, asked.operator, contracts.committee_move(asked, id_, move, output or b""))
        done.append({"did": in_words(move)} | sent.facts)
    if as_json:
        print_json(done)
    for each in done:
        say(f"{each['did']}: transaction {each['tx_hash']}")
    if not done:
        say(
            "nothing is due now"
            if case.round
            else "nothing is on chain, and this home knows no commitment to put there"
        )
    later_s = next_s(case, now_s)
    if later_s is not None and now_s <= asked.deadline_s:
        say(f"more may be due from {instant(later_s)} on")


@contextmanager
def _store(here: "Wallet") -> "Iterator[SqlStore | None]":
    """What this home's node has heard, beside it; None where there never was one."""
    from themis.store.location import is_there
    from themis.store.store import SqlStore

    location, client = here.config.store_of(here.home.path), here.client
    if not is_there(location):
        yield None
        return
    store = SqlStore(location, chain_id=client.chain_id, oracle=client.oracle, operator=here.signer.address)
    try:
        yield store
    finally:
        store.close()
