"""`themis db`: the node's store, copied, checked, put back, brought up to date, pruned, moved."""

import re
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from themis.cli import wallet
from themis.cli.fields import Json
from themis.cli.home import Home, home_of
from themis.cli.output import print_record, say
from themis.core.errors import Misconfigured
from themis.core.spelling import shown

if TYPE_CHECKING:
    from themis.store.upkeep import Found

DAY_S: Final = 86_400
_LEAST_DAYS: Final = 2
"""What was spent and accepted in the last 24 hours is still asked for."""


def _days(text: str) -> int:
    if not (found := re.fullmatch(r"(\d{1,5})d", text)) or int(found[1]) < _LEAST_DAYS:
        raise typer.BadParameter(f"write it in days, at least {_LEAST_DAYS}d, as 90d")
    return int(found[1])


app = typer.Typer(rich_markup_mode=None)
db = typer.Typer(rich_markup_mode=None, help="Copy, check, restore, migrate, prune or move the node's store.")
app.add_typer(db, name="db")


@db.command()
def backup(
    context: typer.Context,
    to: Annotated[Path, typer.Argument(metavar="FILE", help="The copy; must not be there yet.")],
    as_json: Json = False,
) -> None:
    """Copy the store into a file, also while the node runs, and check the copy."""
    from themis.store import upkeep

    target = to.absolute()
    print_record(_record(target, upkeep.backup(_store(home_of(context)), target)), as_json=as_json)


@db.command()
def check(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="A copy; none: this home's store.")] = None,
    as_json: Json = False,
) -> None:
    """Read a store from end to end: every page and every index."""
    from themis.store import upkeep

    path = file.absolute() if file else _store(home_of(context))
    print_record(_record(path, upkeep.check(path, upkeep.WHOLE)), as_json=as_json)


@db.command()
def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `themis db backup` wrote.")],
    as_json: Json = False,
) -> None:
    """Put a copy in the store's place; what was there moves aside. The node reads on from the copy's last block."""
    from themis.store import upkeep
    from themis.store.lock import resting

    home = home_of(context)
    config = home.config()
    path = _file(home)
    aside = _free(path, "replaced")
    binding = (config.chain.chain_id, config.oracle(), wallet.own_address(home, config))
    with resting(home.path):
        before = path.exists()
        found = upkeep.restore(path, file.absolute(), binding, aside)
    if before:
        say(f"the store that was there is {aside}")
    print_record(_record(path, found), as_json=as_json)


@db.command()
def migrate(context: typer.Context, as_json: Json = False) -> None:
    """Bring the store of an earlier version of themis up to date; an old file is kept beside it."""
    from themis.store import location, upkeep
    from themis.store.lock import resting
    from themis.store.schema import SCHEMA_VERSION

    home = home_of(context)
    config = home.config()
    if config.store.url is not None:
        binding = (config.chain.chain_id, config.oracle(), wallet.own_address(home, config))
        before = location.migrate(config.store.url, binding)
        print_record({"store": "store.url", "schema_before": before, "schema": SCHEMA_VERSION}, as_json=as_json)
        return
    path = _store(home)
    with resting(home.path):
        kept = _free(path, "before-migration")
        before = upkeep.migrate(path, kept)
    if before == SCHEMA_VERSION:
        say(f"nothing to do: {path} has schema {SCHEMA_VERSION}")
    else:
        say(f"the store as it was is {kept}")
    print_record({"store": str(path), "schema_before": before, "schema": SCHEMA_VERSION}, as_json=as_json)


@db.command()
def prune(
    context: typer.Context,
    *,
    older: Annotated[
        Any, typer.Option(parser=_days, metavar="DAYS", help="Finished so long ago or longer, as 90d; at least 2d.")
    ],
    archive: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where they go; none: a new file beside the home's store.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Move old finished jobs into a file. What is counted, earned and promised stays. Stop the node first."""
    from themis.config import STORE_FILE
    from themis.store import location
    from themis.store import prune as pruning
    from themis.store.lock import resting

    home = home_of(context)
    config = home.config()
    binding = (config.chain.chain_id, config.oracle(), wallet.own_address(home, config))
    store = config.store_of(home.path)
    if not location.is_there(store):
        raise Misconfigured("there is no store yet: the first `themis run` makes it")
    target = archive.absolute() if archive else _free(home.path / STORE_FILE, "archive")
    with resting(home.path):
        with closing(location.opened(store, binding)) as db:
            if not db.lead():
                raise Misconfigured("a node with this key uses the database: stop it first, and those that stand by")
            gone = pruning.prune(db, target, binding, time.time() - older * DAY_S)
        if isinstance(store, Path) and gone.jobs:
            pruning.shrink(store)
    if target.exists():
        say(f"what left the store is in {target}: `themis db check {target}` reads it")
    print_record({"jobs": gone.jobs, "transactions": gone.transactions}, as_json=as_json)


@db.command()
def move(context: typer.Context, as_json: Json = False) -> None:
    """Move this home's store into the database that store.url names, which is empty. Stop the node first."""
    from themis.config import STORE_FILE
    from themis.store import location, moving
    from themis.store.lock import resting

    home = home_of(context)
    config = home.config()
    path = home.path / STORE_FILE
    if config.store.url is None:
        raise Misconfigured("store.url names no database: set it to the one that takes the store")
    if not path.exists():
        raise Misconfigured(f"{path} does not exist: there is nothing to move")
    binding = (config.chain.chain_id, config.oracle(), wallet.own_address(home, config))
    aside = _free(path, "moved")
    with resting(home.path), closing(location.opened(config.store.url, binding)) as db:
        if not db.lead():
            raise Misconfigured("a node with this key uses the database: stop it first, and those that stand by")
        jobs = moving.move(path, db, binding)
        path.rename(aside)  # nobody is to sign by it again
    say(f"the file is {aside}: never run a node on it again, for it does not know what is promised from now on")
    print_record({"store": "store.url", "jobs": jobs}, as_json=as_json)


def _store(home: Home) -> Path:
    """Raises Misconfigured where no node ever ran."""
    path = _file(home)
    if not path.exists():
        raise Misconfigured(f"{path} does not exist: the first `themis run` makes it")
    return path


def _file(home: Home) -> Path:
    """Raises Misconfigured where the store is a database: those have programs of their own for it."""
    found = home.config().store_of(home.path)
    if isinstance(found, str):
        raise Misconfigured("store.url names a database: copy it with pg_dump, put a copy back with pg_restore")
    return found


def _free(path: Path, word: str) -> Path:
    """A name beside a file that nothing has yet."""
    names = (path.with_name(f"{path.name}.{word}{number or ''}") for number in range(1_000))
    return next(name for name in names if not name.exists())


def _record(path: Path, found: "Found") -> dict[str, object]:
    chain_id, oracle, operator = found.binding
    return {
        "store": str(path),
        "schema": found.version,
        "chain_id": chain_id,
        "oracle": shown(oracle),
        "operator": shown(operator),
        "jobs": found.jobs,
        "bytes": found.bytes,
    }
