"""A dry run of a contract's ask: its transaction, an answer to it, and the oracle's callback. Nothing is sent."""

from dataclasses import dataclass
from typing import Any, Final

from themis.chain import contracts
from themis.chain.abi import address
from themis.chain.client import ContractDenied, OracleClient
from themis.chain.contracts import ORACLE
from themis.chain.simulate import Moment, Outcome, Unsent, gas_for
from themis.core.errors import Denied, Misconfigured
from themis.core.spelling import shown
from themis.core.types import Hash32, Request

_ERROR: Final = "Error"
"""What `require` and `revert` with words give."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that the call would make."""

    id: Hash32
    request: Request
    input: bytes


@dataclass(frozen=True, slots=True)
class Answered:
    """What would become of an answer."""

    refusal: str
    """Why the oracle would not take the operator's answer; empty where it would."""
    gas_used: int
    """Of the answer's transaction, callback included."""
    called_back: bool | None
    """None: there is no callback, or no answer."""
    callback_error: str
    """With what the callback failed."""

    @property
    def good(self) -> bool:
        """Whether the answer is taken, by the consumer too if it wants to be called."""
        return not self.refusal and self.called_back is not False


@dataclass(frozen=True, slots=True)
class DryRun:
    """Calls at one moment, at one oracle."""

    client: OracleClient
    moment: Moment

    def ask(self, call: Unsent) -> tuple[list[Asked], int]:
        """The requests that a call makes, and the gas it uses.

        Raises Denied where it reverts, Misconfigured where it asks nothing.
        """
        (outcome,) = self.moment.run(call)
        if not outcome.done:
            raise _refused(outcome)
        asked = [found for log in outcome.logs if (found := self._asked(log)) is not None]
        if not asked:
            raise Misconfigured(self._nothing(outcome))
        return asked, outcome.gas_used

    def answer(self, call: Unsent, asked: Asked, output: bytes) -> Answered:
        """What the oracle and the consumer would make of an answer, right after the call."""
        answer = Unsent(asked.request.operator, self.client.oracle, contracts.fulfill(asked.request, output, 0))
        _, outcome = self.moment.run(call, answer)
        if not outcome.done:
            return Answered(_denial(outcome.returned), outcome.gas_used, None, "")
        failed = any(self._is(log, "CallbackFailed") for log in outcome.logs)
        called_back = None if asked.request.callback_gas == 0 else not failed
        error = self._callback_error(call, asked, output) if failed else ""
        return Answered("", outcome.gas_used, called_back, error)

    def _callback_error(self, call: Unsent, asked: Asked, output: bytes) -> str:
        """The same callback as a transaction of the oracle's own, to see with what it reverts."""
        data = contracts.callback(asked.id, asked.request.lane, output)
        gas = gas_for(data, asked.request.callback_gas)
        _, outcome = self.moment.run(call, Unsent(self.client.oracle, asked.request.requester, data, gas=gas))
        if outcome.returned and not outcome.done:
            return _denial(outcome.returned)
        if outcome.done or outcome.gas_used >= gas:
            return f"it needs more than its {asked.request.callback_gas} gas"
        return "it reverted without saying why"

    def _asked(self, log: dict[str, Any]) -> Asked | None:
        if not self._is(log, "Requested"):
            return None
        read = ORACLE.log([bytes.fromhex(topic[2:]) for topic in log["topics"]], bytes.fromhex(log["data"][2:]))
        values = read.values if read is not None else {}
        return Asked(Hash32(values["id"]), contracts.decode_request(values["request"]), values["input"])

    def _is(self, log: dict[str, Any], event: str) -> bool:
        return address(log["address"]) == self.client.oracle and _topic(log) == shown(ORACLE.topic(event))

    def _nothing(self, outcome: Outcome) -> str:
        topic = shown(ORACLE.topic("Requested"))
        elsewhere = [shown(address(log["address"])) for log in outcome.logs if _topic(log) == topic]
        if elsewhere:
            return (
                f"the call asks the oracle {elsewhere[0]}, and this home uses {shown(self.client.oracle)}: where you "
                f"trust that one, simulate again with --set chain.oracle={elsewhere[0]}"
            )
        return "the call succeeds and asks the oracle nothing: call the function that does"


def _topic(log: dict[str, Any]) -> str:
    return str(log["topics"][0]).lower() if log["topics"] else ""


def _refused(outcome: Outcome) -> Denied:
    if contracts.refusal(outcome.returned) is not None:
        return ContractDenied(contracts.denial(outcome.returned))
    return Denied(f"the call reverts: {_denial(outcome.returned)}")


def _denial(data: bytes) -> str:
    """Revert data in words: the oracle's errors and Solidity's own by name, a contract's own as it stands."""
    if not data:
        return "it does not say why"
    denial = contracts.denial(data)
    if denial.error == "UnknownError":
        return f"{denial.detail}, an error of the contract's own: its selector is {shown(data[:4])}"
    return denial.detail.removeprefix("reason=") if denial.error == _ERROR else f"{denial.error}({denial.detail})"
