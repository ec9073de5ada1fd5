"""Whether a use is allowed, by which rule and under which grant: asked by a node, read by a person."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from themis.chain.abi import address
from themis.chain.client import ContractDenied, OracleClient
from themis.chain.rpc import BlockTag
from themis.core import permission
from themis.core.modes import Mode, mode_of
from themis.core.permission import Announced, Explanation, GrantState, Ground, Standing, Use
from themis.core.types import ETHER, Address, Denial, Hash32, LicenseQuery, Role, UseClass


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


class Uses:
    """Questions about uses at one oracle, each answered at one block."""

    def __init__(self, client: OracleClient) -> None:
        self._client = client

    def grant_used_by(self, use: Use, version: int, block: BlockTag = "latest") -> tuple[Address, GrantState]:
        """The licensee whose grant counts for a use under those terms, and that grant."""
        said = (use.model_id, use.account, int(use.role), int(use.use_class), version)
        text, state = self._client.read("grantFor", *said, block=block)
        return address(text), grant_state(state)

    def uses_left(self, query: LicenseQuery) -> int | None:
        """How many more uses the account's grant permits at that block; None: any number, or no grant is needed."""
        block = self._client.rpc.at(query.block)
        (terms,) = self._client.read("termsOf", query.model_id, query.terms_version, block=block)
        policy = terms_version(query.terms_version, terms).policy
        if mode_of(policy, query.role, query.use_class) is not Mode.GRANT:
            return None
        use = Use(query.model_id, query.account, query.role, query.use_class, ETHER, 0)
        _, grant = self.grant_used_by(use, query.terms_version, block)
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
        holds = self.grant_used_by(use, version, block)
        return permission.explain(
            use, denial, Ground(version, policy, *holds, self._announced(model_id, version, block))
        )

    def standing(self, model_id: Hash32, operator: Address) -> Standing:
        """Whether the operator may be paid for an answer now, and asks to be (no ether offer counts as yes)."""
        said = self.explain(model_id, operator, Role.OPERATOR, UseClass.COMMERCIAL, ETHER, 0)
        serving, min_fee_wei, _ = self._client.read("offerOf", model_id, operator, ETHER)
        return Standing(said, asks_fee=not serving or min_fee_wei > 0)

    def _announced(self, model_id: Hash32, in_force: int, block: BlockTag) -> Announced | None:
        (latest,) = self._client.read("latestTerms", model_id, block=block)
        if latest == in_force:
            return None
        (terms,) = self._client.read("termsOf", model_id, latest, block=block)
        found = terms_version(latest, terms)
        return Announced(latest, found.policy, found.effective_at_s)

    def _refused(self, function: str, *arguments: Any, block: BlockTag) -> Denial | None:
        try:
            self._client.read(function, *arguments, block=block)
        except ContractDenied as denied:
            return denied.denial
        return None


def terms_version(version: int, values: Iterable[Any]) -> TermsVersion:
    terms_hash, policy, effective_at_s, published_at_s, uri, attribution = values
    return TermsVersion(version, Hash32(terms_hash), policy, uri, attribution, effective_at_s, published_at_s)


def grant_state(values: Iterable[Any]) -> GrantState:
    """Turn the `GrantState` struct, as decoded, into ours: same fields, same order."""
    read = iter(values)
    return GrantState(
        seq=next(read),
        revoked=next(read),
        classes=next(read),
        terms_version=next(read),
        not_before_s=next(read),
        expiry_s=next(read),
        quota=next(read),
        used=next(read),
        daily_rate=next(read),
        used_today=next(read),
        market=address(next(read)),
        royalty_bps=next(read),
        price_token=address(next(read)),
        price_floor=next(read),
        pay_to=address(next(read)),
        epoch=next(read),
        digest=Hash32(next(read)),
    )
