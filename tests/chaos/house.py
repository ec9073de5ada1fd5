"""Members of a committee on one machine: a node for each, its faults, and questions in every way there is."""

import random
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from subprocess import Popen
from typing import Final

import httpx

from tests.committee_world import CommitteeWorld
from tests.forking import THEMIS
from tests.homes import ROOT, SELFTEST, register, running, said, wait_until_ready
from tests.patience import until
from tests.world import FEES
from themis.bundles import bundle
from themis.chain.abi import Log
from themis.chain.client import OracleClient
from themis.chain.rpc import Rpc
from themis.committee import parcel
from themis.committee.parcel import Parcel
from themis.core import listing
from themis.core.types import ETHER, Address, Hash32, UseClass
from themis.engine.engine import OnnxEngine

Command = Sequence[str] | None
"""What a member's node is started with; None: it is dead."""
FEE: Final = 10**9
"""In wei, or in a token's smallest units."""
WINDOW_S: Final = 3_600
REORG: Final = 5
"""Blocks."""
TICKS: Final = 100
"""Of processor time in a second, as /proc counts it."""
DEPOSIT: Final = 10**15
"""Of the requester, in each currency."""
_TOLD: Final = 6_000
"""Characters of a log."""


@dataclass(frozen=True, slots=True)
class Way:
    """How something is asked."""

    name: str
    ordered: bool = False
    in_tokens: bool = False
    items: int = 1


WAYS: Final = (
    Way("request"),
    Way("order", ordered=True),
    Way("list in tokens", ordered=True, in_tokens=True, items=3),
    Way("request in tokens", in_tokens=True),
    Way("order in tokens", ordered=True, in_tokens=True),
    Way("list", ordered=True, items=3),
)
"""In turn: any three, one after the other, have a request, an order and a list, and are paid in ether and in tokens."""
REQUESTS: Final = tuple(way for way in WAYS if not way.ordered)


@dataclass(frozen=True, slots=True)
class Asked:
    """Something that was asked."""

    way: Way
    inputs: tuple[bytes, ...]


def faulty(*faults: str) -> Sequence[str]:
    """A node with these faults: see faulty_member.py."""
    return sys.executable, str(ROOT / "tests/e2e/faulty_member.py"), ",".join(faults)


class House:
    """A committee, its nodes, and whoever asks them."""

    def __init__(self, committee: CommitteeWorld, folder: Path, sold: Sequence[str] = THEMIS) -> None:
        """`sold`: the command of a node as its maker sells it."""
        world = committee.world
        self.committee, self.sold = committee, sold
        self.model_id = register(world, SELFTEST)
        self.token = ETHER
        committee.license(self.model_id)
        world.deposit(DEPOSIT)
        self.homes = [
            committee.home(folder / str(number), place, [(SELFTEST, self.model_id)])
            for number, place in enumerate(committee.places)
        ]
        self.random = random.Random(14)  # noqa: S311 (faults need no secrets)
        self.asked: dict[Hash32, Asked] = {}
        self.lately: set[Hash32] = set()
        """Since `begin`."""
        self._lane = 10**6
        self._since_block = world.start_block
        self._commands: list[Command] = [None] * len(self.homes)
        self._open: dict[int, ExitStack] = {}
        self.processes: dict[int, Popen[str]] = {}
        self._spent_ticks = 0
        self._engine = OnnxEngine({self.model_id: bundle.load(SELFTEST)}, 1)
        self._http = httpx.Client(timeout=30)

    @property
    def addresses(self) -> list[str]:
        """Of the members, by place."""
        return ["0x" + place.signer.address.hex() for place in self.committee.places]

    def take_tokens(self) -> None:
        """Offer answers for tokens too, of which the requester deposits some."""
        world = self.committee.world
        self.token = world.token()
        self.committee.offer(self.model_id, self.token)
        world.deposit(DEPOSIT, self.token)

    def cast(self, commands: Mapping[int, Command]) -> None:
        """Let nodes of these places be started so, and all others as they are sold. Who is so already goes on."""
        for place, old in enumerate(self._commands):
            command = commands.get(place, self.sold)
            if command != old or (command and self.processes[place].poll() is not None):
                self.start(place, command)
        for place, process in self.processes.items():
            wait_until_ready(self.homes[place], process)

    def start(self, place: int, command: Command) -> None:
        """SIGKILL to the node that is there, and this one instead."""
        self._stop(place)
        self._commands[place] = command
        if command is not None:
            stack = self._open[place] = ExitStack()
            self.processes[place] = stack.enter_context(running(self.homes[place], command))

    def restart(self, place: int) -> None:
        """SIGKILL, and once more; with all that it had in memory."""
        self.start(place, self._commands[place])

    def told(self) -> str:
        """The ends of all logs."""
        homes = [home for home in self.homes if (home / "log").exists()]
        return "\n".join(f"--- {home.name}\n{said(home)[-_TOLD:]}" for home in homes)

    def close(self) -> None:
        for place in range(len(self.homes)):
            self._stop(place)
        self._engine.close()
        self._http.close()

    def _stop(self, place: int) -> None:
        if place in self._open:
            self._spent_ticks += ticks(self.processes.pop(place))
            self._open.pop(place).close()

    def ticks(self) -> int:
        """Processor time of all nodes that ever ran here."""
        return self._spent_ticks + sum(map(ticks, self.processes.values()))

    def begin(self) -> None:
        """From now on something else is asked; what was before is out of a reorganization's reach."""
        self.lately = set()
        chain = self.committee.world.chain
        chain.rpc("anvil_mine", hex(REORG))
        self._since_block = int(chain.rpc("eth_blockNumber"), 16)

    def ask(self, count: int, ways: Sequence[Way]) -> set[Hash32]:
        """So much, in these ways in turn: requests in one transaction for each currency, orders one by one."""
        made: dict[Hash32, Asked] = {}
        lanes = range(self._lane, self._lane + count)
        self._lane += count
        asked = {lane: _questions(ways[lane % len(ways)], lane) for lane in lanes}
        for way in REQUESTS:
            made |= self._request({lane: each for lane, each in asked.items() if each.way == way})
        for lane, each in asked.items():
            if each.way.ordered:
                made[self._order(lane, each)] = each
        self.asked |= made
        self.lately |= set(made)
        return set(made)

    def _request(self, asked: Mapping[int, Asked]) -> dict[Hash32, Asked]:
        """By one transaction; by their ids."""
        if not asked:
            return {}
        world = self.committee.world
        place = (self.model_id, self.committee.forum.committee, UseClass.COMMERCIAL)
        asks = [(*place, lane, world.now_s() + WINDOW_S, 0) for lane in asked]
        inputs = [each.inputs[0] for each in asked.values()]
        token = self._currency(next(iter(asked.values())).way)
        fees = [FEE] * len(asked)
        value_wei = sum(fees) if token == ETHER else 0
        _, logs = world.client.transact(
            world.requester, FEES, "requestMany", asks, inputs, token, fees, value_wei=value_wei
        )
        ids = [Hash32(log.values["id"]) for log in logs if log.event == "Requested"]
        return dict(zip(ids, asked.values(), strict=True))

    def _order(self, lane: int, asked: Asked) -> Hash32:
        """Brought to one member after the other until one has taken it."""
        world = self.committee.world
        terms = {"lane": lane, "fee": FEE, "token": self._currency(asked.way), "deadline_s": world.now_s() + WINDOW_S}
        id_, order = self.committee.parcel(self.model_id, asked.inputs, **terms)
        until(lambda: self._bring(order), bool, self.told)
        return id_

    def _bring(self, order: Parcel) -> bool:
        """Whether one of them has taken it: from then on it is not lost. Raises AssertionError where one refuses."""
        for place in self.random.sample(self.committee.places, len(self.committee.places)):
            try:
                said = self._http.post(f"{place.url}/v1/orders", content=parcel.parcel_bytes(order))
            except httpx.TransportError:
                continue
            if said.is_success:
                return True
            assert said.status_code in {429, 503}, said.text
        return False

    def _currency(self, way: Way) -> Address:
        return self.token if way.in_tokens else ETHER

    def read_anew(self) -> None:
        """Forget what was read of a chain that has reorganized meanwhile."""
        committee, old = self.committee, self.committee.world.client
        client = OracleClient(Rpc(committee.world.chain.rpc_url), old.chain_id, old.oracle)
        self.committee = replace(committee, world=replace(committee.world, client=client))
        self._since_block, self.lately = committee.world.start_block, set(self.asked)

    def requests(self) -> dict[Hash32, Log]:
        """Those that are on the chain."""
        world = self.committee.world
        logs = world.client.logs("Requested", self._since_block, None, self.committee.forum.committee)
        return {Hash32(log.values["id"]): log for log in logs}

    def there(self) -> set[Hash32]:
        """What is to be answered of what was asked lately: requests that are on the chain, and every order."""
        orders = {id_ for id_ in self.lately if self.asked[id_].way.ordered}
        return (self.lately & self.requests().keys()) | orders

    def open(self) -> set[Hash32]:
        """And has no answer."""
        return self.there() - self.committee.world.answers(self._since_block).keys()

    def expected(self) -> dict[Hash32, bytes]:
        """The right answer to all that was asked."""
        found = {}
        for id_, each in self.asked.items():
            outputs = self._engine.infer(self.model_id, [(input_, None) for input_ in each.inputs])
            found[id_] = listing.result_root(each.inputs, outputs) if each.way.items > 1 else outputs[0]
        return found

    def pass_by(self, seconds: int) -> None:
        """By the chain's clock."""
        self.committee.world.chain.rpc("evm_increaseTime", seconds)
        self.committee.world.chain.rpc("evm_mine")


def _questions(way: Way, lane: int) -> Asked:
    return Asked(way, tuple(f"question {lane} {item}".encode() for item in range(way.items)))


def ticks(process: "Popen[str]") -> int:
    """Its processor time; 0 of one that has ended."""
    try:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])
