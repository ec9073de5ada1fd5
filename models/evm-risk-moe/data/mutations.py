"""Real code with its guard taken out: the unmodified file is the safe twin, and whose trace changed has the risk."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from templates.kit import Risk
from themis.evm.vocabulary import ID, NAMES

_HEADER: Final = re.compile(r"(\bfunction\s+\w+\s*\([^)]*\))([^{;]*)(\{)")
_AUTHORITY: Final = re.compile(
    r"\s(?:only[A-Z]\w*|auth|authP?|requiresAuth|restricted)\b(?:\s*\((?:[^()]|\([^()]*\))*\))?"
)
_MUTEX: Final = re.compile(r"\s(?:nonReentrant|nonreentrant|noReentrancy|lock)\b(?:\s*\(\s*\))?")
_SENDER: Final = r"(?:msg\.sender|_msgSender\(\))"
_ASKED: Final = re.compile(
    rf"require\(\s*{_SENDER}\s*==[^;]*\);|if\s*\(\s*{_SENDER}\s*!=[^;{{}}()]*(?:\([^()]*\))?\s*\)\s*(?:revert[^;]*;|\{{\s*revert[^;]*;\s*\}})"
)
_KEPT: Final = re.compile(
    r"\b_?\w*(?i:owner|admin|govern\w*|guardian|minter|controller|authority|implementation|manager|keeper|operator\w*)"
    r"(?:\[\w+\])?\s*=\s*(?!=)[\w()]+;"
)
_FLAG: Final = re.compile(r"\(\s*bool\s+(\w+)\s*,[^)]*\)\s*=[^;]*\.call\b")
_COMPARED: Final = re.compile(
    rf"(?:(require\(\s*|if\s*\(\s*){_SENDER}(\s*[!=]=)(?!\s*(?:address\(0\)|tx\.origin)))|(?:([!=]=\s*){_SENDER}(?=\s*[,)]))"
)
_COMMENT: Final = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Mutation:
    """A way to take a guard out, and the risks a function may have by it."""

    name: str
    apply: Callable[[str], str]
    risks: tuple[Risk, ...]


def mutants(source: str) -> Iterator[tuple[str, str]]:
    """(mutation, changed source) for each mutation that finds something to change."""
    bare = _COMMENT.sub("", source)
    for mutation in MUTATIONS.values():
        changed = mutation.apply(bare)
        if changed != bare:
            yield mutation.name, changed


def acquired(mutation: str, before: bytes, after: bytes) -> tuple[int, ...]:
    """Risks of a function by its tokens before and after: only what the change gave it."""
    if before == after:
        return ()
    return tuple(int(risk) for risk in MUTATIONS[mutation].risks if _EVIDENCE[risk](before, after))


def _without_authority(source: str) -> str:
    if not re.search(r"_authorizeUpgrade|delegatecall|selfdestruct", source):
        return source
    bare = _HEADER.sub(lambda found: found[1] + _AUTHORITY.sub("", found[2]) + found[3], source)
    return _ASKED.sub("", bare)


def _without_keeping(source: str) -> str:
    """Functions that write who is in charge ask nobody any more; what he may do is kept for him."""
    parts = re.split(r"(?=\bfunction\s+\w+\s*\()", source)
    return "".join(_without_asking(part) if _KEPT.search(part) else part for part in parts)


def _without_asking(function: str) -> str:
    bare = _HEADER.sub(lambda found: found[1] + _AUTHORITY.sub("", found[2]) + found[3], function, count=1)
    return _ASKED.sub("", bare)


def _without_mutex(source: str) -> str:
    return _HEADER.sub(lambda found: found[1] + _MUTEX.sub("", found[2]) + found[3], source)


def _without_check(source: str) -> str:
    """No `require(ok)` and no `if (!ok) revert` for flags of low-level calls."""
    for flag in set(_FLAG.findall(source)):
        source = re.sub(rf"require\(\s*{flag}\b(?:[^;\"]|\"[^\"]*\")*\);", "", source)
        source = re.sub(rf"if\s*\(\s*!{flag}\s*\)\s*(?:revert[^;]*;|\{{\s*revert[^;]*;\s*\}})", "", source)
    return source


def _by_origin(source: str) -> str:
    return _COMPARED.sub(lambda found: f"{found[1]}tx.origin{found[2]}" if found[1] else f"{found[3]}tx.origin", source)


MUTATIONS: Final = {
    mutation.name: mutation
    for mutation in (
        Mutation(
            "mutation.authority", _without_authority, (Risk.UNPROTECTED_SELFDESTRUCT, Risk.UNPROTECTED_DELEGATECALL)
        ),
        Mutation("mutation.keeping", _without_keeping, (Risk.UNPROTECTED_AUTHORITY,)),
        Mutation("mutation.mutex", _without_mutex, (Risk.REENTRANCY,)),
        Mutation("mutation.check", _without_check, (Risk.UNCHECKED_CALL,)),
        Mutation("mutation.origin", _by_origin, (Risk.TX_ORIGIN_AUTH,)),
    )
}


def _tokens(*stems: str) -> frozenset[int]:
    return frozenset(ID[name] for name in NAMES if name.startswith(stems))


def _gains(tokens: frozenset[int]) -> Callable[[bytes, bytes], bool]:
    """After the change there are more of these tokens."""
    return lambda before, after: sum(token in tokens for token in after) > sum(token in tokens for token in before)


def _open(stem: str, targets: tuple[str, ...]) -> frozenset[int]:
    return _tokens(*(f"{stem}.{target}.open" for target in targets))


_STALE: Final = frozenset(ID[name] for name in NAMES if name.endswith(".stale"))
_EVIDENCE: Final = {
    Risk.REENTRANCY: _gains(_STALE),
    Risk.UNCHECKED_CALL: _gains(_tokens("DROPPED")),
    Risk.TX_ORIGIN_AUTH: _gains(_tokens("ORIGIN")),
    Risk.UNPROTECTED_SELFDESTRUCT: _gains(
        _open("SELFDESTRUCT", ("caller", "keyed", "stored", "data", "returned", "other", "const"))
    ),
    Risk.UNPROTECTED_DELEGATECALL: _gains(_open("DELEGATECALL", ("data", "returned", "other"))),
    Risk.UNPROTECTED_AUTHORITY: _gains(_tokens("TAKE.code", "TAKE.slot", "TAKE.item")),
}
