"""The operator's account as the chain showed it last: balance and nonce, and what a unit of gas costs."""

from typing import Final

from themis.core.errors import Unavailable
from themis.core.fees import Market
from themis.core.types import Address
from themis.daemon.chaintime import ChainTime
from themis.ports import Chain, Clock

EVERY_S: Final = 15


class Account:
    """Kept fresh by `settle`; whoever needs it before, or newer, has it read at once.

    Two loops may read it at the same time: each value stands for itself.
    """

    def __init__(self, chain: Chain, address: Address, clock: Clock, time: ChainTime) -> None:
        self._chain, self._address, self._clock, self._time = chain, address, clock, time
        self._read_at_s: float | None = None
        self._balance_wei = 0
        self._tip_wei = 0
        self._nonce = 0

    def refresh(self, *, after_s: float = EVERY_S) -> None:
        """Read it again where what is known is older than that. Raises Unavailable."""
        now_s = self._clock.now_s()
        if self._read_at_s is None or now_s - self._read_at_s >= after_s:
            self._balance_wei = self._chain.balance_wei(self._address)
            self._tip_wei = self._chain.tip_wei()
            self._nonce = self._chain.nonces(self._address).mined
            self._read_at_s = now_s

    def forget(self) -> None:
        """What was read has proved to be old."""
        self._read_at_s = None

    @property
    def balance_wei(self) -> int | None:
        """None before it was read."""
        return None if self._read_at_s is None else self._balance_wei

    def nonce(self) -> int:
        """No nonce below it is free. Raises Unavailable."""
        self.refresh()
        return self._nonce

    def last_market(self) -> Market | None:
        """As `market` showed it last, without a word to the endpoint; None before it was read."""
        head = self._time.head
        return None if head is None or self._read_at_s is None else Market(head.base_fee_wei, self._tip_wei)

    def market(self) -> Market:
        """Base fee of the newest block, and the tip. Raises Unavailable, also before a block was seen."""
        self.refresh()
        head = self._time.head
        if head is None:
            raise Unavailable("no block was seen yet")
        return Market(head.base_fee_wei, self._tip_wei)
