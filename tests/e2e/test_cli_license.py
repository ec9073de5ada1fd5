"""The license commands on a real chain: asking, granting, handing over, taking back, paying in tokens."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from eth_account import Account
from eth_utils.address import to_checksum_address
from prometheus_client.parser import text_string_to_metric_families

from demo import chains
from demo.chains import RunningChain
from tests.cli_kit import Person, Town, wait_for_state
from tests.homes import SELFTEST, make_home, running, wait_until_ready
from tests.patience import until
from tests.solidity import compiled
from tests.world import DAY_S, FEES, World
from themis.chain import client as clients
from themis.chain.abi import Artifact
from themis.core.types import Address, Hash32
from themis.keys.keystore import KeystoreSigner

ETHER = "0x" + "00" * 20
GOLDEN = json.loads((SELFTEST / "golden.json").read_text())[0]


@pytest.fixture(scope="module")
def chain() -> Iterator[RunningChain]:
    with chains.start() as started:
        yield started


@pytest.fixture
def town(chain: RunningChain, tmp_path: Path) -> Town:
    return Town.build(chain, tmp_path)


def stranger(town: Town, tmp_path: Path, index: int = 5) -> Person:
    """Somebody without any grant."""
    key = KeystoreSigner(Account.from_key(town.world.chain.accounts[index].private_key).key)
    oracle = ("--oracle", "0x" + town.world.client.oracle.hex(), "--start-block", str(town.world.start_block))
    return Person.settle(tmp_path / f"stranger-{index}", key, town.world.chain.rpc_url, *oracle)


def side(role: str = "requester", classes: str = "commercial") -> tuple[str, ...]:
    return ("--role", role, "--class", classes)


def explained(person: Person, town: Town, *options: str) -> Any:
    line = ("license", "explain", "--model", town.model_id, "--class", "commercial", "--as", "requester")
    return person.tell(*line, *options)


def test_from_an_ask_to_an_answer(town: Town, tmp_path: Path) -> None:
    """The short way: refused, asks, is given a voucher in a file, and uses it within the request."""
    asker = stranger(town, tmp_path)
    before = explained(asker, town)
    assert (before["allowed"], before["error"], before["expiry_s"]) == (False, "AuthorizationRequired", None)
    assert before["rule"] == "terms version 1: commercial use by a requester needs a grant; the account has none"
    assert f"`themis license ask {town.model_id} --role requester --class commercial" in before["next_step"]

    asker.tell("license", "ask", town.model_id, *side(), "--purpose", "guard a DAO", "--uri", "ipfs://who")
    assert town.requester.tell("license", "inbox") == []
    (waiting,) = town.licensor.tell("license", "inbox")
    assert (waiting["licensee"], waiting["role"], waiting["classes"]) == (asker.address, "requester", ["commercial"])
    assert (waiting["purpose"], waiting["uri"]) == ("guard a DAO", "ipfs://who")
    assert town.requester.tell("license", "inbox", "--model", town.model_id) == [waiting]

    file = tmp_path / "voucher.json"
    export = ("license", "export", town.model_id, asker.address, str(file), *side())
    exported = town.licensor.tell(*export, "--royalty-bps", "500")
    message = exported["typed_data"]["message"]
    assert not exported["activated"]
    assert (message["classes"], message["expiry"] - message["notBefore"]) == (4, 365 * DAY_S)

    with running(town.operator.home) as process:
        wait_until_ready(town.operator.home, process)
        ask = town.ask("--input-hex", GOLDEN["input"], "--fee-wei", "1000", "--grant", str(file))
        answered = asker.tell(*ask)
        assert (answered["output"], answered["royalty_bps"]) == (GOLDEN["output"], 500)
        assert (answered["attribution"], answered["terms_version"]) == ("Built with the test model", 1)
        assert asker.tell(*ask)["output"] == GOLDEN["output"], "a voucher in force does no harm"
    assert town.licensor.tell("license", "inbox") == []
    (asked,) = asker.tell("license", "asks")
    assert asked["status"] == "granted"
    assert explained(asker, town)["expiry_s"] == message["expiry"]
    approve = ("license", "approve", town.model_id, asker.address, "--role", "requester")
    assert "was granted already" in town.licensor.fails(78, *approve)
    assert "has not asked" in town.licensor.fails(78, *approve[:3], town.operator.address, *approve[4:])


def test_an_approval_is_for_what_was_asked(town: Town, tmp_path: Path) -> None:
    asker = stranger(town, tmp_path)
    asker.tell("license", "ask", town.model_id, *side("operator", "commercial,research"), "--purpose", "serve")
    approve = ("license", "approve", town.model_id, asker.address, "--role", "operator", "--royalty-bps", "500")
    approved = town.licensor.tell(*approve, "--nonce", "7")
    message = approved["typed_data"]["message"]
    assert (approved["activated"], message["classes"], message["royaltyBps"], message["nonce"]) == (True, 6, 500, "7")
    operators = ("license", "explain", "--model", town.model_id, "--class", "commercial", "--as", "operator")
    assert asker.tell(*operators)["expiry_s"] == message["expiry"]


def test_a_refusal_has_a_reason(town: Town, tmp_path: Path) -> None:
    asker = stranger(town, tmp_path)
    asker.tell("license", "ask", town.model_id, *side("operator", "commercial,research"), "--purpose", "serve")
    refuse = ("license", "refuse", town.model_id, asker.address, "--role", "operator", "--reason", "not yet")
    assert "NotLicensor" in asker.fails(77, *refuse)
    assert "it is empty: say something" in town.licensor.fails(64, *refuse[:-1], " ")
    town.licensor.tell(*refuse)
    assert "was refused already" in town.licensor.fails(78, *refuse)
    (asked,) = asker.tell("license", "asks")
    assert (asked["status"], asked["reason"], asked["classes"]) == ("refused", "not yet", ["research", "commercial"])
    assert town.licensor.tell("license", "inbox") == []
    asker.tell("license", "ask", town.model_id, *side("operator"), "--purpose", "please")
    assert [waiting["purpose"] for waiting in town.licensor.tell("license", "inbox")] == ["please"]
    unknown = ("license", "ask", "0x" + "77" * 32, *side(), "--purpose", "x")
    assert "UnknownModel" in asker.fails(77, *unknown)


def test_a_grant_carries_every_condition(town: Town, tmp_path: Path) -> None:
    asker = stranger(town, tmp_path)
    token, payee = "0x" + "70" * 20, "0x" + "71" * 20
    line = ("license", "grant", town.model_id, asker.address, *side(), "--days", "2", "--royalty-bps", "100")
    limits = ("--quota", "3", "--daily-rate", "2", "--terms-version", "1", "--seq", "7", "--nonce", "99")
    price = ("--price-floor", "50", "--price-token", token, "--pay-to", payee)
    message = town.licensor.tell(*line, *limits, *price)["typed_data"]["message"]
    assert (message["quota"], message["dailyRate"], message["termsVersion"], message["nonce"]) == (3, 2, 1, "99")
    rows = town.requester.tell("license", "list", "--model", town.model_id)
    (row,) = (row for row in rows if row["licensee"] == asker.address)
    assert (row["quota_left"], row["daily_rate"], row["used_today"], row["seq"]) == (3, 2, 0, 7)
    assert (row["price_floor"], row["price_token"], row["pay_to"]) == ("50", token, payee)
    assert (row["terms_version"], row["royalty_bps"], row["status"]) == (1, 100, "active")
    said = explained(asker, town, "--fee-wei", "100")
    assert (said["error"], said["allowed"]) == ("PriceBelowFloor", False)
    assert explained(asker, town, "--fee-wei", "50", "--token", token)["allowed"]
    denied = asker.fails(77, *town.ask("--input-hex", "0x01"))
    assert "PriceBelowFloor" in denied
    assert "Pay at least priceFloor in that token" in denied


def test_a_quota_is_spent_and_comes_back_with_a_refund(town: Town, tmp_path: Path) -> None:
    asker = stranger(town, tmp_path)
    town.licensor.tell("license", "grant", town.model_id, asker.address, *side(), "--days", "2", "--quota", "1")
    asked = asker.tell(*town.ask("--input-hex", "0x01", "--no-wait"))
    assert explained(asker, town)["error"] == "QuotaExhausted"
    assert "QuotaExhausted" in asker.fails(77, *town.ask("--input-hex", "0x01"))
    snapshot = town.world.chain.rpc("evm_snapshot")
    town.world.chain.rpc("evm_increaseTime", 601)
    town.world.chain.rpc("evm_mine")
    asker.tell("refund", asked["request_id"])
    assert explained(asker, town)["allowed"]
    assert town.world.chain.rpc("evm_revert", snapshot)


def test_an_operator_computes_nothing_beyond_its_uses(town: Town) -> None:
    """Neither for one of many requests that are open at once nor for one that comes too late."""
    grant = ("license", "grant", town.model_id, town.operator.address, *side("operator"), "--quota", "2")
    town.licensor.tell(*grant)
    ask = town.ask("--input-hex", GOLDEN["input"], "--no-wait")
    first, second, beyond = (town.requester.tell(*ask)["request_id"] for _ in range(3))
    with running(town.operator.home) as process:
        wait_until_ready(town.operator.home, process)
        wait_for_state(town.operator, first, "done")
        wait_for_state(town.operator, second, "done")
        late = town.requester.tell(*ask)["request_id"]
        until(lambda: {job["id"] for job in town.operator.tell("jobs")}, lambda known: late in known)
        closed = [wait_for_state(town.operator, each, "closed") for each in (beyond, late)]
    assert {each["reason"] for each in closed} == {"unlicensed_operator"}
    assert "accepted requests need" in closed[0]["detail"]
    assert "QuotaExhausted" in closed[1]["detail"]


def test_what_was_given_is_taken_back(town: Town, tmp_path: Path) -> None:
    """A voucher by its nonce, everybody by the epoch."""
    asker, file = stranger(town, tmp_path), tmp_path / "voucher.json"
    grant = ("license", "grant", town.model_id, asker.address, *side(), "--days", "2")
    town.licensor.tell("license", "export", *grant[2:4], str(file), *grant[4:], "--nonce", "12345")
    canceled = town.licensor.tell("license", "cancel", "12345")
    assert (canceled["nonce"], canceled["licensor"]) == ("12345", town.licensor.address)
    said = asker.fails(77, "license", "import", str(file))
    assert "VoucherCanceled" in said
    assert "Ask the licensor for a new voucher" in said
    assert "NotLicensor" in asker.fails(77, "license", "revoke-all", town.model_id)
    assert town.licensor.tell("license", "revoke-all", town.model_id)["epoch"] == 1
    assert {row["status"] for row in town.licensor.tell("license", "list")} == {"outdated"}
    assert explained(town.requester, town)["error"] == "GrantOutdated"
    town.licensor.tell(*grant)
    assert explained(asker, town)["allowed"]


def test_a_voucher_is_canceled_by_its_file_or_with_its_licensees_grant(town: Town, tmp_path: Path) -> None:
    asker, file = stranger(town, tmp_path), tmp_path / "voucher.json"
    export = ("license", "export", town.model_id, asker.address)
    made = town.licensor.tell(*export, str(file), *side())
    assert f"only {town.licensor.address}, who signed" in asker.fails(77, "license", "cancel", str(file))
    canceled = town.licensor.tell("license", "cancel", str(file))
    assert canceled["nonce"] == made["typed_data"]["message"]["nonce"]
    assert "VoucherCanceled" in asker.fails(77, "license", "import", str(file))
    used = str(tmp_path / "used.json")
    town.licensor.tell(*export, used, *side())
    asker.tell("license", "import", used)
    assert "end a grant with `themis license revoke`" in town.licensor.fails(78, "license", "cancel", used)
    waiting = str(tmp_path / "waiting.json")
    town.licensor.tell(*export, waiting, *side())
    assert town.licensor.tell("license", "revoke", *export[2:], "--role", "requester")["seq"] == 2
    assert "GrantIsRevoked" in asker.fails(77, "license", "import", waiting)
    town.licensor.tell("license", "grant", *export[2:], *side())
    assert explained(asker, town)["allowed"]
    assert "is no nonce" in town.licensor.fails(78, "license", "cancel", str(2**256))
    assert "cannot be read" in town.licensor.fails(78, "license", "cancel", "no.json")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"royaltyBps": 100', '"royaltyBps": 65536', "is not a voucher"),
        ('"royaltyBps": 100', '"royaltyBps": -1', "is not a voucher"),
        ('"royaltyBps": 100', '"royaltyBps": Infinity', "is not a voucher"),
        ('"role": 0', '"role": ' + "[" * 10**5, "is not a voucher"),
        ('"signature": "0x', '"signature": "0xzz', "is not a voucher"),
        ('"chainId": ', '"chainId": 1', "was signed for another chain, registry or version"),
    ],
)
def test_a_spoiled_voucher_is_said(town: Town, tmp_path: Path, old: str, new: str, said: str) -> None:
    file = tmp_path / "voucher.json"
    export = ("license", "export", town.model_id, town.requester.address, str(file), *side())
    town.licensor.tell(*export, "--royalty-bps", "100")
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    assert said in town.requester.fails(78, "license", "import", str(file))


def test_a_request_takes_no_voucher_that_cannot_lift_it(town: Town, tmp_path: Path) -> None:
    file = tmp_path / "voucher.json"
    town.licensor.tell("license", "export", town.model_id, town.requester.address, str(file), *side("operator"))
    said = town.requester.fails(78, *town.ask("--input-hex", "0x01", "--grant", str(file)))
    assert "is no requester's voucher for this model" in said


def test_a_hot_key_uses_its_licensees_grant(town: Town, tmp_path: Path) -> None:
    hot = stranger(town, tmp_path)
    waits = hot.run("license", "act-for", town.requester.address)
    assert "must allow it with `themis license delegate`" in waits.err
    assert not explained(hot, town)["allowed"]
    assert town.requester.tell("license", "delegate", hot.address)["allowed"]
    said = explained(hot, town)
    assert said["allowed"]
    assert f"the grant of {town.requester.address.lower()}, for whom it acts, number 1" in said["rule"]
    hot.tell(*town.ask("--input-hex", "0x01", "--no-wait"))
    assert hot.tell("license", "act-for", "--off")["acts_for"] is None
    assert not explained(hot, town)["allowed"]
    hot.tell("license", "act-for", town.requester.address)
    town.requester.tell("license", "delegate", hot.address, "--off")
    assert not explained(hot, town)["allowed"]
    assert "give either LICENSEE or --off" in hot.fails(78, "license", "act-for")


def test_the_licensors_role_moves_in_two_steps(town: Town, tmp_path: Path) -> None:
    heir = stranger(town, tmp_path)
    said = heir.fails(77, "license", "accept", town.model_id)
    assert "NotSuccessor" in said
    assert "Only the account that the licensor named can accept" in said
    town.licensor.tell("license", "transfer", town.model_id, heir.address)
    assert heir.tell("license", "show", town.model_id)["successor"] == heir.address
    heir.tell("license", "accept", town.model_id)
    shown = heir.tell("license", "show", town.model_id)
    assert (shown["licensor"], shown["successor"]) == (heir.address, None)
    assert explained(town.requester, town)["allowed"], "active grants stand"
    grant = ("license", "grant", town.model_id, town.requester.address, *side(), "--days", "1")
    assert f"only {heir.address} licenses this model" in town.licensor.fails(77, *grant)
    assert heir.tell(*grant)["activated"]
    assert {check["status"] for check in town.operator.tell("check")} == {"ok"}, "the model's id is the same"


def test_whoever_is_paid_serves_commercially(town: Town, tmp_path: Path) -> None:
    free = stranger(town, tmp_path)
    line = ("license", "explain", "--model", town.model_id, "--class", "personal", "--as", "operator")
    unpaid, paid = free.tell(*line), free.tell(*line, "--fee-wei", "1")
    assert (unpaid["allowed"], unpaid["use_class"]) == (True, "personal")
    assert (paid["allowed"], paid["use_class"]) == (False, "commercial")
    assert free.tell(*line, "--fee-wei", "1", "--account", town.operator.address)["allowed"]
    assert "serves commercially" in free.run(*line, "--fee-wei", "1").err


@pytest.mark.parametrize("name", ["StandardToken", "SilentToken"])
def test_a_request_is_paid_in_a_token(town: Town, tmp_path: Path, name: str) -> None:
    token = _token(town.world, compiled(name, "Tokens.sol"), town.requester)
    priced = ("--token", token, "--min-fee", "700", "--max-callback-gas", "0")
    town.operator.tell("models", "serve", str(SELFTEST), town.model_id, *priced)
    offers = {check["name"]: check for check in town.operator.tell("check")}["offer of selftest-moe"]
    assert f"at least 700 of token {token}" in offers["detail"]
    with running(town.operator.home) as process:
        wait_until_ready(town.operator.home, process)
        asked = town.requester.tell(*town.ask("--input-hex", GOLDEN["input"], "--token", token))
        assert (asked["output"], asked["fee"], asked["token"]) == (GOLDEN["output"], "777", token), "with the royalty"
        job = wait_for_state(town.operator, asked["request_id"], "done")
        assert (job["request"]["token"], job["request"]["fee"]) == (token, "777")
        assert f"777 of token {token}" in town.operator.run("jobs", asked["request_id"]).out
        file = str(tmp_path / "voucher.json")
        renewal = ("license", "export", town.model_id, town.requester.address, file, *side(), "--royalty-bps", "500")
        town.licensor.tell(*renewal)
        first = town.requester.tell(*town.ask("--input-hex", GOLDEN["input"], "--token", token, "--grant", file))
        assert (first["output"], first["token"], first["royalty_bps"]) == (GOLDEN["output"], token, 500)
        wait_for_state(town.operator, first["request_id"], "done")
    assert town.licensor.tell("withdraw", "--token", token)["amount"] == "263"
    assert town.licensor.tell("withdraw", town.operator.address, "--token", token)["amount"] == "1250"
    assert "nothing to withdraw in ether" in town.licensor.fails(77, "withdraw")


def test_a_token_that_is_none_is_said(town: Town) -> None:
    nobody = "0x" + "72" * 20
    said = town.requester.fails(78, *town.ask("--input-hex", "0x01", "--token", nobody, "--fee", "1"))
    assert "is not a token: correct --token" in said


def test_an_account_with_code_of_its_own_licenses_by_its_key(town: Town, tmp_path: Path) -> None:
    """EIP-7702: the licensor's account delegates to a contract, and its key still signs."""
    rpc, asker = town.world.chain.rpc, stranger(town, tmp_path)
    wallet = town.world.deploy(compiled("OwnedWallet", "OwnedWallet.sol"), "0x" + bytes(19).hex() + "01")
    signer, chain_id = town.licensor.signer.account, town.world.client.chain_id
    nonce = int(rpc("eth_getTransactionCount", town.licensor.address, "latest"), 16)
    sponsor = Account.from_key(town.world.chain.accounts[6].private_key)
    authorized = signer.sign_authorization({"chainId": chain_id, "address": wallet, "nonce": nonce})
    transaction = {
        "type": 4,
        "chainId": chain_id,
        "nonce": int(rpc("eth_getTransactionCount", sponsor.address, "latest"), 16),
        "to": sponsor.address,
        "value": 0,
        "gas": 100_000,
        "maxFeePerGas": 10**11,
        "maxPriorityFeePerGas": 10**9,
        "data": b"",
        "authorizationList": [authorized],
    }
    rpc("eth_sendRawTransaction", "0x" + bytes(sponsor.sign_transaction(transaction).raw_transaction).hex())
    delegated = "0xef0100" + wallet.hex()
    until(lambda: rpc("eth_getCode", town.licensor.address, "latest"), lambda code: code == delegated)
    town.licensor.tell("license", "grant", town.model_id, asker.address, *side(), "--days", "1")
    assert explained(asker, town)["allowed"]


def test_a_contract_wallet_licenses_by_its_owners_key(town: Town, tmp_path: Path) -> None:
    """ERC-1271: the wallet is the licensor, its owner's home signs, anyone puts the voucher into force."""
    asker, file, world = stranger(town, tmp_path), tmp_path / "voucher.json", town.world
    artifact = compiled("OwnedWallet", "OwnedWallet.sol")
    wallet = world.deploy(artifact, town.licensor.address)
    registry = "0x" + world.client.registry.hex()
    _send(world, wallet, artifact.call("registerModel", registry, b"\x05" * 32))
    model_id = Hash32(world.client.logs("ModelRegistered", world.start_block, None, wallet)[0].values["modelId"])
    _send(world, wallet, artifact.call("publishTerms", registry, model_id, 0b10_10_10_10_10_10))
    model = "0x" + model_id.hex()
    export = ("license", "export", model, asker.address)
    made = town.licensor.tell(*export, str(file), *side())
    assert made["typed_data"]["message"]["licensor"] == "0x" + wallet.hex()
    asker.tell("license", "import", str(file))
    line = ("license", "explain", "--model", model, "--class", "commercial", "--as", "requester")
    assert asker.tell(*line)["allowed"]
    town.requester.tell(*export, str(tmp_path / "other.json"), *side(), "--seq", "2")
    assert "InvalidSignature" in asker.fails(77, "license", "import", str(tmp_path / "other.json"))


def test_a_grant_that_ends_soon_is_said_everywhere(town: Town, tmp_path: Path) -> None:
    """In `check`, in the status, as an alert and as a metric."""
    grant = ("license", "grant", town.model_id, town.operator.address, *side("operator"), "--days", "3")
    expiry_s = town.licensor.tell(*grant)["typed_data"]["message"]["expiry"]
    checks = {check["name"]: check for check in town.operator.tell("check")}
    assert checks["license of selftest-moe"]["status"] == "warn"
    assert "the operator's grant ends at" in checks["license of selftest-moe"]["detail"]
    home = make_home(tmp_path / "again", town.world, [(SELFTEST, Hash32(bytes.fromhex(town.model_id[2:])))])
    operator = Person(home, town.operator.signer)
    with running(home) as process:
        url = wait_until_ready(home, process)
        status = _status_with_license(operator)
        assert status["models"][0]["license"]["expiry_s"] == expiry_s
        assert any("ask the licensor for a new one in time" in alert for alert in status["alerts"])
        assert _license_expiry(url) == {town.model_id: float(expiry_s)}
        assert "permits it until" in operator.run("status").out


def _status_with_license(operator: Person) -> Any:
    """The status once the node has read its license."""
    return until(lambda: operator.tell("status"), lambda status: status["models"][0]["license"])


def _license_expiry(url: str) -> dict[str, float]:
    """The metric, by model."""
    with urlopen(f"{url}/metrics") as response:  # noqa: S310 (our own loopback URL)
        families = text_string_to_metric_families(response.read().decode())
        (family,) = (each for each in families if each.name == "themis_license_expiry_timestamp_seconds")
    return {sample.labels["model"]: sample.value for sample in family.samples}


def _token(world: World, artifact: Artifact, holder: Person) -> str:
    """A token of which somebody holds much; an allowance that is too small has been left behind."""
    token = world.deploy(artifact)
    _send(world, token, artifact.call("mint", holder.address, 10**6))
    _send(world, token, artifact.call("approve", "0x" + world.client.oracle.hex(), 1))
    return to_checksum_address(token)


def _send(world: World, to: Address, data: bytes) -> None:
    """A transaction of the requester's."""
    clients.transact(world.client.rpc, world.client.chain_id, world.requester, FEES, to, data, 0)
