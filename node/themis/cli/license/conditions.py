"""The options that say under which conditions a grant is given, for every command that signs one."""

from collections.abc import Callable
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Annotated, Any, Final, cast

import typer

from themis.cli.fields import IN_ETHER, token
from themis.core.canonical import UNLIMITED
from themis.core.conditions import MAX_DAYS, Conditions
from themis.core.spelling import address
from themis.core.types import ETHER, MAX_ROYALTY_BPS

MAX_SEQ: Final = 2**32 - 1
_YEAR_DAYS: Final = 365

Days = Annotated[float, typer.Option(min=0.01, max=MAX_DAYS, help="How long it is valid, from now.")]
Royalty = Annotated[
    int, typer.Option("--royalty-bps", min=0, max=MAX_ROYALTY_BPS, help="Share of the fees, in 1/10,000.")
]
Quota = Annotated[int, typer.Option("--quota", min=1, max=UNLIMITED, help="Uses in all; none: any number.")]
DailyRate = Annotated[int, typer.Option("--daily-rate", min=1, max=UNLIMITED, help="Uses a day; none: any number.")]
Version = Annotated[
    int, typer.Option("--terms-version", min=0, max=2**24 - 1, help="The only version of the terms it is for; 0: any.")
]
PriceFloor = Annotated[
    int, typer.Option("--price-floor", min=0, max=2**96 - 1, help="Least fee of a request, smallest units; 0: none.")
]
PriceToken = Annotated[
    Any, typer.Option("--price-token", parser=token, metavar="ADDRESS|ether", help="The token of --price-floor.")
]
PayTo = Annotated[
    Any, typer.Option("--pay-to", parser=address, metavar="ADDRESS", help="Receives the royalty; none: the licensor.")
]
Seq = Annotated[int | None, typer.Option(min=1, max=MAX_SEQ, help="Sequence number; none: the next one.")]
Nonce = Annotated[int | None, typer.Option(min=0, max=2**256 - 1, help="For `license cancel`; none: drawn at random.")]


def conditional(command: Callable[..., None]) -> Callable[..., None]:
    """Offer the options in the place of the parameter `conditions` of a command, which takes what they make."""
    options = signature(_conditions, eval_str=True).parameters

    @wraps(command)
    def expanded(**given: Any) -> None:
        decided = {name: given.pop(name) for name in options}
        command(given.pop("context"), conditions=_conditions(**decided), **given)

    parameters: list[Parameter] = []
    for name, parameter in signature(command, eval_str=True).parameters.items():
        parameters += options.values() if name == "conditions" else [parameter]
    shown = cast("Any", expanded)
    shown.__signature__ = Signature(parameters)
    shown.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return expanded


def _conditions(
    *,
    days: Days = _YEAR_DAYS,
    royalty_bps: Royalty = 0,
    quota: Quota = UNLIMITED,
    daily_rate: DailyRate = UNLIMITED,
    terms_version: Version = 0,
    price_floor: PriceFloor = 0,
    price_token: PriceToken = IN_ETHER,
    pay_to: PayTo = None,
    seq: Seq = None,
    nonce: Nonce = None,
) -> Conditions:
    return Conditions(
        days=days,
        royalty_bps=royalty_bps,
        quota=quota,
        daily_rate=daily_rate,
        terms_version=terms_version,
        price_floor=price_floor,
        price_token=price_token,
        pay_to=pay_to or ETHER,
        seq=seq,
        nonce=nonce,
    )
