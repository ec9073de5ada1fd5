"""Who signed a convicted answer is read where they signed it: alone, in a batch, or in rounds on the chain."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.fakes import CHAIN_ID, ORACLE_ADDRESS, FakeChain
from themis.chain.contracts import COMMITTEE, committee_answer, committee_answers, compact, decode_request
from themis.chain.disputes import Cover, Covering
from themis.core import canonical, merkle
from themis.core.abi import encode
from themis.core.errors import Misconfigured
from themis.core.spelling import shown
from themis.core.types import Address, Hash32, Request
from themis.dispute.playing import Planned
from themis.dispute.staked import STAKES, Staked

COMMITTEE_AT, STAKES_AT, WARRANTY_AT = (Address(bytes([each]) * 20) for each in (0xC0, 0x57, 0xAA))
MEMBERS = [Address(bytes([each]) * 20) for each in (1, 2)]
SIGNATURES = [bytes([each]) * 32 + bytes([each + 1]) * 31 + bytes([7, 27]) for each in (0x11, 0x22)]
NOBODY = Address(bytes(20))
OUTPUTS = [b"one", b"two", b"three"]


def test_who_signed_a_batch_is_shown_with_the_leaf_that_was_convicted() -> None:
    asked = [_request(lane) for lane in (1, 2, 3)]
    ids, hashes = zip(*map(_hashes, asked, OUTPUTS), strict=True)
    data = committee_answers(list(zip(asked, OUTPUTS, strict=True)), SIGNATURES)
    planned = _due(asked[2], OUTPUTS[2], data)
    assert [each.place for each in planned] == [STAKES_AT] * 2
    for each, member, signature in zip(planned, MEMBERS, SIGNATURES, strict=True):
        _, request, _, named, statement = STAKES.arguments("convict", each.data)
        said, signed, root, index, count, siblings = statement
        assert decode_request(request) == asked[2]
        assert (named, signed) == (shown(member).lower(), compact(signature))
        assert (said, index, count) == (hashes[2], 2, 3)
        leaf = encode(("bytes32", "bytes32"), (ids[2], hashes[2]))
        assert merkle.verify(root, leaf, merkle.Proof(index, count, tuple(siblings)))


def test_who_signed_alone_is_shown_with_its_signature() -> None:
    asked = _request(1)
    planned = _due(asked, OUTPUTS[0], committee_answer(asked, OUTPUTS[0], SIGNATURES))
    statements = [STAKES.arguments("convict", each.data)[-1] for each in planned]
    hash_ = _hashes(asked, OUTPUTS[0])[1]
    assert [(said, signed, root) for said, signed, root, *_ in statements] == [
        (hash_, compact(each), bytes(32)) for each in SIGNATURES
    ]


def test_who_revealed_it_on_the_chain_needs_no_signature() -> None:
    asked = _request(1)
    (planned,) = _due(asked, OUTPUTS[0], b"\1\2\3\4", revealed=MEMBERS[1:])
    *_, named, statement = STAKES.arguments("convict", planned.data)
    assert named == shown(MEMBERS[1]).lower()
    assert statement == (_hashes(asked, OUTPUTS[0])[1], (bytes(32), bytes(32)), bytes(32), 0, 0, ())


def test_what_was_signed_elsewhere_is_said() -> None:
    asked = _request(1)
    with pytest.raises(Misconfigured, match="whoever has what its members signed"):
        _due(asked, OUTPUTS[0], b"\1\2\3\4")


def _request(lane: int) -> Request:
    return replace(FakeChain().request(), lane=lane, operator=COMMITTEE_AT)


def _hashes(request: Request, output: bytes) -> tuple[Hash32, Hash32]:
    id_ = canonical.request_id(request, CHAIN_ID, ORACLE_ADDRESS)
    return id_, canonical.result_hash(id_, request.model_id, output, CHAIN_ID, ORACLE_ADDRESS)


def _due(asked: Request, output: bytes, data: bytes, *, revealed: list[Address] | None = None) -> list[Planned]:
    """What is due where a transaction to the committee with that calldata gave the convicted answer."""
    id_, hash_ = _hashes(asked, output)
    named = encode(("address[]",), ([shown(each) for each in MEMBERS],))
    topics = ["0x" + each.hex() for each in (COMMITTEE.topic("Answered"), id_)]
    told = {
        "eth_getTransactionReceipt": {
            "logs": [{"topics": topics, "data": "0x" + named.hex(), "address": shown(COMMITTEE_AT)}]
        },
        "eth_getTransactionByHash": {"to": shown(COMMITTEE_AT), "input": "0x" + data.hex()},
    }
    read = {
        "revealedBy": [shown(each) for each in revealed or []],
        "memberOf": (10**18, 0, 0, 0, shown(STAKES_AT), shown(NOBODY)),
        "WARRANTY": shown(WARRANTY_AT),
    }
    rpc = SimpleNamespace(call=lambda method, *_: told[method])
    client = SimpleNamespace(rpc=rpc, chain_id=CHAIN_ID, oracle=ORACLE_ADDRESS)
    disputes = SimpleNamespace(
        client=client, warranty=WARRANTY_AT, read=lambda _artifact, _place, function, *_: (read[function],)
    )
    roots = asked.model_id, Hash32(bytes(32)), Hash32(bytes(32))
    cover = Cover(NOBODY, COMMITTEE_AT, *roots, NOBODY, NOBODY, 1, 1, 1)
    whole = SimpleNamespace(id=id_, result_hash=hash_, at=SimpleNamespace(tx_hash=bytes(32)))
    answer = SimpleNamespace(named=SimpleNamespace(whole=whole, words="request 1"), request=asked, item=b"")
    return list(Staked(cast("Any", disputes)).due(Covering(asked.model_id, cover, 0), cast("Any", answer)))
