"""`themis check` and `themis run`."""

import gc
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated, Final

import typer

from themis.cli.fields import Json
from themis.cli.home import Home, home_of
from themis.cli.node.signals import Stop
from themis.cli.output import print_facts, print_json, say
from themis.core.errors import Broken, ThemisError, Unavailable
from themis.core.types import Hash32, Request

if TYPE_CHECKING:
    from themis.api.licensing import Licensing
    from themis.cli.node.front import Front
    from themis.daemon.lead import Held
    from themis.daemon.preflight import Check, Preflight

_NAME_WIDTH: Final = len("license of evm-risk-moe")
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 15.0

Elsewhere = Annotated[
    str | None,
    typer.Option("--engine", metavar="URL", help="Machines that run the models, as ray://HOST; sets engine.url."),
]

app = typer.Typer(rich_markup_mode=None)


@app.command()
def check(context: typer.Context, as_json: Json = False) -> None:
    """Check everything a node needs, and say what to do where something is missing."""
    from themis.daemon.preflight import Check, Preflight

    home = home_of(context)
    done: list[Check] = []
    with closing(Preflight(home.path, home.config())) as preflight:
        for each in preflight.checks():
            done.append(each)
            if not as_json:
                print_facts([(_headed(each), each.detail)])
    if as_json:
        print_json([{"name": each.name, "status": str(each.status), "detail": each.detail} for each in done])
    for error in _failures(done):
        raise error


@app.command()
def run(context: typer.Context, engine: Elsewhere = None) -> None:
    """Run the node until it is told to stop (SIGTERM or Ctrl-C)."""
    with _loading():
        from themis.api.access import token_of
        from themis.cli.node import log
        from themis.cli.node.front import Front
        from themis.daemon.lead import taken
        from themis.daemon.preflight import Preflight

    home = home_of(context)
    if engine is not None:
        home = home.overridden("engine", "url", engine)
    with Stop() as stop:
        config = home.config()
        log.start(config.log)
        preflight = Preflight(home.path, config)
        with Front(home.path, config.api, token_of(home.path, config.api)) as front:
            if _passed(preflight, stop) and (held := taken(home.path, config, preflight, stop.wait, front.stand_by)):
                _serve(home, preflight, held, front, stop)
    say("stopped")


@contextmanager
def _loading() -> Iterator[None]:
    """What is loaded stays: it is not looked through for garbage, neither meanwhile, nor ever after."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _serve(home: Home, preflight: "Preflight", held: "Held", front: "Front", stop: Stop) -> None:
    """Run the loops in this thread and the API in another, until told to stop."""
    with _loading():
        from themis.api import app as api
        from themis.api.reading import Reading
        from themis.daemon.assemble import assemble
        from themis.replay.verdict import of_home

    running = assemble(preflight.config, preflight, *held)
    reading = Reading(
        running.node,
        running.supervisor.health,
        preflight.rpc.calls,
        time.time(),
        preflight.rpc.states,
        preflight.config.chain.explorer_url,
    )
    licensing = _licensing(preflight)
    store = running.node.store

    def input_of(id_: Hash32, _: Request) -> bytes | None:
        """Orders' inputs are known to whoever took them."""
        job = store.job(id_)
        return None if job is None else job.input

    verifier = of_home(licensing.client, home.path, preflight.config, input_of)
    hosts, token, members = front.hosts, front.token, running.spread
    app = api.create(reading, licensing, verifier, hosts=hosts, token=token, door=running.door, spread=members)
    say(f"ready: {front.show(app)}")
    try:
        with stop.calling(running.supervisor.stop):
            running.supervisor.run()
    finally:
        front.close()
        running.engine.close()
        if running.traces is not None:
            running.traces.close()
        running.node.store.close()
        running.lock.release()


def _licensing(preflight: "Preflight") -> "Licensing":
    """What the licensor's page reads, through the node's own RPC."""
    from themis.api.licensing import Licensing
    from themis.chain.client import OracleClient

    chain, engine = preflight.config.chain, preflight.engine
    names = {info.model_id: info.name for info in engine.models().values()} if engine else {}
    client = OracleClient(preflight.rpc, chain.chain_id, preflight.config.oracle())
    committee, warranty = preflight.config.committee, preflight.config.dispute.warranty
    return Licensing(client, chain.start_block, names, committee.address, committee.factory, warranty)


def _passed(preflight: "Preflight", stop: Stop) -> bool:
    """Repeat the checks while the outside world alone is at fault; False when told to stop meanwhile.

    Raises the error of the first check that only the operator can mend, when all have been told.
    """
    pause_s = _FIRST_PAUSE_S
    told: set[str] = set()
    while not stop.wanted:
        done = []
        for each in preflight.checks():
            done.append(each)
            line = _line(each)
            if line not in told:
                say(line)
                told.add(line)
        errors = _failures(done)
        if not errors:
            return True
        for error in errors:
            if error.exit_status != Unavailable.exit_status:
                raise error
        if pause_s == _FIRST_PAUSE_S:
            say("waiting: the checks are repeated until that works")
        stop.wait(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
    return False


def _failures(done: "Sequence[Check]") -> list[ThemisError]:
    from themis.daemon.preflight import Status

    return [
        each.error or Broken(f"{each.name} failed without saying why: report this as a bug")
        for each in done
        if each.status is Status.FAIL
    ]


def _line(check_: "Check") -> str:
    return f"{_headed(check_)}  {check_.detail}"


def _headed(check_: "Check") -> str:
    return f"{check_.status:<5} {check_.name:<{_NAME_WIDTH}}"
