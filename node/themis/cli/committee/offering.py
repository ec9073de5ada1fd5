"""`themis committee offer`: what a committee asks for answers of a model, once enough members have signed it."""

from dataclasses import astuple
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from themis.cli import wallet
from themis.cli.committee import acting
from themis.cli.committee.acting import committee_of
from themis.cli.fields import IN_ETHER, Json, ModelName, TokenOption
from themis.cli.home import home_of
from themis.cli.output import print_record, say
from themis.core.errors import Misconfigured
from themis.core.spelling import shown

_BYTES: Final = 65

app = typer.Typer(rich_markup_mode=None)


def signed(text: str) -> bytes:
    """65 bytes as 0x-hex."""
    found = bytes.fromhex(text.removeprefix("0x"))
    if len(found) != _BYTES:
        raise ValueError(f"a signature has {_BYTES} bytes, this has {len(found)}")
    return found


@app.command()
def offer(
    context: typer.Context,
    *,
    model: ModelName,
    min_fee_wei: Annotated[int, typer.Option(min=0, max=2**96 - 1, help="Least fee, smallest units of --token.")] = 0,
    max_callback_gas: Annotated[int, typer.Option(min=0, max=2**32 - 1)] = 200_000,
    token: TokenOption = IN_ETHER,
    stop: Annotated[bool, typer.Option("--stop", help="End the offer.")] = False,
    signatures: Annotated[
        list[Any] | None,
        typer.Option(
            "--signature", parser=signed, metavar="HEX", help="Of another member, as this command printed it."
        ),
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option(help="The model's directory: this home's node serves it from now on.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Sign an offer of this home's committee; send it, where with --signature of others there are enough."""
    from themis.chain.contracts import compact
    from themis.cli import configfile
    from themis.core import signature
    from themis.core.committee import OFFER_TYPE, Forum, Offer, typed

    home = home_of(context)
    here = wallet.open_wallet(home)
    place = committee_of(here, None)
    committees = acting.committees(here)
    model_id = here.model(model)
    if bundle is not None:
        configfile.add_model(home.config_file, str(bundle.absolute()), shown(model_id))
    price = (0, 0) if stop else (min_fee_wei, max_callback_gas)
    made = Offer(model_id, token, not stop, *price, nonce=committees.offers(place))
    forum = Forum(here.client.chain_id, place)
    own = here.signer.sign_typed(typed(forum, OFFER_TYPE, *astuple(made)))
    by_signer = {}
    for each in (own, *(signatures or ())):
        signer = signature.signer(made.digest(forum), each)
        if signer is None:
            raise Misconfigured("a signature is none: copy it again")
        by_signer[signer] = each
    threshold = committees.rules(place).threshold
    record: dict[str, Any] = {"committee": shown(place), "model_id": shown(model_id), "signature": "0x" + own.hex()}
    record["signers"] = [shown(signer) for signer in sorted(by_signer)]
    if len(by_signer) < threshold:
        print_record(record, as_json=as_json)
        say(
            f"{len(by_signer)} of {threshold} signatures: run the same command in another member's home with "
            f"--signature {record['signature']}"
        )
        return
    ordered = [compact(each) for _, each in sorted(by_signer.items())[:threshold]]
    done = acting.on_committee(here, place, "offer", astuple(made), ordered)
    print_record(record | done.facts, as_json=as_json)
