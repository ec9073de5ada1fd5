"""What tokens show of who takes authority: every template's vulnerable form has such a write, no safe one has."""

from collections import Counter
from typing import Final

import pytest

from tests.vectors import evm_real, evm_templates
from themis.evm.disassembly import disassemble
from themis.evm.trace import Tracer
from themis.evm.vocabulary import NAMES

UNSEEN: Final = {
    "authority.pending_set": 1,
    "authority.set_inside": 1,
}
"""Vulnerable forms by template without such a token."""
SUSPECTED: Final = {"authority.member_added": 1}
"""Safe forms with one."""


def takes(code: bytes) -> set[str]:
    """Tokens of any way to take authority."""
    tokens = {token for trace in Tracer(disassemble(code)).run() for token in trace.tokens}
    return {NAMES[token] for token in tokens if NAMES[token].startswith("TAKE.")}


def repeatable(code: bytes) -> set[str]:
    return takes(code) - {"TAKE.once"}


def test_vulnerable_forms_have_a_token_and_safe_ones_none() -> None:
    forms = {
        name: repeatable(code) for name, code in evm_templates.codes().items() if "authority." in name or "tak" in name
    }
    assert len(forms) > 100
    assert Counter(name.split()[0] for name, found in forms.items() if " bad " in name and not found) == UNSEEN
    assert Counter(name.split()[0] for name, found in forms.items() if " safe " in name and found) == SUSPECTED


def test_code_of_real_projects_hardly_has_any() -> None:
    assert sum(bool(repeatable(code)) for code in evm_real.codes()[::10]) <= 1


def require(code: str, at: int) -> str:
    """Revert unless `code`, which begins at this program counter, leaves a true word."""
    return f"{code}60{at + len(code) // 2 + 6:02x}575f5ffd5b"


OWNED = require("5f543314", 4) + "00"
"""A caller who is at storage place 0 may stop."""
ENTRY = f"3660{4 + len(OWNED) // 2:02x}57{OWNED}5b"
"""With call data another way is gone: what follows."""
NEXT = len(ENTRY) // 2
EMPTY, TAKEN, SHUT = require("5f5415", NEXT), require("5f54", NEXT), require("60015415", NEXT)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("6004355f55", "slot"),  # who is in charge is what the call data say
        ("335f55", "slot"),
        ("335f55" + "335f55", "slot"),
        ("33600155", None),  # nobody is in charge by place 1
        ("5f5f55", None),  # a zero is nobody
        (require("5f543314", NEXT) + "6004355f55", None),  # who is in charge may
        (EMPTY + "335f55", None),  # it is empty: he is the first
        (TAKEN + "335f55", "slot"),  # it is not
        (SHUT + "600160015533" + "5f55", "once"),
        (SHUT + "33600155" + "335f55", "once"),  # what is filled was asked for
        (SHUT + "33600255" + "335f55", "slot"),
        ("33600155" + "600154" + "5f55", "slot"),  # by way of another place
    ],
)
def test_a_write_of_whoever_comes_to_the_place_of_who_is_in_charge(body: str, found: str | None) -> None:
    assert takes(bytes.fromhex(f"{ENTRY}{body}00")) == ({f"TAKE.{found}"} if found else set())
