"""Write evm_templates.xz: the newest templates, vulnerable and safe, each with a few seeds; every shape of condition.

Named "template form seed", where a form is bad or safe.
"""

import importlib
import sys
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.vectors import evm_packed
from tests.vectors.evm_packed import MODEL, SOLC

PACKED: Final = Path(__file__).with_name("evm_templates.xz")
RUNS: Final = 200
SEEDS: Final = 2


def codes() -> dict[str, bytes]:
    """Runtime code by name."""
    return evm_packed.read(PACKED)


def sources() -> dict[str, str]:
    """A contract C by name, for SOLC."""
    kit: Any = importlib.import_module("templates.kit")
    found = {}
    for template in (*_templates("takeover"), *_templates("unheeded"), *_templates("authority"), *_hooks()):
        for form in ("bad", "safe"):
            for seed in range(SEEDS):
                rng = Random(f"{template.__name__} {form == 'bad'} {seed}")  # noqa: S311 (seeded, no secret)
                member = template(kit.Kit(tuple(map(int, SOLC.split("."))), rng), form == "bad")
                found[f"{member.template} {form} {seed}"] = _contract(member.code, member.outside)
    for shape in importlib.import_module("templates.conditions").SHAPES:
        for form, needed in (("bad", "msg.sender != address(7)"), ("safe", "msg.sender == boss")):
            guard = shape(needed, "limit < 1000000", "revert();")
            code = (
                f"address boss; uint256 limit; function end() public {{ {guard} selfdestruct(payable(msg.sender)); }}"
            )
            found[f"kill.shape{shape.__name__} {form} 0"] = _contract(code, "")
    return found


def _templates(module: str) -> list[Any]:
    found: Any = importlib.import_module(f"templates.{module}")
    return [*found.TRAIN, *found.VALIDATION, *found.TEST]


def _hooks() -> list[Any]:
    callbacks: Any = importlib.import_module("templates.callbacks")
    return [callbacks.batch_received, callbacks.tokens_received]


def _contract(code: str, outside: str) -> str:
    return f"pragma solidity {SOLC};\n{outside}\ncontract C {{\n{code}\n}}\n"


if __name__ == "__main__":
    sys.path.insert(0, str(MODEL))
    evm_packed.write(PACKED, {name: (source, RUNS, False) for name, source in sources().items()})
