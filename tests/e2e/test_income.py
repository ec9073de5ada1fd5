"""Income by model is folded from events: on a real chain it equals, to the smallest unit, what the contract credits."""

from collections import Counter
from collections.abc import Iterator
from itertools import product
from random import Random
from typing import Any

import pytest
from eth_account import Account

from demo import chains
from tests.solidity import compiled
from tests.world import FEES, World
from themis.chain import client as clients
from themis.chain.contracts import decode_request
from themis.core.canonical import request_words
from themis.core.types import ETHER, Address, Hash32, Role, UseClass
from themis.keys.keystore import KeystoreSigner
from themis.licensing.income import Earnings, Income
from themis.licensing.ledger import Source

ALL_OPEN = 0b01_01_01_01_01_01
PAYEE, PROMOTER = Address(b"\x71" * 20), Address(b"\x72" * 20)


class Market:
    """Two models of one licensor, of which one needs grants; two operators, of which one is another's hot key."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.income = Income(world.client, world.start_block)
        self.licensed = world.register(*(Hash32(bytes([n]) * 32) for n in (1, 2, 3)))
        self.open = world.register(*(Hash32(bytes([n]) * 32) for n in (4, 5, 6)), policy=ALL_OPEN)
        self.hot = KeystoreSigner(Account.create().key)
        world.chain.rpc("anvil_setBalance", self.hot.account.address, hex(10**20))
        self.token = self._token()
        self.paid_in: Counter[Address] = Counter()
        self.lane = 0
        for operator in (world.operator, self.hot):
            for model_id in (self.licensed, self.open):
                for token in (ETHER, self.token):
                    self.transact(operator, "serve", model_id, token, 0, 0)
        self.transact(world.operator, "delegate", self.hot.address, True)  # noqa: FBT003 (ABI)
        self.transact(self.hot, "actFor", world.operator.address)
        world.grant(self.licensed, world.requester.address, Role.REQUESTER, royalty_bps=1_234)
        world.grant(self.licensed, world.operator.address, Role.OPERATOR, royalty_bps=777, pay_to=PROMOTER)

    def transact(self, signer: KeystoreSigner, function: str, *arguments: Any, value_wei: int = 0) -> dict[str, Any]:
        """The values of the request that was made, if one was."""
        _, logs = self.world.client.transact(signer, FEES, function, *arguments, value_wei=value_wei)
        return next((log.values for log in logs if log.event == "Requested"), {})

    def ask(self, model_id: Hash32, operator: KeystoreSigner, token: Address, fee: int) -> tuple[Any, ...]:
        """The words of a request that was paid."""
        self.lane += 1
        self.paid_in[token] += fee
        ask = (model_id, operator.address, UseClass.COMMERCIAL, self.lane, self.world.now_s() + 60, 0)
        requester = self.world.requester
        if token == ETHER:
            made = self.transact(requester, "request", ask, b"in", value_wei=fee)
        else:
            made = self.transact(requester, "requestWithToken", ask, b"in", token, fee)
        return request_words(decode_request(made["request"]))

    def answer_order(self, model_id: Hash32, operator: KeystoreSigner, token: Address, fee: int) -> None:
        """An order, paid out of a deposit that is larger, and answered."""
        self.lane += 1
        self.paid_in[token] += fee
        world = self.world
        paid = token, world.requester.address, fee + 3
        self.transact(world.requester, "deposit", *paid, value_wei=fee + 3 if token == ETHER else 0)
        order = world.order(model_id, lane=self.lane, operator=operator.address, token=token, fee=fee)
        self.transact(operator, "fulfillOrder", request_words(order), world.signed(order), b"out", 0)

    def accounts(self) -> list[Address]:
        world = self.world
        signers = (world.licensor, world.operator, world.requester, self.hot)
        return [*(signer.address for signer in signers), PAYEE, PROMOTER]

    def require_exact(self) -> None:
        """What is folded, what the contract holds and what was paid for settled requests are one and the same."""
        everything: Counter[Address] = Counter()
        for account in self.accounts():
            found = self.income.of(account)
            assert found == Income(self.world.client, self.world.start_block).of(account), "read at once, or bit by bit"
            earned: Counter[Address] = Counter()
            for each in found.earnings:
                earned[each.token] += each.royalties + each.answers + each.refunds
            for money in found.accounts:
                assert self.owed(money.token, account) == money.withdrawable
                assert earned.pop(money.token, 0) == money.withdrawable + money.withdrawn
                everything[money.token] += money.withdrawable + money.withdrawn
            assert not earned, "money in a token that the account is not said to hold"
            for token in {each.token for each in found.earnings}:
                months = [each for each in found.months if each.token == token]
                of_token = [each for each in found.earnings if each.token == token]
                assert sum(each.royalties for each in months) == sum(each.royalties for each in of_token)
                assert sum(each.answers for each in months) == sum(each.answers for each in of_token)
            royalties: Counter[tuple[Hash32, Address]] = Counter()
            for credit in found.royalties:
                royalties[credit.model_id, credit.token] += credit.amount
            assert royalties == {(e.model_id, e.token): e.royalties for e in found.earnings if e.royalties}
        assert +everything == +self.paid_in

    def owed(self, token: Address, account: Address) -> int:
        """What the contract owes an account: its credit, its pay in tills, and the royalties in those of its models."""
        read = self.world.client.read
        (owed,) = read("credits", token, account)
        for model_id, operator in product((self.licensed, self.open), (self.world.operator.address, self.hot.address)):
            pay, royalties = read("tillOf", token, model_id, operator)
            (licensor,) = read("licensorOf", model_id)
            owed += pay * (operator == account) + royalties * (licensor == "0x" + account.hex())
        return int(owed)

    def _token(self) -> Address:
        world, artifact = self.world, compiled("SilentToken", "Tokens.sol")
        token = world.deploy(artifact)
        for call in (
            artifact.call("mint", "0x" + world.requester.address.hex(), 10**12),
            artifact.call("approve", "0x" + world.client.oracle.hex(), 10**12),
        ):
            clients.transact(world.client.rpc, world.client.chain_id, world.requester, FEES, token, call, 0)
        return token


@pytest.fixture(scope="module")
def market() -> Iterator[Market]:
    with chains.start() as chain:
        yield Market(World.build(chain))


def test_each_royalty_goes_where_the_grants_say(market: Market) -> None:
    world, fee = market.world, 1_000_001
    words = market.ask(market.licensed, world.operator, ETHER, fee)
    market.transact(world.operator, "fulfill", words, b"out", 0)
    requesters, operators = fee * 1_234 // 10_000, fee * 777 // 10_000
    (licensors,) = market.income.of(world.licensor.address).earnings
    assert licensors == Earnings(market.licensed, ETHER, requesters, 0, 0, 1)
    (user,) = market.income.of(world.licensor.address).users
    assert (user.requester, user.model_id, user.answers, user.fees) == (
        world.requester.address,
        market.licensed,
        1,
        fee,
    )
    (promoters,) = market.income.of(PROMOTER).royalties
    assert (promoters.amount, promoters.source) == (operators, Source.OPERATORS_ROYALTY)
    (answers,) = market.income.of(world.operator.address).earnings
    assert (answers.answers, answers.royalties) == (fee - requesters - operators, 0)
    market.require_exact()


def test_a_story_of_changes_adds_up_to_the_smallest_unit(market: Market) -> None:
    """Grants and payees change, the role moves, terms open, a hot key answers, fees come back and are withdrawn."""
    world, rng = market.world, Random(7)  # noqa: S311 (a fixed story, no secret)

    def trade(answered: int, refunded: int) -> None:
        for _ in range(answered):
            operator = rng.choice((world.operator, market.hot))
            token, model_id = rng.choice((ETHER, market.token)), rng.choice((market.licensed, market.open))
            words = market.ask(model_id, operator, token, rng.choice((0, 1, 3, 9_999, rng.randrange(10**9))))
            market.transact(operator, "fulfill", words, b"out", 0)
        for _ in range(answered // 3):
            operator, model_id = rng.choice((world.operator, market.hot)), rng.choice((market.licensed, market.open))
            market.answer_order(model_id, operator, rng.choice((ETHER, market.token)), rng.choice((0, 1, 9_999)))
        late = [market.ask(market.licensed, market.hot, market.token, 7) for _ in range(refunded)]
        world.chain.rpc("evm_increaseTime", 61 * bool(late))
        for words in late:
            market.transact(world.requester, "refund", words)

    trade(6, 1)
    market.require_exact()
    open_at_the_change = market.ask(market.licensed, market.hot, ETHER, 5_003)
    world.grant(market.licensed, world.requester.address, Role.REQUESTER, seq=2, royalty_bps=5_000, pay_to=PAYEE)
    world.grant(market.licensed, market.hot.address, Role.OPERATOR, seq=3, royalty_bps=5_000)
    market.transact(market.hot, "fulfill", open_at_the_change, b"out", 0)
    trade(5, 0)
    for account, token in (
        (world.licensor.address, ETHER),
        (PROMOTER, market.token),
        (world.requester.address, market.token),
    ):
        if market.owed(token, account):
            market.transact(world.requester, *market.income.of(account).withdrawal(token, account))
            assert market.owed(token, account) == 0
    market.require_exact()
    market.transact(world.licensor, "transferLicensor", market.licensed, world.requester.address)
    market.transact(world.requester, "acceptLicensor", market.licensed)
    trade(5, 2)
    for _ in range(70):
        world.chain.rpc("evm_mine")
    market.require_exact()
    trade(3, 0)
    market.require_exact()
    for token in (ETHER, market.token):
        (held,) = world.client.read("deposits", token, world.requester.address)
        market.transact(world.requester, "withdrawDeposit", token, held, world.requester.address)
    market.require_exact()


def test_who_earned_nothing_has_an_empty_account(market: Market) -> None:
    found = market.income.of(Address(b"\x99" * 20))
    assert [(money.token, money.withdrawable, money.withdrawn) for money in found.accounts] == [(ETHER, 0, 0)]
    assert (found.earnings, found.royalties) == ([], [])


def test_only_so_many_royalties_are_kept(market: Market) -> None:
    world = market.world
    few = Income(world.client, world.start_block, kept=2)
    every = market.income.of(world.licensor.address)
    assert few.of(world.licensor.address).royalties == every.royalties[-2:]
    assert few.of(world.licensor.address).earnings == every.earnings
