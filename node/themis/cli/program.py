"""The command's entry: global options, the list of commands, and one place where errors become lines and statuses."""

import os
import sys
import traceback
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from themis.cli import INTERRUPTED_STATUS, streams
from themis.cli.home import Home, parse_overrides
from themis.cli.manual import COMMANDS
from themis.cli.output import printable
from themis.cli.streams import ReaderGone, Unprinted
from themis.core.errors import ThemisError
from themis.core.spelling import cleaned

DISTRIBUTION: Final = "themis-oracle"
USAGE_STATUS: Final = 64
BUG_STATUS: Final = 70


class _Commands(TyperGroup):
    """The commands, each imported when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 (Typer's signature)
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 (Typer's signature)
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"themis.cli.{COMMANDS[cmd_name].module}")
        return typer.main.get_group(module.app).commands[cmd_name]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        close = [] if args[0] in COMMANDS else get_close_matches(args[0], COMMANDS, n=1)
        if close:
            ctx.fail(f"No such command {args[0]!r}. Did you mean {close[0]!r}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 (Typer's signature)
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.says) for name, entry in COMMANDS.items()])


app = typer.Typer(cls=_Commands, rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        sys.stdout.write(f"themis {version(DISTRIBUTION)}\n")
        raise typer.Exit


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
    show_version: Annotated[  # noqa: ARG001 (its callback answers)
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """Themis: licensed, exact mixture-of-experts inference for smart contracts."""
    context.obj = Home(Path(cleaned(str(home))).expanduser().absolute(), parse_overrides(override or ()))


def run(arguments: Sequence[str]) -> int:
    """Run the command line of this process, on streams that may be closed; its exit status."""
    streams.guard()
    return invoke(arguments)


def invoke(arguments: Sequence[str]) -> int:
    """Run one command; its exit status (see `core.errors`).

    64 stands for a wrong command line, 74 for a stdout that takes nothing, 141 for one that nobody reads any more.
    """
    with _Apologizing():
        return _run(arguments)
    return BUG_STATUS


def _run(arguments: Sequence[str]) -> int:
    try:
        status = _done(list(arguments))
        sys.stdout.flush()
    except ReaderGone as gone:
        streams.abandon()
        return gone.exit_status
    except ThemisError as error:
        from themis.cli import advice

        if isinstance(error, Unprinted):
            streams.abandon()
        _say(f"error[{error.code}]: {advice.explain(error)}")
        return error.exit_status
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED_STATUS
    except TyperException as error:
        _say(f"error[usage]: {_sentence(error.format_message())} See `{_command_of(error)} --help`.")
        return USAGE_STATUS
    return status if isinstance(status, int) else 0


def _command_of(error: TyperException) -> str:
    """The command whose line was wrong."""
    context = getattr(error, "ctx", None)
    return "themis" if context is None else str(context.command_path)


def _sentence(message: str) -> str:
    """What our parsers say, without the words that a library puts before it."""
    said = message.replace(": Value error, ", ": ")
    return said if said.endswith((".", "?", ")")) else f"{said}."


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


def _done(arguments: list[str]) -> Any:
    """What the command returns. Typer takes pydantic to read options: a line without any does not wait for that."""
    if arguments == ["version"]:
        return import_module("themis.cli.config.versions").version()
    return typer.main.get_command(app).main(arguments or ["--help"], prog_name="themis", standalone_mode=False)


def _say(line: str) -> None:
    streams.tell(printable(" ".join(line.split())) + "\n")
