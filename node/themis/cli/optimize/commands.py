"""`themis optimize`: lets the node tune itself on its own traffic, and shows what came of it."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from themis.cli.fields import Json, Wide
from themis.cli.home import Home, home_of
from themis.cli.output import print_json, print_list, print_record, say
from themis.cli.references import reference
from themis.cli.table import Column, View
from themis.core.errors import Misconfigured, Unavailable
from themis.core.spelling import shown
from themis.core.types import Address, BlockId, Hash32

if TYPE_CHECKING:
    from themis.bundles.bundle import Bundle
    from themis.config import Config
    from themis.optimize.journal import History
    from themis.optimize.traffic import Traffic

_NICENESS: Final = 10
_ROUNDS: Final[View] = (
    Column("round", lambda row: str(row["round"] or "-"), right=True),
    Column("change", lambda row: row["change"], flows=True),
    Column("outcome", lambda row: row["outcome"], flows=True),
    Column("throughput", lambda row: row["throughput"] or "-", spare=True),
    Column("over untuned", lambda row: row["over_untuned"], right=True),
)

app = typer.Typer(rich_markup_mode=None)


@app.command()
def optimize(
    context: typer.Context,
    *,
    model: Annotated[
        Any,
        typer.Option(
            parser=reference, metavar="MODEL", help="Only this one of config.toml, by name or digits of its id."
        ),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds for each model, those in its journal included.")] = 100,
    only_report: Annotated[
        bool, typer.Option("--report", help="Measure nothing: show the journal as a table, and draw it.")
    ] = False,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """Tune the models on this node's own traffic: analyze, plan, change, measure, keep or discard.

    A change is kept if answers stay the same, bit for bit, and come faster. Stopped or killed, it goes on where it was.
    """
    from themis.optimize import report
    from themis.store import lock

    home = home_of(context)
    config = home.config()
    chosen = list(_chosen(home, config, model))
    if not only_report:
        with lock.optimizing(home.path):
            _make_room(home)
            for each in chosen:
                _tune(home, config, each, rounds)
    histories = [(each.bundle, _history(home, each.bundle)) for each in chosen]
    if as_json:
        print_json([report.summary(found) | {"table": report.rows(found)} for _, found in histories if found.started])
        return
    for loaded, found in histories:
        _show(home, loaded, found, with_table=only_report, wide=wide)


@dataclass(frozen=True, slots=True)
class _Model:
    model_id: Hash32
    bundle: "Bundle"


def _chosen(home: Home, config: "Config", wanted: str | None) -> Iterator[_Model]:
    from themis.bundles import bundle
    from themis.engine.engine import is_tunable

    found = [_Model(model.model_id, bundle.load(home.path / model.path)) for model in config.models]
    if not found:
        raise Misconfigured("no model is configured: run `themis models serve PATH MODEL_ID`")
    matching = [each for each in found if wanted is None or _is_meant(each, wanted)]
    if not matching:
        known = ", ".join(each.bundle.name for each in found)
        raise Misconfigured(f"--model {wanted}: config.toml has {known}")
    for each in matching:
        if is_tunable(each.bundle):
            yield each
        elif wanted is None:
            say(f"{each.bundle.name} is left out: it is not exact, or takes one request a run and is no decoder")
        else:
            raise Misconfigured(
                f"{wanted} cannot be tuned: it is not exact, or takes one request a run and is no decoder"
            )


def _is_meant(model: _Model, wanted: str) -> bool:
    return wanted == model.bundle.name or (wanted.startswith("0x") and shown(model.model_id).startswith(wanted))


def _make_room(home: Home) -> None:
    """A node that runs here comes first."""
    from themis.cli.node import source

    if source.is_running(home):
        os.nice(_NICENESS)
        say("a node runs in this home: it comes first, and measurements are noisier. Restart it for what is kept")


def _tune(home: Home, config: "Config", model: _Model, rounds: int) -> None:
    from themis.engine.tuning import untuned
    from themis.optimize import journal
    from themis.optimize.loop import Loop, Subject

    seen = _traffic(home, config, model)
    name = model.bundle.name
    if seen.is_golden:
        say(f"{name}: no recorded traffic yet, so its {len(seen.work)} golden inputs stand in: run again when there is")
    else:
        say(f"{name}: {len(seen.work)} recorded requests, {seen.left_out} left out because their code is gone")
    defaults = untuned(model.bundle, config.engine.threads)
    path = journal.path_of(home.path, model.bundle)
    try:
        Loop(Subject(model.bundle, seen, defaults, path), say).run(rounds)
    except KeyboardInterrupt:
        say(f"stopped: {path} keeps all finished rounds; run `themis optimize` to go on")
        raise


def _traffic(home: Home, config: "Config", model: _Model) -> "Traffic":
    """Code is asked for at the newest block: nodes forget older states, and a request says what its hash must be."""
    from themis.chain.client import OracleClient
    from themis.chain.oracle import RpcChain
    from themis.chain.rpc import Rpc
    from themis.optimize import traffic

    def fetch(places: Sequence[tuple[Address, BlockId]]) -> Sequence[bytes | Unavailable]:
        client = OracleClient(
            Rpc(*config.chain.urls, quorum=config.chain.quorum), config.chain.chain_id, config.oracle()
        )
        chain = RpcChain(client, Address(bytes(20)))
        try:
            head = chain.head().ref.id
            return chain.code([(account, head) for account, _ in places])
        except Unavailable as error:
            say(f"requests that name deployed code are left out: {error}")
            return [error] * len(places)

    return traffic.recorded(config.store_of(home.path), model.model_id, model.bundle, fetch)


def _history(home: Home, loaded: "Bundle") -> "History":
    from themis.optimize import journal
    from themis.optimize.machine import here

    return journal.read(journal.path_of(home.path, loaded), journal.digest_of(loaded), here())


def _show(home: Home, loaded: "Bundle", found: "History", *, with_table: bool, wide: bool) -> None:
    from themis.optimize import report

    if not found.started:
        say(f"{loaded.name} was never tuned on this machine: run `themis optimize`")
        return
    if with_table:
        print_list(report.rows(found), _ROUNDS, as_json=False, wide=wide, empty="no round is finished yet")
    print_record(report.summary(found), as_json=False)
    drawing = _draw(home, loaded, found)
    say(f"plot: {drawing}")


def _draw(home: Home, loaded: "Bundle", found: "History") -> Path:
    from themis.optimize import journal, plot, report

    first = found.started[0]
    file = journal.path_of(home.path, loaded).with_suffix(".svg")
    title = f"{first.model}: throughput over the untuned node's"
    file.write_text(plot.draw(report.points(found), title, runtime_defaults=report.runtime_defaults(found)))
    return file
