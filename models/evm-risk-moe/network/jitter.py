"""Change what no label hangs on: which slot, which payee, what a harmless branch was about, noise in between."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from themis.evm.limits import WINDOW
from themis.evm.vocabulary import ID

SWAP_CHANCE: Final = 0.3
INSERTIONS: Final = 0.1
"""Harmless tokens put in, as a share of a function's length."""
DELETIONS: Final = 0.15
"""Chance of an optional token to go."""

_NOISE: Final = "LOG ADD.stored SUB.stored CLOCK BALANCE SLOAD.slot SLOAD.hash GUARD.data JOIN"
_ECHOES: Final = (
    "GUARD.auth GUARD.origin_auth IF.origin_auth GUARD.eoa MOD.block HASH.random GUARD.random IF.random ENTROPY"
)
"""Tokens that say again what another token (EQ.auth, say) has said."""
_HARMLESS: Final = (
    f"{_NOISE} IF.data IF.paid IF.stored IF.stored_cmp IF.keyed_cmp EXTCODE GUARD.code STATICCALL.stored SLOAD.caller "
    "GUARD.paid GUARD.clock GUARD.stored_cmp GUARD.keyed_cmp GUARD.not_flag MUL.stored DIV.stored"
)
_PAYEES: Final = ("caller", "keyed", "stored", "data", "returned", "other")
_BOOKED: Final = ("zero", "sum", "stored", "data", "clock", "other")
_LEVELS: Final = ("open", "keyed", "granted")
_ALIKE: Final = (
    tuple(f"CALL.{payee}.value" for payee in _PAYEES),
    tuple(f"CALL.{payee}.value_stipend" for payee in _PAYEES),
    tuple(f"SSTORE.{place}.{value}" for place in ("slot", "caller", "hash") for value in _BOOKED),
    ("SLOAD.slot", "SLOAD.caller", "SLOAD.hash"),
    *(tuple(f"SELFDESTRUCT.{target}.{level}" for target in ("caller", "stored", "data")) for level in _LEVELS),
    *(
        tuple(
            f"SSTORE.{place}.{value}.{state}"
            for place in ("slot", "caller", "hash")
            for value in ("zero", "const", "other")
        )
        for state in ("late", "trusted", "stale")
    ),
    ("TAKE.code", "TAKE.slot", "TAKE.item"),
    ("IF.data", "IF.paid", "IF.stored", "IF.stored_cmp", "IF.keyed_cmp"),
    ("GUARD.data", "GUARD.paid", "GUARD.clock", "GUARD.stored_cmp", "GUARD.keyed_cmp"),
)
"""Tokens that may stand for each other without a change of class."""


def _ids(names: str) -> NDArray[np.uint8]:
    return np.array([ID[name] for name in names.split()], np.uint8)


_OPTIONAL: Final = np.zeros(256, bool)
_OPTIONAL[_ids(f"{_NOISE} {_ECHOES}")] = True
_FILLERS: Final = _ids(_HARMLESS)
_GROUPS: Final = tuple(_ids(" ".join(names)) for names in _ALIKE)


def jittered(function: bytes, rng: np.random.Generator) -> bytes:
    """Another function of the same classes."""
    tokens = np.frombuffer(function, np.uint8).copy()
    tokens = tokens[~(_OPTIONAL[tokens] & (rng.random(len(tokens)) < DELETIONS))]
    for group in _GROUPS:
        swapped = np.isin(tokens, group) & (rng.random(len(tokens)) < SWAP_CHANCE)
        tokens[swapped] = rng.choice(group, int(swapped.sum()))
    added = rng.poisson(INSERTIONS * len(tokens))
    places = rng.integers(1, len(tokens) + 1, added)
    return np.insert(tokens, places, rng.choice(_FILLERS, added))[:WINDOW].tobytes()
