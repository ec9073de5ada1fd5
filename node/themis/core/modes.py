"""Use classes and policies as the contract's bits and as words (Policies.sol). Pure."""

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Final

from themis.core.types import Role, UseClass


class Mode(IntEnum):
    """As `Mode` in Policies.sol."""

    CLOSED = 0
    OPEN = 1
    GRANT = 2


MODES: Final = tuple(mode.name.lower() for mode in Mode)


def mode_of(policy: int, role: Role, use_class: UseClass) -> Mode:
    """Two bits for each role and class. An undefined mode is closed."""
    bits = policy >> _shift(role, use_class) & 3
    return Mode(bits) if bits <= Mode.GRANT else Mode.CLOSED


def parse_modes(text: str) -> dict[UseClass, int]:
    """`personal=open,commercial=grant` as modes by use class; what is not named stays closed. Raises ValueError."""
    parsed: dict[UseClass, int] = {}
    for pair in text.split(","):
        name, _, mode = pair.strip().partition("=")
        if mode not in MODES or name.upper() not in UseClass.__members__:
            raise ValueError(f"{pair!r} is not CLASS=MODE (personal, research, commercial; closed, open, grant)")
        parsed[UseClass[name.upper()]] = MODES.index(mode)
    return parsed


def pack(requester: Mapping[UseClass, int], operator: Mapping[UseClass, int]) -> int:
    """Make a `Policy`."""
    packed = 0
    for role, modes in ((Role.REQUESTER, requester), (Role.OPERATOR, operator)):
        for use, mode in modes.items():
            packed |= mode << _shift(role, use)
    return packed


def policy_words(policy: int) -> dict[str, dict[str, str]]:
    """Spell a `Policy` out: {"requester": {"personal": "open", ...}, "operator": ...}."""
    return {
        role.name.lower(): {use.name.lower(): MODES[mode_of(policy, role, use)] for use in UseClass} for role in Role
    }


def class_bits(classes: Iterable[UseClass]) -> int:
    """The bit set of a grant or an ask."""
    return sum({1 << use for use in classes})


def class_words(bits: int) -> list[str]:
    """Spell a bit set of use classes."""
    return [use.name.lower() for use in UseClass if bits >> use & 1]


def _shift(role: Role, use: UseClass) -> int:
    return 2 * (3 * role + use)
