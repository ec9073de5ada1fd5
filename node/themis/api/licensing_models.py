"""What the API says about licenses, as pydantic models. Spelled as in `models`."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Place(_Model):
    """Where licenses are kept, and the time the contract lives in."""

    chain_id: int
    oracle: str
    registry: str
    """The contract that grants are signed for."""
    now_s: int
    notice_s: int
    """How long before it takes effect a change of terms must be published."""


class Terms(_Model):
    """One published version of a model's terms."""

    version: int
    state: str
    """past, in force or pending."""
    terms_hash: str
    policy: dict[str, dict[str, str]]
    """closed, open or grant, by role and use class."""
    uri: str
    attribution: str
    effective_at_s: int
    published_at_s: int


class LicensedModel(_Model):
    """A registered model, who licenses it and under which terms."""

    model_id: str
    name: str | None
    """Known for the models this node serves."""
    licensor: str
    successor: str | None
    """Who becomes the licensor on accepting it."""
    epoch: int
    terms: list[Terms]


class Grant(_Model):
    """A grant of a licensee in a role, as it stands."""

    model_id: str
    licensee: str
    role: str
    classes: list[str]
    state: str
    """active, expired, revoked, outdated or not yet; waiting: beside the one in force."""
    seq: int
    terms_version: int
    """The only version it lifts; 0: every version."""
    not_before_s: int
    expiry_s: int
    quota: int | None
    """Uses it was signed for; null: any number."""
    quota_left: int | None
    daily_rate: int | None
    """Uses in a day (UTC); null: any number."""
    used_today: int
    royalty_bps: int
    price_token: str
    price_floor: str
    """Smallest units of `price_token` (zero: ether)."""
    pay_to: str


class Ask(_Model):
    """The newest ask of an account in a role, and the licensor's answer. Strangers wrote its words."""

    model_id: str
    licensee: str
    role: str
    classes: list[str]
    purpose: str
    uri: str
    block: int
    state: str
    """pending, granted or refused."""
    reason: str


class Account(_Model):
    """An account's money at the oracle, in one token (zero: ether), smallest units. Together all it ever got."""

    token: str
    withdrawable: str
    withdrawn: str


class Earnings(_Model):
    """What an account got for requests to one model, in one token. Smallest units."""

    model_id: str
    token: str
    royalties: str
    answers: str
    refunds: str
    requests: int
    """How many requests brought a royalty."""


class Royalty(_Model):
    """What one request brought, by one of the two grants it rests on."""

    request_id: str
    model_id: str
    token: str
    source: str
    amount: str
    block: int


class Month(_Model):
    """What an account earned in one month (UTC, `2026-11`), in one token. Smallest units; refunds are no income."""

    month: str
    token: str
    royalties: str
    answers: str


class User(_Model):
    """How much one requester has asked of one model, and what was paid for it in one token, royalties included."""

    model_id: str
    requester: str
    token: str
    answers: int
    """How many answers to it were paid."""
    fees: str
    last_block: int


class Income(_Model):
    """An account's income. Accounts and earnings have the same sums in each token."""

    accounts: list[Account]
    earnings: list[Earnings]
    royalties: list[Royalty]
    """The newest of them, newest first."""
    months: list[Month]
    """Newest first."""
    users: list[User]
    """Of the models that earned the account royalties; who asked last comes first, 100 at most."""


class Draft(_Model):
    """A grant to be signed: what a wallet takes for `eth_signTypedData_v4`, and its digest."""

    grant_hash: str
    typed_data: dict[str, Any]


class Call(_Model):
    """A transaction for a wallet to send. It was tried on the newest block and would have succeeded there."""

    chain_id: int
    to: str
    data: str
