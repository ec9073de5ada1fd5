"""What to do about each custom error of the oracle contract."""

import re
from collections.abc import Mapping
from typing import Final

from themis.core.errors import ThemisError
from themis.core.types import Role, UseClass

ADVICE: Final[Mapping[str, str]] = {
    "AuthorizationRequired": "The licensor must authorize this account for this role and use: "
    "`themis license grant MODEL_ID LICENSEE --role ROLE --class CLASS --days N`",
    "CallbackGasTooHigh": "Ask with less callback gas, or choose an operator that offers more (`themis models list`)",
    "DeadlineNotReached": "Wait until the deadline; then the whole fee can be refunded",
    "DeadlinePassed": "Ask again with a later deadline (--deadline-s); an unanswered request's fee can be refunded "
    "with `themis refund`",
    "DeadlineTooFar": "Ask with a deadline at most 30 days ahead (--deadline-s)",
    "EmptyCommitment": "Build the bundle again: one of its roots is zero",
    "FeeTooLow": "Pay at least minFee (--fee-wei)",
    "GrantExpired": "Ask the licensor for a new grant (`themis license grant`)",
    "GrantIsRevoked": "Only the licensor can authorize this account again, with a grant of a higher seq",
    "GrantNotYetValid": "Wait until notBefore, or ask the licensor for a grant that is valid now",
    "InputTooLarge": "Shorten the input to maxSize bytes",
    "InsufficientGas": "Send it with more gas",
    "InvalidGrant": "A grant needs a class, an expiry after its start and a royalty of at most 5000 bps",
    "InvalidSignature": "Sign with the licensor's key: `themis --home LICENSORS_HOME license grant`",
    "LaneBusy": "Use another --lane, or wait until the request in this one is answered or refunded",
    "ModelExists": "Nothing needs to be done: this licensor has registered this very bundle before",
    "NotLicensor": "Use the home of the licensor who registered the model",
    "NotOpen": "The request is answered or refunded already, or was never made on this oracle",
    "NotOperator": "Only the operator named in the request can answer it",
    "NothingToWithdraw": "The account has no credit: it is earned by answers, royalties and refunds",
    "NoticeTooShort": "Give changed terms 14 days of notice: set --effective-at to `earliest` or later",
    "OperatorNotServing": "Choose an operator that offers the model (`themis models list`), or let this one run "
    "`themis models serve`",
    "OutputTooLarge": "The model's output does not fit the oracle: it cannot be served",
    "StaleGrant": "Use a higher --seq than `current`",
    "TermsNotInForce": "The licensor must publish terms first: `themis license publish`",
    "TermsPending": "One version may be pending at a time: publish the next one after effectiveAt",
    "TransferFailed": "The account does not accept plain transfers: it must be able to receive ether",
    "UnknownModel": "Correct the model id (`themis models list`), or register the model first",
    "UseClosed": "The model's terms forbid this use: no grant can lift that; see `themis license show MODEL_ID`",
}

_SPELLED: Final = {"role": Role, "useClass": UseClass}


def explain(error: ThemisError) -> str:
    """The error's own message; for a contract's refusal, in words and with what to do next."""
    denial = getattr(error, "denial", None)
    if denial is None:
        return str(error)
    detail = re.sub(r"\b(role|useClass)=(\d)\b", _spell, denial.detail)
    said = f"the oracle refuses: {denial.error}({detail})"
    return f"{said}. {ADVICE[denial.error]}." if denial.error in ADVICE else said


def _spell(match: re.Match[str]) -> str:
    name, number = match[1], int(match[2])
    return f"{name}={_SPELLED[name](number).name.lower()}"
