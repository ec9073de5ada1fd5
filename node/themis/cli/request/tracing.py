"""`themis trace`: the trace of an answer, by which it could be proved right or wrong. Needs no key."""

from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from themis.cli import wallet
from themis.cli.fields import Json
from themis.cli.home import home_of
from themis.cli.output import print_json, print_record, say
from themis.cli.references import prefix
from themis.core.spelling import shown

if TYPE_CHECKING:
    from themis.replay.tracing import Traced

NOT_EQUAL_STATUS: Final = 1

app = typer.Typer(rich_markup_mode=None)


@app.command()
def trace(
    context: typer.Context,
    *,
    said: Annotated[
        Any,
        typer.Argument(
            parser=prefix,
            metavar="TX|REQUEST",
            help="The transaction that asked or answered; or a request's id, or 6 digits of it or more.",
        ),
    ],
    bundle: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The model's bundle; none: one of this home's.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run an answer of the chain again, alone, and commit to all that was computed; --json lists every tensor.

    Exits with 1 where the answer is not the model's: the trace is of the model's own. Needs no key.
    """
    from themis.replay import tracing, verdict

    home = home_of(context)
    config = home.config()
    verifier = verdict.of_home(wallet.connect(config), home.path, config, () if bundle is None else (bundle,))
    found = tracing.trace(verifier, said)
    if as_json:
        print_json([_record(each) | {"tensors": _tensors(each)} for each in found])
    for each in found:
        if not as_json:
            print_record(_record(each), as_json=False)
        if not each.equal:
            say("the answer on the chain is not the model's, and no trace leads to it: see `themis verify`")
    if not all(each.equal for each in found):
        raise typer.Exit(NOT_EQUAL_STATUS)


def _record(found: "Traced") -> dict[str, Any]:
    from themis.exact.trace import FORMAT

    asked, headers = found.exchange.requested, found.trace.headers
    return {
        "request_id": shown(asked.id),
        "model": f"{found.bundle.name} {found.bundle.version}",
        "operator": shown(asked.request.operator),
        "format": FORMAT,
        "trace_root": shown(found.trace.root),
        "tensor_count": len(headers),
        "elements": sum(prod(header.shape) for header in headers),
        "equal": found.equal,
        "output": shown(found.output),
    }


def _tensors(found: "Traced") -> list[dict[str, Any]]:
    return [
        {
            "word": shown(header.word.to_bytes(32, "big")),
            "dtype": header.dtype.name,
            "shape": list(header.shape),
            "root": shown(header.root),
        }
        for header in found.trace.headers
    ]
