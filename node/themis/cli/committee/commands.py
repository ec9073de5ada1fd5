"""`themis committee`: make one, join it, offer models with it, leave it, and see what stands behind its answers."""

from typing import Annotated, Any, Final

import typer

from themis.cli import wallet
from themis.cli.committee import acting, claiming, offering, pushing, reporting
from themis.cli.committee.acting import CommitteeArgument, committee_of
from themis.cli.fields import Json, Wide
from themis.cli.home import home_of
from themis.cli.output import print_json, print_list, print_record, say
from themis.cli.short import Ids
from themis.cli.table import Column, View
from themis.core.errors import Misconfigured
from themis.core.spelling import address, ether, shown
from themis.core.types import ETHER

DAY_S: Final = 86_400

app = typer.Typer(rich_markup_mode=None)
committee = typer.Typer(
    rich_markup_mode=None, help="Operators of several members, of which so many must sign the same answer."
)
app.add_typer(committee, name="committee")
for part in (offering, claiming, pushing, reporting):
    committee.add_typer(part.app)

Factory = Annotated[
    Any, typer.Option(parser=address, metavar="ADDRESS", help="Of committees; none: committee.factory of config.toml.")
]


@committee.command()
def create(
    context: typer.Context,
    *,
    threshold: Annotated[int, typer.Option(min=1, max=64, help="So many members must sign the same answer.")],
    stake_wei: Annotated[int, typer.Option(min=1, help="Of each member.")],
    fine_wei: Annotated[
        int, typer.Option(min=0, help="Of a member that commits on chain and does not reveal; at most the stake.")
    ] = 0,
    window_s: Annotated[int, typer.Option(min=1, help="For commitments on chain, and as long for reveals.")] = 300,
    unbonding_days: Annotated[float, typer.Option(min=0, help="From leaving to the stake's release.")] = 7,
    max_royalty_bps: Annotated[
        int, typer.Option(min=0, max=5_000, help="Of the fee, at most, to the licensor of the committee's grant.")
    ] = 1_000,
    member: Annotated[
        list[Any] | None, typer.Option(parser=address, metavar="ADDRESS", help="May join; none: anybody may.")
    ] = None,
    factory: Factory = None,
    as_json: Json = False,
) -> None:
    """Make a committee; its rules make its address. Deploys a factory where none is known."""
    from themis.chain import client
    from themis.chain.abi import address as address_bytes
    from themis.chain.contracts import FACTORY
    from themis.cli import configfile

    home = home_of(context)
    here = wallet.open_wallet(home)
    factory = factory or here.config.committee.factory
    if factory is None:
        by = (here.client.rpc, here.client.chain_id, here.signer, here.config.fees.limits(), FACTORY)
        made = client.deploy(*by, here.client.oracle, outbox=here.outbox)
        factory = address_bytes(made["contractAddress"])
        say(f"factory deployed at {shown(factory)}: --factory takes it")
    configfile.set_address(home.config_file, "committee", "factory", shown(factory))
    rules = (threshold, max_royalty_bps, window_s, int(unbonding_days * DAY_S), stake_wei, fine_wei)
    arguments = (rules, sorted(member or []))
    where = acting.view(here, FACTORY, factory, "addressOf", *arguments)
    done = acting.transact(here, FACTORY, factory, "create", *arguments)
    record = {"committee": shown(address_bytes(where)), "factory": shown(factory)}
    print_record(record | done.facts, as_json=as_json)
    say("next, in each member's home: `themis committee join COMMITTEE --endpoint URL`")


@committee.command()
def join(
    context: typer.Context,
    *,
    committee: Annotated[Any, typer.Argument(parser=address, metavar="COMMITTEE")],
    endpoint: Annotated[
        str, typer.Option(help="URL at which other members reach this node's API; none: it calls them.")
    ] = "",
    owner: Annotated[
        Any, typer.Option(parser=address, metavar="ADDRESS", help="Gets stake and pay; none: this home's key.")
    ] = None,
    slash_by: Annotated[
        Any, typer.Option(parser=address, metavar="ADDRESS", help="A contract that may take the stake; none: none.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Put up the stake, and let this home's node answer for a committee."""
    from themis.cli import configfile

    home = home_of(context)
    here = wallet.open_wallet(home)
    rules = acting.committees(here).rules(committee)
    terms = (owner or here.signer.address, slash_by or ETHER, endpoint)
    done = acting.on_committee(here, committee, "join", *terms, value_wei=rules.stake_wei)
    configfile.set_address(home.config_file, "committee", "address", shown(committee))
    record = {"committee": shown(committee), "member": shown(here.signer.address), "stake_wei": str(rules.stake_wei)}
    print_record(record | done.facts, as_json=as_json)
    say("next: `themis check`, then `themis run`")


@committee.command()
def leave(context: typer.Context, *, committee: CommitteeArgument = None, as_json: Json = False) -> None:
    """Sign no more. The stake is bound until the rules release it; called again after that, this takes it back."""
    here = wallet.open_wallet(home_of(context))
    place = committee_of(here, committee)
    own = here.signer.address
    row = next((each for each in acting.committees(here).seen(place).members if each.member == own), None)
    if row is None:
        raise Misconfigured(f"{shown(own)} was never a member of {shown(place)}")
    done = acting.on_committee(here, place, "release" if row.release_at_s else "leave", own)
    if row.release_at_s:
        acting.on_committee(here, place, "withdraw", ETHER, row.owner)
    record = {"committee": shown(place), "member": shown(own), "released": bool(row.release_at_s)}
    print_record(record | done.facts, as_json=as_json)
    if not row.release_at_s:
        say("the stake is bound for a while: the same command takes it back afterwards")


@committee.command()
def show(
    context: typer.Context, *, committee: CommitteeArgument = None, wide: Wide = False, as_json: Json = False
) -> None:
    """Say what stands behind a committee's answers, and what became of what it was asked: from the chain alone."""
    from themis.licensing.committees import shown_committee

    config = home_of(context).config()
    client = wallet.connect(config)
    place = committee or config.committee.address
    if place is None:
        raise Misconfigured("which committee? Give its address, or join one")
    found = acting.reader(client, config.chain.start_block).seen(place)
    record = shown_committee(found)
    if as_json:
        print_json(record)
        return
    members = record.pop("members")
    print_record(record, as_json=False)
    print_list(members, _members(members), as_json=False, wide=wide, empty="nobody has joined it yet")


@committee.command("list")
def list_(context: typer.Context, *, factory: Factory = None, wide: Wide = False, as_json: Json = False) -> None:
    """List the committees that a factory has made, with their rules."""
    from themis.licensing.committees import shown_rules

    config = home_of(context).config()
    client = wallet.connect(config)
    place = factory or config.committee.factory
    if place is None:
        raise Misconfigured("which factory? Give --factory ADDRESS, or set committee.factory in config.toml")
    made = acting.reader(client, config.chain.start_block).made_by(place)
    rows = [{"committee": shown(each), **shown_rules(rules)} for each, rules in made]
    print_list(rows, _committees(rows), as_json=as_json, wide=wide, empty="it has made none yet")


def _members(rows: list[dict[str, Any]]) -> View:
    ids = Ids(each["member"] for each in rows)
    return (
        Column("member", lambda row: ids.short(row["member"])),
        Column("stake", lambda row: ether(int(row["stake_wei"]))),
        Column("signs", lambda row: "yes" if row["signing"] else "slashed" if row["slashed"] else "no"),
        Column("answered", lambda row: str(row["answered"])),
        Column("outvoted", lambda row: str(row["outvoted"])),
        Column("fined", lambda row: str(row["fined"])),
        Column("endpoint", lambda row: row["endpoint"] or "-"),
    )


def _committees(rows: list[dict[str, Any]]) -> View:
    ids = Ids(each["committee"] for each in rows)
    return (
        Column("committee", lambda row: ids.short(row["committee"])),
        Column("must agree", lambda row: str(row["threshold"])),
        Column("stake each", lambda row: ether(int(row["stake_wei"]))),
        Column("unbonding", lambda row: f"{row['unbonding_s'] / DAY_S:g} days"),
    )
