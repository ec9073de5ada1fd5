"""The command line on a real chain: the whole story once, then every way in which it can be held wrong."""

import json
import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from demo import chains
from demo.chains import RunningChain
from tests.cli_kit import Person, Town, copied, spoil, wait_for_state
from tests.homes import SELFTEST, running, wait_until_ready
from tests.patience import PATIENCE_S
from themis.api import models
from themis.core.types import Hash32
from themis.keys.keystore import KeystoreSigner

POLICY = "personal=open,research=open,commercial=grant"
DAY_S = 86_400
ETHER = "0x" + "00" * 20


@pytest.fixture(scope="module")
def chain() -> Iterator[RunningChain]:
    with chains.start() as started:
        yield started


def signer(chain: RunningChain, index: int) -> KeystoreSigner:
    return KeystoreSigner(Account.from_key(chain.accounts[index].private_key).key)


def test_the_story(chain: RunningChain, tmp_path: Path) -> None:
    operator = Person.settle(tmp_path / "operator", signer(chain, 4), chain.rpc_url)
    deployed = operator.tell("deploy")
    options = ("--oracle", deployed["oracle"], "--start-block", str(deployed["start_block"]))
    licensor = Person.settle(tmp_path / "licensor", signer(chain, 5), chain.rpc_url, *options)
    requester = Person.settle(tmp_path / "requester", signer(chain, 6), chain.rpc_url, *options)
    assert operator.fails(78, "deploy").startswith("error[misconfigured]: chain.oracle is set already")
    assert "no model is configured: run `themis models serve" in operator.fails(78, "check")

    model_id = _publish(licensor, tmp_path)
    _offer(operator, licensor, model_id)
    with running(operator.home) as process:
        wait_until_ready(operator.home, process)
        _ask(operator, licensor, requester, model_id)
        _look(operator)
        _settle(operator, licensor, requester, model_id)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    assert (operator.home / "log").read_text().endswith("stopped\n")
    assert not (operator.home / "api.port").exists()
    status = operator.tell("status")
    assert (status["running"], status["jobs"]["done"]) == (False, 1)


def _publish(licensor: Person, tmp_path: Path) -> str:
    model_id: str = licensor.tell("models", "register", str(SELFTEST), "--uri", "ipfs://bundle")["model_id"]
    assert "ModelExists" in licensor.fails(77, "models", "register", str(SELFTEST))
    assert licensor.tell("license", "show", model_id)["in_force"] is None
    (tmp_path / "terms.txt").write_text("Be kind.")
    line = ("license", "publish", model_id, "--terms", str(tmp_path / "terms.txt"))
    published = licensor.tell(*line, "--requester", POLICY, "--operator", POLICY, "--attribution", "Built with it")
    assert published["terms_hash"] == "0x" + keccak(b"Be kind.").hex()
    shown = licensor.tell("license", "show", model_id)
    assert (shown["in_force"], shown["licensor"]) == (1, licensor.address)
    modes = {"personal": "open", "research": "open", "commercial": "grant"}
    assert shown["versions"][0]["policy"] == {"requester": modes, "operator": modes}
    assert "NoticeTooShort" in licensor.fails(77, *line, "--requester", POLICY, "--operator", POLICY)
    return model_id


def _offer(operator: Person, licensor: Person, model_id: str) -> None:
    grant = ("license", "grant", model_id, operator.address, "--role", "operator", "--class", "commercial")
    granted = licensor.tell(*grant, "--days", "30")
    assert granted["activated"]
    assert granted["typed_data"]["message"]["seq"] == 1
    price = ("--min-fee-wei", "1000", "--max-callback-gas", "100000")
    operator.tell("models", "serve", str(SELFTEST), model_id, *price)
    (listed,) = operator.tell("models", "list")
    assert (listed["model_id"], listed["configured"]) == (model_id, str(SELFTEST))
    assert listed["offers"] == [{"token": ETHER, "min_fee": "1000", "max_callback_gas": 100_000}]
    checks = operator.tell("check")
    assert {check["status"] for check in checks} == {"ok"}
    spoil(operator, "# port = 8553", "port = 0")


def _ask(operator: Person, licensor: Person, requester: Person, model_id: str) -> None:
    golden = json.loads((SELFTEST / "golden.json").read_text())[0]
    ask = ("request", model_id, "--operator", operator.address, "--class", "commercial", "--input-hex", golden["input"])
    said = requester.fails(77, *ask)
    assert "AuthorizationRequired" in said
    assert "role=requester, useClass=commercial). Ask the licensor" in said
    grant = ("license", "grant", model_id, requester.address, "--role", "requester", "--class", "commercial,research")
    licensor.tell(*grant, "--days", "30", "--royalty-bps", "1000")
    answered = requester.tell(*ask)
    assert answered["output"] == golden["output"]
    assert answered["fee"] == "1111", "the operator's price and the royalty"
    assert (answered["attribution"], answered["terms_hash"]) == ("Built with it", "0x" + keccak(b"Be kind.").hex())
    assert answered["answer_block"] > answered["block"]
    wait_for_state(operator, answered["request_id"], "done")


def _look(operator: Person) -> None:
    status = operator.tell("status")
    assert (status["running"], status["jobs"]["done"], status["alerts"]) == (True, 1, [])
    models.Status.model_validate(status)
    (job,) = operator.tell("jobs")
    told = operator.tell("jobs", job["id"])
    assert told["history"][-1]["fact"] == "Finalized"
    assert (told["attribution"], told["terms_hash"]) == ("Built with it", "0x" + keccak(b"Be kind.").hex())
    assert "Built with it" in operator.run("jobs", job["id"]).out
    assert "this node knows no request" in operator.fails(78, "jobs", "0x" + "00" * 32)
    assert "running" in operator.run("status").out


def _settle(operator: Person, licensor: Person, requester: Person, model_id: str) -> None:
    income = licensor.tell("license", "income", "--requests")
    ether = "0x" + "00" * 20
    sums = {"royalties": "111", "requests": 1, "answers": "0", "refunds": "0"}
    assert income["earnings"] == [{"model": "selftest-moe", "model_id": model_id, "token": ether} | sums]
    assert income["accounts"] == [{"token": ether, "withdrawable": "111", "withdrawn": "0"}]
    (royalty,) = income["royalties"]
    assert (royalty["amount"], royalty["source"]) == ("111", "royalty of the requester's grant")
    assert licensor.tell("withdraw")["amount"] == "111"
    assert requester.tell("license", "income", licensor.address)["accounts"][0]["withdrawn"] == "111"
    assert royalty["request_id"] in licensor.run("license", "income", "--requests").out
    assert "nothing was earned yet" in requester.run("license", "income").err
    assert licensor.tell("withdraw", operator.address)["amount"] == "1000"
    assert "nothing to withdraw in ether" in licensor.fails(77, "withdraw")
    licensor.tell("license", "revoke", model_id, requester.address, "--role", "requester")
    states = {row["licensee"]: row["status"] for row in licensor.tell("license", "list", "--model", model_id)}
    assert states == {operator.address: "active", requester.address: "revoked"}
    ask = ("request", model_id, "--operator", operator.address, "--class", "commercial", "--input-hex", "0x01")
    assert "GrantIsRevoked" in requester.fails(77, *ask)
    operator.tell("models", "stop", model_id)
    assert "OperatorNotServing" in requester.fails(77, *ask, "--fee-wei", "1000")


@pytest.fixture(scope="module")
def town(chain: RunningChain, tmp_path_factory: pytest.TempPathFactory) -> Town:
    return Town.build(chain, tmp_path_factory.mktemp("town"))


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        ((), 78, "give exactly one of --target, --text, --input-hex and --input-file"),
        (("--input-hex", "0x", "--input-file", "x"), 78, "give exactly one of"),
        (("--input-file", "/nowhere"), 78, "/nowhere cannot be read: correct --input-file"),
        (("--input-hex", "0x01", "--fee-wei", "0"), 77, "FeeTooLow(net=0, minFee=1). Pay so much that minFee is left"),
        (("--input-hex", "0x" + "00" * 24_641), 78, "selftest-moe takes 1 to 256 bytes; this has 24641"),
        (("--input-hex", "0x01", "--deadline-s", "9999999"), 77, "Ask with a deadline at most 30 days ahead"),
        (("--input-hex", "0x0"), 64, "'0x0' is not hex"),
    ],
)
def test_a_request_that_cannot_be_made_says_why(town: Town, options: Sequence[str], status: int, said: str) -> None:
    assert said in town.requester.fails(status, *town.ask(*options))


def test_a_target_without_code_is_refused_before_anything_is_sent(town: Town) -> None:
    nonce = town.world.chain.rpc("eth_getTransactionCount", town.requester.address, "latest")
    said = town.requester.fails(65, *town.ask("--target", town.licensor.address))
    assert said.endswith(f"{town.licensor.address} has no code: give --target the address of a contract")
    assert town.world.chain.rpc("eth_getTransactionCount", town.requester.address, "latest") == nonce


def test_a_model_that_reads_bytes_is_not_asked_about_a_target(town: Town) -> None:
    said = town.requester.fails(78, *town.ask("--target", "0x" + town.world.client.oracle.hex()))
    assert "selftest-moe reads bytes, not the code of a contract: ask it with --input-hex" in said


def test_what_the_contract_refuses_of_a_model_that_is_not_known_here_is_explained(town: Town) -> None:
    said = town.requester.fails(77, *stranger_asked(town, "--input-hex", "0x" + "00" * 24_641))
    assert "InputTooLarge(size=24641, maxSize=24640). Shorten the input" in said


def test_a_target_with_code_is_asked_about(town: Town) -> None:
    asked = town.requester.tell(*stranger_asked(town, "--target", "0x" + town.world.client.oracle.hex(), "--no-wait"))
    (log,) = town.world.client.logs("Requested", town.world.start_block, bytes.fromhex(asked["request_id"][2:]))
    code = bytes.fromhex(town.world.chain.rpc("eth_getCode", "0x" + town.world.client.oracle.hex(), "latest")[2:])
    assert log.values["input"] == bytes(12) + town.world.client.oracle + keccak(code)


def stranger_asked(town: Town, *options: str) -> tuple[str, ...]:
    """A question to a model whose bundle is not here, so that nobody knows what it reads."""
    roots = (Hash32(os.urandom(32)) for _ in range(3))
    model_id = town.world.register(*roots, policy=0b010101_010101)  # open to everybody
    return tuple("0x" + model_id.hex() if each == town.model_id else each for each in town.ask(*options))


def test_models_are_called_by_name_or_by_the_beginning_of_their_id(town: Town) -> None:
    whole = town.licensor.tell("license", "show", town.model_id)
    for said in (town.model_id[:8], town.model_id[2:9].upper(), f" 0X{town.model_id[2:40]}\u2026"):
        assert town.licensor.tell("license", "show", said) == whole
    assert town.operator.tell("license", "show", "selftest-moe") == whole
    assert town.model_id in town.operator.run("license", "show", "selftest-moe").out
    nameless = "there is no model selftest-moe: see `themis models list`, or give its id"
    assert town.licensor.fails(78, "license", "show", "selftest-moe").endswith(nameless)
    assert "must be 0x and 6 to 64 hex digits" in town.licensor.fails(64, "license", "show", town.model_id[:7])
    assert "there is no model 0x000000: see `themis models list`" in town.licensor.fails(
        78, "models", "stop", "0x000000"
    )


def test_who_names_a_model_of_two_licensors_is_shown_both(town: Town, tmp_path: Path) -> None:
    person = copied(town, tmp_path)
    own = town.requester.tell("models", "register", str(SELFTEST))["model_id"]
    shutil.copytree(SELFTEST, town.requester.home / "models/selftest-moe")
    assert town.requester.tell("license", "show", "selftest-moe")["model_id"] == own
    (town.requester.home / "names.toml").unlink()
    said = town.requester.fails(78, "license", "show", "selftest-moe")
    for licensor, id_ in ((town.licensor, town.model_id), (town.requester, own)):
        assert f"selftest-moe@{licensor.address}" in said
        for name in (licensor.address, licensor.address[:8], licensor.address[2:10].lower()):
            assert town.requester.tell("license", "show", f"selftest-moe@{name}")["model_id"] == id_
    assert "there is no model selftest-moe@0x000000" in town.requester.fails(
        78, "license", "show", "selftest-moe@0x000000"
    )
    (person.home / "names.toml").write_text(f'"{own}" = "mine"\n"{town.model_id}" = "theirs"\n')
    named = {row["model_id"]: row["model"] for row in person.tell("models", "list")}
    assert (named[own], named[town.model_id]) == ("mine", "theirs")
    (person.home / "names.toml").write_text('"0x12" = "mine"\n')
    assert 'each line is "0xID" = "name"' in person.fails(78, "models", "list")


def test_asks_are_answered_by_the_beginning_of_an_account(town: Town) -> None:
    ask = ("license", "ask", town.model_id, "--role", "requester", "--class", "research", "--purpose", "to see")
    town.operator.tell(*ask)
    who = town.operator.address[:10]
    side = ("--role", "requester")
    refused = town.licensor.tell("license", "refuse", town.model_id[:12], who, *side, "--reason", "no")
    assert refused["licensee"] == town.operator.address
    town.operator.tell(*ask)
    approved = town.licensor.tell("license", "approve", town.model_id, who.lower(), *side)
    assert approved["typed_data"]["message"]["licensee"] == town.operator.address.lower()
    assert town.licensor.tell("license", "revoke", town.model_id, who, *side)["licensee"] == town.operator.address
    assert "has not asked" in town.licensor.fails(78, "license", "approve", town.model_id, "0x000000", *side)
    assert "there is no account 0x000000" in town.licensor.fails(
        78, "license", "revoke", town.model_id, "0x000000", *side
    )


def test_an_unknown_model_is_said(town: Town) -> None:
    unknown = "0x" + "77" * 32
    for line in (
        ("license", "show", unknown),
        ("license", "list", "--model", unknown),
        ("license", "inbox", "--model", unknown),
        ("license", "publish", unknown, "--terms", __file__, "--requester", POLICY, "--operator", POLICY),
    ):
        assert "UnknownModel" in town.licensor.fails(77, *line)
    grant = ("license", "grant", unknown, town.requester.address, "--role", "requester", "--class", "commercial")
    assert "is not registered: correct its id" in town.licensor.fails(78, *grant, "--days", "1")
    assert "is not registered: correct its id" in town.operator.fails(78, "models", "serve", str(SELFTEST), unknown)


def test_who_is_not_licensed_or_not_offered_cannot_ask(town: Town) -> None:
    assert "AuthorizationRequired" in town.licensor.fails(77, *town.ask("--input-hex", "0x01"))
    elsewhere = ("request", town.model_id, "--operator", town.requester.address, "--class", "commercial")
    assert "OperatorNotServing" in town.requester.fails(77, *elsewhere, "--input-hex", "0x01")


def test_only_the_licensor_licenses(town: Town) -> None:
    grant = ("license", "grant", town.model_id, town.requester.address, "--role", "requester", "--class", "commercial")
    said = town.requester.fails(77, *grant, "--days", "1")
    assert said.endswith(f"only {town.licensor.address} licenses this model: use the home that holds its key")
    revoke = ("license", "revoke", town.model_id, town.operator.address, "--role", "operator")
    assert "NotLicensor" in town.requester.fails(77, *revoke)


def test_a_voucher_is_activated_by_anyone(town: Town, tmp_path: Path) -> None:
    licensee = "0x" + "99" * 20

    def export(path: Path) -> tuple[str, ...]:
        return ("license", "export", town.model_id, licensee, str(path), "--role", "requester", "--class", "research")

    file = tmp_path / "voucher.json"
    voucher = town.licensor.tell(*export(file))
    assert not voucher["activated"]
    assert "voucher.json exists" in town.licensor.fails(78, *export(file))
    for _ in range(2):
        assert town.requester.tell("license", "import", str(file))["licensee"] == licensee
    other = tmp_path / "other.json"
    town.licensor.tell(*export(other), "--seq", "1", "--royalty-bps", "5")
    assert "StaleGrant" in town.requester.fails(77, "license", "import", str(other))
    forged = town.licensor.tell(*export(tmp_path / "next.json")) | {"signature": voucher["signature"]}
    file.write_text(json.dumps(forged))
    assert "InvalidSignature" in town.requester.fails(77, "license", "import", str(file))
    voucher["typed_data"]["domain"]["chainId"] = 1
    file.write_text(json.dumps(voucher))
    assert "signed for another chain" in town.requester.fails(78, "license", "import", str(file))
    file.write_text("{}")
    assert "is not a voucher" in town.requester.fails(78, "license", "import", str(file))
    assert "cannot be read" in town.requester.fails(78, "license", "import", str(tmp_path / "none"))


def test_who_has_no_money_is_told_to_get_some(town: Town, tmp_path: Path) -> None:
    poor = Person.settle(
        tmp_path / "poor",
        KeystoreSigner(Account.from_key(b"\x31" * 32).key),
        town.world.chain.rpc_url,
        *("--oracle", "0x" + town.world.client.oracle.hex()),
    )
    line = ("request", town.model_id, "--operator", town.operator.address, "--class", "personal", "--input-hex", "0x01")
    assert "the account cannot pay for that" in poor.fails(78, *line)


def test_an_unanswered_fee_comes_back(chain: RunningChain, town: Town) -> None:
    asked = town.requester.tell(*town.ask("--input-hex", "0x01", "--fee-wei", "777", "--no-wait", "--lane", "9"))
    assert "LaneBusy" in town.requester.fails(77, *town.ask("--input-hex", "0x01", "--lane", "9"))
    refund = ("refund", asked["request_id"][:10])
    assert "DeadlineNotReached" in town.requester.fails(77, *refund)
    chain.rpc("evm_mine")  # deadlines count from the newest block
    said = town.requester.fails(75, *town.ask("--input-hex", "0x01", "--deadline-s", "6", "--lane", "10"))
    assert "was not answered in time: after its deadline get the fee back with `themis refund 0x" in said
    snapshot = chain.rpc("evm_snapshot")
    chain.rpc("evm_increaseTime", 601)
    chain.rpc("evm_mine")
    assert town.requester.tell(*refund)["fee"] == "777"
    assert town.requester.tell("withdraw")["amount"] == "777"
    assert "NotOpen" in town.requester.fails(77, *refund)
    assert chain.rpc("evm_revert", snapshot)
    assert "there is no request 0x00" in town.requester.fails(78, "refund", "0x" + "00" * 32)


def test_a_deposit_is_paid_in_seen_and_taken_back(town: Town) -> None:
    requester = town.requester
    assert "has no deposit to take back" in requester.fails(78, "account", "withdraw")
    assert requester.tell("account", "deposit", "1000")["deposit"] == "1000"
    assert town.licensor.tell("account", "deposit", "5", "--for", requester.address)["deposit"] == "1005"
    assert town.licensor.tell("account", "show", requester.address)["deposit"] == "1005"
    assert "themis account deposit" in requester.fails(77, "account", "withdraw", "1006")
    done = requester.tell("account", "withdraw", "5", "--to", "0x" + "77" * 20)
    assert (done["amount"], done["paid"]) == ("5", "5")
    assert requester.tell("account", "withdraw")["amount"] == "1000"
    shown_now = requester.tell("account", "show")
    assert (shown_now["account"], shown_now["deposit"], shown_now["credit"]) == (requester.address, "0", "0")


def test_an_expired_grant_is_said(chain: RunningChain, town: Town) -> None:
    snapshot = chain.rpc("evm_snapshot")
    chain.rpc("evm_increaseTime", 31 * DAY_S)
    chain.rpc("evm_mine")
    said = town.requester.fails(77, *town.ask("--input-hex", "0x01"))
    assert "GrantExpired" in said
    ask = f"`themis license ask {town.model_id} --role requester --class CLASS --purpose TEXT`."
    assert said.endswith(f"Ask the licensor for a new grant: {ask}")
    grants = town.requester.tell("license", "list")
    assert {row["status"] for row in grants if row["licensee"] == town.requester.address} == {"expired"}
    assert any("GrantExpired" in check["detail"] for check in town.operator.tell("check"))
    assert chain.rpc("evm_revert", snapshot)
