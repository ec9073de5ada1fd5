"""Who may run beside whom, and what the loser is told."""

import os
import tempfile
from pathlib import Path

import pytest

from themis.core.errors import Misconfigured, Unavailable
from themis.core.types import Address, Hash32
from themis.store.faults import os_fault
from themis.store.lock import InstanceLock, Place, resting

PLACE = Place(31_337, Hash32(b"\x05" * 32), Address(b"\x0a" * 20), Address(b"\x01" * 20))
OTHER_CHAIN = Place(31_337, Hash32(b"\x06" * 32), PLACE.oracle, PLACE.operator)
OTHER_ORACLE = Place(31_337, PLACE.genesis, Address(b"\x0b" * 20), PLACE.operator)
OTHER_KEY = Place(31_337, PLACE.genesis, PLACE.oracle, Address(b"\x02" * 20))


@pytest.fixture
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    shared = tmp_path / "tmp"
    shared.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(shared))
    homes = tmp_path / "a", tmp_path / "b"
    for home in homes:
        home.mkdir()
    return homes


def test_a_key_and_a_home_are_held_once(homes: tuple[Path, Path]) -> None:
    held = InstanceLock(homes[0], PLACE)
    with pytest.raises(Misconfigured, match="another themis holds .*: stop it first"):
        InstanceLock(homes[0], OTHER_KEY)
    for place in (PLACE, OTHER_ORACLE):
        with pytest.raises(Misconfigured, match="another themis holds"):
            InstanceLock(homes[1], place)
    held.release()
    InstanceLock(homes[1], PLACE).release()


def test_two_local_chains_with_one_id_and_one_key_do_not_meet(homes: tuple[Path, Path]) -> None:
    held, other = InstanceLock(homes[0], PLACE), InstanceLock(homes[1], OTHER_CHAIN)
    held.release()
    other.release()


def test_a_lock_says_who_holds_it(homes: tuple[Path, Path]) -> None:
    held = InstanceLock(homes[0], PLACE)
    with pytest.raises(Misconfigured) as caught:
        InstanceLock(homes[1], OTHER_ORACLE)
    for part in (f"process {os.getpid()}", f"home {homes[0]}", "oracle 0x0A0A0a0a", "genesis block 0x" + "05" * 32):
        assert part in str(caught.value)
    held.release()


def test_a_store_is_changed_only_while_its_node_rests(homes: tuple[Path, Path]) -> None:
    held = InstanceLock(homes[0], PLACE)
    with pytest.raises(Misconfigured, match="stop it first; its store cannot be changed under it"), resting(homes[0]):
        pass
    held.release()
    with resting(homes[0]), pytest.raises(Misconfigured, match="another themis holds"):
        InstanceLock(homes[0], PLACE)


@pytest.mark.parametrize(
    ("number", "error", "said"),
    [
        (13, Misconfigured, r"cannot be opened: its modes forbid it|it belongs to the user"),
        (28, Unavailable, r"the disk of .* is full: make room"),
        (30, Misconfigured, r"cannot be written: its disk is read-only"),
    ],
)
def test_what_stands_in_the_way_of_a_lock_is_named(
    homes: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, number: int, error: type[Exception], said: str
) -> None:
    def fails(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number))

    (homes[0] / "themis.lock").touch()
    monkeypatch.setattr(os, "open", fails)
    with pytest.raises(error, match=said):
        InstanceLock(homes[0], PLACE)


def test_another_users_lock_file_is_named_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = Path("/etc/passwd")
    monkeypatch.setattr(os, "getuid", lambda: 12_345)
    said = str(os_fault(theirs, PermissionError(13, "Permission denied")))
    assert said.startswith("/etc/passwd cannot be opened: it belongs to the user root, whose themis may run: stop that")
