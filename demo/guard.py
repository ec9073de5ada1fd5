"""The DAO's timelock on the chain: what it schedules, what it asks, and what its callback has done."""

from dataclasses import dataclass
from typing import Final

from demo.wallet import Mined, Wallet
from demo.witness import Witness, check
from themis.chain.abi import Artifact
from themis.core.types import ETHER, Address, Denial, Hash32, UseClass

GUARD: Final = Artifact("TimelockGuard")
DAY_S: Final = 86_400
DELAY_S: Final = 2 * DAY_S
EXTRA_DELAY_S: Final = 5 * DAY_S
ANSWER_WINDOW_S: Final = 600
THRESHOLD_BPS: Final = 5_000
MIN_COVERAGE_BPS: Final = 9_000
CALLBACK_GAS: Final = 150_000
ANYBODY: Final = "0x" + ETHER.hex()
"""As an executor: who wants to may execute. As an admin: nobody is."""
NO_WORD: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class Operation:
    """A call the DAO has scheduled, as the guard judges it now."""

    id: Hash32
    target: Address
    executable_from_s: int
    flagged: bool


@dataclass(frozen=True, slots=True)
class Guard:
    """One deployed TimelockGuard, whose proposer holds the wallet."""

    address: Address
    proposer: Wallet
    witness: Witness

    def schedule(self, target: Address, value_wei: int, call: bytes) -> Operation:
        """Schedule a call as with any TimelockController."""
        arguments = (_hex(target), value_wei, call, NO_WORD, NO_WORD)
        mined = self.proposer.send(self.address, GUARD.call("schedule", *arguments, DELAY_S))
        (scheduled,) = mined.logs(self.address, GUARD, "CallScheduled")
        (id_,) = self.witness.call(self.address, GUARD, "hashOperation", *arguments)
        check(scheduled.values["id"] == id_, "the operation is scheduled")
        return self.operation(Hash32(id_), target)

    def operation(self, id_: Hash32, target: Address) -> Operation:
        """Read an operation as it is judged now."""
        (from_s,) = self.witness.call(self.address, GUARD, "executableFrom", id_, [_hex(target)])
        _, (_, flagged_at_s) = self.witness.call(self.address, GUARD, "assessmentOf", _hex(target))
        return Operation(id_, target, from_s, flagged_at_s != 0)

    def ask(self, operation: Operation, fee_wei: int) -> Mined:
        """Ask the oracle about the code that an operation would run."""
        return self.proposer.send(self.address, GUARD.call("assess", _hex(operation.target)), fee_wei)

    def ask_refused(self, operation: Operation, fee_wei: int) -> tuple[Mined, Denial]:
        """Ask where the answer must be no."""
        return self.proposer.send_refused(self.address, GUARD.call("assess", _hex(operation.target)), fee_wei)


def deploy(proposer: Wallet, witness: Witness, model_id: Hash32, operator: Address) -> Guard:
    """Deploy the DAO's guard, which uses the model commercially."""
    assessing = (
        model_id,
        _hex(operator),
        int(UseClass.COMMERCIAL),
        EXTRA_DELAY_S,
        ANSWER_WINDOW_S,
        THRESHOLD_BPS,
        MIN_COVERAGE_BPS,
        CALLBACK_GAS,
    )
    roles = (DELAY_S, [_hex(proposer.address)], [ANYBODY], ANYBODY)
    return Guard(proposer.create(GUARD, *roles, _hex(witness.oracle), assessing), proposer, witness)


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
