"""What every loop of the daemon shares."""

import threading
from dataclasses import dataclass, field

from themis.core.fees import FeePolicy
from themis.core.permission import Standing
from themis.core.types import Address, Block, Hash32
from themis.ports import Chain, Clock, Engine, Signer, Store
from themis.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator decided."""

    chain_id: int
    oracle: Address
    start_block: int
    confirmations: int
    """Blocks, the answer's own included, after which an answer counts as final."""
    min_fee_wei: int
    fees: FeePolicy


class ChainTime:
    """The newest block, and what the chain's clock shows now. Chains keep their own time: test chains are warped."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._head: Block | None = None
        self._since_s = 0.0
        self._first: int | None = None

    def observe(self, head: Block) -> None:
        with self._lock:
            if self._head is None or self._head.hash != head.hash:
                self._head, self._since_s = head, self._clock.now_s()
            if self._first is None:
                self._first = head.number

    @property
    def head(self) -> Block | None:
        with self._lock:
            return self._head

    @property
    def first_number(self) -> int | None:
        """The newest block when this node started; None before it was seen."""
        with self._lock:
            return self._first

    def now_s(self) -> float:
        """Timestamp of the newest block plus the time since it was seen: what the next block will carry, about."""
        with self._lock:
            return 0.0 if self._head is None else self._head.timestamp_s + self._clock.now_s() - self._since_s


@dataclass(frozen=True, slots=True)
class Node:
    """The ports, the settings and the shared clock."""

    chain: Chain
    store: Store
    engine: Engine
    signer: Signer
    clock: Clock
    settings: Settings
    telemetry: Telemetry
    time: ChainTime = field(init=False)
    standing: dict[Hash32, Standing] = field(init=False, default_factory=dict)
    """By model, as the settling loop read it last."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "time", ChainTime(self.clock))
