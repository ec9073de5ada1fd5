"""Members of one committee on fakes: stores on disk, messages through real envelopes, lives that end at any point."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.daemon_kit import GWEI, Life, Mortal
from tests.fakes import CHAIN_ID, MODEL, ORACLE_ADDRESS, SIGNATURE, FakeChain, FakeClock, FakeEngine
from themis.committee import parcel, wire
from themis.committee.gate import Barred, Numbers, seal
from themis.committee.parcel import Parcel
from themis.committee.table import Table
from themis.committee.talk import Talk
from themis.committee.wire import Hello, Reply, Told
from themis.core import canonical
from themis.core.assembly import Assembly, Seat
from themis.core.committee import Forum, Leaf
from themis.core.errors import Unavailable
from themis.core.fees import FeePolicy
from themis.core.job import Accepted, Answer, Job, Proposed
from themis.core.pricing import Pricing, Rule
from themis.core.recourse import Round
from themis.core.requesters import Requesters
from themis.core.types import Address, BlockRef, Hash32, LogPosition, Request, Requested
from themis.daemon.agree import Agree
from themis.daemon.infer import Infer
from themis.daemon.insist import Insist
from themis.daemon.judge import Judge
from themis.daemon.node import Node, Settings
from themis.daemon.orders import Door
from themis.daemon.spread import Spread
from themis.keys.keystore import KeystoreSigner
from themis.store.store import SqlStore
from themis.telemetry import Telemetry

COMMITTEE: Final = Address(b"\x0c" * 20)
FORUM: Final = Forum(CHAIN_ID, COMMITTEE)
GOLDENS: Final = {MODEL: Hash32(b"\x99" * 32)}
RIGHT, WRONG = b"right", b"wrong"
TURN_S: Final = 6.0
WINDOW_S: Final = 60
STAKE_WEI: Final = 10**18
PLACE: Final = LogPosition(5, Hash32(b"\x05" * 32), 0, Hash32(b"\x06" * 32))


@dataclass(slots=True)
class Wires:
    """The network: who is up, and who can call whom. Implements what `Talk` needs of `Post`."""

    members: "dict[Address, Member]" = field(default_factory=dict)
    cut: set[tuple[Address, Address]] = field(default_factory=set)
    unwilling: set[Address] = field(default_factory=set)
    """They sign no roots."""
    calls: int = 0
    handed: int = 0
    """Orders, from one to another."""
    carried_bytes: int = 0

    def exchange(self, caller: "Member", seat: Seat, told: Told) -> Reply:
        other = self._reach(caller, seat)
        body = wire.told_bytes(told)
        envelope = seal(caller.signer, FORUM, seat.member, caller.numbers.next(), body)
        sender = other.table.gate.look(envelope.headers(FORUM), body)
        if isinstance(sender, Barred):
            raise Unavailable(str(sender))
        reply = other.table.floor.answer(wire.read_told(body))
        back = wire.reply_bytes(reply.messages, reply.refused)
        self.calls += 1
        self.carried_bytes += len(body) + len(back)
        return wire.read_reply(back)

    def countersigned(self, caller: "Member", seat: Seat, leaves: Sequence[Leaf]) -> bytes:
        signed = self._reach(caller, seat).table.countersign(wire.read_batch(wire.batch_bytes(leaves)))
        if signed is None or seat.member in self.unwilling:
            raise Unavailable("not_signed")
        return signed

    def order(self, caller: "Member", seat: Seat, handed: Parcel) -> str:
        other = self._reach(caller, seat)
        self.handed += 1
        return other.spread.receive(caller.address, parcel.read_parcel(parcel.parcel_bytes(handed)))

    def next_order(self, caller: "Member", seat: Seat, known: Collection[Hash32]) -> Parcel | None:
        body = self._reach(caller, seat).spread.next_for(parcel.read_known(parcel.known_bytes(known)))
        return parcel.read_parcel(body) if body else None

    def hello(self, caller: "Member", seat: Seat) -> Hello:
        body, _ = self._reach(caller, seat).table.hello(caller.address)
        return wire.read_hello(body)

    def _reach(self, caller: "Member", seat: Seat) -> "Member":
        other = self.members[seat.member]
        if not other.up or (caller.address, seat.member) in self.cut:
            raise Unavailable(f"{seat.endpoint} does not answer")
        return other


@dataclass(frozen=True, slots=True)
class Postman:
    """A member's way into the network."""

    wires: Wires
    member: "Member"

    def exchange(self, seat: Seat, told: Told) -> Reply:
        return self.wires.exchange(self.member, seat, told)

    def countersigned(self, seat: Seat, leaves: Sequence[Leaf]) -> bytes:
        return self.wires.countersigned(self.member, seat, leaves)

    def order(self, seat: Seat, handed: Parcel) -> str:
        return self.wires.order(self.member, seat, handed)

    def next_order(self, seat: Seat, known: Collection[Hash32]) -> Parcel | None:
        return self.wires.next_order(self.member, seat, known)

    def hello(self, seat: Seat) -> Hello:
        return self.wires.hello(self.member, seat)


@dataclass(slots=True)
class Chamber:
    """The committee as the chain shows it. Implements the `Committee` port."""

    shown: Assembly
    down: bool = False
    taken: dict[Hash32, Round] = field(default_factory=dict)
    """Rounds on chain."""
    slashed: set[Address] = field(default_factory=set)
    looks: int = 0

    def assembly(self) -> Assembly:
        if self.down:
            raise Unavailable("the chain is down")
        return self.shown

    def stake_wei(self, member: Address) -> int:
        return 0 if member in self.slashed else STAKE_WEI

    def rounds(self, requests: Sequence[Hash32], first_block: int) -> dict[Hash32, Round]:
        self.looks += 1
        return {id_: self.taken[id_] for id_ in requests if id_ in self.taken and first_block <= PLACE.block_number}


class Member:
    """One node of the committee. `restart` is what a crash leaves: the store, and nothing else."""

    def __init__(self, path: Path, key: int, house: "House") -> None:
        self.signer = KeystoreSigner(bytes([key]) * 32)
        self.life, self.up = Life(), True
        self._path, self._wires, self._chamber = path, house.wires, house.chamber
        self._clock, self._chain, self._gather_s = house.clock, house.chain, house.gather_s
        house.wires.members[self.address] = self
        self.start()

    @property
    def address(self) -> Address:
        return self.signer.address

    def start(self) -> None:
        self.up, self.life.left = True, None
        self.store = SqlStore(self._path, chain_id=CHAIN_ID, oracle=ORACLE_ADDRESS, operator=self.address)
        store: Any = Mortal(self.store, self.life)
        chain: Any = self._chain
        settings = Settings(
            chain_id=CHAIN_ID,
            oracle=ORACLE_ADDRESS,
            start_block=0,
            confirmations=1,
            min_fee_wei=0,
            fees=FeePolicy(200 * GWEI, GWEI),
            pricing=Pricing(Rule.FREE),
            requesters=Requesters(),
            max_spend_wei=None,
            errand_gas_per_day=5_000_000,
            gather_s=self._gather_s,
            committee=COMMITTEE,
        )
        engine = FakeEngine()
        self.node = Node(chain, store, engine, self.signer, self._clock, settings, Telemetry(engine.models()))
        self.node.time.observe(self._chain.chain[-1].shown)
        self.store.record_events([], [self._chain.chain[-1].header.ref], 1)
        self.table = Table(
            FORUM, self._chamber, store, self.signer, self._clock, ORACLE_ADDRESS, GOLDENS, turn_s=TURN_S
        )
        self.numbers = Numbers(self._clock)
        post: Any = Postman(self._wires, self)
        self.talk = Talk(self.table, post, start=lambda call: call())
        self.door = Door(self.node)
        self.spread = Spread(self.talk, self.door)
        self.judge, self.infer = Judge(self.node), Infer(self.node)
        self.agree = Agree(self.node, self.talk, self.spread)
        self.insist = Insist(self.node, self.table, report=True)

    def take(self, order: Request, *inputs: bytes) -> Hash32:
        """An order is brought to this member by its requester. Raises Refused."""
        return self.door.take(order, SIGNATURE, inputs).id

    def think(self) -> None:
        """Judge what was taken, and run its model."""
        self.judge.step()
        self.infer.step()

    def die(self) -> None:
        self.up = False
        self.store.close()

    def see(self, request: Request) -> Hash32:
        """The node has seen a request, and accepts it."""
        id_ = canonical.request_id(request, CHAIN_ID, ORACLE_ADDRESS)
        self.store.record_events([Requested(id_, request, b"in", PLACE)], [BlockRef(5, PLACE.block_hash, 1)], 1)
        self.store.record([(self.job(id_), Accepted())], 1)
        return id_

    def compute(self, request: Request, output: bytes) -> Hash32:
        """And has run its model."""
        id_ = self.see(request)
        self.store.record([(self.job(id_), Proposed(self.answer(id_, output)))], 2)
        return id_

    def answer(self, id_: Hash32, output: bytes) -> Answer:
        return Answer(output, canonical.result_hash(id_, MODEL, output, CHAIN_ID, ORACLE_ADDRESS))

    def job(self, id_: Hash32) -> Job:
        job = self.store.job(id_)
        assert job is not None
        return job


class House:
    """A committee of members, a chain and a clock for all."""

    def __init__(self, folder: Path, quorum: int, size: int, *, unreachable: int = 0, gather_s: float = 0) -> None:
        """The last ones are `unreachable`: they have no endpoint."""
        self.gather_s = gather_s
        self.clock, self.chain, self.wires = FakeClock(), FakeChain(), Wires()
        self.chamber = Chamber(Assembly(quorum, {}))
        self.members = [Member(folder / f"{key}.db", key, self) for key in range(1, size + 1)]
        seats = {
            member.address: Seat(
                member.address,
                "" if place >= size - unreachable else f"http://{place}",
                signing=True,
                stake_wei=STAKE_WEI,
            )
            for place, member in enumerate(self.members)
        }
        self.chamber.shown = Assembly(quorum, seats, WINDOW_S, STAKE_WEI // 10)

    def ask(self, **changes: Any) -> Request:
        return self.chain.request(b"in", operator=COMMITTEE, **changes)

    def work(self, rounds: int = 6) -> None:
        """Let every member that is up do what it can, some rounds, with time enough between them for each retry."""
        for _ in range(rounds):
            for member in self.members:
                if member.up:
                    for line in member.talk._lines.values():
                        line.due_at_s = line.greet_at_s = 0.0
                    for way in member.spread._lines.values():
                        way.due_at_s = 0.0
                    member.agree.step()
            self.clock.now += 1.0
