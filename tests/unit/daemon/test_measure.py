"""What became of requests, as Prometheus counts it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.daemon_kit import Bench
from tests.fakes import GAS_USED, MODEL, REQUESTER
from themis.core.pricing import Pricing, Rule
from themis.core.requesters import HOUR_S
from themis.core.types import Address, Denial, Hash32
from themis.daemon.attempts import RESEND_AFTER_S
from themis.daemon.chronicle import EVERY_S
from themis.telemetry import OTHER, STAGES, Telemetry, model_label

NOBODY, TOKEN = Address(b"\x66" * 20), Address(b"\x77" * 20)
LABEL = model_label(MODEL)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "db")


def value_of(bench: Bench) -> Callable[..., float]:
    return lambda name, **labels: bench.node.telemetry.registry.get_sample_value(name, labels) or 0.0


def finish(bench: Bench) -> None:
    bench.work()
    bench.wait(3)
    bench.mine()
    bench.settle.step()


def test_an_answer_counts_its_income_gas_and_time(bench: Bench) -> None:
    value = value_of(bench)
    id_ = bench.chain.ask()
    finish(bench)
    assert value("themis_answers_total", model=LABEL) == 1
    job = bench.job(id_)
    assert value("themis_income_units_total", model=LABEL, token="ether") == job.least_pay == 8 * 10**14
    assert value("themis_gas_used_total", model=LABEL) == GAS_USED
    assert value("themis_gas_spent_wei_total", model=LABEL) == GAS_USED * 2 * 10**9
    assert value("themis_answer_seconds_sum") == 3
    assert [value("themis_stage_seconds_count", stage=stage) for stage in STAGES] == [1, 1, 1, 0, 1, 1, 1]
    assert [value("themis_stage_seconds_sum", stage=stage) for stage in STAGES] == [0, 0, 0, 0, 0, 3, 0]


def test_a_request_is_seen_so_long_after_its_block(bench: Bench) -> None:
    bench.chain.ask()
    bench.clock.now = bench.chain.head().timestamp_s + 7
    bench.work()
    bench.chain.ask(b"other")
    bench.clock.now = bench.chain.head().timestamp_s - 5  # a clock that goes after the chain's
    bench.work()
    assert value_of(bench)("themis_stage_seconds_sum", stage="seen") == 7
    assert value_of(bench)("themis_stage_seconds_count", stage="seen") == 2


def test_refusals_count_by_reason_and_strangers_models_are_one(bench: Bench) -> None:
    bench.chain.denials[NOBODY] = Denial("AuthorizationRequired", "version=1")
    bench.chain.ask(requester=NOBODY)
    for digit in range(3):
        bench.chain.ask(model_id=Hash32(bytes([digit]) * 32))
    bench.work()
    value = value_of(bench)
    assert value("themis_refusals_total", model=LABEL, reason="unlicensed_requester") == 1
    assert value("themis_refusals_total", model=OTHER, reason="unknown_model") == 3
    bench.chain.ask(b"goes")
    bench.see()
    bench.chain.reorg(1, keep_requests=False, keep_answers=False)
    bench.chain.mine()
    bench.work()
    assert value("themis_refusals_total", model=LABEL, reason="reorged") == 1


def test_what_failed_costs_gas_and_earns_nothing(bench: Bench) -> None:
    bench.chain.fail_next_fulfillments = 1
    bench.chain.ask()
    bench.work()
    bench.mine()
    bench.wait(RESEND_AFTER_S)
    bench.work()
    bench.wait(RESEND_AFTER_S)
    bench.work()
    value = value_of(bench)
    assert value("themis_refusals_total", model=LABEL, reason="reverted") == 1
    assert value("themis_gas_used_total", model=LABEL) == GAS_USED
    assert (
        value("themis_answers_total", model=LABEL)
        == value("themis_income_units_total", model=LABEL, token="ether")
        == 0
    )


def test_what_an_hour_brought_is_in_the_store(bench: Bench) -> None:
    bench.clock.now = 7 * HOUR_S
    for digit in range(3):
        bench.chain.ask(bytes([digit]))
    bench.chain.ask(requester=REQUESTER, model_id=Hash32(bytes(32)))
    finish(bench)
    assert bench.store.hours(0) == {}
    bench.wait(EVERY_S)
    bench.settle.step()
    hour = bench.store.hours(0)[7]
    assert (hour["answers"], hour["refusals"], hour["open"]) == (3, 1, 3)
    assert hour["answer_seconds"] == 9
    assert hour["income ether"] == 24 * 10**14
    assert hour["gas_wei"] == value_of(bench)("themis_gas_spent_wei_total", model=LABEL) > 0
    bench.wait(EVERY_S)
    bench.settle.step()
    assert bench.store.hours(0) == {7: hour}, "nothing came, nothing is added"
    bench.wait(HOUR_S)
    bench.chain.ask(b"later")
    finish(bench)
    bench.wait(EVERY_S)
    bench.settle.step()
    assert bench.store.hours(8)[8]["answers"] == 1
    assert bench.store.hours(0)[7] == hour


def test_income_in_a_token_counts_where_it_is_worth_something() -> None:
    telemetry = Telemetry([MODEL], tokens=Pricing(Rule.FREE, token_wei={TOKEN: 2}).token_wei)  # type: ignore[dict-item]
    telemetry.earned(MODEL, TOKEN, 5)
    telemetry.earned(MODEL, NOBODY, 7)
    found = {
        s.labels["token"]: s.value
        for f in telemetry.registry.collect()
        for s in f.samples
        if s.name == "themis_income_units_total" and s.labels["model"] == LABEL
    }
    assert found == {"ether": 0, "0x" + "77" * 20: 5}
