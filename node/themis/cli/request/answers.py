"""Asking the oracle from the command line: a free lane, the answer and how it reads."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from themis.core.errors import Misconfigured, Unavailable
from themis.core.spelling import shown
from themis.core.types import Address, Fulfilled, Hash32

if TYPE_CHECKING:
    from themis.chain.client import OracleClient

_OPEN: Final = 1
"""As `State` in IInferenceOracle.sol."""
_LANES: Final = 1_000
_POLL_S: Final = 0.1


def free_lane(client: "OracleClient", requester: Address) -> int:
    """The first lane without an open request: a settled one is cheaper than a new one. Raises Misconfigured."""
    for lane in range(_LANES):
        state, _, _ = client.read("stateOf", requester, lane)
        if state != _OPEN:
            return lane
    raise Misconfigured(f"the first {_LANES} lanes have open requests: choose a free one with --lane")


def answer(  # noqa: PLR0917 (where it comes from, and what else is looked at meanwhile)
    client: "OracleClient",
    request_id: Hash32,
    first_block: int,
    timeout_s: float,
    nothing: str,
    meanwhile: Callable[[], None] = lambda: None,
) -> Fulfilled:
    """Wait for the answer. Raises Unavailable, which says `nothing`, and whatever `meanwhile` raises."""
    from themis.chain import contracts
    from themis.chain.contracts import ORACLE

    query = {
        "address": shown(client.oracle),
        "fromBlock": hex(first_block),
        "toBlock": "latest",
        "topics": [[shown(ORACLE.topic(event)) for event in contracts.EVENTS], shown(request_id)],
    }
    for _ in polls(timeout_s):
        for raw in _logs(client, query):
            event = contracts.decode_event(raw, client.chain_id)
            if isinstance(event, Fulfilled):
                return event
        meanwhile()
    raise Unavailable(nothing)


def _logs(client: "OracleClient", query: dict[str, Any]) -> Sequence[Any]:
    """One look that fails tells nothing: the next one is a moment away."""
    try:
        found: Sequence[Any] = client.rpc.call("eth_getLogs", query)
    except Unavailable:
        return ()
    return found


def risk_report(output: bytes) -> dict[str, int | str | list[str]] | None:
    """What RiskReport.sol decodes, and in words what is not known; None for other output."""
    from themis.evm import report
    from themis.evm.report import RiskClass

    try:
        said = report.unpack(output)
    except ValueError:
        return None
    if said.implementation is not None:
        return {"points_to": shown(Address(said.implementation)), "not_known": said.words}
    named = {risk.name.lower(): score for risk, score in zip(RiskClass, said.scores_bps, strict=True)}
    found: dict[str, int | str | list[str]] = {**named}
    found |= {"coverage_bps": said.coverage_bps, "program_counter": said.program_counter}
    return found | ({"not_known": said.words} if said.words else {})


def polls(timeout_s: float) -> Iterator[None]:
    """Looks, until so much time has passed."""
    give_up = time.monotonic() + timeout_s
    while time.monotonic() < give_up:
        yield
        time.sleep(_POLL_S)
