"""Whole contracts around template members: made up from nothing, or pasted into somebody's real contract."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from templates import (
    authority,
    benign,
    block,
    callbacks,
    delegatecall,
    everyday,
    origin,
    reentrancy,
    selfdestruct,
    takeover,
    unchecked,
    unheeded,
)
from templates.kit import Kit, Member, Risk

Template = Callable[[Kit, bool], Member]
_MODULES: Final = (
    reentrancy,
    callbacks,
    unchecked,
    origin,
    block,
    selfdestruct,
    delegatecall,
    takeover,
    unheeded,
    authority,
)
SPLITS: Final = {
    "train": tuple(template for module in _MODULES for template in module.TRAIN),
    "validation": tuple(template for module in _MODULES for template in module.VALIDATION),
    "test": tuple(template for module in _MODULES for template in module.TEST),
}
LATER: Final = everyday.TRAIN
"""Drawn into contracts of their own, so that what others were drawn stays what it was."""
_PREFIXES: Final = {"reentrancy": 0, "unchecked": 1, "origin": 2, "block": 3, "kill": 4, "delegate": 5, "authority": 6}
_OPEN: Final = re.compile(r"(?:^|\n)\s*contract\s+(\w+)[^{;]*\{")


@dataclass(frozen=True, slots=True)
class Labeled:
    """Source text and what its pasted functions are. `target`: contract that has them."""

    source: str
    target: str
    labels: dict[str, frozenset[Risk]]
    templates: tuple[str, ...]


def risk_of(template: str) -> Risk | None:
    """The class a template is about; None for a benign one."""
    number = _PREFIXES.get(template.partition(".")[0])
    return None if number is None else Risk(number)


def draw(
    split: str, version: tuple[int, int, int], rng: Random, risk: Risk | None = None, bad: bool | None = None
) -> Member:
    """One member from a split's templates: a class first, then a template of it, so that classes are balanced."""
    choice = rng.choice(list(Risk)) if risk is None else risk
    while True:
        template: Template = rng.choice(SPLITS[split])
        member = template(Kit(version, rng), rng.random() < 0.5 if bad is None else bad)
        if risk_of(member.template) == choice:
            return member


def ordinary(version: tuple[int, int, int], rng: Random) -> Member:
    everyday: Callable[[Kit], Member] = rng.choice(benign.ALL)
    return everyday(Kit(version, rng))


def contract(version: tuple[int, int, int], rng: Random, split: str = "train") -> Labeled:
    """A made-up contract of two to eight members, most of them risky or a risky one's safe twin."""
    return _around([draw(split, version, rng) for _ in range(rng.randrange(1, 6))], version, rng)


def later(version: tuple[int, int, int], rng: Random) -> Labeled:
    """As `contract`, of LATER."""
    made = [template(Kit(version, rng), rng.random() < 0.5) for template in rng.sample(LATER, rng.randrange(1, 4))]
    return _around(made, version, rng)


def _around(members: list[Member], version: tuple[int, int, int], rng: Random) -> Labeled:
    members += [ordinary(version, rng) for _ in range(rng.randrange(1, 4))]
    rng.shuffle(members)
    name = "C" + members[0].template.partition(".")[0].title()
    receive = "receive() external payable {}" if version >= (0, 6, 0) else "function() external payable {}"
    body = "\n\n".join(member.code for member in members)
    pragma = f"pragma solidity {'.'.join(map(str, version))};"
    tail = receive if rng.random() < 0.5 else ""
    source = f"{pragma}\n\n{_outside(members)}\n\ncontract {name} {{\n{body}\n{tail}\n}}\n"
    return Labeled(source, name, _labels(members), tuple(member.template for member in members))


def inject(source: str, members: list[Member], rng: Random) -> Labeled | None:
    """Paste members at the start of one of the file's contracts; None if it defines none."""
    places = [match for match in _OPEN.finditer(source) if not _inside_comment(source, match.start())]
    if not places:
        return None
    place = rng.choice(places)
    at, body = place.end(), "\n".join(member.code for member in members)
    made = f"{source[:at]}\n{body}\n{source[at:]}\n{_outside(members)}\n"
    return Labeled(made, place.group(1), _labels(members), tuple(member.template for member in members))


def _outside(members: list[Member]) -> str:
    return "\n".join(member.outside for member in members if member.outside)


def _labels(members: list[Member]) -> dict[str, frozenset[Risk]]:
    return {fn: risks for member in members for fn, risks in member.labels.items()}


def _inside_comment(source: str, at: int) -> bool:
    return source.rfind("/*", 0, at) > source.rfind("*/", 0, at)
