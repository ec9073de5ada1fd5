"""What every loop of the daemon shares."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from themis.core.fees import FeePolicy
from themis.core.job import HistoryEntry, Job
from themis.core.permission import Standing
from themis.core.pricing import Pricing
from themis.core.requesters import Requesters
from themis.core.types import Address, Hash32, Receipt
from themis.daemon.account import Account
from themis.daemon.batches import Batches
from themis.daemon.chaintime import ChainTime
from themis.daemon.errands import Errands
from themis.daemon.flight import Flight
from themis.daemon.live import Live
from themis.daemon.troubles import Troubles
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
    pricing: Pricing
    requesters: Requesters
    max_spend_wei: int | None
    """In 24 hours, for gas; None: any amount."""
    gather_s: float = 0.0
    """So long an answer may wait for others to share a transaction with."""
    reread_blocks: int = 12
    """So deep a block must be until its logs are not read again: an endpoint's backends may lie so far apart."""
    errand_gas_per_day: int = 0
    """What transactions that answer nothing may take together."""
    committee: Address | None = None
    """Whose member the key is; None: the key answers by itself."""
    signers: int = 0
    """Members of it who must sign the same: what that takes is paid for too."""


Tell = Callable[[Job, Sequence[HistoryEntry], Receipt | None], None]
"""Hears of requests that are over: the job, its history, and its answer's receipt where it is known."""


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
    trace: Tell | None = None
    time: ChainTime = field(init=False)
    account: Account = field(init=False)
    troubles: Troubles = field(init=False)
    flight: Flight = field(init=False, default_factory=Flight)
    live: Live = field(init=False, default_factory=Live)
    errands: Errands = field(init=False)
    batches: Batches = field(init=False, default_factory=Batches)
    standing: dict[Hash32, Standing] = field(init=False, default_factory=dict)
    """By model, as the settling loop read it last."""
    answer_gas: dict[Hash32, int] = field(init=False, default_factory=dict)
    """What answers take whose fees do not pay for the dearest; see `daemon.worth`."""

    @property
    def operator(self) -> Address:
        """Who is asked, where this node answers."""
        return self.settings.committee or self.signer.address

    def __post_init__(self) -> None:
        time = ChainTime(self.clock)
        object.__setattr__(self, "time", time)
        object.__setattr__(self, "errands", Errands(self.settings.errand_gas_per_day))
        object.__setattr__(self, "account", Account(self.chain, self.signer.address, self.clock, time))
        object.__setattr__(self, "troubles", Troubles(self.telemetry.troubles))
