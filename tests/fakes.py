"""Fakes of the ports: a chain in memory that can reorganize, an engine that hashes, a clock that is set."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import rlp
from eth_account import Account
from eth_utils.crypto import keccak

from themis.chain import contracts
from themis.chain.contracts import ORACLE
from themis.core import canonical, listing
from themis.core.errors import Reason, Refused, Unavailable
from themis.core.job import Job
from themis.core.order import Standing as OrderStanding
from themis.core.permission import Explanation, Standing
from themis.core.policy import operators_use
from themis.core.pool import TAKEN, Nonces, Said, understood
from themis.core.types import (
    ETHER,
    Address,
    Block,
    BlockId,
    ChainEvent,
    CodeRef,
    Denial,
    Draft,
    Fulfilled,
    Hash32,
    LicenseQuery,
    LogPosition,
    ModelInfo,
    Receipt,
    Request,
    Requested,
    Terms,
    TermsKey,
    UseClass,
)
from themis.ports import Words

CHAIN_ID = 31_337
ORACLE_ADDRESS = Address(b"\x0a" * 20)
KEY = Account.from_key(b"\x01" * 32)
OPERATOR = Address(bytes.fromhex(KEY.address[2:]))
REQUESTER = Address(b"\x0b" * 20)
LICENSOR = Address(b"\x0c" * 20)
MODEL = Hash32(b"\x0d" * 32)
OPEN = Standing(Explanation(allowed=True, rule="open", denial=None, next_step="", expiry_s=None), asks_fee=True)
"""Nothing stands in the operator's way."""
SIGNATURE = b"\x05" * 65
"""Of every requester, under every order."""
GAS_USED = 60_000
"""By every transaction."""
STARVED = Denial("InsufficientGas", "available=1, required=2")
NOT_OPEN = Denial("NotOpen", "id=0x00")
GENESIS_S = 1_800_000_000
BLOCK_TIME_S = 2


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a pool looks at."""

    nonce: int
    tip: int
    price: int
    gas: int
    data: bytes

    @property
    def cost(self) -> int:
        return self.gas * self.price


def decoded(raw: bytes) -> Decoded:
    """Read a raw transaction of type 0 or 2."""
    if raw[0] == 2:
        _, nonce, tip, price, gas, _, _, data, *_ = rlp.decode(raw[1:])
    else:
        nonce, price, gas, _, _, data, *_ = rlp.decode(raw)
        tip = price
    nonce, tip, price, gas = (int.from_bytes(each) for each in (nonce, tip, price, gas))
    return Decoded(nonce, tip, price, gas, data)


@dataclass(slots=True)
class FakeClock:
    now: float = 1_000.0

    def now_s(self) -> float:
        return self.now


class FakeEngine:
    """The output is keccak256 of input and code. Inputs of 52 bytes are (address, code hash)."""

    def __init__(self) -> None:
        self.refuse: Callable[[bytes], bool] = lambda _: False
        self.runs = 0
        self.steps = 16
        self.batched = True
        self.afar = False
        self.says: bytes | None = None
        """Its answer to everything, in the place of a hash."""

    def models(self) -> Mapping[Hash32, ModelInfo]:
        roots = (MODEL, MODEL, MODEL)
        info = ModelInfo(MODEL, "fake", "1", *roots, 1_000, "Built with fake", exact=True, batched=self.batched)
        return {MODEL: info}

    def code_needed(self, model_id: Hash32, input_: bytes) -> CodeRef | None:
        if model_id != MODEL:
            raise Refused(Reason.UNKNOWN_MODEL, "not configured here")
        if not input_:
            raise Refused(Reason.INVALID_INPUT, "empty")
        return CodeRef(Address(input_[:20]), Hash32(input_[20:])) if len(input_) == 52 else None

    def step(self) -> int:
        return self.steps

    def tuned(self) -> Mapping[Hash32, str]:
        return {}

    def in_words(self, model_id: Hash32, input_: bytes, output: bytes | None) -> tuple[Words, Words]:
        """The bytes of both are text."""
        said = [] if output is None else [("text", output.decode(errors="replace"))]
        return [("text", input_.decode(errors="replace"))], said

    def elsewhere(self) -> bool:
        return self.afar

    def restarts(self) -> Mapping[Hash32, int]:
        return {MODEL: 0}

    def infer(self, model_id: Hash32, work: Sequence[tuple[bytes, bytes | None]]) -> list[bytes]:
        self.code_needed(model_id, work[0][0])
        self.runs += len(work)
        if any(self.refuse(input_) for input_, _ in work):
            raise Refused(Reason.ENGINE_REFUSED, "refused")
        return [self.says or keccak(input_ + (code or b"")) for input_, code in work]

    def stream(self, model_id: Hash32, input_: bytes, hear: Callable[[Draft], None]) -> bytes:
        """It says each byte of its input as a token."""
        (output,) = self.infer(model_id, [(input_, None)])
        for end in range(1, len(input_) + 1):
            hear(Draft(tuple(input_[:end]), input_[:end].decode(errors="replace")))
        return output


@dataclass(slots=True)
class FakeBlock:
    header: Block
    events: list[ChainEvent] = field(default_factory=list)
    receipts: dict[Hash32, Receipt] = field(default_factory=dict)
    nonce: int = 0
    """The operator's next nonce after this block."""
    orders: list[Request] = field(default_factory=list)
    """That were answered in it."""

    @property
    def shown(self) -> Block:
        """The header as the port shows it."""
        return replace(self.header, may_log=bool(self.events))


ROYALTY_BPS = 1_000
"""Of every grant."""


class FakeChain:
    """Blocks hold events and receipts; `mine` takes the operator's transactions from the mempool in nonce order."""

    def __init__(self) -> None:
        self.down = False
        self.denials: dict[Address, Denial] = {}
        self.standings: dict[Hash32, Standing] = {}
        self.terms_read = 0
        self.attribution: str | None = None
        """What all terms ask for; None: a text for each version."""
        self.quota: int | None = None
        """Paid or commercial answers that the operator's grant permits in all; None: any number."""
        self.untold = False
        """Whether the endpoint has pruned the state that questions are about."""
        self.code_at: dict[Address, bytes] = {}
        self.withheld: Callable[[Block], bool] = lambda _: False
        """Blocks whose logs the endpoint does not show, without a word."""
        self.unread: Callable[[Block], bool] = lambda _: False
        """Blocks that the backend which is asked for logs does not have."""
        self.no_ranges = False
        self.refuse_send: str | None = None
        """Words with which the pool refuses everything."""
        self.aside: set[Hash32] = set()
        """What the pool holds back: it is known, and not executable."""
        self.slots = 10_000
        self.balance = 10**18
        self.least_tip_wei = 0
        self.gas_limit = 30_000_000
        self.deposit = 10**18
        """Of every requester, before it paid for orders."""
        self.canceled: set[Hash32] = set()
        """Orders whose requester wants them no more."""
        self.gas_of_orders = GAS_USED
        self.gas_of_requests = GAS_USED
        self.gas_untold = False
        """What the answer of one takes."""
        self.min_fee = 0
        self.fail_next_fulfillments = 0
        self.foretold: Denial | None = NOT_OPEN
        """What the oracle says to an answer by itself, after a block that did not take it."""
        self.starved: Callable[[Request], bool] = lambda _: False
        """Whose callback has no gas left beside others."""
        self.base_fee_wei: int | None = 10**9
        self.suggested_tip_wei = 0
        self.mempool: dict[Hash32, bytes] = {}
        self.sent: list[bytes] = []
        self._salt = 0
        genesis = Block(
            number=0,
            hash=Hash32(keccak(b"genesis")),
            parent_hash=Hash32(bytes(32)),
            timestamp_s=GENESIS_S,
            base_fee_wei=self.base_fee_wei,
            gas_limit=self.gas_limit,
            may_log=False,
        )
        self.chain = [FakeBlock(genesis)]

    # What the world does.

    def request(self, input_: bytes = b"in", **changes: object) -> Request:
        """A well-formed request, not yet logged."""
        request = Request(
            requester=REQUESTER,
            lane=len(self.chain),
            seq=1,
            model_id=MODEL,
            input_hash=Hash32(keccak(input_)),
            operator=OPERATOR,
            token=ETHER,
            fee=10**15,
            pay_to=LICENSOR,
            royalty_bps=1_000,
            terms_version=1,
            use_class=UseClass.COMMERCIAL,
            licensee=Address(bytes(20)),
            grant_seq=1,
            deadline_s=self.chain[-1].header.timestamp_s + 1_000,
            callback_gas=0,
        )
        return replace(request, **changes)  # type: ignore[arg-type]

    def order(self, input_: bytes = b"in", **changes: object) -> Request:
        """A well-formed order, in a lane of its own."""
        self._salt += 1
        nobody: dict[str, object] = {"pay_to": ETHER, "royalty_bps": 0, "grant_seq": 0, "lane": 1_000 + self._salt}
        order = self.request(input_, **(nobody | changes))
        return replace(order, input_hash=listing.input_hash(order, input_))

    def ask(self, input_: bytes = b"in", **changes: object) -> Hash32:
        """Mine a block with one request in it; the request's id."""
        request = self.request(input_, **changes)
        id_ = canonical.request_id(request, CHAIN_ID, ORACLE_ADDRESS)
        self.mine([(id_, request, input_)])
        return id_

    def mine(self, requests: Sequence[tuple[Hash32, Request, bytes]] = (), *, include: bool = True) -> None:
        """Add a block with these requests, then with what the mempool has ready (unless told otherwise)."""
        parent = self.chain[-1]
        self._salt += 1
        header = Block(
            may_log=False,
            number=parent.header.number + 1,
            hash=Hash32(keccak(parent.header.hash + self._salt.to_bytes(8, "big"))),
            parent_hash=parent.header.hash,
            timestamp_s=parent.header.timestamp_s + BLOCK_TIME_S,
            base_fee_wei=self.base_fee_wei,
            gas_limit=self.gas_limit,
        )
        block = FakeBlock(header, nonce=parent.nonce)
        self.chain.append(block)
        for id_, request, input_ in requests:
            block.events.append(Requested(id_, request, input_, self._place(block, keccak(id_))))
        if include:
            self._include(block)

    def answer(self, id_: Hash32, output: bytes = b"out") -> None:
        """Mine a block with an answer that this life of the operator has not sent."""
        self.mine(include=False)
        block = self.chain[-1]
        result_hash = canonical.result_hash(id_, MODEL, output, CHAIN_ID, ORACLE_ADDRESS)
        block.events.append(Fulfilled(id_, result_hash, 1, output, self._place(block, keccak(id_ + output))))

    def reorg(self, depth: int, *, keep_requests: bool, keep_answers: bool) -> None:
        """Replace the last blocks by as many others; requests and answers come back in the first of them, or do not."""
        gone = self.chain[-depth:]
        del self.chain[-depth:]
        lost = [event for block in gone for event in block.events if isinstance(event, Requested)]
        raws = [raw for block in gone for tx_hash in block.receipts for raw in self.sent if keccak(raw) == tx_hash]
        if keep_answers:
            self.mempool |= {Hash32(keccak(raw)): raw for raw in raws}
        self.mine([(e.id, e.request, e.input) for e in lost] if keep_requests else [], include=keep_answers)
        for _ in range(depth - 1):
            self.mine(include=keep_answers)

    def answers(self) -> dict[Hash32, list[Fulfilled]]:
        """Every answer on the canonical chain, by request."""
        found: dict[Hash32, list[Fulfilled]] = defaultdict(list)
        for block in self.chain:
            for event in block.events:
                if isinstance(event, Fulfilled):
                    found[event.id].append(event)
        return found

    # What the port asks.

    def head(self) -> Block:
        self._require_up()
        return self.chain[-1].shown

    def head_and_events(self, first: int) -> tuple[Block, list[ChainEvent] | None]:
        head = self.head()
        return head, None if self.no_ranges else self.events(first, head.number)

    def blocks(self, numbers: Sequence[int]) -> list[Block | None]:
        self._require_up()
        return [self.chain[n].shown if n < len(self.chain) else None for n in numbers]

    def events(self, first: int, last: int) -> list[ChainEvent]:
        self._require_up()
        return [e for block in self.chain[first : last + 1] for e in block.events if not self.withheld(block.header)]

    def events_of(self, blocks: Sequence[Block]) -> list[list[ChainEvent] | None]:
        self._require_up()
        known = {block.header.hash: block for block in self.chain}
        return [
            None if block.hash not in known or self.unread(block) else self.events(block.number, block.number)
            for block in blocks
        ]

    def code(self, places: Sequence[tuple[Address, BlockId]]) -> list[bytes | Unavailable]:
        self._require_up()
        return [Unavailable("pruned") if self.untold else self.code_at.get(account, b"") for account, _ in places]

    def licenses(self, queries: Sequence[LicenseQuery]) -> list[int | Denial | Unavailable]:
        self._require_up()
        return [
            Unavailable("pruned") if self.untold else self.denials.get(query.account, ROYALTY_BPS) for query in queries
        ]

    def uses_left(self, queries: Sequence[LicenseQuery]) -> list[int | None]:
        self._require_up()
        if self.quota is None:
            return [None for _ in queries]
        left = [max(0, self.quota - self._spent(query.block.number)) for query in queries]
        return [
            uses if query.use_class is UseClass.COMMERCIAL else None for query, uses in zip(queries, left, strict=True)
        ]

    def terms(self, places: Sequence[tuple[TermsKey, BlockId]]) -> list[Terms | Unavailable]:
        self._require_up()
        self.terms_read += len(places)
        untold = Unavailable("pruned")
        return [
            untold if self.untold else Terms(key.model_id, self.attribution or f"version {key.version}")
            for key, _ in places
        ]

    def foresee(
        self,
        licenses: Sequence[LicenseQuery],
        terms: Sequence[tuple[TermsKey, BlockId]],
        code: Sequence[tuple[Address, BlockId]],
        now: BlockId,
    ) -> None:
        self._require_up()

    def standing(self, model_ids: Sequence[Hash32]) -> list[Standing]:
        self._require_up()
        if self.untold:
            raise Unavailable("pruned")
        return [self.standings.get(model_id, OPEN) for model_id in model_ids]

    def fulfill_denial(
        self, request: Request, output: bytes, min_pay: int, block_number: int
    ) -> Denial | Unavailable | None:
        self._require_up()
        return self.foretold

    def order_standing(self, order: Request, block: BlockId) -> OrderStanding:
        self._require_up()
        return OrderStanding(self._deposit(), True, self.min_fee, 1_000_000)  # noqa: FBT003 (serving)

    def order_pay(
        self, order: Request, signature: bytes, output: bytes, min_pay: int, block: BlockId
    ) -> int | Denial | Unavailable:
        self._require_up()
        id_ = canonical.request_id(order, CHAIN_ID, ORACLE_ADDRESS)
        pay = order.fee - 2 * (order.fee * ROYALTY_BPS // 10_000)
        held, refused = self._deposit(), [self.denials.get(each) for each in (order.requester, order.operator)]
        refusals = (
            (self.chain[-1].header.timestamp_s > order.deadline_s, Denial("DeadlinePassed", "")),
            (id_ in self.answers() or id_ in self.canceled, Denial("NotNext", "seq=1, next=2")),
            (signature != SIGNATURE, Denial("InvalidSignature", "")),
            *((each is not None, each) for each in refused),
            (held < order.fee, Denial("DepositTooLow", f"held={held}, amount={order.fee}")),
            (pay < min_pay, Denial("PayTooLow", "")),
        )
        return next((denial for applies, denial in refusals if applies and denial is not None), pay)

    def answer_gas(self, answers: Sequence[tuple[Job, bytes]], block: BlockId) -> list[int | Unavailable]:
        self._require_up()
        if self.gas_untold:
            return [Unavailable("behind")] * len(answers)
        return [self.gas_of_orders if job.ordered else self.gas_of_requests for job, _ in answers]

    def _deposit(self) -> int:
        return self.deposit - sum(order.fee for block in self.chain for order in block.orders)

    def balance_wei(self, account: Address) -> int:
        self._require_up()
        return self.balance

    def nonces(self, account: Address) -> Nonces:
        self._require_up()
        mined = pending = self.chain[-1].nonce
        held = {decoded(raw).nonce for tx_hash, raw in self.mempool.items() if tx_hash not in self.aside}
        while pending in held:
            pending += 1
        return Nonces(mined, pending)

    def tip_wei(self) -> int:
        self._require_up()
        return self.suggested_tip_wei

    def send(self, raws: Sequence[bytes]) -> list[Said]:
        self._require_up()
        self.sent += raws
        return [TAKEN if words is None else understood(words) for words in map(self._take, raws)]

    def _take(self, raw: bytes) -> str | None:
        """Put a transaction into the pool; why it is not taken, in geth's words."""
        tx_hash, sent = Hash32(keccak(raw)), decoded(raw)
        others = {h: d for h, d in ((h, decoded(r)) for h, r in self.mempool.items()) if h != tx_hash}
        same_nonce = {h: d for h, d in others.items() if d.nonce == sent.nonce}
        raised = all(10 * sent.price >= 11 * d.price and 10 * sent.tip >= 11 * d.tip for d in same_nonce.values())
        before = sum(d.cost for d in others.values() if d.nonce < sent.nonce)
        refusals = (
            (self.refuse_send is not None, str(self.refuse_send)),
            (tx_hash in self.mempool, "already known"),
            (sent.nonce < self.chain[-1].nonce, "nonce too low"),
            (sent.gas > self.gas_limit, "exceeds block gas limit"),
            (sent.tip < self.least_tip_wei, f"transaction underpriced: tip needed {self.least_tip_wei}"),
            (before + sent.cost > self.balance, "insufficient funds for gas * price + value"),
            (not raised, "replacement transaction underpriced"),
            (len(others) - len(same_nonce) >= self.slots, "txpool is full"),
        )
        for applies, words in refusals:
            if applies:
                return words
        self.mempool = {h: r for h, r in self.mempool.items() if h not in same_nonce} | {tx_hash: raw}
        return None

    def receipts(self, tx_hashes: Sequence[Hash32]) -> list[Receipt | None]:
        self._require_up()
        known = {tx_hash: receipt for block in self.chain for tx_hash, receipt in block.receipts.items()}
        return [known.get(tx_hash) for tx_hash in tx_hashes]

    def _spent(self, block_number: int) -> int:
        """Commercial answers up to a block."""
        events = [event for block in self.chain for event in block.events]
        asked = {event.id: event.request for event in events if isinstance(event, Requested)}
        answered = [
            asked[e.id]
            for e in events
            if isinstance(e, Fulfilled) and e.at.block_number <= block_number and e.id in asked
        ]
        answered += [each for b in self.chain if b.header.number <= block_number for each in b.orders]
        uses = [operators_use(each.fee, each.use_class) for each in answered for _ in range(max(1, each.items))]
        return uses.count(UseClass.COMMERCIAL)

    def _require_up(self) -> None:
        if self.down:
            raise Unavailable("the fake chain is down")

    def _include(self, block: FakeBlock) -> None:
        base_fee_wei = block.header.base_fee_wei or 0
        ready = {h: decoded(raw) for h, raw in self.mempool.items() if h not in self.aside}
        by_nonce = {each.nonce: tx_hash for tx_hash, each in ready.items() if each.price >= base_fee_wei}
        while block.nonce in by_nonce:
            tx_hash = by_nonce[block.nonce]
            block.receipts[tx_hash] = self._execute(block, tx_hash, ready[tx_hash].data)
            block.nonce += 1
        self.mempool = {h: raw for h, raw in self.mempool.items() if decoded(raw).nonce >= block.nonce}

    def _execute(self, block: FakeBlock, tx_hash: Hash32, data: bytes) -> Receipt:
        if not data:
            return self._receipt(block, tx_hash, succeeded=True)
        answers = contracts.decode_answers(data)
        events: list[ChainEvent] = []
        denials: dict[Hash32, Denial] = {}
        for request, output in answers:
            id_ = canonical.request_id(request, CHAIN_ID, ORACLE_ADDRESS)
            starved = len(answers) > 1 and self.starved(request)
            ordered = data[:4] == ORACLE.selector("fulfillOrder")
            good = self._good_order(data) if ordered else self._good(block, id_, request)
            denial = STARVED if starved else self._fulfill(block, tx_hash, request, output, good=good)
            block.orders += [request] if ordered and denial is None else []
            if denial is None:
                events.append(block.events[-1])
            else:
                denials[id_] = denial
        if not events:
            return self._receipt(block, tx_hash, succeeded=False)
        return replace(self._receipt(block, tx_hash, succeeded=True, events=tuple(events)), denials=denials)

    def _good(self, block: FakeBlock, id_: Hash32, request: Request) -> bool:
        asked = any(isinstance(e, Requested) and e.id == id_ for b in self.chain for e in b.events)
        return asked and id_ not in self.answers() and block.header.timestamp_s <= request.deadline_s

    def _good_order(self, data: bytes) -> bool:
        order, signature, output, min_pay = ORACLE.arguments("fulfillOrder", data)
        tried = contracts.decode_request(order), signature, output, min_pay
        return isinstance(self.order_pay(*tried, self.chain[-1].header.ref.id), int)

    def _fulfill(
        self, block: FakeBlock, tx_hash: Hash32, request: Request, output: bytes, *, good: bool
    ) -> Denial | None:
        """One answer; why the oracle does not take it."""
        if operators_use(request.fee, request.use_class) is UseClass.COMMERCIAL and self.quota is not None:
            good = good and self._spent(block.header.number) < self.quota
        if self.fail_next_fulfillments:
            self.fail_next_fulfillments -= 1
            good = False
        if not good:
            return NOT_OPEN
        id_ = canonical.request_id(request, CHAIN_ID, ORACLE_ADDRESS)
        result_hash = canonical.result_hash(id_, request.model_id, output, CHAIN_ID, ORACLE_ADDRESS)
        place = self._place(block, tx_hash)
        block.events.append(Fulfilled(id_, result_hash, request.terms_version, output, place))
        return None

    def _receipt(
        self, block: FakeBlock, tx_hash: Hash32, *, succeeded: bool, events: tuple[ChainEvent, ...] = ()
    ) -> Receipt:
        sent = decoded(self.mempool[tx_hash])
        price = min(sent.price, (block.header.base_fee_wei or 0) + sent.tip)
        return Receipt(tx_hash, block.header.ref.id, succeeded, GAS_USED, price, events)

    def _place(self, block: FakeBlock, tx_hash: bytes) -> LogPosition:
        return LogPosition(block.header.number, block.header.hash, len(block.events), Hash32(tx_hash))
