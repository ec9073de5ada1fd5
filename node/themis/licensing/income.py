"""What accounts have earned at the oracle, by model and by request, and what of it was withdrawn."""

from collections import defaultdict, deque
from copy import deepcopy
from dataclasses import dataclass, field

from themis.chain.abi import Log, address
from themis.chain.client import OracleClient
from themis.chain.logs import DEEP
from themis.core.types import ETHER, Address, Hash32
from themis.licensing.ledger import EVENTS, ROYALTIES, Credit, Ledger, Source


@dataclass(frozen=True, slots=True)
class Account:
    """Money of an account in one token (zero: ether), smallest units. Together: all that it was ever credited."""

    token: Address
    withdrawable: int
    withdrawn: int


@dataclass(frozen=True, slots=True)
class Earnings:
    """What an account was credited for requests to one model, in one token. Smallest units."""

    model_id: Hash32
    token: Address
    royalties: int
    answers: int
    refunds: int
    requests: int
    """How many requests brought a royalty."""


@dataclass(frozen=True, slots=True)
class Statement:
    """An account's income at one block. Earnings and accounts have the same sums in each token."""

    accounts: list[Account]
    earnings: list[Earnings]
    royalties: list[Credit]
    """The newest, oldest first."""


@dataclass(slots=True)
class _Book:
    """Sums over credits. `kept` is how many royalties of each account are remembered one by one; None: all."""

    kept: int | None
    ledger: Ledger = field(default_factory=Ledger)
    sums: dict[tuple[Address, Hash32, Address, Source], int] = field(default_factory=lambda: defaultdict(int))
    requests: dict[tuple[Address, Hash32, Address], int] = field(default_factory=lambda: defaultdict(int))
    royalties: dict[Address, deque[Credit]] = field(default_factory=dict)
    withdrawn: dict[tuple[Address, Address], int] = field(default_factory=lambda: defaultdict(int))

    def enter(self, log: Log, block: int) -> None:
        if log.event == "Withdrawn":
            values = log.values
            self.withdrawn[address(values["account"]), address(values["token"])] += values["amount"]
            return
        paid: set[tuple[Address, Hash32, Address]] = set()
        for credit in self.ledger.credits(log, block):
            place = (credit.account, credit.model_id, credit.token)
            self.sums[*place, credit.source] += credit.amount
            if credit.source in ROYALTIES:
                paid.add(place)
                self.royalties.setdefault(credit.account, deque(maxlen=self.kept)).append(credit)
        for place in paid:
            self.requests[place] += 1

    def earnings(self, account: Address) -> list[Earnings]:
        places = dict.fromkeys((model_id, token) for who, model_id, token, _ in self.sums if who == account)
        return [self._earnings(account, *place) for place in places]

    def _earnings(self, account: Address, model_id: Hash32, token: Address) -> Earnings:
        place = (account, model_id, token)
        by_source = {source: self.sums.get((*place, source), 0) for source in Source}
        royalties = sum(by_source[source] for source in ROYALTIES)
        answers, refunds = by_source[Source.ANSWER], by_source[Source.REFUND]
        return Earnings(model_id, token, royalties, answers, refunds, self.requests.get(place, 0))


class Income:
    """Reads the oracle's whole history once, and from then on what is new. Thread-safe."""

    def __init__(self, client: OracleClient, start_block: int, *, kept: int | None = None) -> None:
        self._client = client
        self._read: tuple[int, _Book] = (start_block, _Book(kept))
        """The next block to read, and the sums before it: as deep as no reorganization reaches."""

    def of(self, account: Address) -> Statement:
        """What an account has earned so far. Raises Unavailable."""
        head, book = self._current()
        tokens = dict.fromkeys([ETHER, *(token for _, _, token, _ in book.sums)])
        calls = [("credits", (token, account)) for token in tokens]
        found = zip(tokens, self._client.read_all(calls, block=hex(head)), strict=True)
        accounts = [Account(token, paid, book.withdrawn.get((account, token), 0)) for token, (paid,) in found]
        return Statement(
            accounts=[each for each in accounts if each.withdrawable or each.withdrawn or each.token == ETHER],
            earnings=book.earnings(account),
            royalties=list(book.royalties.get(account, ())),
        )

    def _current(self) -> tuple[int, _Book]:
        """The head, and the sums up to it."""
        first, settled = self._read
        head, logs = self._client.since((*EVENTS, "Withdrawn"), first)
        book = deepcopy(settled)
        deep = max(first, head - DEEP)
        for log, at in logs:
            if at.block_number < deep:
                book.enter(log, at.block_number)
        self._read = (deep, deepcopy(book))
        for log, at in logs:
            if at.block_number >= deep:
                book.enter(log, at.block_number)
        return head, book
