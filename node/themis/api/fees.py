"""What a running node takes for answers and may spend on them, as status and metrics tell it."""

from dataclasses import dataclass

from themis.api import models
from themis.core.fees import usual_gas
from themis.core.pricing import Rule
from themis.daemon.afford import DAY_S
from themis.daemon.node import Node


@dataclass(frozen=True, slots=True)
class FeesNow:
    """Wei. None: not known yet, or nothing that is set."""

    rule: Rule
    margin_percent: int
    cap_wei: int
    price_wei: int | None
    least_wei: int | None
    """What an answer without callback must earn."""
    max_spend_wei: int | None
    spent_wei: int | None

    @classmethod
    def of(cls, node: Node) -> "FeesNow":
        """Asks no endpoint: it tells what the loops have read."""
        settings, market = node.settings, node.account.last_market()
        pricing, cap = settings.pricing, settings.max_spend_wei
        price = None if market is None else settings.fees.price_wei(market)
        least = None if price is None else pricing.needed_wei(usual_gas(settings.signers), price)
        return cls(
            rule=pricing.rule,
            margin_percent=pricing.margin_percent,
            cap_wei=settings.fees.cap_wei,
            price_wei=price,
            least_wei=0 if pricing.rule is Rule.FREE else least,
            max_spend_wei=cap,
            spent_wei=None if cap is None else node.store.spent_wei(node.clock.now_s() - DAY_S),
        )

    def shown(self) -> models.Fees:
        return models.Fees(
            policy=self.rule,
            margin_percent=self.margin_percent,
            cap_wei=str(self.cap_wei),
            price_wei=_text(self.price_wei),
            least_wei=_text(self.least_wei),
            max_spend_wei_per_day=_text(self.max_spend_wei),
            spent_wei=_text(self.spent_wei),
        )


def _text(wei: int | None) -> str | None:
    return None if wei is None else str(wei)
