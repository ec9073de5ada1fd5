"""What a contract refuses is told in the words of its ABI, with roles and classes by name."""

import pytest
from eth_utils.abi import function_signature_to_4byte_selector

from themis.chain.abi import Artifact
from themis.chain.contracts import COMMITTEE, DISPUTE, FACTORY, LENS, ORACLE, REGISTRY, WARRANTY
from themis.core.abi import encode
from themis.core.types import Denial

REQUIRED = function_signature_to_4byte_selector("AuthorizationRequired(address,uint8,uint8)")
MOST_WORDS = 3
OURS = (ORACLE, REGISTRY, LENS, COMMITTEE, FACTORY, WARRANTY, DISPUTE, Artifact("TimelockGuard"))


def required(role: int, use_class: int) -> bytes:
    return REQUIRED + encode(["address", "uint8", "uint8"], ["0x" + "0a" * 20, role, use_class])


def test_roles_and_classes_are_told_by_name() -> None:
    denial = REGISTRY.denial(required(0, 2))
    assert denial.error == "AuthorizationRequired"
    assert denial.detail.endswith("role=requester, useClass=commercial")


def test_numbers_that_no_contract_sends_are_shown_as_they_came() -> None:
    data = required(7, 2)
    assert REGISTRY.denial(data) == Denial("AuthorizationRequired", "0x" + data[4:].hex())


def test_a_log_with_another_number_of_topics_is_none_of_ours() -> None:
    topics = [ORACLE.topic("Fulfilled"), *[bytes(32)] * 4]
    with pytest.raises(ValueError, match="Fulfilled has 2 indexed parameters, not 4"):
        ORACLE.log(topics, bytes(128))


@pytest.mark.parametrize("contract", OURS)
def test_errors_are_of_few_words(contract: Artifact) -> None:
    """ADR 63. Only what a library declares may be longer, or of any length."""
    errors = [entry for entry in contract.abi if entry["type"] == "error"]
    words = {entry["name"]: [each["type"] for each in entry["inputs"]] for entry in errors}
    long = {name for name, types in words.items() if len(types) > MOST_WORDS or {"bytes", "string", "tuple"} & {*types}}
    assert words
    assert not {name for name in long if not name.startswith("Timelock")}, "OpenZeppelin's are OpenZeppelin's"
