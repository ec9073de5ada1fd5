"""Statuses and jobs for a person's eyes: pairs of a name and a text."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from math import ceil
from operator import mul
from typing import Final

from themis.api import models
from themis.cli.short import Ids, amount, is_ether
from themis.cli.table import Column, View
from themis.core.requesters import in_words
from themis.core.spelling import ether, gwei

Fact = tuple[str, str]
_BARS: Final = "▁▂▃▄▅▆▇█"


def status(found: models.Status) -> Iterator[Fact]:
    """The node at a glance."""
    yield "node", "running" if found.running else "not running"
    yield "operator", found.operator
    yield "oracle", f"{found.oracle} on chain {found.chain_id}"
    yield "block", _blocks(found)
    for endpoint in found.endpoints:
        yield "endpoint", _endpoint(endpoint)
    if found.balance_wei is not None:
        yield "balance", ether(int(found.balance_wei))
    if found.fees is not None:
        yield "fees", _fees(found.fees)
    if (limits := found.requesters) is not None:
        yield "requesters", in_words(limits.allowed, limits.denied, limits.max_per_hour, limits.max_per_day)
    for model in found.models:
        yield "model", f"{model.name} {model.version} {model.model_id}"
        if model.license is not None:
            yield "license", model.license.rule
        if model.tuning is not None:
            yield "tuning", model.tuning
    yield "jobs", _counted(found.jobs)
    yield "closed", _counted({name: count for name, count in found.closed.items() if count}) or "none"
    yield "unsettled", f"{found.unsettled} transactions"
    for alert in found.alerts:
        yield "!", alert


def lately(hours: Sequence[models.Hour]) -> Iterator[Fact]:
    """What the last hours brought, a bar for each: the page's charts."""
    answers, times = [each.answers for each in hours], [each.answer_s or 0.0 for each in hours]
    income, gas = [int(each.income.get("ether", "0")) for each in hours], [int(each.gas_wei) for each in hours]
    refused, count = sum(each.refusals for each in hours), sum(answers)
    taken_s = sum(map(mul, times, answers)) / count if count else 0.0
    yield "answers", f"{_bars(answers)} {count:,} in {len(hours)} hours, {refused:,} refused"
    yield "income", f"{_bars(income)} {ether(sum(income))}"
    yield "gas", f"{_bars(gas)} {ether(sum(gas))}"
    yield "time", f"{_bars(times)} {taken_s:.2f} s to the answer"
    queue = [each.open for each in hours]
    yield "queue", f"{_bars(queue)} {max(queue):,} open at most"


def change(found: models.Status) -> str:
    """A status as one line, without what changes with each block."""
    facts = ["running" if found.running else "not running"]
    facts += [_counted({name: count for name, count in found.jobs.items() if count}) or "no job"]
    if found.unsettled:
        facts.append(f"{found.unsettled} unsettled")
    if found.balance_wei is not None:
        facts.append(f"balance {ether(int(found.balance_wei))}")
    return "; ".join(facts + [f"! {alert}" for alert in found.alerts])


def job(found: models.JobDetail) -> Iterator[Fact]:
    """One job with its history."""
    yield "request", found.id
    yield "state", found.state + (f" ({found.reason}: {found.detail})" if found.reason else "")
    yield "model", found.request.model_id
    yield "asked by", f"{found.request.requester}, {found.request.use_class} use"
    yield "fee", f"{money(found.request.fee, found.request.token)}, royalty {found.request.royalty_bps} bps"
    yield "deadline", _time(found.request.deadline_s)
    yield "asked in", f"block {found.seen_at.block_number}, {found.seen_at.tx_hash}"
    if found.mined_at is not None:
        yield "answered", f"block {found.mined_at.block_number}, {found.mined_at.tx_hash}"
    if found.output is not None:
        yield "output", found.output
        yield "result hash", found.result_hash or ""
        yield "terms", f"version {found.request.terms_version}, {found.terms_hash or 'not read'}"
        yield "attribution", found.attribution or "none asked for"
    for entry in found.history:
        yield _time(entry.at_s), f"{entry.fact} {entry.detail}"


def jobs(rows: Sequence[dict[str, str]]) -> View:
    """What of a list of jobs a person decides by."""
    ids, known = Ids(row["id"] for row in rows), Ids(row["model_id"] for row in rows)
    return (
        Column("request", lambda row: ids.short(row["id"])),
        Column("model", lambda row: row["model"] or known.short(row["model_id"]), flows=True),
        Column("state", lambda row: row["state"] + (f": {row['reason']}" if row["reason"] else ""), flows=True),
        Column("use", lambda row: row["use_class"]),
        Column("fee", lambda row: amount(row["fee"], row["token"]), right=True),
        Column("asked", lambda row: str(row["seen_block"]), spare=True, right=True),
        Column("mined", lambda row: str(row["mined_block"] or "-"), right=True),
    )


def money(smallest: str, token: str) -> str:
    """An amount in smallest units and what it is of."""
    return f"{smallest} wei ({ether(int(smallest))})" if is_ether(token) else f"{smallest} of token {token}"


def _bars(values: Sequence[float]) -> str:
    """As high as the highest; a dot for nothing."""
    most = max(values)
    return "".join(_BARS[ceil(each / most * len(_BARS)) - 1] if each else "." for each in values)


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _blocks(found: models.Status) -> str:
    recorded = "none recorded" if found.recorded_block is None else f"recorded up to {found.recorded_block}"
    return recorded if found.head is None else f"{found.head.number}, {recorded}"


def _endpoint(found: models.Endpoint) -> str:
    if not found.fit:
        return f"{found.url}  not asked: {found.error}"
    latency_ms = found.latency_s * 1_000
    return f"{found.url}  {latency_ms:.0f} ms, {found.lag_blocks} blocks behind, {found.error_rate:.1%} errors"


def _fees(found: models.Fees) -> str:
    said = [f"policy {found.policy}"]
    if found.least_wei is not None and int(found.least_wei):
        said.append(f"an answer must earn {ether(int(found.least_wei))} and its callback's gas")
    if found.price_wei is not None:
        said.append(f"gas at {gwei(int(found.price_wei))}, at most {gwei(int(found.cap_wei or 0))}")
    if found.max_spend_wei_per_day is not None:
        spent, cap = ether(int(found.spent_wei or 0)), ether(int(found.max_spend_wei_per_day))
        said.append(f"{spent} of {cap} a day spent")
    return "; ".join(said)


def _time(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")
