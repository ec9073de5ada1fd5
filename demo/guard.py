"""The DAO's timelock on the chain: what it schedules, what it asks, and what its callback has done."""

from dataclasses import dataclass
from typing import Final

from demo.wallet import Mined, Wallet
from demo.witness import Witness, check
from themis.chain.abi import Artifact, address
from themis.core.types import Address, Denial, Hash32, UseClass

GUARD: Final = Artifact("TimelockGuard")
DAY_S: Final = 86_400
DELAY_S: Final = 2 * DAY_S
EXTRA_DELAY_S: Final = 5 * DAY_S
ANSWER_WINDOW_S: Final = 600
THRESHOLD_BPS: Final = 5_000
CALLBACK_GAS: Final = 150_000


@dataclass(frozen=True, slots=True)
class Operation:
    """A call the DAO has scheduled, as the guard keeps it."""

    id: Hash32
    target: Address
    eta_s: int
    flagged: bool


@dataclass(frozen=True, slots=True)
class Guard:
    """One deployed TimelockGuard, whose owner holds the wallet."""

    address: Address
    owner: Wallet
    witness: Witness

    def schedule(self, target: Address, value_wei: int, call: bytes) -> Operation:
        """Schedule a call; it may be executed after the ordinary delay."""
        mined = self.owner.send(self.address, GUARD.call("schedule", _hex(target), value_wei, call, bytes(32)))
        (scheduled,) = mined.logs(self.address, GUARD, "Scheduled")
        operation = self.operation(Hash32(scheduled.values["opId"]))
        check(operation.eta_s == scheduled.values["eta"], "the operation is scheduled")
        return operation

    def operation(self, id_: Hash32) -> Operation:
        """Read an operation as it is now."""
        target, eta_s, flagged, _ = self.witness.call(self.address, GUARD, "operations", id_)
        return Operation(id_, address(target), eta_s, flagged)

    def ask(self, operation: Operation, fee_wei: int) -> Mined:
        """Ask the oracle about an operation's target."""
        return self.owner.send(self.address, GUARD.call("ask", operation.id), fee_wei)

    def ask_refused(self, operation: Operation, fee_wei: int) -> tuple[Mined, Denial]:
        """Ask where the answer must be no."""
        return self.owner.send_refused(self.address, GUARD.call("ask", operation.id), fee_wei)


def deploy(owner: Wallet, witness: Witness, model_id: Hash32, operator: Address) -> Guard:
    """Deploy the DAO's guard, which uses the model commercially."""
    config = (
        _hex(owner.address),
        model_id,
        _hex(operator),
        int(UseClass.COMMERCIAL),
        DELAY_S,
        EXTRA_DELAY_S,
        ANSWER_WINDOW_S,
        THRESHOLD_BPS,
        CALLBACK_GAS,
    )
    return Guard(owner.create(GUARD, _hex(witness.oracle), config), owner, witness)


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
