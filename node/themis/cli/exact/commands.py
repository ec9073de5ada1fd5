"""`themis exact`: models from elsewhere, made exact."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from themis.cli.fields import Json
from themis.cli.output import print_record, say
from themis.core.errors import Misconfigured

CONFIG = "config.json"
MAX_TEXT_BYTES = 16 * 1_024**2
MAX_TOKENIZER_BYTES = 64 * 1_024**2

app = typer.Typer(rich_markup_mode=None)
exact = typer.Typer(rich_markup_mode=None, help="Make language models exact: the same bits on every machine.")
app.add_typer(exact, name="exact")


@exact.callback()
def group() -> None:
    """Make language models exact: the same bits on every machine."""


@exact.command()
def convert(
    *,
    path: Annotated[
        Path, typer.Argument(metavar="DIR", help="A checkpoint: config.json, safetensors, tokenizer.json.")
    ],
    to: Annotated[Path, typer.Option(metavar="DIR", help="Where to write; must not be there yet.")],
    context_tokens: Annotated[
        int, typer.Option("--context", min=2, max=2**17, help="Tokens of question and answer together.")
    ] = 2_048,
    calibration: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Text that scales are taken from; none: a shipped one.")
    ] = None,
    maxima: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A maxima.json: the same bytes again, without calibration.")
    ] = None,
    test: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Text to compare both forms on, for report.json.")
    ] = None,
    recipe: Annotated[
        str, typer.Option(help='How it counts: "two bytes", or "rotated", one byte but in the last matrix of a layer.')
    ] = "two bytes",
    as_json: Json = False,
) -> None:
    """Make an exact decoder of a dense or sparse checkpoint. What it writes, `themis models add` takes."""
    from themis.bundles import bundle
    from themis.bundles.bundle import LICENSE, TOKENIZER
    from themis.engine.text import Text
    from themis.exact.decoder import architecture, convert, memory, quantize
    from themis.exact.decoder.checkpoint import SafeTensors

    source, target = path.absolute(), to.absolute()
    if target.exists():
        raise Misconfigured(f"{target} is there already: choose another --to, or remove it")
    config = _config(source)
    arch = architecture.read(config, context_tokens)
    memory.require(arch, memory.free(), bundle.MAX_FILE_BYTES)
    weights = SafeTensors(source)
    content = bundle.read(source, TOKENIZER, MAX_TOKENIZER_BYTES)
    terms = bundle.read(source, LICENSE, MAX_TEXT_BYTES)
    tokenizer = Text(content, str(source / TOKENIZER))

    def texts(file: Path) -> list[list[int]]:
        return convert.split(tokenizer.ids(bundle.read(file.absolute().parent, file.name, MAX_TEXT_BYTES)))

    say("measuring" if maxima is None else f"scales of {maxima}")
    most = convert.scales(weights, arch, [] if maxima else texts(calibration or convert.CALIBRATION), maxima, recipe)
    numbers = quantize.numbers(weights, arch, most, say)
    report = convert.compare(weights, arch, (numbers, most), texts(test)) if test else None
    convert.write(target, convert.emit(source.name, numbers, arch.context), config, most, report)
    (target / TOKENIZER).write_bytes(content)
    (target / LICENSE).write_bytes(terms)
    say(f"next: `themis models add {to}`")
    record = {"path": str(target), "recipe": most.recipe, "context": arch.context, "layers": arch.layers}
    print_record(record | (asdict(report) if report else {}), as_json=as_json)


def _config(source: Path) -> dict[str, Any]:
    from themis.bundles import bundle

    try:
        found = json.loads(bundle.read(source, CONFIG, MAX_TEXT_BYTES))
    except ValueError as error:
        raise Misconfigured(f"{source / CONFIG} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise Misconfigured(f"{source / CONFIG} is no object")
    return found
