"""The hashes agree with the committed vectors (which forge checks too) and with eth-account's EIP-712."""

import json
from dataclasses import replace
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from tests.vectors import ids
from themis.core import canonical
from themis.core.canonical import Grant
from themis.core.types import Address, Hash32, Role

CHAIN_ID, ORACLE = ids.DOMAINS[0]

words = st.binary(min_size=32, max_size=32).map(Hash32)
addresses = st.binary(min_size=20, max_size=20).map(Address)
grants = st.builds(
    Grant,
    model_id=words,
    licensor=addresses,
    licensee=addresses,
    role=st.sampled_from(Role),
    classes=st.integers(0, 255),
    not_before_s=st.integers(0, 2**40 - 1),
    expiry_s=st.integers(0, 2**40 - 1),
    royalty_bps=st.integers(0, 2**16 - 1),
    seq=st.integers(0, 2**32 - 1),
    terms_version=st.integers(0, 2**24 - 1),
    quota=st.integers(0, 2**32 - 1),
    daily_rate=st.integers(0, 2**32 - 1),
    market=addresses,
    price_token=addresses,
    price_floor=st.integers(0, 2**96 - 1),
    pay_to=addresses,
    epoch=st.integers(0, 2**16 - 1),
    nonce=st.integers(0, 2**256 - 1),
)


def test_committed_vectors_are_fresh() -> None:
    assert ids.FILE.read_text() == ids.render(), "run `python -m tests.vectors.ids`, then `npm --prefix contracts test`"


def test_vectors_are_all_different() -> None:
    expected = [case["expected"] for cases in json.loads(ids.FILE.read_text()).values() for case in cases]
    assert len(set(expected)) == len(expected) == 9 + 9 + 24 + 9 + 9


@given(grant=grants, chain_id=st.integers(1, 2**64 - 1), oracle=addresses)
def test_grant_digest_is_eip712(grant: Grant, chain_id: int, oracle: Address) -> None:
    message = encode_typed_data(full_message=canonical.grant_typed_data(grant, chain_id, oracle))
    digest = keccak(b"\x19" + message.version + message.header + message.body)
    assert canonical.grant_digest(grant, chain_id, oracle) == digest


def test_a_wallets_signature_recovers_from_the_digest() -> None:
    key = Account.from_key(b"\x01" * 32)
    typed = canonical.grant_typed_data(ids.GRANTS[2], CHAIN_ID, ORACLE)
    signed = key.sign_message(encode_typed_data(full_message=json.loads(json.dumps(typed))))
    assert signed.message_hash == canonical.grant_digest(ids.GRANTS[2], CHAIN_ID, ORACLE)


@given(grant=grants, oracle=addresses)
def test_typed_data_survives_a_wallet_written_in_javascript(grant: Grant, oracle: Address) -> None:
    message = canonical.grant_typed_data(grant, CHAIN_ID, oracle)["message"]
    assert all(value < 2**53 for value in message.values() if isinstance(value, int))
    assert canonical.grant_of_message(json.loads(json.dumps(message))) == grant


@pytest.mark.parametrize(
    "wrong",
    [
        {"modelId": "0x12"},
        {"licensee": 7},
        {"role": 2},
        {"nonce": "many"},
        {"nonce": str(2**256)},
        {"royaltyBps": 2**16},
        {"quota": -1},
        {"payTo": None},
    ],
)
def test_a_message_that_is_no_grant_is_refused(wrong: dict[str, Any]) -> None:
    message = canonical.grant_typed_data(ids.GRANTS[2], CHAIN_ID, ORACLE)["message"]
    with pytest.raises(ValueError, match=r"."):
        canonical.grant_of_message(message | wrong)
    with pytest.raises(KeyError):
        canonical.grant_of_message({})


def test_request_id_depends_on_chain_and_contract() -> None:
    request = ids.REQUESTS[2]
    ids_ = {canonical.request_id(request, *domain) for domain in ids.DOMAINS}
    assert len(ids_) == len(ids.DOMAINS)
    assert canonical.request_id(replace(request, seq=2), CHAIN_ID, ORACLE) not in ids_


@pytest.mark.parametrize("fee", [-1, 2**96])
def test_values_beyond_their_width_are_refused(fee: int) -> None:
    with pytest.raises(ValueError, match="96 bits"):
        canonical.request_id(replace(ids.REQUESTS[2], fee=fee), CHAIN_ID, ORACLE)
