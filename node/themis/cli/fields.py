"""Command-line values as the protocol's types, and the options that many commands share."""

from datetime import datetime
from typing import Annotated, Any, Final

import typer

from themis.cli import references
from themis.core import modes
from themis.core.spelling import address
from themis.core.types import ETHER, Address, Role, UseClass

_LAST_SECOND: Final = 2**40 - 1
"""uint40 in the contracts."""
IN_ETHER: Final = "ether"
"""What --token says where there is no token."""


def words(text: str) -> str:
    if not text.strip():
        raise ValueError("it is empty: say something")
    return text


def token(text: str) -> Address:
    """A token's address, or `ether`."""
    return ETHER if text == IN_ETHER else address(text)


def use_class(text: str) -> UseClass:
    if text.upper() not in UseClass.__members__:
        raise ValueError(f"{text!r} is not personal, research or commercial")
    return UseClass[text.upper()]


def role(text: str) -> Role:
    if text.upper() not in Role.__members__:
        raise ValueError(f"{text!r} is not requester or operator")
    return Role[text.upper()]


def class_bits(text: str) -> int:
    """`commercial,research` as the bit set of a grant."""
    return modes.class_bits(use_class(word.strip()) for word in text.split(","))


def moment(text: str) -> int:
    """Seconds since the epoch, or an ISO 8601 time with its zone."""
    if text.isdecimal():
        seconds = int(text)
    else:
        parsed = datetime.fromisoformat(text)
        if parsed.tzinfo is None:
            raise ValueError(f"{text!r} has no time zone: write e.g. 2030-01-31T00:00:00Z")
        seconds = int(parsed.timestamp())
    if seconds > _LAST_SECOND:
        raise ValueError(f"{text!r} is past what the contract can hold")
    return seconds


_MODES = "CLASS=MODE,..."

ModelName = Annotated[
    Any, typer.Argument(parser=references.reference, metavar="MODEL", help="Name, id, or 6 digits of the id or more.")
]
OneModel = Annotated[
    Any,
    typer.Option(
        "--model", parser=references.reference, metavar="MODEL", help="Of one model: name, or digits of its id."
    ),
]
Wide = Annotated[bool, typer.Option("--wide", help="Show every field, with whole ids.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AskingAccount = Annotated[
    Any,
    typer.Argument(parser=references.account, metavar="LICENSEE", help="Who asks: address, or 6 digits of it or more."),
]
GrantedAccount = Annotated[
    Any,
    typer.Argument(
        parser=references.account, metavar="LICENSEE", help="Who has it: address, or 6 digits of it or more."
    ),
]
Licensee = Annotated[Any, typer.Argument(parser=address, metavar="LICENSEE", help="The account that is licensed.")]
RoleOption = Annotated[Any, typer.Option("--role", parser=role, metavar="requester|operator")]
ClassOption = Annotated[Any, typer.Option("--class", parser=use_class, metavar="personal|research|commercial")]
ClassesOption = Annotated[Any, typer.Option("--class", parser=class_bits, metavar="CLASS,...")]
TokenOption = Annotated[Any, typer.Option("--token", parser=token, metavar="ADDRESS|ether", help="What it is paid in.")]
ModesOption = Annotated[Any, typer.Option(parser=modes.parse_modes, metavar=_MODES)]
