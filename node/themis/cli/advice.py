"""What to do about each custom error of the contracts that commands call."""

import re
from collections.abc import Mapping
from typing import Final

from themis.core.errors import ThemisError
from themis.core.permission import NEXT_STEPS

ADVICE: Final[Mapping[str, str]] = {
    **NEXT_STEPS,
    "AlreadyConvicted": "There is nothing more to take: another game convicted it",
    "AlreadyCovering": "Nothing needs to be done: this very cover is in force",
    "AlreadyRegistered": "Nothing needs to be done: its bond is set aside",
    "AnotherWaits": "A later voucher waits already: only its licensee can put this one in its place",
    "BondSpent": "The guarantor's bond does not reach for another answer: it is not covered until more is bonded",
    "CallbackGasTooHigh": "Ask with less callback gas, or choose an operator that offers more (`themis models list`)",
    "ChallengeBondTooHigh": "Ask a fifth of the bond of challengers at most (--challenge-bond-wei)",
    "DeadlineNotReached": "Wait until the deadline; then the whole fee can be refunded",
    "DeadlinePassed": "Ask again with a later deadline (--deadline-s); an unanswered request's fee can be refunded "
    "with `themis refund`",
    "DeadlineTooFar": "Ask with a deadline at most 30 days ahead (--deadline-s)",
    "DepositTooLow": "The requester deposits more (`themis account deposit`); what an order needs is its fee",
    "EmptyCommitment": "Build the bundle again: one of its roots is zero",
    "EndsBeforeStart": "Let the grant end after its start (--days)",
    "FeeNotReceived": "Pay in a token that delivers what is sent: this one takes a fee on transfer",
    "FeeTooLow": "Pay so much that minFee is left after the royalty of your grant (--fee-wei; none: just that)",
    "FloorForOperator": "Leave out the price floor: an operator pays no fee (--price-floor)",
    "GameRunning": "This key plays about this answer already: `themis watch` goes on with it",
    "InputTooLarge": "Shorten the input to maxSize bytes",
    "InsufficientGas": "Send it with more gas",
    "InvalidClasses": "Name one use class or more: personal, research, commercial (--class)",
    "InvalidSignature": "Only the licensor's key or wallet contract can sign: ask for a new voucher, or use its home",
    "LaneBusy": "Use another --lane, or wait until the request in this one is answered or refunded",
    "MalleableSignature": "The signature is the twin of a real one: use the voucher as its licensor wrote it",
    "ModelExists": "Nothing needs to be done: this licensor has registered this very bundle before",
    "NoBond": "Give an amount above zero",
    "NoGame": "The game has ended, or was never begun: `themis warranty show` says what is covered",
    "NoTrace": "A trace has a root: let `themis watch` reveal it",
    "NotAContract": "Correct the address: there is no contract on this chain",
    "NotAnOrder": "Leave payTo, licensee, grantSeq and royaltyBps zero: both grants are looked up",
    "NotCommitted": "Commit to the proof first: `themis watch` does",
    "NotConvicted": "The game goes on: nobody has convicted the answer",
    "NotCovering": "That cover was never begun, or has ended: `themis warranty show`",
    "NotDispute": "Only the contract that the cover names decides its games",
    "NotFinal": "Only the last answer of a lane is covered, unless it was registered: see docs/proofs.md",
    "NotGuarantor": "Use the home of the guarantor that the cover names",
    "NotInDispute": "No game about that answer is open",
    "NotInList": "Give the item with its proofs under the order's input hash and under its answer (/v1/results)",
    "NotInTrace": "What is asked does not lead to the trace's root: report this as a bug",
    "NotLicensor": "Use the home of the model's licensor (`themis license show MODEL_ID`)",
    "NotNext": "Sign the order anew with `next`, or use another lane",
    "NotNow": "It is the other side's move: wait for it, or for the end of its clock",
    "NotOpen": "The request is answered or refunded already, or was never made on this oracle",
    "NotOperator": "Only the operator named in the request can answer it",
    "NotRefuted": "The referee finds that it follows from the trace: nothing was proved",
    "NotSuccessor": "Only the account that the licensor named can accept: see `themis license show MODEL_ID`",
    "NothingFulfilled": "Answer one of them alone: it says why",
    "NothingReserved": "The answer's bond is free already",
    "NoticeTooLong": "Set --effective-at to `latest` or earlier: nothing else can be published until then",
    "NoticeTooShort": "Give changed terms 14 days of notice: set --effective-at to `earliest` or later",
    "OperatorNotServing": "Choose an operator that offers the model (`themis models list`), or let this one run "
    "`themis models serve`",
    "OrderForOtherTerms": "Read the terms in force, and sign the order anew under them",
    "OtherAnswer": "The cover is of another operator or model",
    "OutputTooLarge": "The model's output does not fit the oracle: it cannot be served",
    "PayTooLow": "The royalty of the operator's grant has risen since: the request can be refunded after its deadline",
    "Reentrancy": "The token calls back into its sender: pay in another one",
    "RoyaltyTooHigh": "Ask for a royalty of at most maxRoyaltyBps (--royalty-bps)",
    "StaleGrant": "Use a higher --seq than `current`; a voucher below it is void",
    "StillBonded": "Wait until then; before the first time, `themis warranty withdraw --unbond-wei WEI`",
    "StillNeeded": "The bond stands behind that answer until then, or until its games have ended",
    "TermsPending": "One version may be pending at a time: publish the next one after effectiveAt",
    "TooEarly": "Wait until that second is over",
    "TooLate": "That clock has run out: `themis watch` ends the game",
    "TransferFailed": "The account does not accept plain transfers: it must be able to receive ether",
    "UnequalLists": "Give as many of one as of the other",
    "VoucherCanceled": "Ask the licensor for a new voucher: this one was canceled",
    "WindowOutOfBounds": "Choose a window within the bounds (--window-hours)",
    "WindowOver": "Nobody can challenge that answer any more",
    "WrongBond": "Send exactly the bond that the cover asks of challengers",
    "WrongInput": "Those are not the request's bytes",
    "WrongMarket": "Name the market that counts uses exactly where a quota or daily rate limits them",
    "WrongOpening": "That is not what was asked: let `themis watch` open it",
    "WrongOutput": "Those are not the answer's bytes",
    "WrongRoots": "The model's id binds other roots: use the bundle that was registered",
}

_PLACES: Final = {"modelId": "MODEL_ID", "role": "ROLE", "useClass": "CLASS"}


def explain(error: ThemisError) -> str:
    """The error's own message; for a contract's refusal, in words and with what to do next."""
    denial = getattr(error, "denial", None)
    if denial is None:
        return str(error)
    said = f"the oracle refuses: {denial.error}({denial.detail})"
    if denial.error not in ADVICE:
        return said
    model_id = getattr(error, "model_id", None)
    asked = "" if model_id is None else f", modelId=0x{model_id.hex()}"
    return f"{said}. {_filled(ADVICE[denial.error], denial.detail + asked)}."


def _filled(advice: str, detail: str) -> str:
    """Put what the denial names in the places of a command line."""
    for name, place in _PLACES.items():
        if (found := re.search(rf"\b{name}=(\w+)", detail)) is not None:
            advice = advice.replace(place, found[1])
    return advice
