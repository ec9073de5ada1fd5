"""`make committee-soak`: many requests to a committee of real nodes, under one fault after the other."""

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from subprocess import Popen
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from demo import chains
from tests.chaos import report
from tests.committee_world import RULES, STAKE_WEI, CommitteeWorld
from tests.forking import THEMIS
from tests.homes import ROOT, SELFTEST, register, running, said, wait_until_ready
from tests.world import FEES
from themis.bundles import bundle
from themis.chain.abi import Log, address
from themis.chain.client import OracleClient
from themis.chain.contracts import COMMITTEE
from themis.chain.rpc import Rpc
from themis.core.types import ETHER, Hash32, UseClass
from themis.engine.engine import OnnxEngine

RESULTS: Final = ROOT / "benchmarks/committee.json"
FAULTY: Final = (sys.executable, str(ROOT / "tests/e2e/faulty_member.py"))
USUAL: Final = 5
"""Members."""
FEE_WEI: Final = 10**9
WINDOW_S: Final = 3_600
AT_ONCE: Final = 10
REORG: Final = 5
ANSWERS_ALONE: Final = 0.7
"""Share of the reorganizations that leave the requests where they are."""
ENOUGH_S: Final = 240.0
"""After so long a phase goes on without what was not answered: it must be refunded then."""
ROUNDS_GAS: Final = 10**9
"""In a day, for commitments and reveals of every request of a phase."""
SEEN_AFTER_S: Final = 3.0
"""Every node has looked at a new request by then, mostly."""
STILL_AFTER_S: Final = 0.5
"""What Anvil was mining is in a block by then."""
TICKS: Final = 100
"""Of processor time in a second, as /proc counts it."""


@dataclass(slots=True)
class Phase:
    """One fault, and what became of what was asked under it."""

    name: str
    asked: int = 0
    gone: int = 0
    """Left the chain with its block, fee and all."""
    answered: int = 0
    twice: int = 0
    wrong: int = 0
    refunded: int = 0
    median_ms: int = 0
    """From the request's block to the first sight of its answer, one request at a time after the others."""
    cpu_ms: float = 0.0
    """Of all nodes together, for each request."""
    ids: set[Hash32] = field(default_factory=set)


class House:
    """A committee of nodes; the first one has the faults."""

    def __init__(self, committee: CommitteeWorld, homes: Sequence[Path], model_id: Hash32) -> None:
        self.committee, self.homes, self.model_id = committee, homes, model_id
        self.random = random.Random(14)  # noqa: S311 (faults need no secrets)
        self.lane = 0
        self._open: list[ExitStack | None] = [None] * len(homes)
        self._processes: dict[int, Popen[str]] = {}
        self._engine = OnnxEngine({model_id: bundle.load(SELFTEST)}, 1)
        self.spent_ticks = 0

    def start(self, place: int, command: Sequence[str] = THEMIS) -> None:
        """A member's node, instead of the one that runs."""
        self.stop(place)
        stack = self._open[place] = ExitStack()
        self._processes[place] = stack.enter_context(running(self.homes[place], command))

    def stop(self, place: int) -> None:
        """SIGKILL."""
        stack, self._open[place] = self._open[place], None
        if stack is not None:
            self.spent_ticks += ticks(self._processes.pop(place))
            stack.close()

    def honest(self) -> None:
        """All of them, as they are sold."""
        for place in range(len(self.homes)):
            self.start(place)
        self.wait()

    def wait(self) -> None:
        """Until every node that runs answers."""
        for place, process in self._processes.items():
            wait_until_ready(self.homes[place], process)

    def close(self) -> None:
        for place in range(len(self.homes)):
            self.stop(place)
        self._engine.close()

    def ticks(self) -> int:
        """Processor time of all nodes that ever ran here."""
        return self.spent_ticks + sum(map(ticks, self._processes.values()))

    def ask(self, count: int) -> set[Hash32]:
        """So many requests in one transaction."""
        world = self.committee.world
        deadline_s = world.now_s() + WINDOW_S
        lanes = range(self.lane, self.lane + count)
        self.lane += count
        asks = [
            (self.model_id, self.committee.forum.committee, UseClass.COMMERCIAL, lane, deadline_s, 0) for lane in lanes
        ]
        inputs = [_question(lane) for lane in lanes]
        many = (asks, inputs, ETHER, [FEE_WEI] * count)
        _, logs = world.client.transact(world.requester, FEES, "requestMany", *many, value_wei=FEE_WEI * count)
        return {Hash32(log.values["id"]) for log in logs if log.event == "Requested"}

    def read_anew(self) -> None:
        """Forget what was read of a chain that has reorganized meanwhile."""
        committee, old = self.committee, self.committee.world.client
        client = OracleClient(Rpc(committee.world.chain.rpc_url), old.chain_id, old.oracle)
        self.committee = replace(committee, world=replace(committee.world, client=client))

    def asked(self) -> list[Log]:
        """`Requested` of every request that is on the chain."""
        world = self.committee.world
        return world.client.logs("Requested", world.start_block, None, self.committee.forum.committee)

    def open(self) -> set[Hash32]:
        """Requests on the chain that have no answer."""
        return {Hash32(log.values["id"]) for log in self.asked()} - set(self.committee.world.answers())

    def expected(self) -> dict[Hash32, bytes]:
        """The right answer to each request on the chain."""
        asked = self.asked()
        outputs = self._engine.infer(self.model_id, [(log.values["input"], None) for log in asked])
        return {Hash32(log.values["id"]): output for log, output in zip(asked, outputs, strict=True)}


def _question(lane: int) -> bytes:
    return b"question " + str(lane).encode()


def ticks(process: "Popen[str]") -> int:
    """Its processor time; 0 of one that has ended."""
    try:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


def _nothing(_: House) -> None:
    pass


def _dead(house: House) -> None:
    house.stop(0)


def _with(*faults: str) -> Callable[[House], None]:
    def act(house: House) -> None:
        for place, fault in enumerate(faults):
            house.start(place, (*FAULTY, fault))
        house.wait()

    return act


def _cut(house: House) -> None:
    one, other = ("0x" + place.signer.address.hex() for place in house.committee.places[:2])
    _with(f"cut={other}", f"cut={one}")(house)


def _restart(house: House) -> None:
    """Any of them, with all that it had in memory."""
    house.start(house.random.randrange(len(house.homes)))


def _all_at_once(house: House) -> None:
    """One dead, one slow, one lying, two that cannot reach each other, one of them with a wrong clock; two are well."""
    house.stop(0)
    one, other = ("0x" + place.signer.address.hex() for place in house.committee.places[3:5])
    for place, fault in enumerate(("slow=1", "lie", f"cut={other}", f"cut={one},skew=30"), 1):
        house.start(place, (*FAULTY, fault))
    house.wait()


def _restart_the_well(house: House) -> None:
    house.start(house.random.randrange(5, len(house.homes)))


def _settled(house: House) -> None:
    """What was before is out of reach."""
    house.committee.world.chain.rpc("anvil_mine", hex(REORG))


def _reorg(house: House) -> None:
    """Of the newest blocks: now and then with the requests in them, otherwise with answers alone.

    Nothing is mined meanwhile: Anvil, which reorganizes while it mines, is left with a chain that no contract can have
    made, with blocks missing between others and answers to one request in two of them.
    """
    rpc = house.committee.world.chain.rpc
    if house.random.random() < ANSWERS_ALONE:
        rpc("anvil_mine", hex(REORG))
        time.sleep(1)
    rpc("evm_setAutomine", False)  # noqa: FBT003 (the RPC's parameter)
    time.sleep(STILL_AFTER_S)
    rpc("anvil_reorg", REORG, [])
    rpc("evm_setAutomine", True)  # noqa: FBT003
    rpc("evm_mine")


def _all_cut(house: House) -> None:
    """Nobody can call anybody: each knows its own result alone."""
    addresses = ["0x" + place.signer.address.hex() for place in house.committee.places]
    for place, own in enumerate(addresses):
        cut = ",".join(f"cut={other}" for other in addresses if other != own)
        house.start(place, (*FAULTY, cut, "--set", f"committee.gas_per_day={ROUNDS_GAS}"))
    house.wait()


def _settled_on_chain(house: House) -> None:
    """Patience and the window for commitments pass for the nodes, as each is used: no window is waited for."""
    begun_s, opened = time.monotonic(), False
    while not opened and time.monotonic() - begun_s < ENOUGH_S:
        time.sleep(SEEN_AFTER_S)  # patience begins with a node's first look
        _pass_a_window(house)
        opened = _logged(house, "RoundOpened", 1, 2 * SEEN_AFTER_S)
    _logged(house, "Committed", house.committee.quorum, ENOUGH_S)
    _pass_a_window(house)


def _logged(house: House, event: str, enough: int, within_s: float) -> bool:
    """Wait until the committee has logged it often enough about each request that is open. Whether it has."""
    give_up_s = time.monotonic() + within_s
    while time.monotonic() < give_up_s:
        told = Counter(Hash32(log.values["id"]) for log in house.committee.events(event))
        if all(told[id_] >= enough for id_ in house.open()):
            return True
        time.sleep(0.1)
    return False


def _pass_a_window(house: House) -> None:
    rpc = house.committee.world.chain.rpc
    rpc("evm_increaseTime", RULES["window"] + 1)
    rpc("evm_mine")


Fault = tuple[str, Callable[[House], None], Callable[[House], None]]
"""Its name, what happens before its requests, and what between them."""

PHASES: Final[tuple[Fault, ...]] = (
    ("nothing", _nothing, _nothing),
    ("one member dead", _dead, _nothing),
    ("one member answers a second late", _with("slow=1"), _nothing),
    ("one member lies", _with("lie"), _nothing),
    ("two members cannot reach each other", _cut, _nothing),
    ("one clock is 30 s ahead", _with("skew=30"), _nothing),
    ("members killed at random (SIGKILL)", _nothing, _restart),
    ("nobody can call anybody: commit, reveal, count", _all_cut, _settled_on_chain),
    (f"reorganizations {REORG} blocks deep", _settled, _reorg),
)


ALL_AT_ONCE: Final[Fault] = ("all but reorganizations at once", _all_at_once, _restart_the_well)
"""Of seven members, of which four must agree."""
ENOUGH_FOR_ALL: Final = 7


def soak(requests: int, quorum: int, size: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """So many requests over all phases. Raises AssertionError where money or a stake is not where it belongs."""
    with tempfile.TemporaryDirectory() as folder, chains.start() as chain:
        committee = CommitteeWorld.build(chain, quorum, size)
        model_id = register(committee.world, SELFTEST)
        committee.license(model_id)
        homes = [
            committee.home(Path(folder) / str(number), place, [(SELFTEST, model_id)])
            for number, place in enumerate(committee.places)
        ]
        house = House(committee, homes, model_id)
        try:
            faults = [ALL_AT_ONCE, *PHASES] if size >= ENOUGH_FOR_ALL else PHASES
            phases = [_play(house, fault, -(-requests // len(faults)), tell) for fault in faults]
        except BaseException:
            tell("\n".join(f"--- {home.name}\n{said(home)[-3_000:]}" for home in homes if (home / "log").exists()))
            raise
        finally:
            house.close()
        _count(house, phases, tell)
        _refund(house, phases)
        return {
            "members": size,
            "must_agree": quorum,
            "requests": sum(phase.asked for phase in phases),
            "phases": [_shown(phase) for phase in phases],
            "balances": _balances(house),
        }


def _play(house: House, fault: Fault, share: int, tell: Callable[[str], None]) -> Phase:
    name, before, between = fault
    phase = Phase(name)
    house.honest()
    before(house)
    begun_ticks, waits = house.ticks(), []
    while phase.asked < share:
        count = min(AT_ONCE, share - phase.asked)
        phase.ids |= house.ask(count)
        phase.asked += count
        between(house)
        begun_s = time.monotonic()
        while phase.ids & house.open() and time.monotonic() - begun_s < ENOUGH_S:
            time.sleep(0.02)
        waits.append((time.monotonic() - begun_s) / count)
    phase.cpu_ms = 1_000 * (house.ticks() - begun_ticks) / TICKS / phase.asked
    phase.median_ms = round(1_000 * statistics.median(waits))
    tell(f"{name}: {phase.asked} asked, {phase.median_ms} ms each, {phase.cpu_ms:.0f} ms of processor time each")
    return phase


def _count(house: House, phases: Sequence[Phase], tell: Callable[[str], None]) -> None:
    """What the chain says at the end, when no node runs any more. What is wrong is told with all that is known."""
    house.read_anew()
    expected, answers = house.expected(), house.committee.world.answers()
    for phase in phases:
        phase.gone = len(phase.ids - expected.keys())
        found = {id_: answers[id_] for id_ in phase.ids & answers.keys()}
        phase.answered = len(found)
        phase.twice = sum(len(outputs) > 1 for outputs in found.values())
        wrong = [id_ for id_, outputs in found.items() if set(outputs) != {expected[id_]}]
        phase.wrong = len(wrong)
        for id_ in wrong:
            signers = ", ".join("0x" + each.hex() for each in house.committee.signers(id_))
            shown = [each.hex() for each in found[id_]]
            tell(f"WRONG: 0x{id_.hex()} under {phase.name}: {shown}, not {expected[id_].hex()}; signed by {signers}")


def _refund(house: House, phases: Sequence[Phase]) -> None:
    """Whatever has no answer goes back to who asked."""
    world, left = house.committee.world, house.open()
    world.chain.rpc("evm_increaseTime", WINDOW_S + 60)
    world.chain.rpc("evm_mine")
    client = world.client
    for log in house.asked():
        if Hash32(log.values["id"]) in left:
            client.transact(world.requester, FEES, "refund", log.values["request"])
    for phase in phases:
        phase.refunded = len(phase.ids & left)


def _balances(house: House) -> dict[str, Any]:
    """Withdraw all that there is. Raises AssertionError where anything is left over, or a stake is not whole."""
    committee, world = house.committee, house.committee.world
    groups = {tuple(map(address, log.values["signers"])) for log in _events(house) if log.event.startswith("Answered")}
    paid = 0
    for place in committee.places:
        owner = place.signer.address
        committee.send(world.requester, "claim", ETHER, [house.model_id], [list(group) for group in groups], owner)
        paid = sum(int(log.values["amount"]) for log in _events(house) if log.event == "Withdrawn")
    withdrawn = {}
    for name, signer in (("licensor", world.licensor), ("requester", world.requester)):
        _, logs = world.client.transact(signer, FEES, "withdraw", ETHER, signer.address)
        withdrawn[name] = sum(int(log.values["amount"]) for log in logs if log.event == "Withdrawn")
    asked = len(house.expected()) * FEE_WEI
    assert paid + sum(withdrawn.values()) == asked, (paid, withdrawn, asked)
    assert world.client.rpc.call("eth_getBalance", "0x" + world.client.oracle.hex(), "latest") == "0x0"
    held = int(world.client.rpc.call("eth_getBalance", "0x" + committee.forum.committee.hex(), "latest"), 16)
    assert held == STAKE_WEI * len(committee.places), "stakes, and nothing else"
    for place in committee.places:
        stake, _, slashed, *_ = committee.read("memberOf", place.signer.address)
        assert (stake, slashed) == (STAKE_WEI, False), "nobody was fined or slashed"
    licensor, requester = withdrawn["licensor"], withdrawn["requester"]
    return {"fees_wei": asked, "members_wei": paid, "licensor_wei": licensor, "refunds_wei": requester}


def _events(house: House) -> list[Any]:
    committee = house.committee
    query = {"address": "0x" + committee.forum.committee.hex(), "fromBlock": hex(committee.world.start_block)}
    raws = committee.world.client.rpc.call("eth_getLogs", query)
    topics = [[bytes.fromhex(each[2:]) for each in raw["topics"]] for raw in raws]
    logs = [COMMITTEE.log(each, bytes.fromhex(raw["data"][2:])) for each, raw in zip(topics, raws, strict=True)]
    return [log for log in logs if log is not None]


def _shown(phase: Phase) -> dict[str, Any]:
    shown = asdict(phase)
    del shown["ids"]
    return shown | {"cpu_ms": round(phase.cpu_ms, 1)}


def table(found: dict[str, Any]) -> Table:
    """For a terminal."""
    drawn = Table(title=f"{found['must_agree']} of {found['members']} must agree; {found['requests']} requests")
    for heading in ("fault", "asked", "right", "wrong", "twice", "refunded", "gone", "ms each", "CPU ms each"):
        drawn.add_column(heading, justify="left" if heading == "fault" else "right")
    for each in found["phases"]:
        counts = (
            each["asked"],
            each["answered"] - each["wrong"],
            each["wrong"],
            each["twice"],
            each["refunded"],
            each["gone"],
        )
        drawn.add_row(each["name"], *map(str, counts), str(each["median_ms"]), str(each["cpu_ms"]))
    return drawn


def page(found: dict[str, Any]) -> str:
    """For the page: Markdown."""
    lines = [f"{found['must_agree']} of {found['members']} members must agree; {found['requests']} requests.", ""]
    lines += ["| fault | asked | right | wrong | twice | refunded | reorganized away | ms each | CPU ms each |"]
    lines += ["|---|" + "--:|" * 8]
    for each in found["phases"]:
        right = each["answered"] - each["wrong"] - each["twice"]
        counts = (right, *(each[name] for name in ("wrong", "twice", "refunded", "gone", "median_ms", "cpu_ms")))
        lines.append(f"| {each['name']} | {each['asked']} | {' | '.join(map(str, counts))} |")
    paid = found["balances"]
    said = f"{paid['members_wei']} wei to members, {paid['licensor_wei']} to the licensor, {paid['refunds_wei']} back"
    return "\n".join([*lines, "", f"Of {paid['fees_wei']} wei in fees: {said}. No stake was touched."])


def main() -> int:
    """Exit status 0 only if every request is final with the right answer, or refunded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000)
    parser.add_argument("--members", type=int, default=USUAL)
    parser.add_argument("--must-agree", type=int, default=3)
    options = parser.parse_args()
    console = Console()
    found = soak(options.requests, options.must_agree, options.members, console.print)
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    name = "soak" if options.members == USUAL else f"soak of {options.members}"
    kept[name] = found
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n")
    report.tell("committee-soak", "\n\n".join(page(kept[each]) for each in sorted(kept) if each.startswith("soak")))
    console.print(table(found))
    lost = sum(each["asked"] - each["answered"] - each["refunded"] - each["gone"] for each in found["phases"])
    return int(lost != 0 or any(each["wrong"] or each["twice"] for each in found["phases"]))


if __name__ == "__main__":
    sys.exit(main())
