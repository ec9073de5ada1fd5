"""What a contract refuses is told in the words of its ABI, with roles and classes by name."""

import pytest
from eth_utils.abi import function_signature_to_4byte_selector

from themis.chain.contracts import ORACLE, REGISTRY
from themis.core.abi import encode
from themis.core.types import Denial

REQUIRED = function_signature_to_4byte_selector("AuthorizationRequired(bytes32,uint24,address,uint8,uint8)")


def required(role: int, use_class: int) -> bytes:
    kinds = ["bytes32", "uint24", "address", "uint8", "uint8"]
    return REQUIRED + encode(kinds, [b"\x0b" * 32, 1, "0x" + "0a" * 20, role, use_class])


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
