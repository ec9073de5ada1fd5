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
        yield from self._endpoints()
        head = node.time.head
        yield GaugeMetricFamily("themis_head_block", "Newest block seen.", value=head.number if head else 0)

    def _endpoints(self) -> Iterator[Metric]:
        """By place in the configuration: two keys at one provider are two endpoints."""
        names = ["place", "url"]
        fit = GaugeMetricFamily("themis_endpoint_fit", "Whether the endpoint is asked.", labels=names)
        lag = GaugeMetricFamily("themis_endpoint_lag_blocks", "Blocks behind the newest one seen.", labels=names)
        requests = CounterMetricFamily("themis_endpoint_requests", "HTTP requests.", labels=names)
        errors = CounterMetricFamily("themis_endpoint_errors", "HTTP requests that failed.", labels=names)
        for place, state in enumerate(self._reading.endpoints()):
            at = [str(place), state.url]
            fit.add_metric(at, state.fit)
            lag.add_metric(at, state.lag_blocks)
            requests.add_metric(at, state.requests)
            errors.add_metric(at, state.errors)
        yield from (fit, lag, requests, errors)
