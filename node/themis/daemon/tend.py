"""Tend: sees now and then that each endpoint serves our chain and our contract, and how far it is behind."""

import logging
from typing import Final

from themis.chain import fitness
from themis.chain.rpc import Rpc
from themis.core.types import Address
from themis.ports import Clock

_EVERY_S: Final = 10
_SOON_S: Final = 1
"""While one is out of use."""

log = logging.getLogger(__name__)


class Tend:
    """Takes endpoints out of use, and back into it."""

    name = "tend"

    def __init__(self, rpc: Rpc, chain_id: int, oracle: Address, clock: Clock) -> None:
        self._rpc = rpc
        self._chain_id = chain_id
        self._oracle = oracle
        self._clock = clock
        self._examined_at_s = 0.0
        self._wrong: dict[int, str] = {}

    def step(self) -> bool:
        """Examine every endpoint where it is time to. Never has work for others."""
        if self._clock.now_s() - self._examined_at_s < (_SOON_S if self._wrong else _EVERY_S):
            return False
        self._examined_at_s = self._clock.now_s()
        for place, endpoint in enumerate(self._rpc.endpoints):
            why = fitness.examine(endpoint, self._chain_id, self._oracle)
            if why and place not in self._wrong:
                log.warning("%s; it is not asked until it is right", why)
            if not why and place in self._wrong:
                log.info("the RPC at %s is right again", endpoint.shown)
            self._wrong = {p: said for p, said in (self._wrong | {place: why}).items() if said}
        return False
