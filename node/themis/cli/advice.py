"""What to do about each custom error of the oracle contract."""

import re
from collections.abc import Mapping
from typing import Final

from themis.core.errors import ThemisError
from themis.core.permission import NEXT_STEPS

ADVICE: Final[Mapping[str, str]] = {
    **NEXT_STEPS,
    "AnotherWaits": "A later voucher waits already: only its licensee can put this one in its place",
    "CallbackGasTooHigh": "Ask with less callback gas, or choose an operator that offers more (`themis models list`)",
    "DeadlineNotReached": "Wait until the deadline; then the whole fee can be refunded",
    "DeadlinePassed": "Ask again with a later deadline (--deadline-s); an unanswered request's fee can be refunded "
    "with `themis refund`",
    "DeadlineTooFar": "Ask with a deadline at most 30 days ahead (--deadline-s)",
    "DepositTooLow": "The requester deposits more (`themis account deposit`); what an order needs is its fee",
    "EmptyCommitment": "Build the bundle again: one of its roots is zero",
    "FeeNotReceived": "Pay in a token that delivers what is sent: this one takes a fee on transfer",
    "FeeTooLow": "Pay so much that minFee is left after the royalty of your grant (--fee-wei; none: just that)",
    "InputTooLarge": "Shorten the input to maxSize bytes",
    "InsufficientGas": "Send it with more gas",
    "InvalidGrant": "A grant needs a class, an expiry after its start, a royalty of at most 5000 bps, no price "
    "floor for an operator, and a market exactly where its uses are limited",
    "InvalidSignature": "Only the licensor's key or wallet contract can sign: ask for a new voucher, or use its home",
    "LaneBusy": "Use another --lane, or wait until the request in this one is answered or refunded",
    "MalleableSignature": "The signature is the twin of a real one: use the voucher as its licensor wrote it",
    "ModelExists": "Nothing needs to be done: this licensor has registered this very bundle before",
    "NotAnOrder": "Leave payTo, licensee, grantSeq and royaltyBps zero: both grants are looked up",
    "NotLicensor": "Use the home of the model's licensor (`themis license show MODEL_ID`)",
    "NotNext": "Sign the order anew with `next`, or use another lane",
    "NotOpen": "The request is answered or refunded already, or was never made on this oracle",
    "NotOperator": "Only the operator named in the request can answer it",
    "NoticeTooLong": "Set --effective-at to `latest` or earlier: nothing else can be published until then",
    "NoticeTooShort": "Give changed terms 14 days of notice: set --effective-at to `earliest` or later",
    "NothingFulfilled": "Answer one of them alone: it says why",
    "NotSuccessor": "Only the account that the licensor named can accept: see `themis license show MODEL_ID`",
    "OperatorNotServing": "Choose an operator that offers the model (`themis models list`), or let this one run "
    "`themis models serve`",
    "OrderForOtherTerms": "Read the terms in force, and sign the order anew under them",
    "OutputTooLarge": "The model's output does not fit the oracle: it cannot be served",
    "PayTooLow": "The royalty of the operator's grant has risen since: the request can be refunded after its deadline",
    "Reentrancy": "The token calls back into its sender: pay in another one",
    "StaleGrant": "Use a higher --seq than `current`; a voucher below it is void",
    "TermsPending": "One version may be pending at a time: publish the next one after effectiveAt",
    "TransferFailed": "The account does not accept plain transfers: it must be able to receive ether",
    "UnequalLists": "Give as many of one as of the other",
    "VoucherCanceled": "Ask the licensor for a new voucher: this one was canceled",
}

_PLACES: Final = {"modelId": "MODEL_ID", "role": "ROLE", "useClass": "CLASS"}


def explain(error: ThemisError) -> str:
    """The error's own message; for a contract's refusal, in words and with what to do next."""
    denial = getattr(error, "denial", None)
    if denial is None:
        return str(error)
    said = f"the oracle refuses: {denial.error}({denial.detail})"
    return f"{said}. {_filled(ADVICE[denial.error], denial.detail)}." if denial.error in ADVICE else said


def _filled(advice: str, detail: str) -> str:
    """Put what the denial names in the places of a command line."""
    for name, place in _PLACES.items():
        if (found := re.search(rf"\b{name}=(\w+)", detail)) is not None:
            advice = advice.replace(place, found[1])
    return advice
