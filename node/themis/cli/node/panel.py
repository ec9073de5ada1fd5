"""Statuses and jobs for a person's eyes."""

from datetime import UTC, datetime
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from themis.api import models
from themis.cli.output import printable

_WEI_PER_ETHER: Final = 10**18


def status(found: models.Status) -> RenderableType:
    """The node at a glance."""
    facts = _grid()
    facts.add_row("node", Text("running", "green") if found.running else Text("not running", "yellow"))
    _row(facts, "operator", found.operator)
    _row(facts, "oracle", f"{found.oracle} on chain {found.chain_id}")
    _row(facts, "block", _blocks(found))
    for endpoint in found.endpoints:
        _row(facts, "endpoint", _endpoint(endpoint))
    if found.balance_wei is not None:
        _row(facts, "balance", f"{int(found.balance_wei) / _WEI_PER_ETHER:.6f} ether")
    for model in found.models:
        _row(facts, "model", f"{model.name} {model.version}  {model.model_id}")
        if model.license is not None:
            _row(facts, "license", model.license.rule)
        if model.tuning is not None:
            _row(facts, "tuning", model.tuning)
    _row(facts, "jobs", "  ".join(f"{name} {count}" for name, count in found.jobs.items()))
    closed = "  ".join(f"{name} {count}" for name, count in found.closed.items() if count)
    _row(facts, "closed", closed or "none")
    _row(facts, "unsettled", f"{found.unsettled} transactions")
    return Group(facts, *(Text(printable(f"! {alert}"), "yellow") for alert in found.alerts))


def job(found: models.JobDetail) -> RenderableType:
    """One job with its history."""
    facts = _grid()
    _row(facts, "request", found.id)
    _row(facts, "state", found.state + (f" ({found.reason}: {found.detail})" if found.reason else ""))
    _row(facts, "model", found.request.model_id)
    _row(facts, "asked by", f"{found.request.requester}, {found.request.use_class} use")
    _row(facts, "fee", f"{money(found.request.fee, found.request.token)}, royalty {found.request.royalty_bps} bps")
    _row(facts, "deadline", _time(found.request.deadline_s))
    _row(facts, "asked in", f"block {found.seen_at.block_number}, {found.seen_at.tx_hash}")
    if found.mined_at is not None:
        _row(facts, "answered", f"block {found.mined_at.block_number}, {found.mined_at.tx_hash}")
    if found.output is not None:
        _row(facts, "output", found.output)
        _row(facts, "result hash", found.result_hash or "")
        _row(facts, "terms", f"version {found.request.terms_version}, {found.terms_hash or 'not read'}")
        _row(facts, "attribution", found.attribution or "none asked for")
    for entry in found.history:
        _row(facts, _time(entry.at_s), f"{entry.fact} {entry.detail}")
    return facts


def money(amount: str, token: str) -> str:
    """An amount in smallest units and what it is of."""
    return f"{amount} {'wei' if int(token, 16) == 0 else f'of token {token}'}"


def _grid() -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    return grid


def _row(grid: Table, name: str, text: str) -> None:
    grid.add_row(name, printable(text))


def _blocks(found: models.Status) -> str:
    recorded = "none recorded" if found.recorded_block is None else f"recorded up to {found.recorded_block}"
    return recorded if found.head is None else f"{found.head.number}, {recorded}"


def _endpoint(found: models.Endpoint) -> str:
    if not found.fit:
        return f"{found.url}  not asked: {found.error}"
    latency_ms = found.latency_s * 1_000
    return f"{found.url}  {latency_ms:.0f} ms, {found.lag_blocks} blocks behind, {found.error_rate:.1%} errors"


def _time(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")
