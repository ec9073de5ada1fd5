"""What the daemon needs from the world, as Protocols. One test suite each, run on its fake and on the real thing."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

from themis.core.agreement import Heard
from themis.core.assembly import Assembly
from themis.core.errors import Unavailable
from themis.core.job import Counts, Fact, HistoryEntry, Job, State
from themis.core.order import Standing as OrderStanding
from themis.core.permission import Standing
from themis.core.pool import Nonces, Said
from themis.core.recourse import Round
from themis.core.transaction import SentTransaction, Transaction
from themis.core.types import (
    Address,
    Block,
    BlockId,
    BlockRef,
    ChainEvent,
    CodeRef,
    Denial,
    Draft,
    Hash32,
    LicenseQuery,
    ModelInfo,
    Receipt,
    Request,
    Terms,
    TermsKey,
)


class Chain(Protocol):
    """One chain and one oracle contract on it. Every read names its block.

    Raises Unavailable when the RPC does not answer.
    """

    def head(self) -> Block:
        """The newest block."""
        ...

    def head_and_events(self, first: int) -> tuple[Block, list[ChainEvent] | None]:
        """The newest block, and what the oracle logged for our operator since a block, asked for together.

        Some of it may be missing, for the two may come from different backends: see `Block.may_log`. None: not told.
        """
        ...

    def blocks(self, numbers: Sequence[int]) -> list[Block | None]:
        """The canonical blocks at these heights; None where the chain is shorter."""
        ...

    def events(self, first: int, last: int) -> list[ChainEvent]:
        """What the oracle logged for our operator in old blocks first..last, both included, in chain order."""
        ...

    def events_of(self, blocks: Sequence[Block]) -> list[list[ChainEvent] | None]:
        """What the oracle logged for our operator in each of these very blocks; None where it is not told now."""
        ...

    def code(self, places: Sequence[tuple[Address, BlockId]]) -> list[bytes | Unavailable]:
        """Deployed code at each (address, block), empty where there is none; why it cannot be told now."""
        ...

    def licenses(self, queries: Sequence[LicenseQuery]) -> list[int | Denial | Unavailable]:
        """For each query the royalty (bps) of the grant that permits it at that block, 0 where none is needed.

        Or the contract's refusal, or why it cannot be told now.
        """
        ...

    def uses_left(self, queries: Sequence[LicenseQuery]) -> list[int | None]:
        """For each query the uses that the account's grant has left at that block.

        None: any number, or the terms ask for no grant. A grant that was revoked has none.
        """
        ...

    def terms(self, places: Sequence[tuple[TermsKey, BlockId]]) -> list[Terms | Unavailable]:
        """Published terms at each (version, block); why they cannot be told now."""
        ...

    def foresee(
        self,
        licenses: Sequence[LicenseQuery],
        terms: Sequence[tuple[TermsKey, BlockId]],
        code: Sequence[tuple[Address, BlockId]],
        now: BlockId,
    ) -> None:
        """Ask for all these together, and for what is left of grants at block `now`, in as few round trips as can be.

        Each of the methods is answered from it then. Without it they give the same answers, later.
        """
        ...

    def standing(self, model_ids: Sequence[Hash32]) -> list[Standing]:
        """Whether our operator may be paid for answers of these models now, and asks to be."""
        ...

    def fulfill_denial(
        self, request: Request, output: bytes, min_pay: int, block_number: int
    ) -> Denial | Unavailable | None:
        """What the contract says to an answer after that block: why it was refused, None where it would be taken."""
        ...

    def order_standing(self, order: Request, block: BlockId) -> OrderStanding:
        """What an order stands on after that block."""
        ...

    def order_pay(
        self, order: Request, signature: bytes, output: bytes, min_pay: int, block: BlockId
    ) -> int | Denial | Unavailable:
        """What an order's answer after that block would earn, smallest units, for so much at least.

        Or why it would be refused: everything is tried as it will be, with the gas limit that it will have.
        """
        ...

    def answer_gas(self, answers: Sequence[tuple[Job, bytes]], block: BlockId) -> list[int | Unavailable]:
        """What each answer (job, output) after that block takes, first uses and a wallet's signature included.

        Through a committee where its members have signed, else what the oracle takes. Its gas limit where the chain
        refuses to say; why it cannot be told now.
        """
        ...

    def balance_wei(self, account: Address) -> int:
        """Balance at the newest block."""
        ...

    def nonces(self, account: Address) -> Nonces:
        """The account's next nonce to be mined, and the next one that the pool has nothing executable for."""
        ...

    def tip_wei(self) -> int:
        """What the chain suggests to pay per gas beside the base fee; the whole price where it has none."""
        ...

    def send(self, raws: Sequence[bytes]) -> list[Said]:
        """Broadcast signed transactions; what the pool says to each."""
        ...

    def receipts(self, tx_hashes: Sequence[Hash32]) -> list[Receipt | None]:
        """Receipts of mined transactions, with what was logged for our operator; None for each that is not mined."""
        ...


Words = Sequence[tuple[str, str]]
"""Names, and what is to be said of them."""


class Engine(Protocol):
    """Runs models. The same model id, input and code give the same bytes, for exact models on every machine."""

    def models(self) -> Mapping[Hash32, ModelInfo]:
        """The models that are loaded, by model id."""
        ...

    def code_needed(self, model_id: Hash32, input_: bytes) -> CodeRef | None:
        """Decode an input; say which deployed code it refers to, if any.

        Raises Refused(UNKNOWN_MODEL | INVALID_INPUT).
        """
        ...

    def in_words(self, model_id: Hash32, input_: bytes, output: bytes | None) -> tuple[Words, Words]:
        """A question and its answer as people read them; the answer is empty where there is none, or it is unlike one.

        The model must be one of `models`.
        """
        ...

    def step(self) -> int:
        """Requests it likes to get at once, at most."""
        ...

    def tuned(self) -> Mapping[Hash32, str]:
        """For each model that was tuned: how it is run, unlike untuned ones. In words."""
        ...

    def elsewhere(self) -> bool:
        """Whether models run on other machines: a request that ends one of them is not what ended this node."""
        ...

    def restarts(self) -> Mapping[Hash32, int]:
        """For each model: how often the process apart that runs it had to be started again; 0 where it has none."""
        ...

    def infer(self, model_id: Hash32, work: Sequence[tuple[bytes, bytes | None]]) -> list[bytes]:
        """Output bytes for each (input, fetched code or None), in order.

        The caller has checked each code against its CodeRef. Raises Refused(INVALID_INPUT | ENGINE_REFUSED), and
        Unavailable where a process apart was ended from here before it answered, or no other machine answers.
        """
        ...

    def stream(self, model_id: Hash32, input_: bytes, hear: Callable[[Draft], None]) -> bytes:
        """As `infer` of one input without code; meanwhile `hear` is told what a decoder has written, at each token."""
        ...


class Signer(Protocol):
    """Holds one key."""

    @property
    def address(self) -> Address:
        """The account that signs."""
        ...

    def sign(self, transaction: Transaction) -> bytes:
        """The raw signed transaction, ready to broadcast. The same transaction gives the same bytes."""
        ...

    def sign_typed(self, message: Mapping[str, Any]) -> bytes:
        """The 65 bytes of an EIP-712 signature."""
        ...


class Committee(Protocol):
    """One committee as the chain shows it now."""

    def assembly(self) -> Assembly:
        """Its members, and how many must sign the same. Raises Unavailable where it cannot be read now."""
        ...

    def stake_wei(self, member: Address) -> int:
        """What a member has at stake, also while it leaves; 0 once it is slashed or released. Raises Unavailable."""
        ...

    def rounds(self, requests: Sequence[Hash32], first_block: int) -> Mapping[Hash32, Round]:
        """Those of these requests that were taken to the chain, by its logs from a block on. Raises Unavailable."""
        ...


class Clock(Protocol):
    """Wall-clock time."""

    def now_s(self) -> float:
        """Seconds since the Unix epoch."""
        ...


class Store(Protocol):
    """Durable memory. Each method that writes is one transaction: all of it is on disk when it returns, or none."""

    def close(self) -> None:
        """Let go of it, the last thing that is done with it: what it is on disk can be copied then."""
        ...

    def tail(self) -> list[BlockRef]:
        """The newest blocks whose events are recorded, oldest first; empty on a new store."""
        ...

    def newest(self) -> BlockRef | None:
        """The last of these; None on a new store."""
        ...

    def record_events(self, events: Iterable[ChainEvent], tail: Sequence[BlockRef], now_s: float) -> int:
        """Record what a range of blocks said and the tail that covers it. Returns how many jobs it changed."""
        ...

    def rewind(self, fork: BlockRef, now_s: float) -> list[Hash32]:
        """Forget blocks above `fork`: jobs seen there close as reorged, answers mined there are unmined.

        Orders that were taken there are taken at `fork` instead.

        Those of transactions that are not kept here are to be sent; to be computed, where another member of the
        committee that was asked had sent it and its signatures are not here.

        Returns the ids of those that it closed.
        """
        ...

    def record(self, facts: Sequence[tuple[Job, Fact]], now_s: float, settled: Sequence[int] = ()) -> None:
        """Apply a fact to each of these jobs, as the caller has read them. Nothing more will come of `settled` nonces.

        A final answer settles its nonce too, unless another answer in it is not in a block.

        A job that has moved on since is left alone: the chain was faster, and what was found out about it is stale.
        """
        ...

    def record_order(self, job: Job, now_s: float) -> bool:
        """Take an order; False where it is here already, whatever has become of it."""
        ...

    def orders(self) -> list[Job]:
        """Orders that are open: not closed, and answered by no block that is recorded; oldest first."""
        ...

    def record_terms(self, terms: Mapping[TermsKey, Terms], block_number: int) -> None:
        """Keep terms that were read at a block. A rewind below it forgets them."""
        ...

    def terms(self, key: TermsKey) -> Terms | None:
        """What was kept of these terms."""
        ...

    def record_sent(self, sent: Sequence[SentTransaction]) -> None:
        """Keep signed transactions, before any broadcast; their jobs, where COMPUTED, become SENDING.

        What was kept already is not settled any more.
        """
        ...

    def record_broadcast(self, hashes: Sequence[Hash32], now_s: float) -> None:
        """Remember when these transactions were broadcast last."""
        ...

    def reopen(self, nonce: int) -> None:
        """Settle nothing from this nonce on: the chain has not used it after all."""
        ...

    def unsettled(self) -> list[SentTransaction]:
        """Transactions whose nonce is not settled, by nonce, oldest first."""
        ...

    def accepted(self, requester: Address, now_s: float) -> tuple[int, int]:
        """How many jobs of a requester were accepted in this hour of the clock, and in it and the 23 before."""
        ...

    def spent_wei(self, since_s: float) -> int:
        """What transactions signed since then have cost; those whose cost is not known, at most."""
        ...

    def uncosted(self, since_s: float, limit: int) -> list[SentTransaction]:
        """Settled transactions signed since then whose cost is not known, oldest first."""
        ...

    def record_costs(self, costs: Mapping[Hash32, int]) -> None:
        """Remember what each of these transactions has cost, in wei."""
        ...

    def next_nonce(self) -> int:
        """One above the highest nonce ever signed; 0 on a new store."""
        ...

    def vow(self, committee: Address, request: Hash32, result_hash: Hash32, salt: Hash32) -> Hash32:
        """Promise to sign no other result of a request for a committee, ever; the salt of the promise that stands.

        Comes before each signature. Raises Refused(SIGNED_OTHERWISE) where another result was promised.
        """
        ...

    def hear(self, said: Sequence[Heard]) -> int:
        """Keep what members of a committee said. Returns how many of these were not known."""
        ...

    def heard(self, request: Hash32) -> list[Heard]:
        """What members said about a request, in the order it was heard."""
        ...

    def job(self, job_id: Hash32) -> Job | None:
        """One job."""
        ...

    def ids(self, first: Hash32, last: Hash32, *, limit: int) -> list[Hash32]:
        """Ids of jobs from one to another, both included, in their order."""
        ...

    def jobs(self, state: State | None = None, *, limit: int = 100, newest_first: bool = False) -> list[Job]:
        """Jobs in one state (or any), oldest first unless asked otherwise."""
        ...

    def queued(self, limit: int, *, of: Hash32 | None = None, without: Collection[Hash32] = ()) -> list[Job]:
        """QUEUED jobs of one model, or of all but some, oldest first."""
        ...

    def pending(self, block_number: int) -> list[Job]:
        """Jobs that are accepted and that no block up to this one answers, oldest first."""
        ...

    def history(self, job_id: Hash32) -> list[HistoryEntry]:
        """What happened to a job, oldest first."""
        ...

    def counts(self) -> Counts:
        """How many jobs there are of each kind."""
        ...

    def record_hour(self, hour: int, sums: Mapping[str, float], peaks: Mapping[str, float]) -> None:
        """Add to what an hour of the clock (seconds since the epoch / 3600) brought, and raise what it had at most."""
        ...

    def hours(self, first: int) -> dict[int, dict[str, float]]:
        """What was recorded of each hour from this one on, by series."""
        ...

    def room(self) -> tuple[int, int | None]:
        """Bytes that it takes on its disk, and bytes that are free there; None where that is not known."""
        ...
