"""The bits of a policy and its words, as Policies.sol lays them out: two bits per role and use class."""

from collections.abc import Mapping
from typing import Final

from themis.core.permission import Mode, mode_of
from themis.core.types import Role, UseClass

MODES: Final = tuple(mode.name.lower() for mode in Mode)


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


def words(policy: int) -> dict[str, dict[str, str]]:
    """Spell a `Policy` out: {"requester": {"personal": "open", ...}, "operator": ...}."""
    return {
        role.name.lower(): {use.name.lower(): MODES[mode_of(policy, role, use)] for use in UseClass} for role in Role
    }


def _shift(role: Role, use: UseClass) -> int:
    return 2 * (3 * role + use)
