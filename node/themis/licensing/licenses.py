"""What the chain says about licenses: terms, grants, asks and offers, folded from logs."""

import secrets
from dataclasses import dataclass, replace
from typing import Final

from themis.chain.abi import Log, address
from themis.chain.client import OracleClient
from themis.chain.uses import TermsVersion, grant_state, terms_version
from themis.core.canonical import UNLIMITED, Grant, grant_of_words
from themis.core.conditions import Conditions
from themis.core.errors import Misconfigured
from themis.core.permission import GrantState
from themis.core.spelling import shown
from themis.core.types import Address, Hash32, Role

_VOUCHERS: Final = ("GrantActivated", "GrantWaits")
_ANSWERS: Final = (*_VOUCHERS, "AuthorizationRefused")
_NONCE_BITS: Final = 64
"""So many that two vouchers never share one, and few enough to type."""


@dataclass(frozen=True, slots=True)
class GrantRow:
    """A grant of a licensee in a role, as it stands."""

    model_id: Hash32
    licensee: Address
    role: Role
    state: GrantState
    status: str
    """active, expired, revoked, outdated or not yet; waiting: beside the one in force, for its time or its terms."""


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
        return [terms_version(version, terms) for version, (terms,) in found]

    def attribution(self, model_id: Hash32, version: int) -> tuple[Hash32, str]:
        """Hash of the terms a result comes under, and what whoever uses the result has to say."""
        (terms,) = self._client.read("termsOf", model_id, version)
        found = terms_version(version, terms)
        return found.terms_hash, found.attribution

    def grants(self, model_id: Hash32 | None = None) -> list[GrantRow]:
        """The grant of each (model, licensee, role) and what waits beside it, of one model or of all."""
        logs = self._client.history((*_VOUCHERS, "GrantRevoked"), self._start_block, model_id)
        holders = list(dict.fromkeys(_holder(log) for log, _ in logs))
        views = [(view, holder) for view in ("grantOf", "waitingOf") for holder in holders]
        found = self._client.read_all(views)
        states, waiting = found[: len(holders)], found[len(holders) :]
        models = list(dict.fromkeys(model for model, _, _ in holders))
        epochs = dict(zip(models, self._client.read_all([("epochOf", (model,)) for model in models]), strict=True))
        now_s = self._client.now_s()
        rows = []
        for holder, (raw,), (beside,) in zip(holders, states, waiting, strict=True):
            state, later = grant_state(raw), grant_state(beside)
            rows.append(GrantRow(*holder, state, state.status(now_s, epochs[holder[0]][0])))
            if later.seq:
                rows.append(GrantRow(*holder, later, "waiting"))
        return sorted(rows, key=lambda row: (row.model_id, row.licensee, row.role, row.state.seq))

    def latest_seq(self, model_id: Hash32, licensee: Address, role: Role) -> int:
        """The highest sequence number that was put into force or revoked in the model's epoch; 0: there is none."""
        holder = (model_id, licensee, int(role))
        calls = [("grantOf", holder), ("waitingOf", holder), ("epochOf", (model_id,))]
        (current,), (waiting,), (epoch,) = self._client.read_all(calls)
        states = [grant_state(current), grant_state(waiting)]
        return max((state.seq for state in states if state.epoch == epoch), default=0)

    def next_seq(self, model_id: Hash32, licensee: Address, role: Role) -> int:
        """What a new voucher gets. To revoke it ends the grant in force and every voucher that waits with it."""
        return min(self.latest_seq(model_id, licensee, role) + 1, UNLIMITED)

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
            oracle=self._client.oracle,
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

    def offers(self, model_id: Hash32, operator: Address) -> list[Offer]:
        """What an operator offers for a model, in ether and in tokens."""
        logs = self._client.logs("Served", self._start_block, model_id, operator)
        tokens = list(dict.fromkeys(address(log.values["token"]) for log in logs))
        found = self._client.read_all([("offerOf", (model_id, operator, token)) for token in tokens])
        return [Offer(token, *offer) for token, (serving, *offer) in zip(tokens, found, strict=True) if serving]


def _holder(log: Log) -> tuple[Hash32, Address, Role]:
    values = log.values
    role = grant_of_words(values["grant"]).role if log.event in _VOUCHERS else values["role"]
    return Hash32(values["modelId"]), address(values["licensee"]), Role(role)


def _answered(ask: AskRow, log: Log) -> AskRow:
    """A grant answers an ask for any of its classes; a refusal always does."""
    if log.event == "AuthorizationRefused":
        return replace(ask, status="refused", reason=log.values["reason"])
    granted = grant_of_words(log.values["grant"]).classes
    return replace(ask, status="granted", reason="") if granted & ask.classes else ask
