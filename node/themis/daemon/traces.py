"""Traces: what each request went through, from its log to its receipt, as OpenTelemetry spans (extra `otel`).

A trace is made when a request is over, from what the store knows of it: so a crash on the way takes nothing from it,
and no loop waits for a collector.
"""

import threading
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any, Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.trace import SpanKind, set_span_in_context

from themis.core.job import HistoryEntry, Job
from themis.core.spelling import shown
from themis.core.types import Address, Receipt
from themis.daemon.measure import STAGES_BY_FACT

_DISTRIBUTION: Final = "themis-oracle"
_NS: Final = 1_000_000_000
_EXPORT_S: Final = 2.0
"""How long a collector may take for a batch, the last one of an ending node too."""


class Traces:
    """Tells a collector of each request that is over."""

    def __init__(self, exporter: Any, *, chain_id: int, oracle: Address, operator: Address) -> None:
        """`exporter`: a span exporter of OpenTelemetry's SDK."""
        self._ids = _Ids()
        self._lock = threading.Lock()
        self._place = {
            "themis.chain_id": chain_id,
            "themis.oracle": shown(oracle),
            "themis.operator": shown(operator),
        }
        resource = Resource.create({"service.name": "themis", "service.version": version(_DISTRIBUTION)} | self._place)
        self._provider = TracerProvider(resource=resource, id_generator=self._ids, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter, export_timeout_millis=1_000 * _EXPORT_S))
        self._tracer = self._provider.get_tracer("themis", version(_DISTRIBUTION))

    def tell(self, job: Job, history: Sequence[HistoryEntry], receipt: Receipt | None) -> None:
        """A request is over, by its last fact. Its trace has the first 16 bytes of its id, on every operator's node."""
        if not history:
            return
        with self._lock:
            self._ids.trace_id = int.from_bytes(job.id[:16], "big")
            root = self._tracer.start_span(
                "request", kind=SpanKind.CONSUMER, start_time=_ns(history[0]), attributes=_told(job, receipt)
            )
            within = set_span_in_context(root)
            since = history[0]
            for entry in history[1:]:
                stage = STAGES_BY_FACT.get(entry.fact)
                attributes = {"themis.detail": entry.detail} if entry.detail else {}
                if stage is None:
                    root.add_event(entry.fact, attributes, timestamp=_ns(entry))
                    continue
                span = self._tracer.start_span(stage, context=within, start_time=_ns(since), attributes=attributes)
                span.end(_ns(entry))
                since = entry
            root.end(_ns(history[-1]))

    def close(self) -> None:
        """Tell what is left, if the collector takes it in time."""
        self._provider.force_flush(int(1_000 * _EXPORT_S))
        self._provider.shutdown()


def over_http(url: str) -> Callable[..., Traces]:
    """Traces that go to a collector's OTLP endpoint, as `http://127.0.0.1:4318`."""
    exporter = OTLPSpanExporter(endpoint=f"{url.rstrip('/')}/v1/traces", timeout=_EXPORT_S)
    return lambda **place: Traces(exporter, **place)


class _Ids(IdGenerator):  # type: ignore[misc]
    """Spans have random ids, a trace its request's."""

    def __init__(self) -> None:
        self.trace_id = 1
        self._random = RandomIdGenerator()

    def generate_trace_id(self) -> int:
        return self.trace_id

    def generate_span_id(self) -> int:
        found: int = self._random.generate_span_id()
        return found


def _told(job: Job, receipt: Receipt | None) -> dict[str, Any]:
    request = job.request
    found: dict[str, Any] = {
        "themis.request_id": shown(job.id),
        "themis.model_id": shown(request.model_id),
        "themis.requester": shown(request.requester),
        "themis.fee": str(request.fee),
        "themis.token": shown(request.token),
        "themis.state": str(job.state),
        "themis.seen_block": job.seen_at.block_number,
        "themis.input_bytes": len(job.input),
    }
    if job.reason is not None:
        found |= {"themis.reason": str(job.reason), "themis.detail": job.detail}
    if job.mined_at is not None:
        found |= {"themis.mined_block": job.mined_at.block_number, "themis.transaction": shown(job.mined_at.tx_hash)}
    if receipt is not None:
        found["themis.gas_used"] = receipt.gas_used
    return found


def _ns(entry: HistoryEntry) -> int:
    return int(entry.at_s * _NS)
