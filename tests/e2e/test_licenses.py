"""What `Licenses` says of terms, grants, asks and uses is what the contract says, on a real chain."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from eth_utils.crypto import keccak

from demo import chains
from tests.patience import until
from tests.world import DAY_S, FEES, World
from themis.chain.client import ContractDenied
from themis.chain.uses import Uses
from themis.core.modes import Mode
from themis.core.permission import NEXT_STEPS
from themis.core.types import ETHER, Address, BlockId, Hash32, LicenseQuery, Role, UseClass
from themis.licensing.licenses import Licenses

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
OWN = ("none", "good", *BROKEN, *PRICED)
HOT = tuple(f"hot key of {state}" for state in OWN)
"""Keys without a grant of their own that act for the account in that state."""
REVOKED_HOT = "hot key with a revoked grant"
"""It acts for an account whose grant is good, but had one of its own."""
PAYMENTS = ((ETHER, FEE), (ETHER, FEE + 1), (ETHER, 0), (TOKEN, FEE), (TOKEN, 1), (TOKEN, 0))
"""Token and fee of a use."""


def account(name: str, use_class: UseClass) -> Address:
    """An account for each state; for 'other class' it depends on the class, which its grant lacks."""
    return Address(keccak(text=f"{name} {use_class if name.endswith('other class') else ''}")[:20])


class Scene:
    """A model for each mode, and an account for each state of a grant, in both roles."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.licenses = Licenses(world.client, world.start_block)
        self.uses = Uses(world.client)
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

    def refusal(self, mode: Mode, role: Role, state: str, token: Address, fee: int) -> str:
        """The error that a use must meet; empty where it is allowed."""
        if mode is not Mode.GRANT:
            return "" if mode is Mode.OPEN else "UseClosed"
        if state == REVOKED_HOT:
            return "GrantIsRevoked"
        held = state.removeprefix("hot key of ")
        if held in PRICED and role is Role.REQUESTER:
            paid = {"dear": token == ETHER and fee > FEE, "in a token": token == TOKEN and fee > 0}[held]
            return "" if paid else "PriceBelowFloor"
        return {"none": "AuthorizationRequired", **BROKEN}.get(held, "")

    def _outdated(self, model_id: Hash32, role: Role) -> None:
        self.world.grant(model_id, account("outdated", UseClass.PERSONAL), role)

    def _grants(self, model_id: Hash32, role: Role) -> None:
        world, now_s = self.world, self.world.now_s()
        for use_class in UseClass:
            world.grant(model_id, account("other class", use_class), role, epoch=1, classes=7 & ~(1 << use_class))
        by_state: dict[str, dict[str, Any]] = {
            "good": {},
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
            world.grant(model_id, account(name, UseClass.PERSONAL), role, epoch=1, **changes)
        revoked = account("revoked", UseClass.PERSONAL)
        world.client.transact(world.licensor, FEES, "revoke", model_id, revoked, int(role), 1)

    def _delegate(self) -> None:
        for state in OWN:
            for use_class in UseClass if state == "other class" else (UseClass.PERSONAL,):
                self._act_for(account(f"hot key of {state}", use_class), account(state, use_class))
        revoked = account(REVOKED_HOT, UseClass.PERSONAL)
        self._act_for(revoked, account("good", UseClass.PERSONAL))
        for model_id, role in product(self.models.values(), Role):
            self.world.client.transact(self.world.licensor, FEES, "revoke", model_id, revoked, int(role), 1)

    def _act_for(self, hot_key: Address, licensee: Address) -> None:
        self._send(licensee, "delegate", hot_key, True)  # noqa: FBT003 (ABI)
        self._send(hot_key, "actFor", licensee)

    def _send(self, sender: Address, function: str, *arguments: Any) -> None:
        """As an account whose key nobody has."""
        rpc, who = self.world.chain.rpc, f"0x{sender.hex()}"
        rpc("anvil_setBalance", who, hex(10**20))
        rpc("anvil_impersonateAccount", who)
        place, data = self.world.client.call(function, *arguments)
        sent = rpc("eth_sendTransaction", {"from": who, "to": f"0x{place.hex()}", "data": f"0x{data.hex()}"})
        receipt = until(lambda: rpc("eth_getTransactionReceipt", sent), lambda found: found)
        assert receipt["status"] == "0x1"


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with chains.start() as chain:
        yield Scene(World.build(chain))


@pytest.mark.parametrize(("mode", "role", "use_class"), list(product(Mode, Role, UseClass)))
def test_the_explanation_is_the_contracts_answer(scene: Scene, mode: Mode, role: Role, use_class: UseClass) -> None:
    """For every state of a grant, held or acted for; where grants count, for every payment."""
    plain = [(state, PAYMENTS[0]) for state in (*OWN, *HOT, REVOKED_HOT)]
    for state, (token, fee) in dict.fromkeys([*plain, *(product(OWN, PAYMENTS) if mode is Mode.GRANT else ())]):
        who, model_id = account(state, use_class), scene.models[mode]
        said = scene.uses.explain(model_id, who, role, use_class, token, fee)
        refused = _refused(scene.world, model_id, who, role, use_class, token, fee)
        assert refused == scene.refusal(mode, role, state, token, fee), (state, token, fee)
        assert (said.denial.error if said.denial else "") == refused, (state, token, fee)
        assert said.allowed == (not refused)
        if refused:
            assert refused in NEXT_STEPS
            assert "MODEL_ID" not in said.next_step
        assert (said.expiry_s is not None) == (said.allowed and mode is Mode.GRANT), state
        word = {Mode.CLOSED: "is closed", Mode.OPEN: "is open", Mode.GRANT: "needs a grant; "}[mode]
        assert said.rule.startswith(f"terms version 1: {use_class.name.lower()} use by ")
        assert word in said.rule


def test_the_uses_left_are_those_of_the_grant_that_counts(scene: Scene) -> None:
    head = scene.world.client.rpc.call("eth_getBlockByNumber", "latest", False)  # noqa: FBT003
    block = BlockId(int(head["number"], 16), Hash32(bytes.fromhex(head["hash"][2:])))
    limits = {"good": None, "no quota": 0, "no rate": 0, "revoked": 0}
    for mode, (state, left), prefix in product((Mode.OPEN, Mode.GRANT), limits.items(), ("", "hot key of ")):
        who, use = account(f"{prefix}{state}", UseClass.PERSONAL), UseClass.COMMERCIAL
        query = LicenseQuery(scene.models[mode], 1, who, Role.OPERATOR, use, block)
        assert scene.uses.uses_left(query) == (left if mode is Mode.GRANT else None), (mode, prefix, state)


def test_the_rule_says_how_a_grant_falls_short(scene: Scene) -> None:
    words = {
        "none": "the account has none",
        "good": "its grant number 1 permits it until ",
        "hot key of good": f"the grant of 0x{account('good', UseClass.PERSONAL).hex()}, for whom it acts, number 1 pe",
        "hot key of none": "the account has none",
        REVOKED_HOT: "its grant number 1 was revoked",
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
    assert set(OWN) < set(words)
    for state, word in words.items():
        who = account(state, UseClass.COMMERCIAL)
        said = scene.uses.explain(scene.models[Mode.GRANT], who, Role.REQUESTER, UseClass.COMMERCIAL, ETHER, FEE)
        assert word in said.rule, state


@pytest.mark.parametrize("role", list(Role))
def test_a_grant_that_is_used_up_is_explained_as_the_contract_counts(scene: Scene, role: Role) -> None:
    """Two uses in all, one a day: by the requester's requests, by the operator's answers."""
    world, uses = scene.world, scene.uses
    snapshot = world.chain.rpc("evm_snapshot")
    model_id = world.register(*(Hash32(bytes([0x20 + role]) * 32) for _ in range(3)), policy=0b101010_101010)
    meters = {"quota": 2, "daily_rate": 1}
    world.grant(model_id, world.requester.address, Role.REQUESTER, **(meters if role is Role.REQUESTER else {}))
    world.grant(model_id, world.operator.address, Role.OPERATOR, **(meters if role is Role.OPERATOR else {}))
    who = world.requester.address if role is Role.REQUESTER else world.operator.address
    told = []

    def tell() -> None:
        said = uses.explain(model_id, who, role, UseClass.COMMERCIAL, ETHER, FEE)
        refused = _refused(world, model_id, who, role, UseClass.COMMERCIAL, ETHER, FEE)
        assert (said.denial.error if said.denial else "") == refused
        told.append(refused)

    def use(lane: int) -> Any:
        ask = (model_id, world.operator.address, UseClass.COMMERCIAL, lane, world.now_s() + 60, 0)
        _, (log,) = world.client.transact(world.requester, FEES, "request", ask, b"in", value_wei=FEE)
        if role is Role.OPERATOR:
            world.client.transact(world.operator, FEES, "fulfill", log.values["request"], b"out", 0)
        return log.values["request"]

    next_day_s = (world.now_s() // DAY_S + 1) * DAY_S
    for day in range(3):
        world.chain.rpc("evm_setNextBlockTimestamp", next_day_s + day * DAY_S)
        world.chain.rpc("evm_mine")
        tell()
        if day < 2:
            last = use(day)
            tell()
    assert told == ["", "DailyRateReached", "", "QuotaExhausted", "QuotaExhausted"]
    if role is Role.REQUESTER:
        world.client.transact(world.requester, FEES, "refund", last)
        tell()
        assert told[-1] == "", "a refund gives the use back, on another day"
    assert world.chain.rpc("evm_revert", snapshot)


def test_a_model_without_terms_and_an_unknown_one_are_explained(scene: Scene) -> None:
    world = scene.world
    _, logs = world.client.transact(world.licensor, FEES, "registerModel", *(Hash32(b"\x09" * 32),) * 3, "")
    bare = Hash32(logs[0].values["modelId"])
    who = (world.requester.address, Role.REQUESTER, UseClass.PERSONAL, ETHER, 0)
    assert scene.uses.explain(bare, *who).rule == "no terms are in force"
    assert scene.uses.explain(Hash32(bytes(32)), *who).rule == "no such model is registered"
    assert scene.licenses.terms(bare) == []


def test_announced_terms_are_told_beforehand(scene: Scene) -> None:
    world, model_id = scene.world, scene.models[Mode.OPEN]
    snapshot = world.chain.rpc("evm_snapshot")
    at_s = world.now_s() + 20 * DAY_S
    terms = (model_id, b"\x55" * 32, Mode.GRANT, at_s, "", "")
    world.client.transact(world.licensor, FEES, "publishTerms", *terms)
    use = (model_id, world.requester.address, Role.REQUESTER, UseClass.PERSONAL, ETHER, 0)
    before = scene.uses.explain(*use)
    assert before.allowed
    assert before.rule.endswith("Z on it needs a grant (terms version 2)")
    world.chain.rpc("evm_setNextBlockTimestamp", at_s)
    world.chain.rpc("evm_mine")
    after = scene.uses.explain(*use)
    assert not after.allowed
    assert after.rule.endswith("needs a grant; the account has none")
    assert world.chain.rpc("evm_revert", snapshot)


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
    assert {row.state.quota for row in rows if row.licensee == account("no quota", UseClass.PERSONAL)} == {0}


def test_terms_are_listed_and_attributed(scene: Scene) -> None:
    model_id = scene.models[Mode.OPEN]
    (version,) = scene.licenses.terms(model_id)
    assert (version.version, version.policy, version.uri) == (1, 0b01_01_01_01_01_01, "ipfs://terms")
    assert version.published_at_s == version.effective_at_s
    assert scene.licenses.attribution(model_id, 1) == (b"\x44" * 32, "Built with the test model")


def _refused(  # noqa: PLR0917 (the contract's own order)
    world: World, model_id: Hash32, who: Address, role: Role, use_class: UseClass, token: Address, fee: int
) -> str:
    """The contract's own word; empty where it allows the use."""
    try:
        world.client.read("checkUse", model_id, who, int(role), int(use_class), token, fee)
    except ContractDenied as denied:
        return denied.denial.error
    return ""
