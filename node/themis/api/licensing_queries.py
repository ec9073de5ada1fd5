"""What a licensor's page asks for, checked before anything is read."""

from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from themis.core.canonical import UNLIMITED, Grant, grant_of_message
from themis.core.conditions import MAX_DAYS, Conditions
from themis.core.modes import class_bits, pack, parse_modes
from themis.core.types import MAX_ROYALTY_BPS, Address, Hash32, Role, UseClass

AddressText = Annotated[str, Field(pattern="^0x[0-9a-fA-F]{40}$")]
HashText = Annotated[str, Field(pattern="^0x[0-9a-fA-F]{64}$")]
RoleText = Annotated[str, Field(pattern="^(requester|operator)$")]
_USE: Final = "(personal|research|commercial)"
ClassesText = Annotated[str, Field(pattern=f"^{_USE}(,{_USE})*$")]
_MODE: Final = f"{_USE}=(closed|open|grant)"
ModesText = Annotated[str, Field(pattern=f"^{_MODE}(,{_MODE})*$")]
LONGEST_WORDS: Final = 1_000
"""Characters. They travel in a URL here, and in a log whose gas the licensor pays."""
Uint32 = Annotated[int, Field(ge=0, le=UNLIMITED)]

_NOBODY: Final = "0x" + "00" * 20


def _somebody(text: str) -> str:
    if text == _NOBODY:
        raise ValueError("the zero address is nobody's")
    return text


class GrantQuery(BaseModel):
    """What a licensor decides about a grant. The rest comes from the chain, or from chance (the nonce)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model_id: HashText
    licensee: Annotated[AddressText, AfterValidator(_somebody)]
    role: RoleText
    classes: ClassesText
    """Comma-separated use classes."""
    days: Annotated[float, Field(gt=0, le=MAX_DAYS)]
    quota: Uint32 | None = None
    """Uses; none: any number."""
    daily_rate: Uint32 | None = None
    royalty_bps: Annotated[int, Field(ge=0, le=MAX_ROYALTY_BPS)] = 0
    price_token: AddressText = _NOBODY
    price_floor: Annotated[int, Field(ge=0, lt=2**96)] = 0
    pay_to: AddressText = _NOBODY
    terms_version: Annotated[int, Field(ge=0, lt=2**24)] = 0
    seq: Annotated[int, Field(ge=1, le=UNLIMITED)] | None = None
    """None: the next one."""

    def class_bits(self) -> int:
        return class_bits(UseClass[name.upper()] for name in self.classes.split(","))

    def conditions(self) -> Conditions:
        return Conditions(
            days=self.days,
            royalty_bps=self.royalty_bps,
            quota=UNLIMITED if self.quota is None else self.quota,
            daily_rate=UNLIMITED if self.daily_rate is None else self.daily_rate,
            terms_version=self.terms_version,
            price_floor=self.price_floor,
            price_token=address(self.price_token),
            pay_to=address(self.pay_to),
            seq=self.seq,
        )


class PublishQuery(BaseModel):
    """The next version of a model's terms. Their text stays with the licensor; its keccak256 goes on chain."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model_id: HashText
    terms_hash: HashText
    requester: ModesText
    operator: ModesText
    effective_at_s: Annotated[int, Field(ge=0, lt=2**40)] = 0
    """0: now."""
    uri: Annotated[str, Field(max_length=LONGEST_WORDS)] = ""
    attribution: Annotated[str, Field(max_length=LONGEST_WORDS)] = ""
    sender: AddressText

    def arguments(self) -> tuple[Any, ...]:
        """Of `publishTerms`."""
        policy = pack(parse_modes(self.requester), parse_modes(self.operator))
        hashes = hash32(self.model_id), hash32(self.terms_hash)
        return *hashes, policy, self.effective_at_s, self.uri, self.attribution


class ActivateQuery(BaseModel):
    """The message of a grant's typed data, member by member, and its signature."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    model_id: HashText
    licensor: AddressText
    licensee: AddressText
    role: Annotated[int, Field(ge=0, le=1)]
    classes: Annotated[int, Field(ge=0, lt=2**8)]
    terms_version: Annotated[int, Field(ge=0, lt=2**24)]
    not_before: Annotated[int, Field(ge=0, lt=2**40)]
    expiry: Annotated[int, Field(ge=0, lt=2**40)]
    quota: Uint32
    daily_rate: Uint32
    market: AddressText
    royalty_bps: Annotated[int, Field(ge=0, lt=2**16)]
    price_token: AddressText
    price_floor: Annotated[int, Field(ge=0, lt=2**96)]
    pay_to: AddressText
    epoch: Annotated[int, Field(ge=0, lt=2**16)]
    seq: Uint32
    nonce: Annotated[int, Field(ge=0, lt=2**256)]
    signature: Annotated[str, Field(pattern="^0x([0-9a-fA-F]{2})+$", max_length=8_192)]
    sender: AddressText

    def grant(self) -> Grant:
        return grant_of_message(self.model_dump(by_alias=True, exclude={"signature", "sender"}))


def address(text: str) -> Address:
    return Address(bytes.fromhex(text[2:]))


def hash32(text: str) -> Hash32:
    return Hash32(bytes.fromhex(text[2:]))


def role(text: str) -> Role:
    return Role[text.upper()]
