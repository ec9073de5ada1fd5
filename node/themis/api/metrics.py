"""What Prometheus reads beside the node's own measurements: the store's counts, the head, the RPC calls."""

from collections.abc import Iterator

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from themis.api.reading import Reading


class NodeCollector(Collector):
    """Reads at the moment it is asked, so nothing can go stale. Every state and reason has a sample from the start."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def collect(self) -> Iterator[Metric]:
        node = self._reading.node
        counts = node.store.counts()
        jobs = GaugeMetricFamily("themis_jobs", "Jobs by state.", labels=["state"])
        for state, count in counts.by_state.items():
            jobs.add_metric([str(state)], count)
        yield jobs
        closed = GaugeMetricFamily("themis_jobs_closed", "Closed jobs by reason.", labels=["reason"])
        for reason, count in counts.by_reason.items():
            closed.add_metric([str(reason)], count)
        yield closed
        calls = CounterMetricFamily("themis_rpc_calls", "JSON-RPC calls by method.", labels=["method"])
        for method, count in sorted(self._reading.rpc_calls.items()):
            calls.add_metric([method], count)
        yield calls
        head = node.time.head
        yield GaugeMetricFamily("themis_head_block", "Newest block seen.", value=head.number if head else 0)
