"""`themis warranty`: stand for answers with a bond, and see which answers somebody stands for."""

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from themis.cli import wallet
from themis.cli.committee import acting
from themis.cli.fields import Json
from themis.cli.home import home_of
from themis.cli.output import print_json, print_record, say
from themis.core.errors import Misconfigured
from themis.core.spelling import address, shown
from themis.core.types import Address

if TYPE_CHECKING:
    from themis.chain.disputes import Disputes

HOUR_S: Final = 3_600

app = typer.Typer(rich_markup_mode=None)
warranty = typer.Typer(rich_markup_mode=None, help="Money behind answers: cover them, and see what is covered.")
app.add_typer(warranty, name="warranty")

Model = Annotated[str, typer.Argument(metavar="MODEL", help="Name or id.")]
AmountWei = Annotated[int, typer.Argument(min=1, metavar="WEI")]


def disputes_of(config: Any, client: Any) -> "Disputes":
    """The warranty that a home uses. Raises Misconfigured."""
    from themis.chain.disputes import Disputes

    if config.dispute.warranty is None:
        raise Misconfigured(
            "dispute.warranty is not set: put the contract's address there, or run `themis warranty deploy`"
        )
    found = Disputes(client, config.dispute.warranty, config.chain.start_block)
    found.require()
    return found


@warranty.command()
def deploy(
    context: typer.Context,
    *,
    reveal_hours: Annotated[float, typer.Option(min=0.01, max=720, help="For a guarantor to commit to a trace.")] = 6,
    clock_hours: Annotated[float, typer.Option(min=0.01, max=720, help="Of each side, for all moves together.")] = 24,
    as_json: Json = False,
) -> None:
    """Deploy warranty, referee, games and the adaptors, and write their addresses into config.toml."""
    from themis.chain import client as clients
    from themis.chain.abi import Artifact
    from themis.chain.abi import address as address_bytes
    from themis.chain.contracts import DISPUTE, WARRANTY
    from themis.chain.disputes import REFEREES
    from themis.cli import configfile
    from themis.dispute import adaptors

    home = home_of(context)
    here = wallet.open_wallet(home)
    if here.config.dispute.warranty is not None:
        raise Misconfigured("dispute.warranty is set already: remove it from config.toml to deploy another one")
    by = (here.client.rpc, here.client.chain_id, here.signer, here.config.fees.limits())

    def made(artifact: Artifact, *arguments: Any) -> Address:
        return address_bytes(clients.deploy(*by, artifact, *arguments, outbox=here.outbox)["contractAddress"])

    bonds = made(WARRANTY, here.client.oracle, here.client.registry)
    judges = [made(Artifact(name)) for name in REFEREES]
    games = made(DISPUTE, bonds, judges, int(reveal_hours * HOUR_S), int(clock_hours * HOUR_S))
    read = [shown(made(Artifact(each.contract))) for each in adaptors.KNOWN.values()]
    places: dict[str, Any] = {"warranty": shown(bonds), "contract": shown(games), "adaptors": read}
    for key, place in places.items():
        configfile.set_address(home.config_file, "dispute", key, place)
    print_record(places, as_json=as_json)
    say("next, in a guarantor's home: `themis warranty bond WEI`, then `themis warranty cover MODEL`")


@warranty.command()
def bond(context: typer.Context, *, amount_wei: AmountWei, as_json: Json = False) -> None:
    """Add to this key's bond, which stands behind every answer that it covers."""
    from themis.chain.contracts import WARRANTY

    here = wallet.open_wallet(home_of(context))
    place = disputes_of(here.config, here.client).warranty
    done = acting.transact(here, WARRANTY, place, "bond", here.signer.address, value_wei=amount_wei)
    print_record({"guarantor": shown(here.signer.address), "amount_wei": str(amount_wei)} | done.facts, as_json=as_json)


@warranty.command()
def cover(
    context: typer.Context,
    *,
    model: Model,
    operator: Annotated[
        Any, typer.Option(parser=address, metavar="ADDRESS", help="Whose answers; none: this home's key's.")
    ] = None,
    bond_wei: Annotated[int, typer.Option(min=5, help="That one wrong answer costs.")],
    challenge_bond_wei: Annotated[int, typer.Option(min=1, help="Of whoever challenges; a fifth of it at most.")],
    window_hours: Annotated[float, typer.Option(min=1, max=168, help="To challenge an answer in.")] = 48,
    end: Annotated[bool, typer.Option("--end", help="End this cover instead: it takes challenges a while.")] = False,
    as_json: Json = False,
) -> None:
    """Stand for an operator's answers with a model: say what is proved of them, and lose the bond of one that is wrong.

    Until its window is over, whoever proves that an answer is wrong gets 45 % of its bond, and the requester 5 % and
    its fee. `themis watch` has to run in this home: whoever does not defend itself in time loses.
    """
    from themis.chain.contracts import WARRANTY
    from themis.chain.disputes import Cover
    from themis.cli.warranty.covering import held
    from themis.dispute.covers import adaptor_for

    home = home_of(context)
    here = wallet.open_wallet(home)
    found = disputes_of(here.config, here.client)
    settings = here.config.dispute
    if settings.contract is None or not settings.adaptors:
        raise Misconfigured("dispute.contract and dispute.adaptors say who decides games: set them in config.toml")
    model_id = here.model(model)
    bundle = held(here.client, home, here.config).find(model_id)
    adaptor, proved = adaptor_for(found, bundle, settings.adaptors)
    own = here.signer.address
    said = Cover(
        guarantor=own,
        operator=operator or own,
        model_id=model_id,
        program_root=bundle.program_root,
        weights_root=bundle.weights_root,
        dispute=settings.contract,
        adaptor=adaptor,
        bond_wei=bond_wei,
        challenge_bond_wei=challenge_bond_wei,
        window_s=int(window_hours * HOUR_S),
    )
    call = ("endCover", said) if end else ("cover", said, bundle.manifest_hash)
    done = acting.transact(here, WARRANTY, found.warranty, *call)
    id_ = found.read(WARRANTY, found.warranty, "coverIdOf", said)[0]
    print_record({"cover": shown(id_), "proved": proved, "ended": end} | done.facts, as_json=as_json)


@warranty.command()
def show(context: typer.Context, *, as_json: Json = False) -> None:
    """Say what is covered, until when, with how much, and in plain words what of it is proved. Needs no key."""
    from themis.cli.warranty.covering import held
    from themis.dispute.covers import Covers

    home = home_of(context)
    config = home.config()
    client = wallet.connect(config)
    found = disputes_of(config, client)
    models = held(client, home, config)
    rows = [each.words for each in Covers(found, models).look()]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        print_record(row, as_json=False)
    if not rows:
        say("nobody covers answers here: an answer is as good as its operator")


@warranty.command()
def withdraw(
    context: typer.Context,
    *,
    unbond_wei: Annotated[
        int | None, typer.Option(min=1, help="Announce that so much of the bond shall leave.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Take out what has left the bond; with --unbond-wei, let it begin to leave: it backs answers a while longer."""
    from themis.chain.contracts import WARRANTY

    here = wallet.open_wallet(home_of(context))
    place = disputes_of(here.config, here.client).warranty
    own = here.signer.address
    call: tuple[Any, ...] = ("withdrawBond", own) if unbond_wei is None else ("unbond", unbond_wei)
    done = acting.transact(here, WARRANTY, place, *call)
    print_record({"guarantor": shown(own)} | done.facts, as_json=as_json)
