"""`themis models add`: a bundle of any ONNX file, registered where there is a key."""

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from themis.cli import naming, wallet
from themis.cli.fields import Json
from themis.cli.home import Home, home_of
from themis.cli.output import print_json, print_record, say
from themis.core.errors import Misconfigured
from themis.core.spelling import shown
from themis.core.types import Hash32

if TYPE_CHECKING:
    from themis.adopt.adopt import Wishes
    from themis.bundles.bundle import Bundle

SHOWN_FINDINGS: Final = 5
MAX_TEMPLATE_BYTES: Final = 16 * 1_024
PLACE: Final = "{}"
"""In a chat template."""


def add(
    context: typer.Context,
    *,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="An ONNX file, or a directory with model.onnx in it.")],
    license_file: Annotated[
        Path | None, typer.Option("--license", metavar="FILE", help="The model's terms; none: LICENSE beside it.")
    ] = None,
    spdx: Annotated[str, typer.Option(help="SPDX identifier of the terms.")] = "LicenseRef-LICENSE",
    name: Annotated[str | None, typer.Option(help="None: as the path.")] = None,
    version: Annotated[str, typer.Option(help="Of the bundle.")] = "1.0.0",
    description: Annotated[str, typer.Option(help="What it is, in a sentence.")] = "Made by `themis models add`.",
    attribution: Annotated[str | None, typer.Option(help='None: "Built with NAME".')] = None,
    probe: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="A request to try it on; none: some are made up.")
    ] = None,
    max_new_tokens: Annotated[int, typer.Option(min=1, max=256, help="Of a decoder's answer.")] = 64,
    chat: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A decoder's chat template: text with {} for the request's.")
    ] = None,
    text_answer: Annotated[
        bool, typer.Option("--text-answer", help="A decoder answers with its tokens' hash and their text.")
    ] = False,
    steps_per_unit: Annotated[
        int, typer.Option(min=1, max=2**24, help="Floats are rounded to steps of one over this.")
    ] = 10_000,
    to: Annotated[Path | None, typer.Option(metavar="DIR", help="The bundle; none: HOME/models/NAME.")] = None,
    as_json: Json = False,
) -> None:
    """Make a bundle of a model, say whether it is exact, and register it if this home has a key and an oracle."""
    from themis.adopt.adopt import Wishes
    from themis.bundles import bundle

    home = home_of(context)
    called = name or _name(path)
    wishes = Wishes(
        name=called,
        version=version,
        description=description,
        spdx=spdx,
        attribution=attribution or f"Built with {called}",
        license_file=license_file.absolute() if license_file else None,
        probes=tuple(bundle.read(file.absolute().parent, file.name, 2**20) for file in probe or ()),
        max_new_tokens=max_new_tokens,
        steps_per_unit=steps_per_unit,
        chat=_template(chat) if chat else None,
        text_answer=text_answer,
    )
    target = (to or home.path / "models" / called).absolute()
    record, findings = _make(path.absolute(), target, wishes)
    loaded = bundle.load(target)
    record |= _registered(home, loaded)
    if as_json:
        print_json(record | {"findings": findings})
        return
    print_record(record, as_json=False)
    for finding in findings[:SHOWN_FINDINGS]:
        say(f"not exact: {finding}")
    if len(findings) > SHOWN_FINDINGS:
        say(f"and {len(findings) - SHOWN_FINDINGS} more: `themis models lint {path}`")


def _template(file: Path) -> tuple[str, str]:
    from themis.bundles import bundle

    content = bundle.read(file.absolute().parent, file.name, MAX_TEMPLATE_BYTES)
    try:
        before, after = content.decode().split(PLACE)
    except ValueError as error:
        raise Misconfigured(
            f"{file} is no chat template: it needs {PLACE} once, where the request's text goes"
        ) from error
    return before, after


def _make(source: Path, target: Path, wishes: "Wishes") -> tuple[dict[str, Any], list[str]]:
    """Make the bundle beside its place and move it there, unless the same one is there already."""
    from themis.adopt import foreign
    from themis.adopt.adopt import adopt
    from themis.bundles import bundle
    from themis.bundles.bundle import MANIFEST
    from themis.engine.sandbox import confined

    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as scratch:
        fresh = Path(scratch) / "bundle"
        fresh.mkdir()
        size_bytes = foreign.total_size(source)
        adopted = confined(adopt, source, fresh, wishes, file=source, size_bytes=size_bytes)
        if not target.exists():
            fresh.rename(target)
        elif (fresh / MANIFEST).read_bytes() != bundle.read(target, MANIFEST, bundle.MAX_MANIFEST_BYTES):
            raise Misconfigured(f"{target} is another model: choose another --name or --to, or remove it")
    record = {
        "name": wishes.name,
        "path": str(target),
        "exactness": "exact" if adopted.exact else "tolerant",
        "golden": adopted.golden,
        "margin": adopted.margin,
    }
    return record, list(adopted.findings)


def _registered(home: Home, loaded: "Bundle") -> dict[str, Any]:
    """Register the bundle if it can be, and is not yet."""
    roots = (loaded.program_root, loaded.weights_root, loaded.manifest_hash)
    later = {"model_id": None, "registered": False}
    if not home.config_file.exists():
        say(f"not registered: `themis init` makes a home, then `themis models register {loaded.path}`")
        return later
    config = home.config()
    if config.chain.oracle is None or not (home.path / config.key.keystore).exists():
        say(f"not registered: without key or oracle; later: `themis models register {loaded.path}`")
        return later
    client = wallet.connect(config)
    (model_id,) = client.read("modelIdOf", wallet.own_address(home, config), *roots)
    (registrant,) = client.read("registrantOf", model_id)
    known = int(registrant, 16) != 0
    if not known:
        wallet.open_wallet(home).transact("registerModel", *roots, "")
        say("every use is closed until you publish terms: `themis license publish`")
    naming.remember(home, Hash32(model_id), loaded.name)
    return {"model_id": shown(Hash32(model_id)), "registered": True}


def _name(path: Path) -> str:
    """As manifests want it."""
    plain = path.absolute()
    stem = plain.name if plain.is_dir() else plain.stem
    return re.sub(r"[^a-z0-9.-]+", "-", stem.lower()).strip("-.")[:64] or "model"
