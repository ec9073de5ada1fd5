"""What `Licenses` says of terms, grants, asks and uses is what the contract says, on a real chain."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from eth_utils.crypto import keccak

from demo import chains
from tests.world import DAY_S, FEES, World
from themis.core.modes import Mode
from themis.core.permission import NEXT_STEPS
from themis.core.types import ETHER, Address, Hash32, Role, UseClass
from themis.edge.client import ContractDenied
from themis.edge.licenses import Licenses

FEE = 10
TOKEN = Address(b"\x70" * 20)

BROKEN = {
    "other class": "AuthorizationRequired",
    "other terms": "GrantForOtherTerms",
    "not yet": "GrantNotYetValid",
    "expired": "GrantExpired",
    "revoked": "GrantIsRevoked",
    "outdated": "GrantOutdated",
    "no quota": "QuotaExhausted",
    "no rate": "DailyRateReached",
}
"""States of a grant that permit nothing, and the contract's word for each."""
PRICED = {"dear": "PriceBelowFloor", "in a token": "PriceBelowFloor"}
"""The same, of requesters' grants only."""
STATES = ("none", "good", "delegated", *BROKEN, *PRICED)


def account(name: str, use_class: UseClass) -> Address:
    """An account for each state; for 'other class' it depends on the class, which its grant lacks."""
    return Address(keccak(text=f"{name} {use_class if name == 'other class' else ''}")[:20])


class Scene:
    """A model for each mode, and an account for each state of a grant, in both roles."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.licenses = Licenses(world.client, world.start_block)
        self.models: dict[Mode, Hash32] = {}
        for mode in Mode:
            policy = sum(mode << 2 * shift for shift in range(6))
            root = Hash32(bytes([mode + 1]) * 32)
            self.models[mode] = world.register(root, root, root, policy=policy)
            for role in Role:
                self._outdated(self.models[mode], role)
            world.client.transact(world.licensor, FEES, "raiseEpoch", self.models[mode])
            for role in Role:
                self._grants(self.models[mode], role)
        self._delegate()
        world.chain.rpc("evm_increaseTime", 2 * DAY_S)
        world.chain.rpc("evm_mine")

    def allowed(self, mode: Mode, role: Role, state: str) -> bool:
        priced = state in PRICED and role is Role.REQUESTER
        return mode is Mode.OPEN or (mode is Mode.GRANT and state not in {"none", *BROKEN} and not priced)

    def account(self, state: str, use_class: UseClass) -> Address:
        return self.world.requester.address if state == "delegated" else account(state, use_class)

    def _outdated(self, model_id: Hash32, role: Role) -> None:
        self.world.grant(model_id, account("outdated", UseClass.PERSONAL), role)

    def _grants(self, model_id: Hash32, role: Role) -> None:
        world, now_s = self.world, self.world.now_s()
        for use_class in UseClass:
            world.grant(model_id, account("other class", use_class), role, epoch=1, classes=7 & ~(1 << use_class))
        by_state: dict[str, dict[str, Any]] = {
            "good": {},
            "principal": {},
            "other terms": {"terms_version": 2},
            "not yet": {"not_before_s": now_s + 20 * DAY_S},
            "expired": {"expiry_s": now_s + DAY_S},
            "revoked": {},
            "no quota": {"quota": 0},
            "no rate": {"daily_rate": 0},
            "dear": {"price_floor": FEE + 1} if role is Role.REQUESTER else {},
            "in a token": {"price_floor": 1, "price_token": TOKEN} if role is Role.REQUESTER else {},
        }
        for name, changes in by_state.items():
            licensee = world.operator.address if name == "principal" else account(name, UseClass.PERSONAL)
            world.grant(model_id, licensee, role, epoch=1, **changes)
        revoked = account("revoked", UseClass.PERSONAL)
        world.client.transact(world.licensor, FEES, "revoke", model_id, revoked, int(role), 1)

    def _delegate(self) -> None:
        """The requester's key acts for the operator's account."""
        world = self.world
        world.client.transact(world.operator, FEES, "delegate", world.requester.address, True)  # noqa: FBT003 (ABI)
        world.client.transact(world.requester, FEES, "actFor", world.operator.address)


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with chains.start() as chain:
        yield Scene(World.build(chain))


@pytest.mark.parametrize(("mode", "role", "use_class"), list(product(Mode, Role, UseClass)))
def test_the_explanation_is_the_contracts_answer(scene: Scene, mode: Mode, role: Role, use_class: UseClass) -> None:
    for state in STATES:
        who, model_id = scene.account(state, use_class), scene.models[mode]
        said = scene.licenses.explain(model_id, who, role, use_class, ETHER, FEE)
        try:
            scene.world.client.read("checkUse", model_id, who, int(role), int(use_class), ETHER, FEE)
            refused = ""
        except ContractDenied as denied:
            refused = denied.denial.error
        assert said.allowed == (not refused) == scene.allowed(mode, role, state), state
        assert (said.denial.error if said.denial else "") == refused, state
        if mode is Mode.GRANT and refused:
            assert refused == {"none": "AuthorizationRequired", **BROKEN, **PRICED}[state]
        if refused:
            assert refused in NEXT_STEPS
            assert "MODEL_ID" not in said.next_step
        assert (said.expiry_s is not None) == (said.allowed and mode is Mode.GRANT), state
        word = {Mode.CLOSED: "is closed", Mode.OPEN: "is open", Mode.GRANT: "needs a grant; "}[mode]
        assert said.rule.startswith(f"terms version 1: {use_class.name.lower()} use by ")
        assert word in said.rule


def test_the_rule_says_how_a_grant_falls_short(scene: Scene) -> None:
    words = {
        "none": "the account has none",
        "good": "its grant number 1 permits it until ",
        "delegated": f"the grant of 0x{scene.world.operator.address.hex()}, for whom it acts, number 1 permits it",
        "other class": "its grant number 1 is not for commercial use",
        "other terms": "its grant number 1 is for terms version 2 only",
        "not yet": "its grant number 1 starts at ",
        "expired": "its grant number 1 ended at ",
        "revoked": "its grant number 1 was revoked",
        "outdated": "its grant number 1 is of epoch 0, which the licensor has ended",
        "no quota": "its grant number 1 has no use left",
        "no rate": "its grant number 1 allows 0 uses a day, all made today",
        "dear": "its grant number 1 asks for a fee of at least 11, in wei",
        "in a token": f"its grant number 1 asks for a fee of at least 1, in token 0x{TOKEN.hex()}",
    }
    assert set(words) == set(STATES)
    for state, word in words.items():
        who = scene.account(state, UseClass.COMMERCIAL)
        said = scene.licenses.explain(scene.models[Mode.GRANT], who, Role.REQUESTER, UseClass.COMMERCIAL, ETHER, FEE)
        assert word in said.rule, state


def test_a_model_without_terms_and_an_unknown_one_are_explained(scene: Scene) -> None:
    world = scene.world
    _, logs = world.client.transact(world.licensor, FEES, "registerModel", *(Hash32(b"\x09" * 32),) * 3, "")
    bare = Hash32(logs[0].values["modelId"])
    who = (world.requester.address, Role.REQUESTER, UseClass.PERSONAL, ETHER, 0)
    assert scene.licenses.explain(bare, *who).rule == "no terms are in force"
    assert scene.licenses.explain(Hash32(bytes(32)), *who).rule == "no such model is registered"
    assert scene.licenses.terms(bare) == []


def test_grants_are_listed_with_their_status(scene: Scene) -> None:
    rows = scene.licenses.grants(scene.models[Mode.GRANT])
    found = {(row.licensee, row.role): row.status for row in rows}
    for role in Role:
        for state, status in {
            "good": "active",
            "not yet": "not yet",
            "expired": "expired",
            "revoked": "revoked",
            "outdated": "outdated",
            "no quota": "active",
        }.items():
            assert found[account(state, UseClass.PERSONAL), role] == status
    assert len(scene.licenses.grants()) == len(Mode) * len(rows)
    assert {row.quota for row in rows if row.licensee == account("no quota", UseClass.PERSONAL)} == {0}


def test_terms_are_listed_and_attributed(scene: Scene) -> None:
    model_id = scene.models[Mode.OPEN]
    (version,) = scene.licenses.terms(model_id)
    assert (version.version, version.policy, version.uri) == (1, 0b01_01_01_01_01_01, "ipfs://terms")
    assert version.published_at_s == version.effective_at_s
    assert scene.licenses.attribution(model_id, 1) == (b"\x44" * 32, "Built with the test model")
