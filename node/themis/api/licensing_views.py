"""What is read about licenses as the API's models."""

from collections.abc import Sequence
from typing import Final

from themis.api import licensing_models as models
from themis.chain.uses import TermsVersion
from themis.core.canonical import UNLIMITED
from themis.core.modes import class_words, policy_words
from themis.core.spelling import shown
from themis.core.types import Address, Hash32
from themis.licensing.income import Statement
from themis.licensing.licenses import AskRow, GrantRow

_USERS_SHOWN: Final = 100


def model(
    model_id: Hash32,
    *,
    name: str | None,
    licensor: Address,
    successor: Address,
    epoch: int,
    terms: Sequence[TermsVersion],
    now_s: int,
) -> models.LicensedModel:
    begun = [version.version for version in terms if version.effective_at_s <= now_s]
    in_force = max(begun, default=0)
    return models.LicensedModel(
        model_id=shown(model_id),
        name=name,
        licensor=shown(licensor),
        successor=shown(successor) if any(successor) else None,
        epoch=epoch,
        terms=[_terms(version, in_force) for version in terms],
    )


def grant(row: GrantRow) -> models.Grant:
    state = row.state
    return models.Grant(
        model_id=shown(row.model_id),
        licensee=shown(row.licensee),
        role=row.role.name.lower(),
        classes=class_words(state.classes),
        state=row.status,
        seq=state.seq,
        terms_version=state.terms_version,
        not_before_s=state.not_before_s,
        expiry_s=state.expiry_s,
        quota=_limit(state.quota),
        quota_left=_limit(state.quota_left),
        daily_rate=_limit(state.daily_rate),
        used_today=state.used_today,
        royalty_bps=state.royalty_bps,
        price_token=shown(state.price_token),
        price_floor=str(state.price_floor),
        pay_to=shown(state.pay_to),
    )


def ask(row: AskRow) -> models.Ask:
    return models.Ask(
        model_id=shown(row.model_id),
        licensee=shown(row.licensee),
        role=row.role.name.lower(),
        classes=class_words(row.classes),
        purpose=row.purpose,
        uri=row.uri,
        block=row.block,
        state=row.status,
        reason=row.reason,
    )


def income(statement: Statement) -> models.Income:
    return models.Income(
        accounts=[
            models.Account(token=shown(each.token), withdrawable=str(each.withdrawable), withdrawn=str(each.withdrawn))
            for each in statement.accounts
        ],
        earnings=[
            models.Earnings(
                model_id=shown(each.model_id),
                token=shown(each.token),
                royalties=str(each.royalties),
                answers=str(each.answers),
                refunds=str(each.refunds),
                requests=each.requests,
            )
            for each in statement.earnings
        ],
        royalties=[
            models.Royalty(
                request_id=shown(each.request_id),
                model_id=shown(each.model_id),
                token=shown(each.token),
                source=each.source,
                amount=str(each.amount),
                block=each.block,
            )
            for each in reversed(statement.royalties)
        ],
        months=[
            models.Month(
                month=each.month, token=shown(each.token), royalties=str(each.royalties), answers=str(each.answers)
            )
            for each in statement.months
        ],
        users=[
            models.User(
                model_id=shown(each.model_id),
                requester=shown(each.requester),
                token=shown(each.token),
                answers=each.answers,
                fees=str(each.fees),
                last_block=each.last_block,
            )
            for each in statement.users[:_USERS_SHOWN]
        ],
    )


def _terms(version: TermsVersion, in_force: int) -> models.Terms:
    number = version.version
    return models.Terms(
        version=number,
        state="in force" if number == in_force else "past" if number < in_force else "pending",
        terms_hash=shown(version.terms_hash),
        policy=policy_words(version.policy),
        uri=version.uri,
        attribution=version.attribution,
        effective_at_s=version.effective_at_s,
        published_at_s=version.published_at_s,
    )


def _limit(number: int) -> int | None:
    return None if number == UNLIMITED else number
