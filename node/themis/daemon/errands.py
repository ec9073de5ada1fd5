"""Errands: transactions beside answers, each wanted again by whoever looks at the chain until the chain shows it."""

import threading
from dataclasses import dataclass
from typing import Final

from themis.core.types import Address

AGAIN_S: Final = 90.0
"""The same one is sent again after so long: an attempt that no block took in a minute was given up by then."""
DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Errand:
    """A call that answers nothing, and costs its sender gas."""

    what: str
    """In words, for the log."""
    to: Address
    data: bytes
    gas: int
    """Its limit."""


class Errands:
    """What waits for a nonce. May be used by several threads. A crash forgets it: who wants it looks again."""

    def __init__(self, gas_per_day: int) -> None:
        """`gas_per_day`: of all together, by their limits, in 24 hours of this process."""
        self._gas_per_day = gas_per_day
        self._lock = threading.Lock()
        self._waiting: list[Errand] = []
        self._wanted: dict[tuple[Address, bytes], tuple[float, int]] = {}
        """When each was wanted last, and its gas."""

    @property
    def waiting(self) -> bool:
        return bool(self._waiting)

    def want(self, errand: Errand, now_s: float) -> bool:
        """Whether it is sent, or was a moment ago; False where the gas of the day is used up."""
        key = errand.to, errand.data
        with self._lock:
            self._wanted = {each: said for each, said in self._wanted.items() if now_s - said[0] < DAY_S}
            if key in self._wanted and now_s - self._wanted[key][0] < AGAIN_S:
                return True
            if sum(gas for _, gas in self._wanted.values()) + errand.gas > self._gas_per_day:
                return False
            self._wanted[key] = now_s, errand.gas + self._wanted.get(key, (0.0, 0))[1]
            self._waiting.append(errand)
            return True

    def take(self, most: int) -> list[Errand]:
        """Those that get a nonce now."""
        with self._lock:
            taken, self._waiting = self._waiting[:most], self._waiting[most:]
        return taken
