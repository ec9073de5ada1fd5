"""The tokens a trace is written in, and how abstract words choose among them. Ids are part of the model version."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from mypy_extensions import i64

from themis.evm import taint as t
from themis.evm.machine import GRANTED, KEYED, OPEN
from themis.evm.taint import GAS_STIPEND, Word

CONDITIONS: Final = (
    "random",
    "origin_auth",
    "origin_cmp",
    "eoa",
    "result",
    "signed",
    "auth",
    "clock",
    "asked",
    "keyed_cmp",
    "member",
    "keyed",
    "returned",
    "paid",
    "stored_cmp",
    "pinned",
    "listed",
    "flag",
    "stored",
    "code",
    "data",
    "caller",
)
_POLAR: Final = (
    "origin_auth",
    "eoa",
    "result",
    "signed",
    "auth",
    "asked",
    "member",
    "keyed",
    "returned",
    "pinned",
    "listed",
    "flag",
    "stored",
)
"""Conditions for which it matters whether they hold or fail to hold."""
_PLACES: Final = ("slot", "caller", "hash")
_VALUES: Final = ("zero", "const", "random", "caller", "clock", "sum", "stored", "data", "other")
_LATE_VALUES: Final = ("zero", "const", "other")
_STATES: Final = ("late", "trusted", "stale")
"""How a write stands to an earlier call: its place was not read before it, or was and the callee is known, or not."""
_TARGETS: Final = ("const", "caller", "keyed", "stored", "returned", "data", "self", "other")
_LEVELS: Final = ("open", "keyed", "granted")
"""As machine.OPEN, KEYED, GRANTED."""
_KEYED: Final = ("keyed",)
_GRANTING: Final = ("origin_auth", "signed", "auth", "asked", "member")
_AMOUNTS: Final = ("none", "value", "value_stipend", "random", "random_stipend")

NAMES: Final[tuple[str, ...]] = (
    "PAD",
    "ENTRY.fallback",
    "ENTRY.function",
    "REVERT",
    "RETURN",
    "STOP",
    "JOIN",
    "LOG",
    "CLOCK",
    "ENTROPY",
    "ORIGIN",
    "EQ.auth",
    "EQ.origin_auth",
    "EQ.eoa",
    "BALANCE",
    "EXTCODE",
    "CREATE",
    "CREATE2",
    "TLOAD",
    "TSTORE",
    "DROPPED",
    "HASH.random",
    "MOD.block",
    "MOD.random",
    "MOD",
    "ADD.stored",
    "SUB.stored",
    "MUL.stored",
    "DIV.stored",
    *(f"GUARD.{name}" for name in CONDITIONS),
    *(f"GUARD.not_{name}" for name in _POLAR),
    *(f"IF.{name}" for name in CONDITIONS),
    *(f"SLOAD.{place}" for place in _PLACES),
    *(f"SSTORE.{place}.{value}" for place in _PLACES for value in _VALUES),
    *(f"SSTORE.{place}.{value}.{state}" for place in _PLACES for value in _LATE_VALUES for state in _STATES),
    *(f"STATICCALL.{target}" for target in _TARGETS),
    *(f"CALL.{target}.{amount}" for target in _TARGETS for amount in _AMOUNTS),
    *(f"DELEGATECALL.{target}.{level}" for target in _TARGETS for level in _LEVELS),
    *(f"SELFDESTRUCT.{target}.{level}" for target in _TARGETS for level in _LEVELS),
    *(f"TAKE.{what}" for what in ("code", "slot", "item", "once")),
)
ID: Final[dict[str, int]] = {name: index for index, name in enumerate(NAMES)}
_SLOADS: Final = {place: ID[f"SLOAD.{place}"] for place in _PLACES}

DECIDES_BY_ORIGIN: Final = frozenset(ID[name] for name in NAMES if "origin" in name or "eoa" in name)
"""Comparisons of tx.origin, and branches on them."""
NONE: Final = 0
"""No token; also the padding before a function's first token."""

_CONDITION_BITS: Final = (
    (t.RANDOM | t.ENTROPY, "random"),
    (t.ORIGIN_AUTH | t.BY_ORIGIN, "origin_auth"),
    (t.EOA, "eoa"),
    (t.RESULT, "result"),
    (t.AUTH, "auth"),
    (t.CLOCK, "clock"),
    (t.BY_CALLER, "keyed"),
    (t.RETURNED, "returned"),
    (t.PAID, "paid"),
    (t.PINNED, "pinned"),
    (t.STORED, "stored"),
    (t.CODE, "code"),
    (t.DATA, "data"),
    (t.CALLER, "caller"),
)
_VALUE_BITS: Final = (
    (t.RANDOM | t.ENTROPY, "random"),
    (t.CALLER, "caller"),
    (t.CLOCK, "clock"),
    (t.SUMMED, "sum"),
    (t.STORED, "stored"),
    (t.DATA, "data"),
)
_TARGET_BITS: Final = (
    (t.CALLER, "caller"),
    (t.BY_CALLER, "keyed"),
    (t.STORED, "stored"),
    (t.DATA, "data"),
    (t.RETURNED, "returned"),
    (t.SELF, "self"),
)


def guard(condition: Word, passes: bool) -> int:
    """Token of a branch whose other side can only revert; NONE where the condition tells nothing.

    `passes`: what the condition must be (true: not zero) to go on.
    """
    name = _condition(condition.bits)
    if name == "other":
        return NONE
    holds = passes != bool(condition.bits & t.NOT)
    return ID[f"GUARD.{name}" if holds or name not in _POLAR else f"GUARD.not_{name}"]


def fork(condition: Word) -> int:
    """Token of a branch both sides of which can go on; NONE where the condition tells nothing."""
    name = _condition(condition.bits)
    return NONE if name == "other" else ID[f"IF.{name}"]


def level(condition: Word) -> int:
    """How far a path is past guards where this condition's source holds: machine.OPEN and so on."""
    name = _condition(condition.bits)
    return GRANTED if name in _GRANTING else KEYED if name in _KEYED else OPEN


def identity(bits: i64) -> int:
    """Token of a comparison that made these bits: who is asking was compared with somebody."""
    if bits & t.ORIGIN_AUTH:
        return ID["EQ.origin_auth"]
    if bits & t.EOA:
        return ID["EQ.eoa"]
    return ID["EQ.auth"] if bits & t.AUTH else NONE


def sload(key: Word) -> int:
    return _SLOADS[_place(key)]


def sstore(key: Word, kind: str, state: str) -> int:
    """`kind`: as `value` says. `state`: as Machine.store says."""
    if not state:
        return ID[f"SSTORE.{_place(key)}.{kind}"]
    return ID[f"SSTORE.{_place(key)}.{kind if kind in _LATE_VALUES else 'other'}.{state}"]


def call(gas: Word, target: Word, amount_wei: Word) -> int:
    return ID[f"CALL.{_target(target)}.{_amount(gas, amount_wei)}"]


def delegatecall(target: Word, reached: int) -> int:
    return ID[f"DELEGATECALL.{_target(target)}.{_LEVELS[reached]}"]


def selfdestruct(beneficiary: Word, reached: int) -> int:
    return ID[f"SELFDESTRUCT.{_target(beneficiary)}.{_LEVELS[reached]}"]


def reconsidered(token: int, *, chosen: bool, anyone: bool, once: bool) -> int:
    """The token of a delegatecall or selfdestruct when the whole contract is known.

    `chosen`: some caller chose the target that is stored. `anyone` can take the authority that let the path this far.
    `once`: the path cannot be gone again, so whoever set the contract up is in charge of it.
    """
    kind, target, reached = NAMES[token].split(".")
    if chosen and target == "stored":
        target = "data"
    if anyone and reached == _LEVELS[GRANTED]:
        reached = _LEVELS[OPEN]
    if once:
        reached = _LEVELS[GRANTED]
    return ID[f"{kind}.{target}.{reached}"]


def mistrusted(token: int) -> int:
    """The token of a write after a call, when somebody else chose whom the contract called."""
    return ID[NAMES[token].replace(".trusted", ".stale")]


def staticcall(target: Word) -> int:
    return ID[f"STATICCALL.{_target(target)}"]


def _first(bits: int, table: tuple[tuple[int, str], ...], default: str) -> str:
    for mask, name in table:
        if bits & mask:
            return name
    return default


@lru_cache(1_024)
def _condition(bits: int) -> str:
    name = _first(bits, _CONDITION_BITS, "other")
    if name == "auth":
        return "signed" if bits & t.SIGNED else name
    if name == "keyed" and bits & t.RETURNED:
        return "returned" if bits & (t.COMPARED | t.DATA) else "asked"
    if name == "origin_auth" and bits & t.COMPARED:
        return "origin_cmp"
    if name in ("keyed", "stored"):
        if bits & t.COMPARED:
            return f"{name}_cmp"
        if bits & t.FLAG:
            return "member" if name == "keyed" else "listed" if bits & t.BY_DATA else "flag"
    return name


def _place(key: Word) -> str:
    if t.constant(key) >= 0:
        return "slot"
    return "caller" if key.bits & (t.BY_CALLER | t.BY_ORIGIN) else "hash"


def value(word: Word) -> str:
    """What is written: zero, a constant, or where it came from."""
    known = t.constant(word)
    if known >= 0:
        return "const" if known else "zero"
    if word.bits & (t.HOLDS | t.FAILS):  # a constant put into a packed word
        return "const" if word.bits & t.HOLDS else "zero"
    return _first(word.bits, _VALUE_BITS, "other")


def _target(word: Word) -> str:
    return "const" if t.constant(word) >= 0 else _first(word.bits, _TARGET_BITS, "other")


def _amount(gas: Word, amount_wei: Word) -> str:
    if t.constant(amount_wei) == 0:
        return "none"
    name = "random" if amount_wei.bits & (t.RANDOM | t.ENTROPY) else "value"
    return f"{name}_stipend" if stipend(gas) else name


def stipend(gas: Word) -> bool:
    """True if the callee gets no more gas than transfer and send give."""
    known = t.constant(gas)
    return known <= GAS_STIPEND if known >= 0 else bool(gas.bits & t.STIPEND)
