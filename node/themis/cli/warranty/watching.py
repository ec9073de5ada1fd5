"""`themis watch`: runs covered answers again, challenges wrong ones, and defends this key's own covers."""

from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Final

import typer

from themis.cli import wallet
from themis.cli.home import PORT_FILE, home_of
from themis.cli.node.signals import Stop
from themis.cli.output import say
from themis.cli.warranty.commands import disputes_of
from themis.core.errors import Unavailable

if TYPE_CHECKING:
    from themis.cli.home import Home
    from themis.config import Config
    from themis.dispute.watching import Watcher

TRACES: Final = "traces"
MIB: Final = 1_024**2
app = typer.Typer(rich_markup_mode=None)


@app.command()
def watch(
    context: typer.Context,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Send nothing: say what would be sent.")] = False,
    once: Annotated[bool, typer.Option("--once", help="Stop when nothing is left to do.")] = False,
    poll_s: Annotated[float, typer.Option(min=0.05, help="Between two looks at the chain.")] = 5.0,
) -> None:
    """Run covered answers again, challenge wrong ones, and defend this key's covers, until told to stop.

    Traces of games are served at the API's address under /v1/traces, and what it measures at /metrics. What may be put
    up for challenges in 24 hours is dispute.max_bonds_wei. Killed anywhere, it goes on where it was.
    """
    from themis.api.server import Server
    from themis.api.traces import alone

    home = home_of(context)
    config = home.config()
    with Stop() as stop:
        watcher = _watcher(home, config, dry_run=dry_run)
        server = Server(config.api)
        server.start(alone(watcher.archive, watcher.tally.registry))
        port_file = home.path / PORT_FILE
        port_file.write_text(f"{server.port}\n")
        say(f"watching: traces are served at {server.url}")
        try:
            with closing(watcher.served):
                _go_on(watcher, stop, once=once, poll_s=poll_s)
        finally:
            port_file.unlink(missing_ok=True)
            server.stop()
    say("stopped")


def _go_on(watcher: "Watcher", stop: Stop, *, once: bool, poll_s: float) -> None:
    while not stop.wanted:
        try:
            acted = watcher.step()
        except Unavailable as error:
            say(f"{error}; trying again")
            acted = False
            once_more = True
        else:
            once_more = acted
        if once and not once_more:
            return
        if not acted:
            stop.wait(poll_s)


def _watcher(home: "Home", config: "Config", *, dry_run: bool) -> "Watcher":
    from themis.dispute.answers import inputs_of
    from themis.dispute.archive import Archive
    from themis.dispute.notebook import Notebook
    from themis.dispute.served import Served
    from themis.dispute.watching import Hand, Watcher
    from themis.replay.verdict import of_home

    client = wallet.connect(config)
    disputes = disputes_of(config, client)
    if not dry_run and not config.dispute.max_bonds_wei:
        say("dispute.max_bonds_wei is 0: this key's covers are defended, and nothing is challenged")
    signer = None if dry_run else wallet.unlock(home, config)
    account = wallet.own_address(home, config) if signer is None else signer.address
    hand = Hand(signer, account, config.fees.limits(), wallet.outbox(home), config.dispute.max_bonds_wei)
    home.path.mkdir(parents=True, exist_ok=True)
    served, notebook = Served(config.dispute.openings_urls), Notebook(home.path / "watch.db")
    return Watcher(
        disputes,
        of_home(client, home.path, config, inputs_of(served, notebook)),
        Archive(home.path / TRACES, config.dispute.traces_mib * MIB),
        served,
        hand,
        notebook,
        say,
    )
