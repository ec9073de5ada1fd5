"""Tokens without which there is no risk, whatever else is in a function: no class is scored before one of its own."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from themis.evm.report import RiskClass
from themis.evm.vocabulary import NAMES

ABSENT: Final = 100.0
"""What is taken off a class's logit before a token shows that there is anything to judge."""
_SHOWN_BY: Final = {
    RiskClass.REENTRANCY: (".stale",),
    RiskClass.UNCHECKED_CALL: ("DROPPED", "IF.result"),
    RiskClass.TX_ORIGIN_AUTH: ("origin_auth", "origin_cmp"),
    RiskClass.BLOCK_DEPENDENCE: ("random", "MOD.block"),
    RiskClass.UNPROTECTED_SELFDESTRUCT: ("SELFDESTRUCT",),
    RiskClass.UNPROTECTED_DELEGATECALL: ("DELEGATECALL",),
    RiskClass.UNPROTECTED_AUTHORITY: ("TAKE.code", "TAKE.slot", "TAKE.item"),
}
_NO_EVIDENCE: Final = (".granted", "HASH.random", "SSTORE.hash.random")
"""Somebody in charge let the path come this far; a hash alone may say where something is kept, or link a chain."""


def _marks() -> NDArray[np.bool_]:
    marks = np.zeros((len(NAMES), len(RiskClass)), bool)
    for risk, parts in _SHOWN_BY.items():
        for token, name in enumerate(NAMES):
            marks[token, risk] = any(part in name for part in parts) and not name.endswith(_NO_EVIDENCE)
    return marks


EVIDENCE: Final = _marks()
"""[tokens, classes]: this token shows that risk, or may."""


def shown(function: bytes, risks: tuple[int, ...]) -> bool:
    """True if tokens show all of these risks."""
    marks = EVIDENCE[np.frombuffer(function, np.uint8)][:, list(risks)]
    return bool(marks.any(axis=0).all())
