"""The command's entry: global options, the list of commands, and one place where errors become lines and statuses."""

import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from themis.cli import advice
from themis.cli.home import Home, parse_overrides
from themis.cli.output import printable
from themis.core.errors import ThemisError
from themis.core.spelling import cleaned

COMMANDS: Final = {
    "init": "setup.commands",
    "keys": "keys.commands",
    "deploy": "setup.commands",
    "check": "node.commands",
    "run": "node.commands",
    "status": "node.watching",
    "jobs": "node.watching",
    "models": "models.commands",
    "optimize": "optimize.commands",
    "license": "license.commands",
    "request": "request.commands",
    "refund": "request.payment",
    "withdraw": "request.payment",
    "db": "db.commands",
    "config": "config.commands",
    "version": "config.commands",
}
"""Each command and the module it lives in, in the manual's order. Modules load when they are needed: web3 is slow."""

USAGE_STATUS: Final = 64
BUG_STATUS: Final = 70
INTERRUPTED_STATUS: Final = 130


class _Commands(TyperGroup):
    """The commands, each imported when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 (Typer's signature)
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 (Typer's signature)
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"themis.cli.{COMMANDS[cmd_name]}")
        return typer.main.get_group(module.app).commands[cmd_name]


app = typer.Typer(cls=_Commands, add_completion=False, rich_markup_mode=None)


@app.callback()
def themis(
    context: typer.Context,
    home: Annotated[
        Path, typer.Option(envvar="THEMIS_HOME", metavar="DIR", help="Configuration, keys and store of one role.")
    ] = Path("~/.themis"),
    override: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a value of config.toml, e.g. api.port=0."),
    ] = None,
) -> None:
    """Themis: licensed, exact mixture-of-experts inference for smart contracts."""
    context.obj = Home(Path(cleaned(str(home))).expanduser().absolute(), parse_overrides(override or ()))


def main() -> None:
    """Run the command line of this process."""
    sys.exit(invoke(sys.argv[1:]))


def invoke(arguments: Sequence[str]) -> int:
    """Run one command; its exit status (see `core.errors`; 64 for a wrong command line)."""
    with _Apologizing():
        return _run(arguments)
    return BUG_STATUS


def _run(arguments: Sequence[str]) -> int:
    try:
        status = typer.main.get_command(app).main(
            list(arguments) or ["--help"], prog_name="themis", standalone_mode=False
        )
    except ThemisError as error:
        _say(f"error[{error.code}]: {advice.explain(error)}")
        return error.exit_status
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED_STATUS
    except TyperException as error:
        _say(f"error[usage]: {error.format_message()} See `themis --help`.")
        return USAGE_STATUS
    return status if isinstance(status, int) else 0


class _Apologizing:
    """The last line of defense: an exception that nobody expected is shown as the bug it is."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> bool:
        if not isinstance(error, Exception):
            return False
        if os.environ.get("THEMIS_DEBUG") == "1":
            traceback.print_exception(error)
        _say(
            f"error[bug]: {type(error).__name__}: {error}. Sorry, this is a bug in themis. "
            "Run it again with THEMIS_DEBUG=1 and report what it prints."
        )
        return True


def _say(line: str) -> None:
    sys.stderr.write(printable(" ".join(line.split())) + "\n")
