"""`themis models check`: whether wrong answers of a model can be proved, or why not."""

from pathlib import Path
from typing import Annotated

import typer

from themis.cli.fields import Json
from themis.cli.output import print_json, print_record, say

NOT_DISPUTABLE_STATUS = 1


def check(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Directory of a model bundle.")], as_json: Json = False
) -> None:
    """Say whether a wrong answer of a model can be proved, element by element, or why not. Status 1 if not.

    By the referee that docs/proofs.md describes; no contract takes such proofs yet. Needs no chain.
    """
    from themis.bundles import bundle, disputable

    loaded = bundle.load(path)
    verdict = disputable.examine(loaded)
    record = {
        "name": loaded.name,
        "version": loaded.version,
        "disputable": verdict.disputable,
        "proved": verdict.proved,
    }
    if as_json:
        print_json(record | {"reasons": list(verdict.reasons)})
    else:
        print_record(record, as_json=False)
        for reason in verdict.reasons:
            say(f"not disputable: {reason}")
    if not verdict.disputable:
        raise typer.Exit(NOT_DISPUTABLE_STATUS)
