"""The gate: a member's sealed request is let in once; whatever else comes is barred by name."""

import pytest

from tests.fakes import FakeClock
from themis.committee.gate import BURST, PER_S, SKEW_S, Barred, Gate, Numbers, seal
from themis.core.committee import Forum
from themis.core.types import Address
from themis.keys.keystore import KeystoreSigner

FORUM = Forum(31_337, Address(b"\x0c" * 20))
MEMBER, OWN, STRANGER = (KeystoreSigner(bytes([n]) * 32) for n in (1, 2, 3))
BODY = b'{"messages":[],"wants":[]}'


class Scene:
    def __init__(self) -> None:
        self.clock = FakeClock(1_800_000_000.0)
        members = {MEMBER.address: None, OWN.address: None}
        self.gate = Gate(FORUM, OWN.address, lambda: members, self.clock)
        self.numbers = Numbers(self.clock)

    def headers(
        self,
        signer: KeystoreSigner = MEMBER,
        *,
        forum: Forum = FORUM,
        to: Address = OWN.address,
        number: int | None = None,
        body: bytes = BODY,
    ) -> dict[str, str]:
        return seal(signer, forum, to, self.numbers.next() if number is None else number, body).headers(forum)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_member_is_let_in(scene: Scene) -> None:
    assert scene.gate.look(scene.headers(), BODY) == MEMBER.address


def test_what_is_heard_twice_is_a_replay(scene: Scene) -> None:
    first, second = scene.headers(), scene.headers()
    assert scene.gate.look(second, BODY) == MEMBER.address
    assert scene.gate.look(second, BODY) is Barred.REPLAYED
    assert scene.gate.look(first, BODY) is Barred.REPLAYED


def test_after_a_restart_a_replay_is_too_old_soon(scene: Scene) -> None:
    headers = scene.headers()
    scene.clock.now += SKEW_S + 1
    assert Scene().gate.look(headers, BODY) == MEMBER.address
    assert scene.gate.look(headers, BODY) is Barred.SKEWED


@pytest.mark.parametrize("apart_s", [30, -30, SKEW_S - 1, 1 - SKEW_S])
def test_clocks_may_lie_apart(scene: Scene, apart_s: float) -> None:
    headers = scene.headers(number=int((scene.clock.now + apart_s) * 1_000_000))
    assert scene.gate.look(headers, BODY) == MEMBER.address


@pytest.mark.parametrize("apart_s", [SKEW_S + 1, -SKEW_S - 1])
def test_clocks_may_not_lie_that_far_apart(scene: Scene, apart_s: float) -> None:
    headers = scene.headers(number=int((scene.clock.now + apart_s) * 1_000_000))
    assert scene.gate.look(headers, BODY) is Barred.SKEWED


def test_a_stranger_is_not_let_in(scene: Scene) -> None:
    assert scene.gate.look(scene.headers(STRANGER), BODY) is Barred.NOT_A_MEMBER


def test_it_must_be_for_this_member_committee_and_chain(scene: Scene) -> None:
    elsewhere = [
        scene.headers(to=STRANGER.address),
        scene.headers(forum=Forum(1, FORUM.committee)),
        scene.headers(forum=Forum(31_337, STRANGER.address)),
    ]
    assert [scene.gate.look(headers, BODY) for headers in elsewhere] == [Barred.ELSEWHERE] * 3


def test_headers_that_were_changed_to_fit_are_not_signed(scene: Scene) -> None:
    changed = [
        scene.headers(to=STRANGER.address) | {"themis-to": "0x" + OWN.address.hex()},
        scene.headers(forum=Forum(1, FORUM.committee)) | {"themis-chain": "31337"},
        scene.headers(STRANGER) | {"themis-from": "0x" + MEMBER.address.hex()},
        scene.headers() | {"themis-number": str(scene.numbers.next())},
        scene.headers() | {"themis-signature": "0x" + bytes(65).hex()},
        scene.headers(body=b"{}"),
    ]
    assert [scene.gate.look(headers, BODY) for headers in changed] == [Barred.UNSIGNED] * len(changed)
    assert scene.gate.look(scene.headers(), BODY) == MEMBER.address, "nothing that was barred uses up a number"


@pytest.mark.parametrize("name", ["chain", "committee", "from", "to", "number", "signature"])
def test_headers_that_are_missing_or_malformed(scene: Scene, name: str) -> None:
    headers = scene.headers()
    assert scene.gate.look({k: v for k, v in headers.items() if k != f"themis-{name}"}, BODY) is Barred.UNSIGNED
    for wrong in ("", "x", "-1", str(2**64), "0x0"):
        assert isinstance(scene.gate.look(headers | {f"themis-{name}": wrong}, BODY), Barred)


def test_who_asks_too_often_waits(scene: Scene) -> None:
    said = [scene.gate.look(scene.headers(), BODY) for _ in range(BURST + 3)]
    assert said == [MEMBER.address] * BURST + [Barred.TOO_MANY] * 3
    scene.clock.now += 1
    said = [scene.gate.look(scene.headers(), BODY) for _ in range(PER_S + 1)]
    assert said == [MEMBER.address] * PER_S + [Barred.TOO_MANY]


def test_numbers_only_grow(scene: Scene) -> None:
    first = scene.numbers.next()
    scene.clock.now -= 3_600
    assert scene.numbers.next() == first + 1
