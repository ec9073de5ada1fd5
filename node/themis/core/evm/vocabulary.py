"""The tokens a trace is written in, and how abstract words choose among them. Ids are part of the model version."""

from typing import Final

from themis.core.evm import taint as t
from themis.core.evm.taint import GAS_STIPEND, Word, taint

CONDITIONS: Final = (
    "random",
    "origin_auth",
    "eoa",
    "result",
    "auth",
    "clock",
    "keyed_cmp",
    "member",
    "keyed",
    "returned",
    "paid",
    "stored_cmp",
    "flag",
    "stored",
    "code",
    "data",
    "caller",
)
_POLAR: Final = ("origin_auth", "eoa", "result", "auth", "member", "keyed", "returned", "flag", "stored")
"""Conditions for which it matters whether they hold or fail to hold."""
_PLACES: Final = ("slot", "caller", "hash")
_VALUES: Final = ("zero", "const", "random", "caller", "clock", "sum", "stored", "data", "other")
_TARGETS: Final = ("const", "caller", "keyed", "stored", "data", "self", "other")
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
    "MOD",
    "ADD.stored",
    "SUB.stored",
    "MUL.stored",
    "DIV.stored",
    "STATICCALL.const",
    "STATICCALL",
    *(f"GUARD.{name}" for name in CONDITIONS),
    *(f"GUARD.not_{name}" for name in _POLAR),
    *(f"IF.{name}" for name in CONDITIONS),
    *(f"SLOAD.{place}" for place in _PLACES),
    *(f"SSTORE.{place}.{value}" for place in _PLACES for value in _VALUES),
    *(f"CALL.{target}.{amount}" for target in _TARGETS for amount in _AMOUNTS),
    *(f"DELEGATECALL.{target}" for target in _TARGETS),
    *(f"SELFDESTRUCT.{target}" for target in _TARGETS),
)
ID: Final[dict[str, int]] = {name: index for index, name in enumerate(NAMES)}

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
    (t.SELF, "self"),
)


def guard(condition: Word, passes: bool) -> int:
    """Token of a branch whose other side can only revert; NONE where the condition tells nothing.

    `passes`: what the condition must be (true: not zero) to go on.
    """
    bits = taint(condition)
    name = _condition(bits)
    if name == "other":
        return NONE
    holds = passes != bool(bits & t.NOT)
    return ID[f"GUARD.{name}" if holds or name not in _POLAR else f"GUARD.not_{name}"]


def fork(condition: Word) -> int:
    """Token of a branch both sides of which can go on; NONE where the condition tells nothing."""
    name = _condition(taint(condition))
    return NONE if name == "other" else ID[f"IF.{name}"]


def identity(bits: int) -> int:
    """Token of a comparison that made these bits: who is asking was compared with somebody."""
    if bits & t.ORIGIN_AUTH:
        return ID["EQ.origin_auth"]
    if bits & t.EOA:
        return ID["EQ.eoa"]
    return ID["EQ.auth"] if bits & t.AUTH else NONE


def sload(key: Word) -> int:
    return ID[f"SLOAD.{_place(key)}"]


def sstore(key: Word, value: Word) -> int:
    return ID[f"SSTORE.{_place(key)}.{_value(value)}"]


def call(gas: Word, target: Word, amount_wei: Word) -> int:
    return ID[f"CALL.{_target(target)}.{_amount(gas, amount_wei)}"]


def delegatecall(target: Word) -> int:
    return ID[f"DELEGATECALL.{_target(target)}"]


def selfdestruct(beneficiary: Word) -> int:
    return ID[f"SELFDESTRUCT.{_target(beneficiary)}"]


def staticcall(target: Word) -> int:
    return ID["STATICCALL.const" if target >= 0 else "STATICCALL"]


def _first(bits: int, table: tuple[tuple[int, str], ...], default: str) -> str:
    for mask, name in table:
        if bits & mask:
            return name
    return default


def _condition(bits: int) -> str:
    name = _first(bits, _CONDITION_BITS, "other")
    if name in ("keyed", "stored"):
        if bits & t.COMPARED:
            return f"{name}_cmp"
        if bits & t.FLAG:
            return "member" if name == "keyed" else "flag"
    return name


def _place(key: Word) -> str:
    if key >= 0:
        return "slot"
    return "caller" if ~key & (t.BY_CALLER | t.BY_ORIGIN) else "hash"


def _value(value: Word) -> str:
    if value >= 0:
        return "const" if value else "zero"
    return _first(~value, _VALUE_BITS, "other")


def _target(word: Word) -> str:
    return "const" if word >= 0 else _first(~word, _TARGET_BITS, "other")


def _amount(gas: Word, amount_wei: Word) -> str:
    if amount_wei == 0:
        return "none"
    name = "random" if taint(amount_wei) & (t.RANDOM | t.ENTROPY) else "value"
    stipend = gas <= GAS_STIPEND if gas >= 0 else bool(~gas & t.STIPEND)
    return f"{name}_stipend" if stipend else name
