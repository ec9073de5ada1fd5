"""What endpoints say when they refuse, in the words of those that are about, and what it means."""

import pytest

from themis.chain.refusals import ADVICE, PASSING, Kind, RpcError, kind_of


@pytest.mark.parametrize(
    ("said", "code", "status", "kind"),
    [
        ("query returned more than 10000 results", -32005, 200, Kind.RANGE),
        ("range 1000000 exceeds limit of 10000", -32602, 200, Kind.RANGE),
        ("eth_getLogs is limited to a 10,000 range", -32614, 413, Kind.RANGE),
        ("Log response size exceeded. Please reduce query block range.", -32602, 400, Kind.RANGE),
        ("block range is larger than max block range, block range = 5120", -32000, 200, Kind.RANGE),
        ("range 9009594 is bigger than range limit 2000", -32602, 200, Kind.RANGE),
        ("query exceeds limits", -32005, 200, Kind.RANGE),
        ("batch too large", -32600, 200, Kind.BATCH),
        ("Exceeded maximum batch size 3", -32600, 400, Kind.BATCH),
        ("Number of requests in batch exceeds --rpc-max-batch-size.", -32602, 200, Kind.BATCH),
        ("missing trie node 0x288259 (path ) state 0x28 is not available", -32000, 200, Kind.STATE),
        ("required historical state unavailable (reexec=128)", -32000, 200, Kind.STATE),
        ("your node is running with state pruning. Run with --pruning=archive.", -32000, 200, Kind.STATE),
        ("distance to target block exceeds maximum proof window", -32000, 200, Kind.STATE),
        ("header not found", -32000, 200, Kind.BEHIND),
        ("unknown block", -32000, 200, Kind.BEHIND),
        ("Resource not found", -32001, 200, Kind.BEHIND),
        ("Received invalid block tag 1000000. Latest block number is 3", -32602, 200, Kind.BEHIND),
        ("BlockOutOfRangeError: block height is 5 but requested was 1000000", -32602, 200, Kind.BEHIND),
        ("transaction indexing is in progress", -32000, 200, Kind.BEHIND),
        ("daily request count exceeded, request rate limited", -32005, 200, Kind.BUSY),
        ("Your app has exceeded its compute units per second capacity", 429, 429, Kind.BUSY),
        ("limit exceeded", -32005, 200, Kind.BUSY),
        ("", 0, 429, Kind.BUSY),
        ("invalid project id", -32002, 401, Kind.KEY),
        ("", 0, 403, Kind.KEY),
        ("the method eth_getLogs does not exist/is not available", -32601, 200, Kind.METHOD),
        ("Internal error", -32603, 200, Kind.FAILED),
        ("", 0, 503, Kind.FAILED),
        ("", 0, 301, Kind.REDIRECT),
        ("execution reverted: out of range", 3, 200, Kind.OTHER),
        ("nonce too low", -32000, 200, Kind.OTHER),
    ],
)
def test_words_have_a_meaning(said: str, code: int, status: int, kind: Kind) -> None:
    assert kind_of(said, code=code, status=status) is kind


def test_every_kind_has_its_advice() -> None:
    assert set(ADVICE) == set(Kind)


def test_what_a_contract_says_is_an_answer_and_not_asked_again() -> None:
    assert RpcError("eth_call", "header not found").passing
    assert not RpcError("eth_call", "header not found", b"\x01").passing
    assert not RpcError("eth_call", "execution reverted").passing
    assert {Kind.STATE, Kind.RANGE, Kind.KEY}.isdisjoint(PASSING)
