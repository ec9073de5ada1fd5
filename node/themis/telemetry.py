"""What the node measures of itself, in Prometheus' terms and base units."""

import math
from collections.abc import Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from themis.core.assembly import Seat
from themis.core.errors import Reason
from themis.core.spelling import shown
from themis.core.trouble import Trouble
from themis.core.types import ETHER, Address, Hash32

LOOPS: Final = ("watch", "judge", "infer", "send", "settle", "tend", "keep", "listen", "agree", "insist")
ERROR_CODES: Final = ("unavailable", "rpc_error")
STAGES: Final = ("seen", "judged", "computed", "agreed", "sent", "mined", "final")
"""What a request goes through, in this order; `agreed` only where a committee was asked."""
OTHER: Final = "other"
"""A model that is not served: strangers choose what they ask for, and could make any number of series."""
_INFERENCE_BUCKETS_S: Final = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10)
_LATENCY_BUCKETS_S: Final = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1_000, 3_000)


class Telemetry:
    """One registry per node. Every label value exists from the start, so that an absent series means an absent node."""

    def __init__(
        self, models: Iterable[Hash32] = (), loops: Iterable[str] = LOOPS, tokens: Iterable[Address] = ()
    ) -> None:
        """`tokens` are those that income is counted in, beside ether: the others are worth nothing here."""
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._models = {model_id: model_label(model_id) for model_id in models}
        self._tokens = {ETHER: "ether"} | {token: shown(token) for token in tokens}
        self.recorded_block = Gauge("themis_recorded_block", "Newest block whose events are stored.", registry=registry)
        self.balance_wei = Gauge("themis_operator_balance_wei", "The operator's balance.", registry=registry)
        self.unsettled = Gauge("themis_transactions_unsettled", "Transactions without a receipt.", registry=registry)
        self.reorgs = Counter("themis_reorgs_total", "Reorganizations followed.", registry=registry)
        self.late_logs = Counter(
            "themis_late_logs_total", "Logs that the endpoint showed later than their blocks.", registry=registry
        )
        self.inferences = Counter("themis_inferences_total", "Requests run through a model.", registry=registry)
        self.inference_seconds = Histogram(
            "themis_inference_seconds",
            "Time of one run, batch included.",
            buckets=_INFERENCE_BUCKETS_S,
            registry=registry,
        )
        self.send_refusals = Counter(
            "themis_send_refusals_total", "Transactions the endpoint did not take at once.", registry=registry
        )
        self.troubles = Gauge(
            "themis_trouble", "1 while this stands in the way of answers.", ("kind",), registry=registry
        )
        for kind in Trouble:
            self.troubles.labels(str(kind)).set(0)
        self.license_expiry = Gauge(
            "themis_license_expiry_timestamp_seconds",
            "When the operator's grant ends: +Inf where none is needed, 0 where paid answers are refused, NaN unread.",
            ("model",),
            registry=registry,
        )
        for label in self._models.values():
            self.license_expiry.labels(label).set(math.nan)
        self.stake_wei = Gauge(
            "themis_member_stake_wei",
            "What this member of a committee has at stake; NaN: no member, or unread.",
            registry=registry,
        )
        self.signing = Gauge(
            "themis_member_signing", "Whether its signature counts there; NaN: no member, or unread.", registry=registry
        )
        for gauge in (self.stake_wei, self.signing):
            gauge.set(math.nan)
        self.loop_errors = Counter(
            "themis_loop_errors_total", "Steps that could not be done.", ("loop", "code"), registry=registry
        )
        for loop in loops:
            for code in ERROR_CODES:
                self.loop_errors.labels(loop, code)
        self._measure_answers()

    def _measure_answers(self) -> None:
        registry, model = self.registry, ("model",)
        self.answers = Counter("themis_answers_total", "Answers that became final.", model, registry=registry)
        self.refusals = Counter(
            "themis_refusals_total",
            "Requests closed without our answer, of models that are not served too.",
            ("model", "reason"),
            registry=registry,
        )
        self.income = Counter(
            "themis_income_units_total",
            "Earned by final answers, royalties deducted: wei, or the smallest units of a token.",
            ("model", "token"),
            registry=registry,
        )
        self.gas = Counter(
            "themis_gas_used_total",
            "Gas of answers, and of what failed or only used up a nonce.",
            model,
            registry=registry,
        )
        self.gas_wei = Counter("themis_gas_spent_wei_total", "What that gas has cost.", model, registry=registry)
        self.answer_seconds = Histogram(
            "themis_answer_seconds",
            "From the first sight of a request to that of its answer on chain.",
            buckets=_LATENCY_BUCKETS_S,
            registry=registry,
        )
        self.stage_seconds = Histogram(
            "themis_stage_seconds",
            "How long requests took to a stage from the one before; to `seen` from their blocks' whole seconds.",
            ("stage",),
            buckets=_LATENCY_BUCKETS_S,
            registry=registry,
        )
        for stage in STAGES:
            self.stage_seconds.labels(stage)
        for label in (*self._models.values(), OTHER):
            for counter in (self.answers, self.gas, self.gas_wei):
                counter.labels(label)
            for reason in Reason:
                self.refusals.labels(label, str(reason))
            for token in self._tokens.values():
                self.income.labels(label, token)

    def totals(self) -> dict[str, float]:
        """Since the start, of all models together: what the charts of the page are made of."""
        found: dict[str, float] = {}
        for series, metric in (
            ("answers", self.answers),
            ("refusals", self.refusals),
            ("gas_wei", self.gas_wei),
            ("answer_seconds", self.answer_seconds),
            ("income", self.income),
        ):
            for sample in (each for family in metric.collect() for each in family.samples):
                if sample.name.endswith(("_total", "_sum")):
                    token = sample.labels.get("token")
                    name = f"{series} {token}" if token else series
                    found[name] = found.get(name, 0.0) + sample.value
        return found

    def model(self, model_id: Hash32) -> str:
        """The label of a model: its id where it is served, else OTHER."""
        return self._models.get(model_id, OTHER)

    def earned(self, model_id: Hash32, token: Address, units: int) -> None:
        """An answer was paid for; in a token that is worth nothing here, nothing was earned."""
        if token in self._tokens:
            self.income.labels(self.model(model_id), self._tokens[token]).inc(units)

    def seated(self, seat: Seat | None) -> None:
        """This member's place in its committee, as the chain shows it; none: it has left."""
        self.stake_wei.set(seat.stake_wei if seat else 0)
        self.signing.set(seat.signing if seat else 0)

    def spent(self, model_id: Hash32, gas: float, wei: float) -> None:
        """A transaction was mined."""
        self.gas.labels(self.model(model_id)).inc(gas)
        self.gas_wei.labels(self.model(model_id)).inc(wei)


def model_label(model_id: Hash32) -> str:
    """A model as a label's value."""
    return "0x" + model_id.hex()
