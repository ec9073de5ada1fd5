"""What Prometheus reads beside the node's own measurements: the store's counts, the head, the RPC calls."""

import math
from collections.abc import Iterator

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from themis.api.fees import FeesNow
from themis.api.reading import Reading
from themis.core.pricing import Rule


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
        yield from self._fees()
        yield from self._limits()
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

    def _fees(self) -> Iterator[Metric]:
        now = FeesNow.of(self._reading.node)
        policy = GaugeMetricFamily("themis_fees_policy", "1 for the rule in force.", labels=["rule"])
        for rule in Rule:
            policy.add_metric([str(rule)], rule is now.rule)
        yield policy
        gauges = (
            ("themis_gas_price_cap_wei", "What a unit of gas may cost at most.", now.cap_wei, math.nan),
            ("themis_gas_price_wei", "What a unit of gas costs; NaN unread.", now.price_wei, math.nan),
            (
                "themis_answer_price_wei",
                "What an answer must earn without callback; NaN unread.",
                now.least_wei,
                math.nan,
            ),
            ("themis_spend_cap_wei", "What answers may cost in a day; +Inf any amount.", now.max_spend_wei, math.inf),
            ("themis_spent_wei", "What they have cost in the last day; NaN without a cap.", now.spent_wei, math.nan),
        )
        for name, says, value, unknown in gauges:
            yield GaugeMetricFamily(name, says, value=unknown if value is None else value)

    def _limits(self) -> Iterator[Metric]:
        requesters = self._reading.node.settings.requesters
        limits = GaugeMetricFamily(
            "themis_requester_limit", "Requests of one requester that are taken; +Inf any number.", labels=["per"]
        )
        for per, limit in (("hour", requesters.max_per_hour), ("day", requesters.max_per_day)):
            limits.add_metric([per], math.inf if limit is None else limit)
        yield limits
