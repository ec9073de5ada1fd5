"""Who may hand over a message: members, by their keys, each request once, and not too many of them."""

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from themis.committee.wire import Malformed
from themis.core import committee, signature
from themis.core.committee import EXCHANGE_TYPE, Forum
from themis.core.keccak import keccak
from themis.core.types import Address
from themis.ports import Clock, Signer

SKEW_S: Final = 120
"""Clocks may lie so far apart; a request that is older is a replay."""
PER_S: Final = 50
"""Requests that a member may make in a second on the average."""
BURST: Final = 200
"""And at once."""
_MICRO: Final = 1_000_000
_FROM: Final = "themis-from"
_TO: Final = "themis-to"
_COMMITTEE: Final = "themis-committee"
_CHAIN: Final = "themis-chain"
_NUMBER: Final = "themis-number"
_SIGNATURE: Final = "themis-signature"


class Barred(StrEnum):
    """Why somebody is not let in."""

    UNSIGNED = "unsigned"
    """The headers are missing or malformed, or the signature is not of whom they name, for this body and receiver."""
    ELSEWHERE = "elsewhere"
    """It is for another committee, chain or member."""
    NOT_A_MEMBER = "not_a_member"
    SKEWED = "skewed"
    """Its number is too far from this machine's clock."""
    REPLAYED = "replayed"
    TOO_MANY = "too_many"


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who hands over a body, to whom. As headers of HTTP."""

    sender: Address
    to: Address
    number: int
    signature: bytes

    def headers(self, forum: Forum) -> dict[str, str]:
        return {
            _CHAIN: str(forum.chain_id),
            _COMMITTEE: "0x" + forum.committee.hex(),
            _FROM: "0x" + self.sender.hex(),
            _TO: "0x" + self.to.hex(),
            _NUMBER: str(self.number),
            _SIGNATURE: "0x" + self.signature.hex(),
        }


def seal(signer: Signer, forum: Forum, to: Address, number: int, body: bytes) -> Envelope:
    """Sign a body for one receiver."""
    typed = committee.typed(forum, EXCHANGE_TYPE, signer.address, to, number, keccak(body))
    return Envelope(signer.address, to, number, signer.sign_typed(typed))


def read_envelope(headers: Mapping[str, str]) -> Envelope:
    """Read what `Envelope.headers` wrote; whose it is is not said yet. Raises Malformed."""
    try:
        number = int(headers[_NUMBER])
        sender, to, signed = (bytes.fromhex(headers[name].removeprefix("0x")) for name in (_FROM, _TO, _SIGNATURE))
        _ = headers[_CHAIN], headers[_COMMITTEE]
    except (KeyError, ValueError) as error:
        raise Malformed("its headers name no sender, receiver, number and signature") from error
    if not 0 <= number < 2**64:
        raise Malformed("its number is no uint64")
    return Envelope(Address(sender), Address(to), number, signed)


class Numbers:
    """Microseconds since the epoch; each is above the one before, whatever the clock does."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last = 0

    def next(self) -> int:
        with self._lock:
            self._last = max(self._last + 1, int(self._clock.now_s() * _MICRO))
            return self._last


class Gate:
    """Lets in what a member has sealed for us. May be used by several threads."""

    def __init__(self, forum: Forum, own: Address, members: Callable[[], Mapping[Address, Any]], clock: Clock) -> None:
        """`members`: who sits in the committee, by what the chain shows."""
        self._forum, self._own, self._members, self._clock = forum, own, members, clock
        self._here = str(forum.chain_id), "0x" + forum.committee.hex()
        self._lock = threading.Lock()
        self._newest: dict[Address, int] = {}
        """A restart forgets it; what is told twice within SKEW_S then is told in vain, for it is known."""
        self._tokens: dict[Address, float] = defaultdict(lambda: float(BURST))
        self._counted_at_s: dict[Address, float] = {}

    def look(self, headers: Mapping[str, str], body: bytes) -> Address | Barred:
        """Who it is from, or why it is not let in."""
        try:
            envelope = read_envelope(headers)
        except Malformed:
            return Barred.UNSIGNED
        if (headers[_CHAIN], headers[_COMMITTEE].lower(), envelope.to) != (*self._here, self._own):
            return Barred.ELSEWHERE
        return self._barred(envelope, body) or envelope.sender

    def _barred(self, envelope: Envelope, body: bytes) -> Barred | None:
        """What costs least is looked at first."""
        sender, number = envelope.sender, envelope.number
        if sender not in self._members():
            return Barred.NOT_A_MEMBER
        if abs(number / _MICRO - self._clock.now_s()) > SKEW_S:
            return Barred.SKEWED
        digest = committee.exchange_digest(self._forum, sender, envelope.to, number, body)
        if signature.signer(digest, envelope.signature) != sender:
            return Barred.UNSIGNED
        with self._lock:
            if number <= self._newest.get(sender, 0):
                return Barred.REPLAYED
            self._newest[sender] = number
            return None if self._spend(sender) else Barred.TOO_MANY

    def _spend(self, sender: Address) -> bool:
        now_s = self._clock.now_s()
        passed_s = max(0.0, now_s - self._counted_at_s.get(sender, now_s))
        self._counted_at_s[sender] = now_s
        tokens = min(float(BURST), self._tokens[sender] + passed_s * PER_S)
        self._tokens[sender] = tokens - 1 if tokens >= 1 else tokens
        return tokens >= 1
