"""Orders as wallets sign them: the digest is EIP-712's, and what was shown is read back."""

import json
from dataclasses import replace

import pytest
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from tests.vectors import ids
from themis.core.canonical import request_of, request_words
from themis.core.order import MAX_ITEMS, is_order, order_digest, order_of_message, order_typed_data
from themis.core.types import Address, Hash32, Request, UseClass

CHAIN_ID, ORACLE = ids.DOMAINS[0]
NOBODY = ids.NOBODY

words = st.binary(min_size=32, max_size=32).map(Hash32)
addresses = st.binary(min_size=20, max_size=20).map(Address)
orders = st.builds(
    Request,
    requester=addresses,
    lane=st.integers(0, 2**64 - 1),
    seq=st.integers(0, 2**32 - 1),
    model_id=words,
    input_hash=words,
    operator=addresses,
    token=addresses,
    fee=st.integers(0, 2**96 - 1),
    pay_to=st.just(NOBODY),
    royalty_bps=st.just(0),
    terms_version=st.integers(0, 2**24 - 1),
    use_class=st.sampled_from(UseClass),
    licensee=st.just(NOBODY),
    grant_seq=st.just(0),
    deadline_s=st.integers(0, 2**40 - 1),
    callback_gas=st.integers(0, 2**32 - 1),
    items=st.integers(0, MAX_ITEMS),
)


@given(order=orders, chain_id=st.integers(1, 2**64 - 1), oracle=addresses)
def test_the_digest_is_eip712(order: Request, chain_id: int, oracle: Address) -> None:
    message = encode_typed_data(full_message=order_typed_data(order, chain_id, oracle))
    assert order_digest(order, chain_id, oracle) == keccak(b"\x19" + message.version + message.header + message.body)


@given(order=orders)
def test_an_order_survives_json_and_the_wire(order: Request) -> None:
    message = json.loads(json.dumps(order_typed_data(order, CHAIN_ID, ORACLE)))["message"]
    assert order_of_message(message) == order == request_of(request_words(order))
    assert is_order(order)


@pytest.mark.parametrize(
    "change", [{"pay_to": ids.SOMEBODY}, {"licensee": ids.SOMEBODY}, {"grant_seq": 1}, {"royalty_bps": 1}], ids=str
)
def test_what_names_a_grant_is_no_order(change: dict[str, Address | int]) -> None:
    assert not is_order(replace(ids.ORDERS[2], **change))  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"items": 256}, {"fee": str(2**96)}, {"useClass": 3}, {"operator": "0x12"}], ids=str)
def test_an_order_beyond_its_widths_is_refused(wrong: dict[str, str | int]) -> None:
    message = order_typed_data(ids.ORDERS[2], CHAIN_ID, ORACLE)["message"]
    with pytest.raises(ValueError, match=r"is no|is not"):
        order_of_message(message | wrong)
