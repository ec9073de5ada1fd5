"""`make committee-soak`: a committee of real nodes is asked in every way there is, under one fault after the other."""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from demo import chains
from tests import forking
from tests.chaos import books, report
from tests.chaos.house import REORG, REQUESTS, TICKS, WAYS, WINDOW_S, Command, House, Way, faulty
from tests.committee_world import RULES, STAKE_WEI, CommitteeWorld
from tests.homes import ROOT
from tests.world import FEES
from themis.core.types import ETHER, Hash32

RESULTS: Final = ROOT / "benchmarks/committee.json"
AT_ONCE: Final = 10
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


@dataclass(slots=True)
class Phase:
    """One fault, and what became of what was asked under it."""

    name: str
    asked: int = 0
    orders: int = 0
    """Of what was asked."""
    gone: int = 0
    """Requests that left the chain with their block, fee and all."""
    answered: int = 0
    twice: int = 0
    wrong: int = 0
    refunded: int = 0
    """Or never paid for: orders without an answer."""
    median_ms: int = 0
    """From when it is on the chain, or taken, to the first sight of its answer: of what was asked at once, a share."""
    cpu_ms: float = 0.0
    """Of all nodes together, for each of them."""
    ids: set[Hash32] = field(default_factory=set)

    def count(
        self, there: set[Hash32], expected: Mapping[Hash32, bytes], answers: Mapping[Hash32, Sequence[bytes]]
    ) -> set[Hash32]:
        """What the chain says at the end; the ids that have a wrong answer."""
        self.gone = len(self.ids - there)
        found = {id_: answers[id_] for id_ in self.ids & answers.keys()}
        self.answered = len(found)
        self.twice = sum(len(outputs) > 1 for outputs in found.values())
        wrong = {id_ for id_, outputs in found.items() if set(outputs) != {expected[id_]}}
        self.wrong = len(wrong)
        return wrong


def _nothing(_: House) -> None:
    pass


def _as_sold(_: House) -> Mapping[int, Command]:
    return {}


def _first(command: Command) -> Callable[[House], Mapping[int, Command]]:
    return lambda _: {0: command}


def _cut(house: House) -> Mapping[int, Command]:
    one, other, *_ = house.addresses
    return {0: faulty(f"cut={other}"), 1: faulty(f"cut={one}")}


def _all_at_once(house: House) -> Mapping[int, Command]:
    """One dead, one slow, one lying, two that cannot reach each other, one of them with a wrong clock; two are well."""
    one, other = house.addresses[3:5]
    faults = (None, faulty("slow=1"), faulty("lie"), faulty(f"cut={other}"), faulty(f"cut={one}", "skew=30"))
    return dict(enumerate(faults))


def _all_cut(house: House) -> Mapping[int, Command]:
    """Nobody can call anybody: each knows its own result alone."""
    more = ("--set", f"committee.gas_per_day={ROUNDS_GAS}")
    cut = [[f"cut={other}" for other in house.addresses if other != own] for own in house.addresses]
    return {place: (*faulty(*faults), *more) for place, faults in enumerate(cut)}


def _restart(house: House) -> None:
    """Any of them, with all that it had in memory."""
    house.restart(house.random.randrange(len(house.homes)))


def _restart_the_well(house: House) -> None:
    house.restart(house.random.randrange(5, len(house.homes)))


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


def _settled_on_chain(house: House) -> None:
    """Patience and the window for commitments pass for the nodes, as each is used: no window is waited for."""
    begun_s, opened = time.monotonic(), False
    while not opened and time.monotonic() - begun_s < ENOUGH_S:
        time.sleep(SEEN_AFTER_S)  # patience begins with a node's first look
        house.pass_by(RULES["window"] + 1)
        opened = _logged(house, "RoundOpened", 1, 2 * SEEN_AFTER_S)
    _logged(house, "Committed", house.committee.quorum, ENOUGH_S)
    house.pass_by(RULES["window"] + 1)


def _logged(house: House, event: str, enough: int, within_s: float) -> bool:
    """Wait until the committee has logged it often enough about each request that is open. Whether it has."""
    give_up_s = time.monotonic() + within_s
    while time.monotonic() < give_up_s:
        told = Counter(Hash32(log.values["id"]) for log in house.committee.events(event))
        if all(told[id_] >= enough for id_ in house.open()):
            return True
        time.sleep(0.1)
    return False


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to nodes and chain while something is asked."""

    name: str
    cast: Callable[[House], Mapping[int, Command]] = _as_sold
    between: Callable[[House], None] = _nothing
    """Questions and answers."""
    ways: Sequence[Way] = WAYS


PHASES: Final = (
    Fault("nothing"),
    Fault(f"reorganizations {REORG} blocks deep", between=_reorg),
    Fault("members killed at random (SIGKILL)", between=_restart),
    Fault("one member dead", _first(None)),
    Fault("one member answers a second late", _first(faulty("slow=1"))),
    Fault("one member lies", _first(faulty("lie"))),
    Fault("two members cannot reach each other", _cut),
    Fault("one clock is 30 s ahead", _first(faulty("skew=30"))),
    Fault("nobody can call anybody: commit, reveal, count", _all_cut, _settled_on_chain, REQUESTS),
)
"""In an order in which few nodes are started anew, and nobody needs a member whose clock has been set back (409)."""
ALL_AT_ONCE: Final = Fault("all but reorganizations at once", _all_at_once, _restart_the_well)
"""Of seven members."""
COMMITTEES: Final = ((3, 5, PHASES), (4, 7, (ALL_AT_ONCE,)))
"""How many must agree, of how many, and what they go through."""


def soak(
    quorum: int, size: int, phases: Sequence[Fault], share: int, tell: Callable[[str], None] = print
) -> dict[str, Any]:
    """Ask so much in each phase. What it finds is judged by `faults`."""
    with tempfile.TemporaryDirectory() as folder, chains.start() as chain:
        house = House(CommitteeWorld.build(chain, quorum, size), Path(folder))
        house.take_tokens()
        try:
            played = [_play(house, fault, share, tell) for fault in phases]
        except BaseException:
            tell(house.told())
            raise
        finally:
            house.close()
        return _read(house, played, tell)


def _play(house: House, fault: Fault, share: int, tell: Callable[[str], None]) -> Phase:
    phase = Phase(fault.name)
    house.begin()
    house.cast(fault.cast(house))
    begun_ticks, waits = house.ticks(), []
    while phase.asked < share:
        count = min(AT_ONCE, share - phase.asked)
        phase.ids |= house.ask(count, fault.ways)
        phase.asked += count
        fault.between(house)
        begun_s = time.monotonic()
        while house.open() and time.monotonic() - begun_s < ENOUGH_S:
            time.sleep(0.05)
        waits.append((time.monotonic() - begun_s) / count)
    phase.orders = sum(house.asked[id_].way.ordered for id_ in phase.ids)
    phase.cpu_ms = round(1_000 * (house.ticks() - begun_ticks) / TICKS / phase.asked, 1)
    phase.median_ms = round(1_000 * statistics.median(waits))
    tell(f"{fault.name}: {phase.asked} asked, {phase.median_ms} ms each, {phase.cpu_ms:.0f} ms of processor time each")
    return phase


def _read(house: House, phases: Sequence[Phase], tell: Callable[[str], None]) -> dict[str, Any]:
    """What the chain says when no node runs any more, and who has what when what has no answer was refunded."""
    house.read_anew()
    expected, answers, there = house.expected(), house.committee.world.answers(), house.there()
    for phase in phases:
        for id_ in phase.count(there, expected, answers):
            signers = ", ".join("0x" + each.hex() for each in house.committee.signers(id_))
            shown = [each.hex() for each in answers[id_]]
            tell(f"WRONG: 0x{id_.hex()} under {phase.name}: {shown}, not {expected[id_].hex()}; signed by {signers}")
    refunded = _refund(house, phases)
    balances, unbalanced = {}, books.stakes(house)
    for name, token in (("wei", ETHER), ("tokens", house.token)):
        of_token = sum(house.asked[id_].way.in_tokens == (name == "tokens") for id_ in refunded)
        closed = books.close(house, token, answers.keys())
        unbalanced += [
            f"{name}: {each}" for each in closed.faults(of_token, len(house.homes) * STAKE_WEI * (name == "wei"))
        ]
        balances[name] = asdict(closed)
    return {
        "members": len(house.homes),
        "must_agree": house.committee.quorum,
        "requests": sum(phase.asked for phase in phases),
        "ways": dict(Counter(each.way.name for each in house.asked.values())),
        "phases": [{name: value for name, value in asdict(phase).items() if name != "ids"} for phase in phases],
        "balances": balances,
        "unbalanced": unbalanced,
    }


def _refund(house: House, phases: Sequence[Phase]) -> set[Hash32]:
    """Requests without an answer go back to who asked. Orders without one were not paid for."""
    world, left = house.committee.world, house.open()
    house.pass_by(WINDOW_S + 60)
    logs = {id_: log for id_, log in house.requests().items() if id_ in left}
    for log in logs.values():
        world.client.transact(world.requester, FEES, "refund", log.values["request"])
    for phase in phases:
        phase.refunded = len(phase.ids & left)
    return set(logs)


def faults(found: Mapping[str, Any]) -> list[str]:
    """What must not be: lost, answered twice or wrongly, and money or a stake that is not where it belongs."""
    said = [f"money: {each}" for each in found["unbalanced"]]
    for phase in found["phases"]:
        lost = phase["asked"] - phase["answered"] - phase["refunded"] - phase["gone"]
        counts = {"lost": lost, "wrong": phase["wrong"], "twice": phase["twice"]}
        said += [f"{phase['name']}: {count} {name}" for name, count in counts.items() if count]
    return said


def table(found: Mapping[str, Any]) -> Table:
    """For a terminal."""
    drawn = Table(title=f"{found['must_agree']} of {found['members']} must agree; {found['requests']} requests")
    for heading in ("fault", *_COUNTS.values()):
        drawn.add_column(heading, justify="left" if heading == "fault" else "right")
    for each in found["phases"]:
        drawn.add_row(each["name"], *_counts(each))
    return drawn


def page(found: Mapping[str, Any]) -> str:
    """For the page: Markdown."""
    asked = ", ".join(f"{count} {name}" for name, count in found["ways"].items())
    lines = [
        f"{found['must_agree']} of {found['members']} members must agree; {found['requests']} were asked: {asked}."
    ]
    lines += ["", f"| fault | {' | '.join(_COUNTS.values())} |", "|---|" + "--:|" * len(_COUNTS)]
    lines += [f"| {each['name']} | {' | '.join(_counts(each))} |" for each in found["phases"]]
    for unit, each in found["balances"].items():
        fees = each["requested"] + each["ordered"]
        shares = f"{each['members']} to members, {each['licensor']} to the licensor, {each['refunds']} back"
        lines += [
            "",
            f"Of {fees} {unit} in fees: {shares}; {each['released']} of {each['deposited']} deposited are left.",
        ]
    return "\n".join([*lines, "", "; ".join(faults(found)) or "Every stake is whole, and nothing is left over."])


_COUNTS: Final = {
    "asked": "asked",
    "orders": "of them orders",
    "right": "right",
    "wrong": "wrong",
    "twice": "twice",
    "refunded": "refunded",
    "gone": "reorganized away",
    "median_ms": "ms each",
    "cpu_ms": "CPU ms each",
}


def _counts(phase: dict[str, Any]) -> list[str]:
    right = phase["answered"] - phase["wrong"]
    return [str((phase | {"right": right})[name]) for name in _COUNTS]


def main() -> int:
    """Exit status 0 only if `faults` finds none."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000)
    options = parser.parse_args()
    forking.install()
    console = Console()
    share = -(-options.requests // sum(len(phases) for _, _, phases in COMMITTEES))
    found = [soak(quorum, size, phases, share, console.print) for quorum, size, phases in COMMITTEES]
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    RESULTS.write_text(json.dumps(kept | {"soak": found}, indent=1) + "\n")
    report.tell("committee-soak", "\n\n".join(map(page, found)))
    for each in found:
        console.print(table(each))
    said = [fault for each in found for fault in faults(each)]
    for fault in said:
        console.print(f"FAULT: {fault}")
    return int(bool(said))


if __name__ == "__main__":
    sys.exit(main())
