"""What the chain says about licenses: terms, grants, asks, income, and whether a use is allowed."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from themis.core import permission
from themis.core.canonical import UNLIMITED, Grant, grant_of_words
from themis.core.conditions import Conditions
from themis.core.errors import Misconfigured
from themis.core.modes import Mode, mode_of
from themis.core.permission import Announced, Explanation, GrantState, Ground, Standing, Use
from themis.core.spelling import shown
from themis.core.types import ETHER, Address, Denial, Hash32, LicenseQuery, Role, UseClass
from themis.edge.abi import Log, address
from themis.edge.client import ContractDenied, OracleClient

__all__ = ["AskRow", "Explanation", "GrantRow", "GrantState", "Licenses", "Offer", "TermsVersion"]

_ANSWERS: Final = ("GrantActivated", "AuthorizationRefused")
_NONCE_BITS: Final = 64
"""So many that two vouchers never share one, and few enough to type."""


@dataclass(frozen=True, slots=True)
class TermsVersion:
    """One published version of a model's terms."""

    version: int
    terms_hash: Hash32
    policy: int
    uri: str
    attribution: str
    effective_at_s: int
    published_at_s: int


@dataclass(frozen=True, slots=True)
class GrantRow:
    """The newest grant of a licensee in a role, as it stands."""

    model_id: Hash32
    licensee: Address
    role: Role
    quota: int
    """Uses it was signed for, `UNLIMITED` for any number; 0 where it was revoked before anybody activated it."""
    state: GrantState
    status: str
    """active, expired, revoked, outdated or not yet."""


@dataclass(frozen=True, slots=True)
class AskRow:
    """The newest ask of an account in a role, and the licensor's answer."""

    model_id: Hash32
    licensee: Address
    role: Role
    classes: int
    purpose: str
    uri: str
    block: int
    status: str
    """pending, granted or refused."""
    reason: str
    """Why it was refused."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What an operator asks for an answer, in one token."""

    token: Address
    min_fee: int
    max_callback_gas: int


class Licenses:
    """Reads about licenses at one oracle. Every list is folded from logs since `start_block`, its deployment."""

    def __init__(self, client: OracleClient, start_block: int) -> None:
        self._client = client
        self._start_block = start_block

    def terms(self, model_id: Hash32) -> list[TermsVersion]:
        """Every published version, oldest first; empty for a model without terms."""
        (latest,) = self._client.read("latestTerms", model_id)
        calls = [("termsOf", (model_id, version)) for version in range(1, latest + 1)]
        found = enumerate(self._client.read_all(calls), start=1)
        return [_terms(version, terms) for version, (terms,) in found]

    def attribution(self, model_id: Hash32, version: int) -> tuple[Hash32, str]:
        """Hash of the terms a result comes under, and what whoever uses the result has to say."""
        (terms,) = self._client.read("termsOf", model_id, version)
        found = _terms(version, terms)
        return found.terms_hash, found.attribution

    def grants(self, model_id: Hash32 | None = None) -> list[GrantRow]:
        """The newest grant of each (model, licensee, role), of one model or of all."""
        quotas: dict[tuple[Hash32, Address, Role], int] = {}
        for log, _ in self._client.history(("GrantActivated", "GrantRevoked"), self._start_block, model_id):
            if log.event == "GrantActivated":
                quotas[_holder(log)] = grant_of_words(log.values["grant"]).quota
            else:
                quotas.setdefault(_holder(log), 0)
        states = self._client.read_all([("grantOf", holder) for holder in quotas])
        models = list(dict.fromkeys(model for model, _, _ in quotas))
        epochs = dict(zip(models, self._client.read_all([("epochOf", (model,)) for model in models]), strict=True))
        now_s = self._client.now_s()
        rows = []
        for (holder, quota), (raw,) in zip(quotas.items(), states, strict=True):
            state = _grant_state(raw)
            rows.append(GrantRow(*holder, quota, state, state.status(now_s, epochs[holder[0]][0])))
        return sorted(rows, key=lambda row: (row.model_id, row.licensee, row.role))

    def current_seq(self, model_id: Hash32, licensee: Address, role: Role) -> int:
        """The sequence number of the grant in force or revoked; 0 where there never was one."""
        (state,) = self._client.read("grantOf", model_id, licensee, int(role))
        return _grant_state(state).seq

    def next_seq(self, model_id: Hash32, licensee: Address, role: Role) -> int:
        """What a new voucher gets. To revoke it ends the grant in force and every voucher that waits with it."""
        return min(self.current_seq(model_id, licensee, role) + 1, UNLIMITED)

    def draft(self, model_id: Hash32, licensee: Address, role: Role, classes: int, conditions: Conditions) -> Grant:
        """A grant for the model's licensor to sign.

        Raises Misconfigured for a model that is not registered, and for the zero address.
        """
        if not any(licensee):
            raise Misconfigured("the zero address is nobody's: give the account that is to be licensed")
        (text,), (epoch,) = self._client.read_all([("licensorOf", (model_id,)), ("epochOf", (model_id,))])
        licensor = address(text)
        if not any(licensor):
            raise Misconfigured(f"model {shown(model_id)} is not registered: correct its id (`themis models list`)")
        return conditions.grant(
            model_id=model_id,
            licensee=licensee,
            role=role,
            classes=classes,
            licensor=licensor,
            epoch=epoch,
            next_seq=self.next_seq(model_id, licensee, role),
            now_s=self._client.now_s(),
            nonce=secrets.randbits(_NONCE_BITS),
        )

    def asks(self, model_id: Hash32 | None = None) -> list[AskRow]:
        """The newest ask of each (model, licensee, role), oldest first."""
        rows: dict[tuple[Hash32, Address, Role], AskRow] = {}
        for log, at in self._client.history(("AuthorizationRequested", *_ANSWERS), self._start_block, model_id):
            holder = _holder(log)
            if log.event == "AuthorizationRequested":
                values = log.values
                rows.pop(holder, None)
                said = (values["classes"], values["purpose"], values["uri"])
                rows[holder] = AskRow(*holder, *said, at.block_number, "pending", "")
            elif holder in rows:
                rows[holder] = _answered(rows[holder], log)
        return list(rows.values())

    def grant_used_by(
        self, model_id: Hash32, account: Address, role: Role, block: str = "latest"
    ) -> tuple[Address, GrantState]:
        """The licensee whose grant counts for an account, and that grant: its own if it ever had one."""
        calls = [("grantOf", (model_id, account, int(role))), ("principalOf", (account,))]
        (own,), (text,) = self._client.read_all(calls, block)
        principal = address(text)
        if _grant_state(own).seq or principal == account:
            return account, _grant_state(own)
        (theirs,) = self._client.read("grantOf", model_id, principal, int(role), block=block)
        return principal, _grant_state(theirs)

    def uses_left(self, query: LicenseQuery) -> int | None:
        """How many more uses the account's grant permits at that block; None: any number, or no grant is needed."""
        block = hex(query.block_number)
        (terms,) = self._client.read("termsOf", query.model_id, query.terms_version, block=block)
        policy = _terms(query.terms_version, terms).policy
        if mode_of(policy, query.role, query.use_class) is not Mode.GRANT:
            return None
        _, grant = self.grant_used_by(query.model_id, query.account, query.role, block)
        return grant.uses_left

    def explain(  # noqa: PLR0917 (the contract's own order)
        self, model_id: Hash32, account: Address, role: Role, use_class: UseClass, token: Address, fee: int
    ) -> Explanation:
        """Whether the contract allows one more use now, by which rule, and what to do next. All read at one block."""
        use = Use(model_id, account, role, use_class, token, fee)
        block = self._client.rpc.call("eth_blockNumber")
        denial = self._refused("checkUse", model_id, account, int(role), int(use_class), token, fee, block=block)
        if denial is not None and denial.error in {"UnknownModel", "TermsNotInForce"}:
            return permission.explain(use, denial, None)
        version, policy = self._client.read("termsInForce", model_id, block=block)
        holds = self.grant_used_by(model_id, account, role, block)
        return permission.explain(
            use, denial, Ground(version, policy, *holds, self._announced(model_id, version, block))
        )

    def offers(self, model_id: Hash32, operator: Address) -> list[Offer]:
        """What an operator offers for a model, in ether and in tokens."""
        logs = self._client.logs("Served", self._start_block, model_id, operator)
        tokens = list(dict.fromkeys(address(log.values["token"]) for log in logs))
        found = self._client.read_all([("offerOf", (model_id, operator, token)) for token in tokens])
        return [Offer(token, *offer) for token, (serving, *offer) in zip(tokens, found, strict=True) if serving]

    def standing(self, model_id: Hash32, operator: Address) -> Standing:
        """Whether the operator may be paid for an answer now, and asks to be (no ether offer counts as yes)."""
        said = self.explain(model_id, operator, Role.OPERATOR, UseClass.COMMERCIAL, ETHER, 0)
        serving, min_fee_wei, _ = self._client.read("offerOf", model_id, operator, ETHER)
        return Standing(said, asks_fee=not serving or min_fee_wei > 0)

    def _announced(self, model_id: Hash32, in_force: int, block: str) -> Announced | None:
        (latest,) = self._client.read("latestTerms", model_id, block=block)
        if latest == in_force:
            return None
        (terms,) = self._client.read("termsOf", model_id, latest, block=block)
        found = _terms(latest, terms)
        return Announced(latest, found.policy, found.effective_at_s)

    def _refused(self, function: str, *arguments: Any, block: str) -> Denial | None:
        try:
            self._client.read(function, *arguments, block=block)
        except ContractDenied as denied:
            return denied.denial
        return None


def _terms(version: int, values: Iterable[Any]) -> TermsVersion:
    terms_hash, policy, effective_at_s, published_at_s, uri, attribution = values
    return TermsVersion(version, Hash32(terms_hash), policy, uri, attribution, effective_at_s, published_at_s)


def _holder(log: Log) -> tuple[Hash32, Address, Role]:
    values = log.values
    role = grant_of_words(values["grant"]).role if log.event == "GrantActivated" else values["role"]
    return Hash32(values["modelId"]), address(values["licensee"]), Role(role)


def _answered(ask: AskRow, log: Log) -> AskRow:
    """A grant answers an ask for any of its classes; a refusal always does."""
    if log.event == "AuthorizationRefused":
        return replace(ask, status="refused", reason=log.values["reason"])
    granted = grant_of_words(log.values["grant"]).classes
    return replace(ask, status="granted", reason="") if granted & ask.classes else ask


def _grant_state(values: Iterable[Any]) -> GrantState:
    """Turn the `GrantState` struct, as decoded, into ours: same fields, same order."""
    read = iter(values)
    return GrantState(
        seq=next(read),
        revoked=next(read),
        classes=next(read),
        terms_version=next(read),
        not_before_s=next(read),
        expiry_s=next(read),
        quota_left=next(read),
        daily_rate=next(read),
        used_today=next(read),
        royalty_bps=next(read),
        price_token=address(next(read)),
        price_floor=next(read),
        pay_to=address(next(read)),
        epoch=next(read),
    )
