"""A running node, read: its status, its readiness and what its operator should look at."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final, TypedDict

from themis.api import models, views
from themis.api.fees import FeesNow
from themis.chain.endpoints import EndpointState
from themis.core.fees import LOW_BALANCE_ANSWERS, answers_paid
from themis.core.spelling import shown
from themis.daemon.node import Node
from themis.daemon.supervisor import Health
from themis.ports import Store

DISTRIBUTION: Final = "themis-oracle"
STALE_S: Final = 60
"""A watcher that has not read the head for that long knows nothing about now."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the API reads. Everything in it may be read from any thread."""

    node: Node
    health: Mapping[str, Health]
    rpc_calls: Mapping[str, int]
    started_at_s: float
    endpoints: Callable[[], Sequence[EndpointState]] = list
    """How each endpoint does now."""
    explorer_url: str | None = None
    """Of a block explorer, for links on the pages."""

    def status(self) -> models.Status:
        node = self.node
        head = node.time.head
        return models.Status(
            running=True,
            started_at_s=self.started_at_s,
            chain_id=node.settings.chain_id,
            oracle=shown(node.settings.oracle),
            operator=shown(node.signer.address),
            head=views.head(head) if head else None,
            balance_wei=self._balance_wei(),
            rpc_calls=sum(self.rpc_calls.values()),
            endpoints=[views.endpoint(state) for state in self.endpoints()],
            fees=FeesNow.of(node).shown(),
            requesters=views.requesters(node.settings.requesters),
            explorer_url=self.explorer_url,
            models=list(self.served()),
            loops=[
                models.Loop(name=name, stepped_at_s=health.stepped_at_s, error=health.error)
                for name, health in self.health.items()
            ],
            alerts=list(self._alerts()),
            **stored(node.store),
        )

    def served(self) -> Iterator[models.Model]:
        """The models it serves, each with the operator's license and how it is run."""
        tuned = self.node.engine.tuned()
        for model_id, info in self.node.engine.models().items():
            yield views.model(info, self.node.standing.get(model_id), tuned.get(model_id))

    def ready(self) -> models.Ready:
        """Ready: every loop does its work, and the watcher has read the head just now."""
        now_s = self.node.clock.now_s()
        conditions = [
            models.Condition(name=f"loop {name}", ok=not health.error, detail=health.error or "works")
            for name, health in self.health.items()
        ]
        age_s = now_s - self.health["watch"].stepped_at_s
        head = self.node.time.head
        known = head is not None and age_s < STALE_S
        said = f"block {head.number}, read {age_s:.1f} s ago" if head else "the chain was not read yet"
        conditions.append(models.Condition(name="head", ok=known, detail=said))
        return models.Ready(ready=all(condition.ok for condition in conditions), conditions=conditions)

    def answers_left(self) -> int | None:
        """About how many answers the balance pays for; None before it was read."""
        market, balance_wei = self.node.account.last_market(), self._balance_wei()
        if market is None or balance_wei is None:
            return None
        return answers_paid(int(balance_wei), self.node.settings.fees.quote(market))

    def _balance_wei(self) -> str | None:
        """As the settling loop read it last; a gauge, so exact to 16 digits."""
        if not self.health["settle"].stepped_at_s:
            return None
        return str(int(self.node.telemetry.registry.get_sample_value("themis_operator_balance_wei") or 0))

    def _alerts(self) -> Iterator[str]:
        yield from (f"{name} waits: {health.error}" for name, health in self.health.items() if health.error)
        yield from (f"{state.url} is not asked: {state.error}" for state in self.endpoints() if not state.fit)
        yield from self._low_balance()
        yield from self._licenses()
        yield from self.node.troubles.found()

    def _licenses(self) -> Iterator[str]:
        for model_id, standing in list(self.node.standing.items()):
            if concern := standing.concern(self.node.time.now_s()):
                yield f"{self.node.engine.models()[model_id].name}: {concern}"

    def _low_balance(self) -> Iterator[str]:
        answers = self.answers_left()
        if answers is not None and answers < LOW_BALANCE_ANSWERS:
            account = shown(self.node.signer.address)
            yield f"the balance pays for about {answers} answers: fund {account}"


class Stored(TypedDict):
    """The part of a status that the store knows, whether a node runs or not."""

    version: str
    recorded_block: int | None
    jobs: dict[str, int]
    closed: dict[str, int]
    unsettled: int


def stored(store: Store) -> Stored:
    counts, newest = store.counts(), store.newest()
    return {
        "version": version(DISTRIBUTION),
        "recorded_block": None if newest is None else newest.number,
        "jobs": {str(state): count for state, count in counts.by_state.items()},
        "closed": {str(reason): count for reason, count in counts.by_reason.items()},
        "unsettled": len(store.unsettled()),
    }
