"""`themis license`: terms to publish and read, grants to list, uses to explain."""

from pathlib import Path
from typing import Annotated, Any

import typer

from themis.cli import wallet
from themis.cli.fields import IN_ETHER, ClassOption, Json, ModelName, ModesOption, OneModel, TokenOption, Wide, moment
from themis.cli.fields import role as role_of
from themis.cli.home import home_of
from themis.cli.license import asks, delegation, granting, income, terms, vouchers
from themis.cli.naming import Models
from themis.cli.output import print_json, print_list, print_record, say
from themis.cli.references import reference
from themis.core.errors import Misconfigured
from themis.core.keccak import keccak
from themis.core.modes import pack, policy_words
from themis.core.policy import operators_use
from themis.core.spelling import address, shown
from themis.core.types import Hash32, Role

app = typer.Typer(rich_markup_mode=None)
license_ = typer.Typer(rich_markup_mode=None, help="Terms, grants, and the short way to an authorization.")
app.add_typer(license_, name="license")
for part in (asks, granting, income, delegation):
    license_.add_typer(part.app)


@license_.command()
def publish(
    context: typer.Context,
    *,
    model: ModelName,
    terms_file: Annotated[Path, typer.Option("--terms", help="The terms; their keccak256 goes on chain.")],
    requester: ModesOption,
    operator: ModesOption,
    effective_at: Annotated[
        Any, typer.Option(parser=moment, metavar="TIME", help="Epoch seconds or ISO 8601; none: now.")
    ] = None,
    uri: Annotated[str, typer.Option(help="Where the terms can be read.")] = "",
    attribution: Annotated[str, typer.Option(help="Notice that users of the model must show.")] = "",
    as_json: Json = False,
) -> None:
    """Publish the next version of a model's terms. A use class that is not named stays closed."""
    try:
        terms_hash = Hash32(keccak(terms_file.read_bytes()))
    except OSError as error:
        raise Misconfigured(f"{terms_file} cannot be read: correct --terms") from error
    policy = pack(requester, operator)
    here = wallet.open_wallet(home_of(context))
    model_id = here.model(model)
    done = here.transact("publishTerms", model_id, terms_hash, policy, effective_at or 0, uri, attribution)
    values = done.values("TermsPublished")
    record = {
        "model_id": shown(model_id),
        "version": values["version"],
        "effective_at_s": values["effectiveAt"],
        "terms_hash": shown(terms_hash),
        "policy": policy_words(policy),
    }
    print_record(record | done.facts, as_json=as_json)


@license_.command()
def show(context: typer.Context, model: ModelName, as_json: Json = False) -> None:
    """Show a model's licensor, its terms in force and those before."""
    from themis.licensing.licenses import Licenses

    home = home_of(context)
    config = home.config()
    client = wallet.connect(config)
    model_id = Models(home, config, client).called(model)
    found = terms.of_model(client, Licenses(client, config.chain.start_block), model_id)
    if as_json:
        print_json(found)
        return
    versions = found.pop("versions")
    print_record(found, as_json=False)
    for version in versions:
        print_record({"": ""} | version, as_json=False)


@license_.command("list")
def list_(
    context: typer.Context,
    *,
    model: OneModel = None,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """List the grants the chain knows, with their state."""
    from themis.licensing.licenses import Licenses

    home = home_of(context)
    config = home.config()
    client = wallet.connect(config)
    models = Models(home, config, client)
    model_id = None if model is None else models.called(model)
    if model_id is not None:
        terms.require_known(client, model_id)
    found = Licenses(client, config.chain.start_block).grants(model_id)
    names = models.names() if found else {}
    rows = [vouchers.row(each, names.get(each.model_id)) for each in found]
    print_list(rows, vouchers.view(rows), as_json=as_json, wide=wide, empty="no grant was ever activated")


@license_.command()
def explain(
    context: typer.Context,
    *,
    model: Annotated[
        Any, typer.Option("--model", parser=reference, metavar="MODEL", help="Which: its name, or digits of its id.")
    ],
    use_class: ClassOption,
    role: Annotated[
        Any, typer.Option("--as", parser=role_of, metavar="requester|operator", help="On which side of a request.")
    ],
    account: Annotated[
        Any, typer.Option(parser=address, metavar="ADDRESS", help="Whose license; none: this home's key.")
    ] = None,
    fee: Annotated[int, typer.Option("--fee-wei", "--fee", min=0, max=2**96 - 1, help="Smallest units.")] = 0,
    token: TokenOption = IN_ETHER,
    as_json: Json = False,
) -> None:
    """Say whether a use is allowed now, by which rule, and what to do next: the contract's own answer."""
    from themis.chain.uses import Uses

    home = home_of(context)
    config = home.config()
    who = account or wallet.own_address(home, config)
    judged = operators_use(fee, use_class) if role is Role.OPERATOR else use_class
    client = wallet.connect(config)
    model_id = Models(home, config, client).called(model)
    said = Uses(client).explain(model_id, who, role, judged, token, fee)
    record = {
        "model_id": shown(model_id),
        "account": shown(who),
        "role": role.name.lower(),
        "use_class": judged.name.lower(),
        "allowed": said.allowed,
        "rule": said.rule,
        "error": said.denial and said.denial.error,
        "next_step": said.next_step,
        "expiry_s": said.expiry_s,
    }
    print_record(record, as_json=as_json)
    if judged is not use_class:
        say("whoever is paid for an answer serves commercially, whatever the requester does")
