"""What the node measures of itself, in Prometheus' terms and base units."""

import math
from collections.abc import Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from themis.core.trouble import Trouble
from themis.core.types import Hash32

LOOPS: Final = ("watch", "judge", "infer", "send", "settle", "tend", "keep", "listen", "agree")
ERROR_CODES: Final = ("unavailable", "rpc_error")
_INFERENCE_BUCKETS_S: Final = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10)


class Telemetry:
    """One registry per node. Every label value exists from the start, so that an absent series means an absent node."""

    def __init__(self, models: Iterable[Hash32] = (), loops: Iterable[str] = LOOPS) -> None:
        self.registry = registry = CollectorRegistry()
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
        for model_id in models:
            self.license_expiry.labels(model_label(model_id)).set(math.nan)
        self.loop_errors = Counter(
            "themis_loop_errors_total", "Steps that could not be done.", ("loop", "code"), registry=registry
        )
        for loop in loops:
            for code in ERROR_CODES:
                self.loop_errors.labels(loop, code)


def model_label(model_id: Hash32) -> str:
    """A model as a label's value."""
    return "0x" + model_id.hex()
