"""Every refusal of the contract comes with what to do."""

from themis.chain.client import ContractDenied
from themis.chain.contracts import DISPUTE, LENS, ORACLE, REGISTRY, WARRANTY
from themis.cli.advice import ADVICE, explain
from themis.core.errors import Unavailable
from themis.core.types import Denial


def test_every_custom_error_has_advice_and_no_other() -> None:
    contracts = (ORACLE, REGISTRY, LENS, WARRANTY, DISPUTE)
    errors = {e["name"] for contract in contracts for e in contract.abi if e["type"] == "error"}
    assert set(ADVICE) == errors


def test_advice_follows_the_error_in_words() -> None:
    denial = Denial("AuthorizationRequired", "licensee=0x12, role=operator, useClass=commercial")
    said = explain(ContractDenied(denial, b"\xab"))
    assert said.startswith("the oracle refuses: AuthorizationRequired(licensee=0x12, role=operator, ")
    assert "`themis license ask 0xab --role operator --class commercial --purpose TEXT`" in said
    denied = ContractDenied(Denial("NotLicensor", "modelId=0xab, caller=0x12, licensor=0x34"))
    assert "(`themis license show 0xab`)" in explain(denied)


def test_an_unknown_error_is_shown_as_it_is() -> None:
    denied = ContractDenied(Denial("UnknownError", "0xdeadbeef"))
    assert explain(denied) == "the oracle refuses: UnknownError(0xdeadbeef)"


def test_other_errors_speak_for_themselves() -> None:
    assert explain(Unavailable("start it")) == "start it"
