"""`themis keys`: encrypted key files and the passwords beside them."""

import re
import stat
from pathlib import Path
from typing import Annotated, Final

import typer

from themis.cli.fields import Json, Wide
from themis.cli.home import Home, home_of
from themis.cli.keys.rotate import rotate
from themis.cli.output import print_list, print_record, say
from themis.cli.table import Column, View
from themis.core.errors import Misconfigured
from themis.core.spelling import hex_bytes, shown

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_KEYS: Final[View] = (
    Column("name", lambda row: row["name"]),
    Column("address", lambda row: row["address"]),
    Column("file", lambda row: row["file"], flows=True),
)
_PRIVATE_KEY_BYTES: Final = 32

app = typer.Typer(rich_markup_mode=None)
keys = typer.Typer(rich_markup_mode=None, help="Make, import, list and rotate keys.")
app.add_typer(keys, name="keys")

Name = Annotated[str, typer.Argument(help="The key's name.")]


@keys.command()
def new(context: typer.Context, name: Name = "default", as_json: Json = False) -> None:
    """Make a key. Its password file is made too, unless there is one."""
    _create(home_of(context), name, None, as_json=as_json)


@keys.command("import")
def import_(
    context: typer.Context,
    *,
    private_key_file: Annotated[Path, typer.Option(help="File of mode 600 with the key in hex.")],
    name: Name = "default",
    as_json: Json = False,
) -> None:
    """Encrypt an existing private key. It is read from a file: never put one on a command line."""
    _create(home_of(context), name, _private_key(private_key_file), as_json=as_json)
    say(f"the key is stored encrypted; delete {private_key_file} once you have a backup")


@keys.command("list")
def list_(context: typer.Context, wide: Wide = False, as_json: Json = False) -> None:
    """List the keys of this home. No password is needed."""
    from themis.keys import keystore

    folder = home_of(context).path / "keys"
    found = sorted(folder.glob("*.json"))
    rows = [{"name": path.stem, "address": shown(keystore.address_of(path)), "file": str(path)} for path in found]
    print_list(rows, _KEYS, as_json=as_json, wide=wide, empty=f"no key in {folder}: run `themis keys new`")


keys.command()(rotate)


def _create(home: Home, name: str, private_key: bytes | None, *, as_json: bool) -> None:
    from themis.keys import keystore

    if not _NAME.fullmatch(name):
        raise Misconfigured(f"{name!r} cannot be a key's name: use letters, digits, dots and dashes")
    path, password = home.keystore(name)
    try:
        made = keystore.create(path, password, private_key)
    except OSError as error:
        raise Misconfigured(f"{path} cannot be written ({error.strerror}): choose another --home") from error
    print_record({"name": name, "address": shown(made), "file": str(path)}, as_json=as_json)
    say(f"back up {path} and {password}: without both, what the key owns is lost")
    if name != "default":
        say(f'to use it, set key.keystore = "keys/{name}.json" and key.password_file = "keys/{name}.password"')


def _private_key(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path} cannot be read: correct --private-key-file") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise Misconfigured(f"{path} can be read by others (mode {mode & 0o777:o}): run `chmod 600 {path}`")
    try:
        return hex_bytes(text, _PRIVATE_KEY_BYTES)
    except ValueError:
        raise Misconfigured(f"{path} must hold one private key: 64 hex digits") from None
