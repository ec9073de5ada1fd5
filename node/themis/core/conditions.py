"""What a licensor decides about a grant; the rest comes from the chain. Pure."""

from dataclasses import dataclass
from typing import Final

from themis.core.canonical import UNLIMITED, Grant
from themis.core.types import ETHER, Address, Hash32, Role

MAX_DAYS: Final = 36_500
_DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a grant says beside who holds it and for which uses. See `Grant`."""

    days: float
    """How long it is valid, from the newest block on."""
    royalty_bps: int = 0
    quota: int = UNLIMITED
    daily_rate: int = UNLIMITED
    terms_version: int = 0
    price_floor: int = 0
    price_token: Address = ETHER
    pay_to: Address = ETHER
    seq: int | None = None
    """None: the next one."""
    nonce: int | None = None
    """None: drawn at random."""

    def grant(
        self,
        *,
        model_id: Hash32,
        licensee: Address,
        role: Role,
        classes: int,
        licensor: Address,
        epoch: int,
        next_seq: int,
        now_s: int,
        nonce: int,
        oracle: Address,
    ) -> Grant:
        """Fill in who, for what and what the chain says. `nonce` counts where none was decided.

        Uses that are limited are counted by `oracle`.
        """
        limited = self.quota != UNLIMITED or self.daily_rate != UNLIMITED
        return Grant(
            model_id=model_id,
            licensor=licensor,
            licensee=licensee,
            role=role,
            classes=classes,
            terms_version=self.terms_version,
            not_before_s=now_s,
            expiry_s=now_s + int(self.days * _DAY_S),
            quota=self.quota,
            daily_rate=self.daily_rate,
            market=oracle if limited else ETHER,
            royalty_bps=self.royalty_bps,
            price_token=self.price_token,
            price_floor=self.price_floor,
            pay_to=self.pay_to,
            epoch=epoch,
            seq=self.seq or next_seq,
            nonce=nonce if self.nonce is None else self.nonce,
        )
