"""`themis trace`: the trace of an answer, by which it could be proved right or wrong. Needs no key."""

from math import prod
from typing import TYPE_CHECKING, Any

import typer

from themis.cli.fields import Json
from themis.cli.output import print_json, print_record, say
from themis.cli.request.verifying import NOT_EQUAL_STATUS, Answered, GivenFile, GivenHex, OneBundle, verifier_of
from themis.core.spelling import shown

if TYPE_CHECKING:
    from themis.replay.tracing import Traced

app = typer.Typer(rich_markup_mode=None)


@app.command()
def trace(
    context: typer.Context,
    *,
    said: Answered,
    bundle: OneBundle = None,
    input_hex: GivenHex = None,
    input_file: GivenFile = None,
    as_json: Json = False,
) -> None:
    """Run an answer of the chain again, alone, and commit to all that was computed; --json lists every tensor.

    Exits with 1 where the answer is not the model's: the trace is of the model's own. Needs no key.
    """
    from themis.replay import tracing

    found = tracing.trace(verifier_of(context, bundle, input_hex, input_file), said)
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
