"""What accounts have earned at the oracle, by model and by request, and what of it was withdrawn."""

from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

from themis.chain.abi import Log, address
from themis.chain.client import OracleClient
from themis.chain.logs import DEEP
from themis.core.errors import Denied
from themis.core.spelling import shown
from themis.core.types import ETHER, Address, Hash32
from themis.licensing.calendar import Calendar
from themis.licensing.ledger import EVENTS, ROYALTIES, Credit, Ledger, Source, Till


@dataclass(frozen=True, slots=True)
class Account:
    """Money of an account in one token (zero: ether), smallest units. Together: all that it was ever paid."""

    token: Address
    withdrawable: int
    """Its credit, and its part of the tills."""
    withdrawn: int


@dataclass(frozen=True, slots=True)
class Earnings:
    """What an account was paid for requests to one model, in one token. Smallest units."""

    model_id: Hash32
    token: Address
    royalties: int
    answers: int
    refunds: int
    requests: int
    """How many requests brought a royalty."""


@dataclass(frozen=True, slots=True)
class Month:
    """What an account earned in one month (UTC, `2026-11`), in one token. Smallest units; refunds are no income."""

    month: str
    token: Address
    royalties: int
    answers: int


@dataclass(frozen=True, slots=True)
class User:
    """How much one requester has asked of one model, and what was paid for it in one token, royalties included."""

    model_id: Hash32
    requester: Address
    token: Address
    answers: int
    """How many answers to it were paid."""
    fees: int
    last_block: int


@dataclass(frozen=True, slots=True)
class Statement:
    """An account's income at one block. Earnings and accounts have the same sums in each token."""

    accounts: list[Account]
    earnings: list[Earnings]
    royalties: list[Credit]
    """The newest, oldest first."""
    tills: list[Till]
    """With money of the account."""
    months: list[Month]
    """Newest first."""
    users: list[User]
    """Of the models that earned the account royalties; who asked last comes first."""

    def withdrawal(self, token: Address, account: Address) -> tuple[Any, ...]:
        """The function that pays the account all it has, and its arguments. Raises Denied where that is nothing."""
        if not any(each.withdrawable for each in self.accounts if each.token == token):
            money = "ether" if token == ETHER else f"token {shown(token)}"
            raise Denied(
                f"{shown(account)} has nothing to withdraw in {money}: it comes of answers, royalties and refunds"
            )
        tills = [till for till in self.tills if till.token == token]
        if not tills:
            return "withdraw", token, account
        models, operators = [till.model_id for till in tills], [till.operator for till in tills]
        return "collectAndWithdraw", token, account, models, operators


@dataclass(slots=True)
class _Owed:
    """What waits in one till. The royalties are the model's: nobody's yet."""

    answers: int = 0
    royalties: dict[tuple[Source, str], int] = field(default_factory=lambda: defaultdict(int))
    requests: int = 0
    newest: deque[Credit] = field(default_factory=deque)


@dataclass(slots=True)
class _Book:
    """Sums over credits. `kept` is how many royalties of each account are remembered one by one; None: all."""

    kept: int | None
    ledger: Ledger = field(default_factory=Ledger)
    sums: dict[tuple[Address, Hash32, Address, Source, str], int] = field(default_factory=lambda: defaultdict(int))
    """By account, model, token, source and month."""
    users: dict[tuple[Hash32, Address, Address], User] = field(default_factory=dict)
    requests: dict[tuple[Address, Hash32, Address], int] = field(default_factory=lambda: defaultdict(int))
    royalties: dict[Address, deque[Credit]] = field(default_factory=dict)
    tills: dict[Till, _Owed] = field(default_factory=dict)
    withdrawn: dict[tuple[Address, Address], int] = field(default_factory=lambda: defaultdict(int))

    def enter(self, log: Log, block: int, month: str) -> None:
        values = log.values
        match log.event:
            case "Withdrawn":
                self.withdrawn[address(values["account"]), address(values["token"])] += values["amount"]
            case "DepositReleased":  # paid out with the credit, and never earned
                self.withdrawn[address(values["account"]), address(values["token"])] -= values["amount"]
            case "Collected":
                till = Till(address(values["token"]), Hash32(values["modelId"]), address(values["operator"]))
                self._collect(till, address(values["licensor"]))
            case _:
                self._credit(self.ledger.credits(log, block), month)

    def collect(self, licensors: Mapping[Hash32, Address]) -> None:
        """Credit what is in the tills to whom it belongs now."""
        for till in list(self.tills):
            self._collect(till, licensors[till.model_id])

    def owed(self, account: Address, licensors: Mapping[Hash32, Address]) -> Iterator[tuple[Till, int]]:
        """Tills with money of an account, and how much that is now."""
        for till, owed in self.tills.items():
            amount = owed.answers if till.operator == account else 0
            if licensors[till.model_id] == account:
                amount += sum(owed.royalties.values())
            if amount:
                yield till, amount

    def earnings(self, account: Address) -> list[Earnings]:
        found: dict[tuple[Hash32, Address], Counter[Source]] = defaultdict(Counter)
        for (who, model_id, token, source, _), amount in self.sums.items():
            if who == account:
                found[model_id, token][source] += amount
        return [self._earnings((account, *place), by_source) for place, by_source in found.items()]

    def months(self, account: Address) -> list[Month]:
        found: dict[tuple[str, Address], Counter[bool]] = defaultdict(Counter)
        for (who, _, token, source, month), amount in self.sums.items():
            if who == account and source is not Source.REFUND:
                found[month, token][source in ROYALTIES] += amount
        ordered = sorted(found, reverse=True)
        return [Month(month, token, found[month, token][True], found[month, token][False]) for month, token in ordered]

    def _credit(self, made: list[Credit], month: str) -> None:
        self._use([credit for credit in made if credit.source is not Source.REFUND])
        paid: set[tuple[Address, Hash32, Address]] = set()
        for credit in made:
            if credit.account is None:
                continue
            place = (credit.account, credit.model_id, credit.token)
            self.sums[*place, credit.source, month] += credit.amount
            if credit.source in ROYALTIES:
                paid.add(place)
                self._remember(credit.account, credit)
        for place in paid:
            self.requests[place] += 1
        for till in {credit.till for credit in made if credit.till is not None}:
            self._fill(till, [credit for credit in made if credit.till == till], month)

    def _use(self, made: list[Credit]) -> None:
        """All that was credited for one answer."""
        if made:
            first = made[0]
            place = (first.model_id, first.requester, first.token)
            answers, fees = 1, sum(credit.amount for credit in made)
            if (before := self.users.get(place)) is not None:
                answers, fees = answers + before.answers, fees + before.fees
            self.users[place] = User(*place, answers, fees, first.block)

    def _fill(self, till: Till, made: list[Credit], month: str) -> None:
        """What one answer leaves in a till."""
        owed = self.tills.setdefault(till, _Owed(newest=deque(maxlen=self.kept)))
        royalties = [credit for credit in made if credit.account is None]
        owed.answers += sum(credit.amount for credit in made if credit.account is not None)
        for credit in royalties:
            owed.royalties[credit.source, month] += credit.amount
        owed.newest.extend(royalties)
        owed.requests += bool(royalties)

    def _collect(self, till: Till, licensor: Address) -> None:
        owed = self.tills.pop(till)
        place = (licensor, till.model_id, till.token)
        for (source, month), amount in owed.royalties.items():
            self.sums[*place, source, month] += amount
        self.requests[place] += owed.requests
        for credit in owed.newest:
            self._remember(licensor, replace(credit, account=licensor))

    def _remember(self, account: Address, credit: Credit) -> None:
        self.royalties.setdefault(account, deque(maxlen=self.kept)).append(credit)

    def _earnings(self, place: tuple[Address, Hash32, Address], by_source: Counter[Source]) -> Earnings:
        _, model_id, token = place
        royalties = sum(by_source[source] for source in ROYALTIES)
        answers, refunds = by_source[Source.ANSWER], by_source[Source.REFUND]
        return Earnings(model_id, token, royalties, answers, refunds, self.requests.get(place, 0))


class Income:
    """Reads the oracle's whole history once, and from then on what is new. Thread-safe."""

    def __init__(self, client: OracleClient, start_block: int, *, kept: int | None = None) -> None:
        self._client = client
        self._calendar = Calendar(client.rpc)
        self._read: tuple[int, _Book] = (start_block, _Book(kept))
        """The next block to read, and the sums before it: as deep as no reorganization reaches."""

    def of(self, account: Address) -> Statement:
        """What an account has earned so far, what waits in tills included. Raises Unavailable."""
        head, book = self._current()
        models = list(dict.fromkeys(till.model_id for till in book.tills))
        found_licensors = self._client.read_all([("licensorOf", (model,)) for model in models], block=hex(head))
        licensors = {model: address(text) for model, (text,) in zip(models, found_licensors, strict=True)}
        owed = list(book.owed(account, licensors))
        book.collect(licensors)
        tokens = dict.fromkeys([ETHER, *(token for _, _, token, *_ in book.sums)])
        calls = [("credits", (token, account)) for token in tokens]
        found = zip(tokens, self._client.read_all(calls, block=hex(head)), strict=True)
        accounts = []
        for token, (credited,) in found:
            withdrawable = credited + sum(amount for till, amount in owed if till.token == token)
            accounts.append(Account(token, withdrawable, book.withdrawn.get((account, token), 0)))
        royalties = sorted(book.royalties.get(account, ()), key=lambda credit: credit.block)
        earnings = book.earnings(account)
        paying = {each.model_id for each in earnings if each.royalties}
        return Statement(
            accounts=[each for each in accounts if each.withdrawable or each.withdrawn or each.token == ETHER],
            earnings=earnings,
            royalties=royalties,
            months=book.months(account),
            users=sorted(
                (user for user in book.users.values() if user.model_id in paying),
                key=lambda user: (-user.last_block, user.requester),
            ),
            tills=[till for till, _ in owed],
        )

    def _current(self) -> tuple[int, _Book]:
        """The head, and the sums up to it."""
        first, settled = self._read
        head, logs = self._client.since((*EVENTS, "Withdrawn", "DepositReleased", "Collected"), first)
        book = deepcopy(settled)
        deep = max(first, head - DEEP)
        months = self._calendar.months([at.block_number for _, at in logs])
        entries = [(log, at.block_number, month) for (log, at), month in zip(logs, months, strict=True)]
        for entry in entries:
            if entry[1] < deep:
                book.enter(*entry)
        self._read = (deep, deepcopy(book))
        for entry in entries:
            if entry[1] >= deep:
                book.enter(*entry)
        return head, book
