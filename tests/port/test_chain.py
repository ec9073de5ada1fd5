"""The `Chain` port: one suite, on the chain in memory and on RpcChain before a real Anvil."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Protocol

import pytest

from demo import chains
from tests.chaos import faults
from tests.chaos.proxy import serving
from tests.fakes import CHAIN_ID, KEY, MODEL, ORACLE_ADDRESS, REQUESTER, SIGNATURE, FakeChain
from tests.world import World
from themis.chain import contracts
from themis.chain.client import OracleClient
from themis.chain.oracle import RpcChain
from themis.chain.rpc import Call, Rpc, RpcError
from themis.core import canonical, policy
from themis.core.errors import Unavailable
from themis.core.fees import FeePolicy, Fees, Market, fulfill_gas, together_gas
from themis.core.job import Job
from themis.core.keccak import keccak
from themis.core.order import royalty_in, taken_at
from themis.core.pool import TAKEN, Reply
from themis.core.transaction import Transaction
from themis.core.types import (
    Address,
    BlockId,
    ChainEvent,
    Denial,
    Fulfilled,
    Hash32,
    Request,
    Requested,
    Role,
    Terms,
    TermsKey,
)
from themis.keys.keystore import KeystoreSigner
from themis.ports import Chain

GWEI = 10**9
CODE = bytes.fromhex("6001600101")
TARGET = Address(b"\x42" * 20)


class Stage(Protocol):
    """A chain on which the suite can make things happen."""

    @property
    def chain(self) -> Chain: ...
    @property
    def signer(self) -> KeystoreSigner: ...
    @property
    def domain(self) -> tuple[int, Address]: ...
    def ask(self, input_: bytes) -> Hash32: ...
    def order(self, input_: bytes) -> tuple[Request, bytes]: ...
    def mine(self) -> None: ...
    def put_code(self) -> None: ...
    def unlicense(self) -> None: ...
    def limit(self, quota: int) -> None: ...
    def down(self) -> None: ...


class FakeStage:
    def __init__(self) -> None:
        self.chain = FakeChain()
        self.signer = KeystoreSigner(KEY.key)
        self.domain = (CHAIN_ID, ORACLE_ADDRESS)

    def ask(self, input_: bytes) -> Hash32:
        return self.chain.ask(input_)

    def order(self, input_: bytes) -> tuple[Request, bytes]:
        return self.chain.order(input_), SIGNATURE

    def mine(self) -> None:
        self.chain.mine()

    def put_code(self) -> None:
        self.chain.code_at[TARGET] = CODE

    def unlicense(self) -> None:
        self.chain.denials[REQUESTER] = Denial("GrantIsRevoked", "seq=1")

    def limit(self, quota: int) -> None:
        self.chain.quota = quota

    def down(self) -> None:
        self.chain.down = True


class AnvilStage:
    def __init__(self, running: chains.RunningChain) -> None:
        self._world = World.build(running)
        self._model = self._world.register(MODEL, MODEL, MODEL)
        self._world.license(self._model)
        self.signer = self._world.operator
        self.domain = (self._world.client.chain_id, self._world.client.oracle)
        self.chain = RpcChain(self._world.client, self.signer.address)
        self._lane = 0

    def ask(self, input_: bytes) -> Hash32:
        self._lane += 1
        return self._world.ask(self._model, input_, lane=self._lane)

    def order(self, input_: bytes) -> tuple[Request, bytes]:
        order = self._world.order(self._model, input_)
        self._world.deposit(order.fee)
        return order, self._world.signed(order)

    def mine(self) -> None:
        self._world.chain.rpc("evm_mine")

    def put_code(self) -> None:
        self._world.chain.rpc("anvil_setCode", "0x" + TARGET.hex(), "0x" + CODE.hex())
        self.mine()

    def unlicense(self) -> None:
        world = self._world
        fees = FeePolicy(10**12, GWEI)
        world.client.transact(world.licensor, fees, "revoke", self._model, world.requester.address, 0, 1)

    def limit(self, quota: int) -> None:
        self._world.grant(self._model, self._world.operator.address, Role.OPERATOR, seq=2, quota=quota)

    def down(self) -> None:
        self.chain.rpc.endpoints[:] = Rpc(f"http://127.0.0.1:{chains.free_port()}").endpoints


@contextmanager
def _anvil_stage() -> Iterator[Stage]:
    with chains.start(chains.Kind.ANVIL) as running:
        yield AnvilStage(running)


@pytest.fixture(params=["fake", "anvil"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    if request.param == "fake":
        yield FakeStage()
    else:
        with _anvil_stage() as made:
            yield made


def requested(stage: Stage) -> Requested:
    (event,) = [e for e in stage.chain.events(0, stage.chain.head().number) if isinstance(e, Requested)]
    return event


def answer(stage: Stage, output: bytes = bytes(32)) -> bytes:
    """The raw signed answer to the one request."""
    request = requested(stage).request
    return signed(stage, contracts.fulfill(request, output, 0), fulfill_gas(request, output))


def signed(stage: Stage, data: bytes, gas: int) -> bytes:
    """The operator's next transaction to the oracle."""
    fees = FeePolicy(100 * GWEI, GWEI).quote(Market(stage.chain.head().base_fee_wei, stage.chain.tip_wei()))
    chain_id, oracle = stage.domain
    nonce = stage.chain.nonces(stage.signer.address).mined
    return stage.signer.sign(Transaction(chain_id, nonce, oracle, data, gas, fees))


def test_blocks_are_linked(stage: Stage) -> None:
    stage.mine()
    stage.mine()
    head = stage.chain.head()
    parent, same, beyond = stage.chain.blocks([head.number - 1, head.number, head.number + 1])
    assert parent is not None
    assert (same, beyond) == (head, None)
    assert head.parent_hash == parent.hash
    assert head.timestamp_s >= parent.timestamp_s > 0
    assert head.base_fee_wei is not None
    assert head.base_fee_wei > 0
    assert head.gas_limit >= 30_000_000
    assert stage.chain.tip_wei() >= 0


def test_terms_and_standing_are_read(stage: Stage) -> None:
    stage.ask(b"in")
    request = requested(stage).request
    place = (TermsKey(request.model_id, request.terms_version), requested(stage).at.block)
    first, second = stage.chain.terms([place, place])
    assert isinstance(first, Terms)
    assert first == second
    assert first.attribution
    (standing,) = stage.chain.standing([request.model_id])
    assert standing.explanation.allowed
    assert standing.asks_fee


def told(chain: Chain, seen: Requested) -> tuple[object, ...]:
    """All that is asked about a request before it is answered."""
    job = Job(seen.id, seen.request, seen.input, seen.at)
    queries = policy.license_queries(job)
    key = TermsKey(seen.request.model_id, seen.request.terms_version)
    return (
        chain.licenses(queries),
        chain.terms([(key, seen.at.block)]),
        chain.uses_left([queries[1]]),
        chain.code([(TARGET, seen.at.block)]),
    )


def test_what_a_request_needs_is_foreseen_in_one_round_trip(stage: Stage) -> None:
    stage.put_code()
    stage.limit(7)
    stage.ask(b"in")
    seen = requested(stage)
    plain = told(stage.chain, seen)
    stage.mine()
    later = replace(seen, at=replace(seen.at, **_place(stage)))
    job = Job(later.id, later.request, later.input, later.at)
    key = TermsKey(later.request.model_id, later.request.terms_version)
    before = trips(stage)
    at = later.at.block
    stage.chain.foresee(policy.license_queries(job), [(key, at)], [(TARGET, at)], at)
    assert told(stage.chain, later) == plain
    assert plain[2:] == ([7], [CODE])
    assert trips(stage) <= before + 1


def _place(stage: Stage) -> dict[str, Any]:
    head = stage.chain.head()
    return {"block_number": head.number, "block_hash": head.hash}


def trips(stage: Stage) -> int:
    """HTTP requests up to now; none by a fake."""
    return stage.chain.rpc.states()[0].requests if isinstance(stage.chain, RpcChain) else 0


def test_an_empty_answer_is_not_remembered(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend that is behind says `0x` about a contract, and about code, that is there."""
    stage.put_code()
    stage.ask(b"in")
    seen = requested(stage)
    if isinstance(stage.chain, RpcChain):
        with monkeypatch.context() as lagging:
            lagging.setattr(stage.chain.rpc, "batch", lambda calls: ["0x"] * len(calls))
            assert isinstance(stage.chain.terms([(TermsKey(seen.request.model_id, 1), seen.at.block)])[0], Unavailable)
            assert stage.chain.code([(TARGET, seen.at.block)]) == [b""]
    assert told(stage.chain, seen)[3] == [CODE]
    assert isinstance(told(stage.chain, seen)[1], list)


def test_a_request_is_read_as_it_was_made(stage: Stage) -> None:
    id_ = stage.ask(b"what about this?")
    event = requested(stage)
    assert (event.id, event.input) == (id_, b"what about this?")
    assert canonical.request_id(event.request, *stage.domain) == id_
    head = stage.chain.head()
    assert (event.at.block_number, event.at.block_hash) == (head.number, head.hash)
    assert stage.chain.events(0, head.number - 1) == []


def test_new_blocks_are_read_by_their_hash(stage: Stage) -> None:
    id_ = stage.ask(b"in")
    head, told = stage.chain.head_and_events(0)
    assert head == stage.chain.head()
    assert [event.id for event in told or ()] == [id_]
    assert head.may_log
    stage.mine()
    empty = stage.chain.head()
    assert not empty.may_log, "its bloom says that it has nothing for us"
    gone = replace(head, hash=Hash32(b"\x99" * 32))
    of_head, of_empty, of_gone = stage.chain.events_of([head, empty, gone])
    assert of_head == told
    assert (of_empty, of_gone) == ([], None)


def test_a_log_that_is_shown_again_is_not_decoded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    decode, batch = contracts.decode_event, Rpc.batch
    decoded: list[str] = []

    def counted(log: Mapping[str, Any], chain_id: int) -> ChainEvent | None:
        decoded.append(log["logIndex"])
        return decode(log, chain_id)

    def otherwise(rpc: Rpc, calls: Sequence[Call], **how: int) -> list[Any]:
        found = batch(rpc, calls, **how)
        for log in (log for logs in found if isinstance(logs, list) for log in logs):
            log["data"] = log["data"].replace(b"in".ljust(32, b"\0").hex(), b"on".ljust(32, b"\0").hex())
        return found

    monkeypatch.setattr(contracts, "decode_event", counted)
    with _anvil_stage() as stage:
        stage.ask(b"in")
        first, again = (stage.chain.head_and_events(0)[1] for _ in range(2))
        assert (again, len(decoded)) == (first, 1)
        monkeypatch.setattr(Rpc, "batch", otherwise)
        _, changed = stage.chain.head_and_events(0)
    assert [event.input for event in changed or () if isinstance(event, Requested)] == [b"on"]


def test_an_answer_is_sent_mined_and_read(stage: Stage) -> None:
    id_ = stage.ask(b"in")
    asked = requested(stage)
    job = Job(id_, asked.request, asked.input, asked.at, royalty_bps=1_000)
    (takes,) = stage.chain.answer_gas([(job, bytes(32))], stage.chain.head().ref.id)
    raw = answer(stage)
    assert stage.chain.send([raw]) == [TAKEN]
    stage.mine()
    head = stage.chain.head()
    (event,) = [e for e in stage.chain.events(0, head.number) if isinstance(e, Fulfilled)]
    assert (event.id, event.output) == (id_, bytes(32))
    model_id = requested(stage).request.model_id
    assert event.result_hash == canonical.result_hash(id_, model_id, bytes(32), *stage.domain)
    (receipt, nothing) = stage.chain.receipts([event.at.tx_hash, Hash32(bytes(32))])
    assert receipt is not None
    assert (receipt.succeeded, nothing) == (True, None)
    assert isinstance(takes, int)
    assert 0 <= takes - receipt.gas_used < takes // 8
    nonces = stage.chain.nonces(stage.signer.address)
    assert nonces.mined == nonces.pending > 0
    assert receipt.events == (event,)
    assert receipt.block == event.at.block


def test_a_second_answer_is_mined_and_fails_for_a_reason(stage: Stage) -> None:
    stage.ask(b"in")
    request = requested(stage).request
    stage.chain.send([answer(stage)])
    stage.mine()
    second = answer(stage, b"\x01" * 32)
    stage.chain.send([second])
    stage.mine()
    head = stage.chain.head()
    assert len([e for e in stage.chain.events(0, head.number) if isinstance(e, Fulfilled)]) == 1
    denial = stage.chain.fulfill_denial(request, bytes(32), 0, head.number)
    assert isinstance(denial, Denial)
    assert denial.error == "NotOpen"


def test_answers_in_one_transaction_stand_for_themselves(stage: Stage) -> None:
    """One of them is there twice: the second is not taken, and costs the others nothing."""
    for n in range(3):
        stage.ask(bytes([n]))
        stage.mine()
    made = [e for e in stage.chain.events(0, stage.chain.head().number) if isinstance(e, Requested)]
    answers = [(each.request, bytes([n]) * 32, each.request.fee // 2) for n, each in enumerate([*made, made[0]])]
    data = contracts.fulfill_many(answers)
    assert contracts.decode_answers(data) == [(request, output) for request, output, _ in answers]
    gas = together_gas([fulfill_gas(request, output) for request, output, _ in answers])
    raw = signed(stage, data, gas)
    assert stage.chain.send([raw]) == [TAKEN]
    stage.mine()
    (receipt,) = stage.chain.receipts([Hash32(keccak(raw))])
    assert receipt is not None
    assert receipt.succeeded
    taken = [event for event in receipt.events if isinstance(event, Fulfilled)]
    assert [(event.id, event.output) for event in taken] == [(e.id, bytes([n]) * 32) for n, e in enumerate(made)]
    assert {id_: denial.error for id_, denial in receipt.denials.items()} == {made[0].id: "NotOpen"}
    assert stage.chain.events(0, stage.chain.head().number)[-3:] == list(receipt.events)


def test_of_answers_that_are_all_refused_the_transaction_fails(stage: Stage) -> None:
    stage.ask(b"in")
    stage.mine()
    first = answer(stage)
    stage.chain.send([first])
    stage.mine()
    request = requested(stage).request
    raw = signed(stage, contracts.fulfill_many([(request, bytes(32), 0)] * 2), 400_000)
    stage.chain.send([raw])
    stage.mine()
    (receipt,) = stage.chain.receipts([Hash32(keccak(raw))])
    assert receipt is not None
    assert (receipt.succeeded, receipt.events, receipt.denials) == (False, (), {})


def test_an_order_is_tried_answered_and_read(stage: Stage) -> None:
    order, signature = stage.order(b"in")
    block = stage.chain.head().ref.id
    standing = stage.chain.order_standing(order, block)
    assert (standing.deposit >= order.fee, standing.serving, standing.max_callback_gas) == (True, True, 1_000_000)
    pay = stage.chain.order_pay(order, signature, bytes(32), 0, block)
    assert pay == order.fee * 8 // 10, "both royalties are off it"
    denials = [
        stage.chain.order_pay(order, signature, bytes(32), order.fee, block),
        stage.chain.order_pay(order, b"another", bytes(32), 0, block),
        stage.chain.order_pay(replace(order, deadline_s=1), signature, bytes(32), 0, block),
    ]
    assert [each.error for each in denials if isinstance(each, Denial)] == [
        "PayTooLow",
        "InvalidSignature",
        "DeadlinePassed",
    ]
    id_ = canonical.request_id(order, *stage.domain)
    data = contracts.fulfill_order(order, signature, bytes(32), pay)
    assert contracts.decode_answers(data) == [(order, bytes(32))]
    raw = signed(stage, data, fulfill_gas(order, bytes(32), ordered=True))
    job = Job(id_, order, b"in", taken_at(block), royalty_bps=royalty_in(order, pay), order_signature=signature)
    (takes,) = stage.chain.answer_gas([(job, bytes(32))], block)
    assert isinstance(takes, int)
    assert takes < fulfill_gas(order, bytes(32), ordered=True), "all that the chain says is less than the limit"
    assert stage.chain.send([raw]) == [TAKEN]
    stage.mine()
    (receipt,) = stage.chain.receipts([Hash32(keccak(raw))])
    assert receipt is not None
    assert 0 <= takes - receipt.gas_used < takes // 8
    (event,) = receipt.events
    assert isinstance(event, Fulfilled)
    head = stage.chain.head()
    (block_of_answer,) = stage.chain.blocks([event.at.block_number])
    assert block_of_answer is not None
    assert block_of_answer.may_log
    assert stage.chain.events(0, head.number)[-1:] == [event] == stage.chain.events_of([block_of_answer])[0]
    assert (event.id, event.output, event.terms_version) == (id_, bytes(32), order.terms_version)
    assert event.result_hash == canonical.result_hash(id_, order.model_id, bytes(32), *stage.domain)
    again = stage.chain.order_pay(order, signature, bytes(32), 0, head.ref.id)
    assert isinstance(again, Denial)
    assert again.error == "NotNext"


def test_what_was_sent_is_known_or_used(stage: Stage) -> None:
    stage.ask(b"in")
    raw = answer(stage)
    first, second = stage.chain.send([raw, raw])
    assert (first, second.reply in {Reply.KNOWN, Reply.USED}) == (TAKEN, True)


def test_what_the_pool_does_not_take_is_said_by_kind(stage: Stage) -> None:
    stage.ask(b"in")
    chain_id, oracle = stage.domain
    nonce = stage.chain.nonces(stage.signer.address).mined
    fees = Fees(100 * GWEI, GWEI)
    hungry = stage.signer.sign(Transaction(chain_id, nonce, oracle, b"", 10**9, fees))
    dear = stage.signer.sign(Transaction(chain_id, nonce, oracle, b"", 10**6, Fees(10**21, GWEI)))
    assert [said.reply for said in stage.chain.send([hungry, dear])] == [Reply.UNSENDABLE, Reply.POOR]


def test_licenses_are_asked_at_their_block(stage: Stage) -> None:
    id_ = stage.ask(b"in")
    event = requested(stage)
    queries = policy.license_queries(Job(id_, event.request, event.input, event.at))
    assert stage.chain.licenses(queries) == [1_000, 1_000]
    stage.unlicense()
    later = [replace(query, block=stage.chain.head().ref.id) for query in queries]
    requester, operator = stage.chain.licenses(later)
    assert isinstance(requester, Denial)
    assert (requester.error, operator) == ("GrantIsRevoked", 1_000)
    assert "seq=1" in requester.detail


def test_the_uses_of_a_grant_are_counted_at_a_block(stage: Stage) -> None:
    id_ = stage.ask(b"in")
    event = requested(stage)
    _, operators = policy.license_queries(Job(id_, event.request, event.input, event.at))

    def left() -> list[int | None]:
        return stage.chain.uses_left([replace(operators, block=stage.chain.head().ref.id)])

    assert left() == [None]
    stage.limit(2)
    assert left() == [2]
    stage.chain.send([answer(stage)])
    stage.mine()
    assert left() == [1]


def test_code_is_read(stage: Stage) -> None:
    stage.put_code()
    block = stage.chain.head().ref.id
    assert stage.chain.code([(TARGET, block), (Address(b"\x43" * 20), block)]) == [CODE, b""]


def test_balances_are_wei(stage: Stage) -> None:
    assert stage.chain.balance_wei(stage.signer.address) > 10**17


def test_an_endpoint_that_is_down_is_unavailable(stage: Stage) -> None:
    stage.down()
    for call in (stage.chain.head, lambda: stage.chain.events(0, 1), lambda: stage.chain.send([b"\x02"])):
        with pytest.raises(Unavailable):
            call()


def test_a_call_the_endpoint_refuses_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    with _anvil_stage() as stage:
        assert isinstance(stage.chain, RpcChain)
        refusal = RpcError("eth_getLogs", "query returned more than 10000 results")
        monkeypatch.setattr(stage.chain.rpc, "batch", lambda _, **__: [refusal])
        with pytest.raises(Unavailable, match="more than 10000 results"):
            stage.chain.events(0, 10**6)


def test_a_block_the_endpoint_does_not_have_tells_nothing() -> None:
    with _anvil_stage() as stage:
        id_ = stage.ask(b"in")
        event = requested(stage)
        beyond = replace(event.at, block_number=10**6, block_hash=Hash32(bytes(32)))
        queries = policy.license_queries(Job(id_, event.request, event.input, beyond))
        assert all(isinstance(answer, Unavailable) for answer in stage.chain.licenses(queries))
        (code,) = stage.chain.code([(TARGET, BlockId(10**6, Hash32(bytes(32))))])
        assert isinstance(code, Unavailable)


@pytest.mark.parametrize(
    ("lie", "told"),
    [
        (faults.result("0x"), False),
        (faults.result("0x" + "42" * 32), False),
        (faults.result("0x" + "00" * 12 + "42" * 20), True),
        (faults.error(-32000, "no"), False),
        (faults.reverted(keccak(b"UnknownModel(bytes32)")[:4] + bytes(32)), False),
    ],
    ids=["no contract", "no address", "another address", "no answer", "a refusal"],
)
def test_one_endpoint_does_not_say_where_licenses_are_read(lie: faults.Change, told: bool) -> None:
    """The addresses of registry and lens are asked once; others would permit whatever they like."""
    with chains.start(chains.Kind.ANVIL) as running, serving(running.rpc_url) as liar:
        stage = AnvilStage(running)
        id_ = stage.ask(b"in")
        event = requested(stage)
        queries = policy.license_queries(Job(id_, event.request, event.input, event.at))
        liar.choose(faults.of({"eth_call"}, lie))

        def asked(*urls: str) -> list[int | Denial | Unavailable]:
            client = OracleClient(Rpc(*urls, quorum=min(2, len(urls)), sleep=lambda _: None), *stage.domain)
            return RpcChain(client, stage.signer.address).licenses(queries)

        assert asked(liar.url, running.rpc_url, running.rpc_url) == [1_000, 1_000]
        if not told:
            with pytest.raises(Unavailable):
                asked(liar.url)
