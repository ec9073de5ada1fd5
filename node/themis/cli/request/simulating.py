"""`themis simulate`: what a contract's ask would come to. Needs no key."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from themis.cli import wallet
from themis.cli.fields import Json
from themis.cli.home import Home, home_of
from themis.cli.output import print_json, print_record, say
from themis.cli.request import answers
from themis.cli.request.calldata import encoded
from themis.core.errors import Misconfigured
from themis.core.spelling import address, shown
from themis.core.types import Address

if TYPE_CHECKING:
    from themis.bundles.bundle import Bundle
    from themis.config import Config
    from themis.replay.dryrun import Answered, Asked

FAILED_STATUS: Final = 1

app = typer.Typer(rich_markup_mode=None)


@app.command()
def simulate(
    context: typer.Context,
    *,
    contract: Annotated[Any, typer.Argument(parser=address, metavar="CONTRACT", help="The contract that asks.")],
    call: Annotated[str, typer.Argument(metavar="CALL", help="Its function, as `ask(address)`; or calldata, as 0x...")],
    arguments: Annotated[list[str] | None, typer.Argument(metavar="[ARGUMENT]...", help="What it takes.")] = None,
    value_wei: Annotated[int, typer.Option(min=0, max=2**96 - 1, help="Ether that goes with the call, in wei.")] = 0,
    sender: Annotated[
        Any, typer.Option("--from", parser=address, metavar="ADDRESS", help="Who calls; none: this home's key.")
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The model's bundle; none: one of this home's.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Call a contract that asks, run the model, and call the contract back: all of it dry, nothing is sent.

    Exits with 1 where the answer would not be taken, or the callback would fail. Needs no key.
    """
    from themis.chain.simulate import Moment, Unsent, require_code, require_funds
    from themis.replay import holdings, rerun
    from themis.replay.dryrun import DryRun

    home = home_of(context)
    config = home.config()
    data = encoded(call, arguments or ())
    client = wallet.connect(config)
    unsent = Unsent(sender or _own(home, config), contract, data, value_wei)
    require_code(client.rpc, contract)
    require_funds(client.rpc, unsent.sender, value_wei)
    dry = DryRun(client, Moment.next(client.rpc))
    asked, gas_used = dry.ask(unsent)
    held = holdings.of_home(client, home.path, config, () if bundle is None else (bundle,))
    limits = rerun.limits_of(config.engine)
    told, good = [], True
    for each in asked:
        model = held.find(each.request.model_id)
        (output,) = rerun.answers(client, model, each.request.model_id, [each.input], asked_at=None, limits=limits)
        found = dry.answer(unsent, each, output)
        good &= found.good
        told.append({"ask_gas_used": gas_used} | _told(each, model, output, found))
        if not as_json:
            print_record(told[-1], as_json=False)
        if not model.manifest.exact:
            say(f"{model.name} is not exact: its operator's answer may differ from this one")
        say(_sentence(shown(each.request.requester), found))
    if as_json:
        print_json(told)
    if not good:
        raise typer.Exit(FAILED_STATUS)


def _own(home: Home, config: "Config") -> Address:
    try:
        return wallet.own_address(home, config)
    except Misconfigured as error:
        raise Misconfigured(f"who calls? Name an account with --from ({error})") from error


def _told(asked: "Asked", model: "Bundle", output: bytes, found: "Answered") -> dict[str, Any]:
    from themis.bundles.manifest import CODE

    request = asked.request
    record: dict[str, Any] = {
        "request_id": shown(asked.id),
        "model": f"{model.name} {model.version}",
        "requester": shown(request.requester),
        "operator": shown(request.operator),
        "lane": str(request.lane),
        "token": shown(request.token),
        "fee": str(request.fee),
        "deadline_s": request.deadline_s,
        "callback_gas": request.callback_gas,
        "output": shown(output),
        "answer_gas_used": found.gas_used,
        "called_back": found.called_back,
        "error": found.refusal or found.callback_error,
    }
    if model.manifest.reads == CODE and (report := answers.risk_report(output)) is not None:
        record["report"] = report
    return record


def _sentence(requester: str, found: "Answered") -> str:
    if found.refusal:
        return f"refused: the oracle would not take that answer from its operator: {found.refusal}"
    match found.called_back:
        case None:
            return f"answered: {requester} asks for no callback"
        case True:
            return f"answered: the callback of {requester} takes it"
        case _:
            return f"failed: the callback of {requester} fails: {found.callback_error}"
