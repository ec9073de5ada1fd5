"""Whether an account may use a model, by which rule, and what to do next: the contract's answer in words. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from themis.core.canonical import UNLIMITED
from themis.core.modes import Mode, mode_of
from themis.core.spelling import instant
from themis.core.types import Address, Denial, Hash32, Role, UseClass

NEXT_STEPS: Final[Mapping[str, str]] = {
    "AuthorizationRequired": "Ask the licensor, who answers with `themis license approve`: "
    "`themis license ask MODEL_ID --role ROLE --class CLASS --purpose TEXT`",
    "DailyRateReached": "Wait for the next day (UTC), or ask the licensor for a grant with a higher daily rate "
    "(`themis license ask MODEL_ID --role ROLE --class CLASS --purpose TEXT`)",
    "GrantExpired": "Ask the licensor for a new grant: "
    "`themis license ask MODEL_ID --role ROLE --class CLASS --purpose TEXT`",
    "GrantForOtherMarket": "Ask at the oracle that counts its uses, or ask the licensor for a grant for this one "
    "(`themis license ask MODEL_ID --role ROLE --class CLASS --purpose TEXT`)",
    "GrantForOtherTerms": "The terms have changed since: ask the licensor for a grant under the new ones "
    "(`themis license ask MODEL_ID --role ROLE --class CLASS --purpose TEXT`)",
    "GrantIsRevoked": "Only the licensor can authorize this account again, with a grant of a higher seq: "
    "`themis license ask MODEL_ID --role ROLE --class CLASS --purpose TEXT`",
    "GrantNotYetValid": "Wait until notBefore, or ask the licensor for a grant that is valid now",
    "GrantOutdated": "The licensor has voided every grant of that epoch: ask for a new one "
    "(`themis license ask MODEL_ID --role ROLE --class CLASS --purpose TEXT`)",
    "PriceBelowFloor": "Pay at least priceFloor in that token (--fee-wei, --token; zero stands for ether)",
    "QuotaExhausted": "Every use is spent or reserved: wait for refunds, or ask the licensor for a new grant "
    "(`themis license ask MODEL_ID --role ROLE --class CLASS --purpose TEXT`)",
    "TermsNotInForce": "Every use is closed until the licensor publishes terms (`themis license publish`)",
    "UnknownModel": "Correct the model id (`themis models list`), or register the model first",
    "UseClosed": "No grant lifts that: declare another use class if it is the true one, or ask the licensor for "
    "other terms; see `themis license show MODEL_ID`",
}
"""What to do about each refusal of a use."""

EXPIRES_SOON_S: Final = 7 * 86_400
"""A grant that ends within that time deserves the operator's attention."""
_WHO: Final = {Role.REQUESTER: "a requester", Role.OPERATOR: "an operator"}


@dataclass(frozen=True, slots=True)
class GrantState:
    """Field for field `GrantState` in ILens.sol: an activated grant, and what is used of it at one oracle."""

    seq: int
    """0: the account never had a grant."""
    revoked: bool
    classes: int
    terms_version: int
    not_before_s: int
    expiry_s: int
    quota: int
    used: int
    daily_rate: int
    used_today: int
    market: Address
    """The only oracle that may use it; zero where nothing is counted."""
    royalty_bps: int
    price_token: Address
    price_floor: int
    pay_to: Address
    epoch: int
    digest: Hash32
    """Zero where nothing is counted."""

    @property
    def quota_left(self) -> int:
        """Uses left of its quota; `UNLIMITED`: any number."""
        return UNLIMITED if self.quota == UNLIMITED else max(0, self.quota - self.used)

    @property
    def uses_left(self) -> int | None:
        """How many more uses its quota and its day permit; None: any number."""
        today = UNLIMITED if self.daily_rate == UNLIMITED else self.daily_rate - self.used_today
        left = min(self.quota_left, today)
        return None if left == UNLIMITED else left

    def status(self, now_s: int, epoch: int) -> str:
        """Whether it counts: active, expired, revoked, outdated or not yet; `epoch` is the model's."""
        if self.revoked:
            return "revoked"
        if now_s < self.not_before_s:
            return "not yet"
        if now_s > self.expiry_s:
            return "expired"
        return "active" if self.epoch == epoch else "outdated"


@dataclass(frozen=True, slots=True)
class Use:
    """A use that somebody thinks of."""

    model_id: Hash32
    account: Address
    role: Role
    use_class: UseClass
    token: Address
    fee: int


@dataclass(frozen=True, slots=True)
class Announced:
    """Terms that are published and not yet in force."""

    version: int
    policy: int
    effective_at_s: int


@dataclass(frozen=True, slots=True)
class Ground:
    """What the contract's answer rests on."""

    version: int
    """Of the terms in force; 0: none are."""
    policy: int
    licensee: Address
    """Whose grant counts for the account."""
    grant: GrantState
    announced: Announced | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """The contract's answer, the rule it follows from, and what to do next."""

    allowed: bool
    rule: str
    denial: Denial | None
    next_step: str
    expiry_s: int | None
    """Last second of the grant that permits it; None where none is needed, or none permits it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether an operator may be paid for answers of a model that it serves, and whether it asks to be."""

    explanation: Explanation
    asks_fee: bool

    def concern(self, now_s: float) -> str:
        """What the operator should look at, and do; empty when nothing is wrong."""
        said = self.explanation
        if not said.allowed:
            return f"paid requests are refused: {said.rule}. {said.next_step}" if self.asks_fee else ""
        if said.expiry_s is None or said.expiry_s - now_s > EXPIRES_SOON_S:
            return ""
        return (
            f"the operator's grant ends at {instant(said.expiry_s)}; paid requests are refused after it: "
            "ask the licensor for a new one in time (`themis license ask`)"
        )

    def expiry_timestamp_s(self) -> float:
        """Last second in which paid answers are allowed: infinite where no grant is needed, 0 where they are not."""
        said = self.explanation
        if not said.allowed:
            return 0.0
        return math.inf if said.expiry_s is None else float(said.expiry_s)


def explain(use: Use, denial: Denial | None, ground: Ground | None) -> Explanation:
    """Put the contract's answer into words. No ground: there is no such model, or no terms are in force."""
    if denial is None:
        doing = "ask: `themis request`" if use.role is Role.REQUESTER else "serve: `themis models serve`, `themis run`"
        step = f"Nothing is missing; {doing}"
    else:
        step = NEXT_STEPS.get(denial.error, "See `themis license show MODEL_ID`")
        filled = {"MODEL_ID": "0x" + use.model_id.hex(), "ROLE": _role(use), "CLASS": _class(use)}
        for place, value in filled.items():
            step = step.replace(place, value)
    return Explanation(
        allowed=denial is None,
        rule=_rule(use, denial, ground) + _coming(use, ground),
        denial=denial,
        next_step=step,
        expiry_s=_expiry_s(use, denial, ground),
    )


def _expiry_s(use: Use, denial: Denial | None, ground: Ground | None) -> int | None:
    if denial is not None or ground is None or mode_of(ground.policy, use.role, use.use_class) is not Mode.GRANT:
        return None
    return ground.grant.expiry_s


def _rule(use: Use, denial: Denial | None, ground: Ground | None) -> str:
    if ground is None:
        return "no such model is registered" if denial and denial.error == "UnknownModel" else "no terms are in force"
    mode = mode_of(ground.policy, use.role, use.use_class)
    under = f"terms version {ground.version}: {_class(use)} use by {_WHO[use.role]}"
    held = f"; {_held(use, denial.error if denial else '', ground)}" if mode is Mode.GRANT else ""
    return f"{under} {_demand(mode)}{held}"


def _coming(use: Use, ground: Ground | None) -> str:
    """What announced terms will say of the use."""
    if ground is None or ground.announced is None:
        return ""
    coming = ground.announced
    demand = _demand(mode_of(coming.policy, use.role, use.use_class))
    return f"; from {instant(coming.effective_at_s)} on it {demand} (terms version {coming.version})"


def _demand(mode: Mode) -> str:
    return "needs a grant" if mode is Mode.GRANT else f"is {mode.name.lower()}"


def _held(use: Use, error: str, ground: Ground) -> str:
    """What the account holds, and how that falls short."""
    grant = ground.grant
    if grant.seq == 0:
        return "the account has none"
    acts = ground.licensee != use.account
    whose = f"the grant of 0x{ground.licensee.hex()}, for whom it acts," if acts else "its grant"
    named = f"{whose} number {grant.seq}"
    falls_short = {
        "": f"permits it until {instant(grant.expiry_s)}, royalty {grant.royalty_bps} bps",
        "AuthorizationRequired": f"is not for {_class(use)} use",
        "DailyRateReached": f"allows {grant.daily_rate} uses a day, all made today",
        "GrantExpired": f"ended at {instant(grant.expiry_s)}",
        "GrantForOtherMarket": f"is counted by the oracle 0x{grant.market.hex()}, not by this one",
        "GrantForOtherTerms": f"is for terms version {grant.terms_version} only",
        "GrantIsRevoked": "was revoked",
        "GrantNotYetValid": f"starts at {instant(grant.not_before_s)}",
        "GrantOutdated": f"is of epoch {grant.epoch}, which the licensor has ended",
        "PriceBelowFloor": f"asks for a fee of at least {grant.price_floor}, in {_money(grant.price_token)}",
        "QuotaExhausted": "has no use left",
    }
    return f"{named} {falls_short.get(error, 'does not permit it')}"


def _class(use: Use) -> str:
    return use.use_class.name.lower()


def _role(use: Use) -> str:
    return use.role.name.lower()


def _money(token: Address) -> str:
    return f"token 0x{token.hex()}" if any(token) else "wei"
