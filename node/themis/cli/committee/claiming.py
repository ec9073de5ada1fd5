"""`themis committee claim`: the pay of a committee's answers, shared among those who signed them."""

from typing import Any

import typer

from themis.cli import wallet
from themis.cli.committee import acting
from themis.cli.committee.acting import CommitteeArgument, committee_of
from themis.cli.fields import IN_ETHER, Json, TokenOption
from themis.cli.home import home_of
from themis.cli.output import print_record
from themis.core.spelling import shown

app = typer.Typer(rich_markup_mode=None)


@app.command()
def claim(
    context: typer.Context,
    *,
    committee: CommitteeArgument = None,
    token: TokenOption = IN_ETHER,
    as_json: Json = False,
) -> None:
    """Collect what the committee's answers have earned, share it among their signers, and pay this member's owner."""
    from themis.chain.contracts import COMMITTEE

    here = wallet.open_wallet(home_of(context))
    place = committee_of(here, committee)
    committees = acting.committees(here)
    models, groups = committees.work_of(place, here.signer.address)
    owner = committees.owner_of(place, here.signer.address)
    done = acting.on_committee(here, place, "claim", token, models, groups, owner)
    paid = [log for log in acting.logs_of(done, COMMITTEE, place) if log.event == "Withdrawn"]
    amount = sum(int(log.values["amount"]) for log in paid)
    record: dict[str, Any] = {"committee": shown(place), "owner": shown(owner), "token": shown(token)}
    print_record(record | {"amount": str(amount)} | done.facts, as_json=as_json)
