"""What Prometheus reads beside the node's own measurements: the store's counts, the head, the loops, the RPC calls."""

import math
from collections.abc import Iterator
from importlib.metadata import version

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from themis.api.fees import FeesNow
from themis.api.reading import DISTRIBUTION, Reading
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
        yield from self._head()
        yield from self._loops()
        yield from self._transactions()
        yield from self._machine()

    def _head(self) -> Iterator[Metric]:
        head = self._reading.node.time.head
        yield GaugeMetricFamily("themis_head_block", "Newest block seen.", value=head.number if head else 0)
        made_s = head.timestamp_s if head else math.nan
        yield GaugeMetricFamily(
            "themis_head_timestamp_seconds", "When the newest block was made; NaN before one was seen.", value=made_s
        )

    def _loops(self) -> Iterator[Metric]:
        waiting = GaugeMetricFamily("themis_loop_waiting", "1 while the loop can not do its work.", labels=["loop"])
        stepped = GaugeMetricFamily(
            "themis_loop_stepped_timestamp_seconds", "When the loop last did its work; 0: never.", labels=["loop"]
        )
        for name, health in self._reading.health.items():
            waiting.add_metric([name], bool(health.error))
            stepped.add_metric([name], health.stepped_at_s)
        yield from (waiting, stepped)
        ready = self._reading.ready().ready
        yield GaugeMetricFamily("themis_ready", "Whether the node can answer requests now, as /readyz.", value=ready)
        yield GaugeMetricFamily("themis_standing_by", "1 while another node with this key leads.", value=0)

    def _transactions(self) -> Iterator[Metric]:
        node = self._reading.node
        signed_s = min((each.signed_at_s for each in node.store.unsettled()), default=None)
        age_s = 0.0 if signed_s is None else max(0.0, node.clock.now_s() - signed_s)
        yield GaugeMetricFamily(
            "themis_transactions_unsettled_age_seconds",
            "Since the oldest transaction without a receipt was signed; 0 where there is none.",
            value=age_s,
        )
        left = self._reading.answers_left()
        yield GaugeMetricFamily(
            "themis_balance_answers",
            "Answers that the balance pays for at the price of now; NaN unread.",
            value=math.nan if left is None else left,
        )

    def _machine(self) -> Iterator[Metric]:
        node = self._reading.node
        restarts = CounterMetricFamily(
            "themis_worker_restarts", "Processes of models that had to be started again.", labels=["model"]
        )
        for model_id, count in node.engine.restarts().items():
            restarts.add_metric([node.telemetry.model(model_id)], count)
        yield restarts
        taken, free = node.store.room()
        yield GaugeMetricFamily("themis_store_bytes", "What the store takes on its disk.", value=taken)
        yield GaugeMetricFamily(
            "themis_disk_free_bytes",
            "What is free on the disk of the store; NaN for a database.",
            value=math.nan if free is None else free,
        )
        built = GaugeMetricFamily("themis_build_info", "1, for the version that runs.", labels=["version"])
        built.add_metric([version(DISTRIBUTION)], 1)
        yield built

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
