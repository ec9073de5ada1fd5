"""What travels between members is read back as it was written; whatever else comes is malformed, and nothing worse."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vectors import committee as vectors
from themis.committee import parcel, wire
from themis.committee.wire import Hello, Malformed, Reply, Told, Want
from themis.core import canonical, signature
from themis.core.committee import Commitment, Forum, Message, Result, batch_root, results_digest
from themis.core.order import order_digest
from themis.core.types import Address, Hash32

hashes = st.binary(min_size=32, max_size=32).map(Hash32)
addresses = st.binary(min_size=20, max_size=20).map(Address)
signatures = st.binary(min_size=65, max_size=65)
messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(Commitment, addresses, hashes, hashes, signatures),
    st.builds(Result, addresses, hashes, hashes, hashes, signatures),
)
tags = st.frozensets(st.binary(min_size=8, max_size=8), max_size=5)
ID = Hash32(b"\x01" * 32)
GOOD = Commitment(Address(b"\x02" * 20), ID, ID, bytes(65))


@given(said=st.lists(messages, max_size=5), wants=st.lists(st.builds(Want, hashes, tags), max_size=5))
def test_a_request_comes_back(said: list[Message], wants: list[Want]) -> None:
    told = Told(tuple(said), tuple(wants))
    assert wire.read_told(wire.told_bytes(told)) == told


@given(
    said=st.lists(messages, max_size=5), refused=st.dictionaries(st.integers(0, 127), st.text(max_size=9), max_size=3)
)
def test_a_reply_comes_back(said: list[Message], refused: dict[int, str]) -> None:
    assert wire.read_reply(wire.reply_bytes(said, refused)) == Reply(tuple(said), refused)


@given(goldens=st.dictionaries(hashes, hashes, max_size=3), at_s=st.floats(0, 2**40))
def test_a_hello_comes_back(goldens: dict[Hash32, Hash32], at_s: float) -> None:
    hello = Hello(Address(b"\x03" * 20), at_s, goldens)
    assert wire.read_hello(wire.hello_bytes(hello)) == hello


@given(body=st.binary(max_size=200))
def test_any_bytes_are_malformed_and_nothing_worse(body: bytes) -> None:
    for read in (wire.read_told, wire.read_reply, wire.read_hello):
        with pytest.raises(Malformed):
            read(body)
    assert isinstance(wire.reason(body), str)


def test_the_fullest_request_and_reply_fit() -> None:
    result = Result(GOOD.member, ID, ID, ID, bytes(65))
    wants = tuple(Want(ID, frozenset(n.to_bytes(8) for n in range(42))) for _ in range(wire.MOST_WANTS))
    assert len(wire.told_bytes(Told((result,) * wire.MOST_MESSAGES, wants))) <= wire.MOST_BYTES
    assert len(wire.reply_bytes([result] * wire.MOST_MESSAGES, dict.fromkeys(range(128), "x" * 20))) <= wire.MOST_BYTES


def test_what_others_write_is_read_as_the_vectors_say() -> None:
    """Its signatures are its member's, a result opens the commitment before it, and a tag is the message's."""
    for case in vectors.vectors():
        bodies = {name: each.encode() for name, each in case["bodies"].items() if name != "tags"}
        forum = Forum(int(case["chainId"]), Address(bytes.fromhex(case["committee"][2:])))
        told = wire.read_told(bodies["exchange"])
        said, opened = told.messages
        assert isinstance(said, Commitment)
        assert isinstance(opened, Result)
        assert opened.opens(said)
        assert {signature.signer(each.digest(forum), each.signature) for each in told.messages} == {said.member}
        assert ["0x" + wire.tag(each).hex() for each in told.messages] == case["bodies"]["tags"]
        assert told.wants == (Want(said.request, frozenset({wire.tag(said)})),)
        assert wire.read_reply(bodies["exchangeReply"]) == Reply((opened,), {0: "too_early"})
        digest = results_digest(forum, batch_root(wire.read_batch(bodies["batch"])))
        assert signature.signer(digest, wire.read_signature(bodies["batchReply"])) == said.member
        oracle = Address(bytes.fromhex(case["member"][2:]))
        hello = Hello(oracle, 1.5, {said.request: opened.result_hash})
        assert wire.read_hello(bodies["helloReply"]) == hello
        assert wire.read_why_not(bodies["reachReply"]) == "it does not answer"


def test_an_order_comes_back_as_its_requester_signed_it() -> None:
    """The vectors hold it to what others write; its requester's signature is over what is read."""
    for case in vectors.vectors():
        read = parcel.read_parcel(case["order"]["body"].encode())
        oracle, chain_id = Address(bytes.fromhex(case["member"][2:])), int(case["chainId"])
        assert "0x" + canonical.request_id(read.order, chain_id, oracle).hex() == case["order"]["id"]
        assert signature.signer(order_digest(read.order, chain_id, oracle), read.signature) == read.order.requester
        assert parcel.parcel_bytes(read).decode() == case["order"]["body"]
        assert {"0x" + id_.hex() for id_ in parcel.read_known(case["order"]["known"].encode())} == {case["order"]["id"]}


def order(**changes: Any) -> bytes:
    whole: dict[str, Any] = json.loads(json.loads(vectors.FILE.read_text())[0]["order"]["body"])
    inside = {name: value for name, value in changes.items() if name in whole["order"]}
    outside = {name: value for name, value in changes.items() if name not in whole["order"]}
    return json.dumps(whole | {"order": whole["order"] | inside} | outside).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"[" * 100_000,
        b'{"order":{},"signature":"0x","inputs":["0x"]}',
        order(fee="-1"),
        order(fee=str(2**96)),
        order(operator="0x00"),
        order(signature="00"),
        order(signature="0x" + "00" * 4_097),
        order(inputs="0x00"),
        order(inputs=[]),
        order(inputs=["0x0g"]),
        order(inputs=["0x"] * 256),
        order(inputs=["0x" + "00" * parcel.MOST_BYTES]),
    ],
)
def test_what_is_no_order_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        parcel.read_parcel(body)


@pytest.mark.parametrize("known", [None, {}, ["0x00"], ["0x" + "00" * 33], [7], ["0x" + "00" * 32] * 513])
def test_what_is_no_list_of_orders_is_malformed(known: Any) -> None:
    with pytest.raises(Malformed):
        parcel.read_known(json.dumps({"known": known}).encode())


def said(**changes: Any) -> bytes:
    whole: dict[str, Any] = json.loads(wire.told_bytes(Told((GOOD,), (Want(ID, frozenset({bytes(8)})),))))
    return json.dumps(whole | changes).encode()


def message(**changes: Any) -> bytes:
    whole: dict[str, Any] = json.loads(wire.told_bytes(Told((GOOD,))))
    return json.dumps(whole | {"messages": [whole["messages"][0] | changes]}).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b"null",
        b'{"messages":[]}',
        said(messages={}),
        said(messages=[7]),
        said(messages=[None] * (wire.MOST_MESSAGES + 1)),
        said(wants=[{"request": "0x" + "00" * 32, "known": []}] * (wire.MOST_WANTS + 1)),
        said(wants=[{"request": "0x" + "00" * 32, "known": ["0x00"]}]),
        said(wants=[{"request": "0x" + "00" * 32, "known": ["0x" + "00" * 8] * (wire.MOST_KNOWN + 1)}]),
        message(member="0x" + "00" * 21),
        message(member="00" * 21),
        message(request="0x" + "0g" * 32),
        message(request="0x" + " 0" * 32),
        message(signature=7),
        message(signature="0x" + "00" * 66),
        b" " * (wire.MOST_BYTES + 1),
    ],
)
def test_what_is_malformed_is_named(body: bytes) -> None:
    with pytest.raises(Malformed):
        wire.read_told(body)


def test_messages_are_told_apart() -> None:
    others: list[Message] = [
        Commitment(GOOD.member, ID, Hash32(bytes(32)), bytes(65)),
        Commitment(Address(bytes(20)), ID, ID, bytes(65)),
        Result(GOOD.member, ID, ID, ID, bytes(65)),
    ]
    assert len({wire.tag(each) for each in (GOOD, *others)}) == 4
