"""The door before endpoints that lie, limit, refuse, move and die: HTTP servers whose every reply a test decides."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import pytest

from tests.liar import Asked, Liar, Reply, honest, lying
from themis.chain.endpoints import MAX_BATCH, Endpoint
from themis.chain.refusals import Kind
from themis.chain.rpc import TIMEOUT_S, Rpc, RpcError
from themis.chain.transport import Said, Transport
from themis.core.errors import Unavailable

NOBODY = "0x" + "00" * 20


def world(method: str, params: Sequence[Any]) -> Any:
    """A chain whose balances are the height they are asked at."""
    match method:
        case "eth_chainId":
            return "0x1"
        case "eth_blockNumber":
            return "0x64"
        case "eth_getBalance":
            return params[1]
        case "eth_sendRawTransaction":
            return "0x" + "77" * 32
    raise ValueError(f"the method {method} does not exist")


def truth(calls: Asked) -> Reply:
    return honest(calls, world)


def balances(count: int) -> list[tuple[str, list[Any]]]:
    return [("eth_getBalance", [NOBODY, hex(height)]) for height in range(count)]


def right(count: int) -> list[str]:
    return [hex(height) for height in range(count)]


class Slept:
    """Waits that cost no time."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def door(*liars: Liar, quorum: int = 1, slept: Slept | None = None) -> Rpc:
    return Rpc(*(liar.url for liar in liars), quorum=quorum, sleep=slept or Slept())


def in_turn(*says: Callable[[Asked], Reply]) -> Callable[[Asked], Reply]:
    """Each reply once, the last one for ever."""
    left = list(says)

    def say(calls: Asked) -> Reply:
        return (left.pop(0) if len(left) > 1 else left[0])(calls)

    return say


def spoiled(change: Callable[[dict[str, Any]], Any]) -> Callable[[Asked], Reply]:
    """The truth, but for the first reply."""

    def say(calls: Asked) -> Reply:
        body = truth(calls).body
        if isinstance(body, list):
            return Reply([change(body[0]), *body[1:]])
        return Reply(change(body))

    return say


LIES: dict[str, Callable[[Asked], Reply]] = {
    "a null result": spoiled(lambda reply: reply | {"result": None}),
    "no result": spoiled(lambda reply: {"jsonrpc": "2.0", "id": reply["id"]}),
    "another call's id": spoiled(lambda reply: reply | {"id": reply["id"] + 1_000}),
    "a number for a quantity": spoiled(lambda reply: reply | {"result": 7}),
    "null in the place of a reply": spoiled(lambda _: None),
    "no JSON": lambda _: Reply(b"<html>maintenance</html>"),
    "cut JSON": lambda _: Reply(b'[{"jsonrpc": "2.0", "id'),
    "an empty body": lambda _: Reply(b""),
    "a list of nothing": lambda _: Reply([]),
    "null": lambda _: Reply(None),
    "status 502": lambda _: Reply(b"bad gateway", 502),
    "status 429": lambda _: Reply(b"", 429),
    "an internal error": lambda calls: Reply({"id": calls[0]["id"], "error": {"code": -32603, "message": "oops"}}),
    "very deep JSON": lambda _: Reply(b'[{"a":' * 100_000),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_asked_again(lie: str) -> None:
    for calls in (1, 5):
        with lying(in_turn(LIES[lie], LIES[lie], truth)) as liar:
            assert door(liar).batch(balances(calls)) == right(calls)


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_that_goes_on_is_unavailable(lie: str) -> None:
    with lying(LIES[lie]) as liar, pytest.raises(Unavailable):
        door(liar).call("eth_getBalance", NOBODY, "0x1")


def test_only_what_was_not_answered_is_asked_again() -> None:
    with lying(in_turn(spoiled(lambda reply: reply | {"result": None}), truth)) as liar:
        assert door(liar).batch(balances(5)) == right(5)
        assert [len(calls) for calls in liar.asked] == [5, 1]


def test_one_refused_call_in_four_stops_nothing() -> None:
    count = 0

    def limited(calls: Asked) -> Reply:
        def one(method: str, params: Sequence[Any]) -> Any:
            nonlocal count
            count += 1
            if count % 4 == 0:
                raise ValueError("rate limit exceeded")
            return world(method, params)

        return honest(calls, one)

    with lying(limited) as liar:
        assert door(liar).batch(balances(90)) == right(90)


def test_an_endpoint_is_left_alone_as_long_as_it_asks() -> None:
    slept = Slept()
    with lying(in_turn(lambda _: Reply(b"", 429, {"Retry-After": "3"}), truth)) as liar:
        assert door(liar, slept=slept).call("eth_blockNumber") == "0x64"
    assert slept.seconds == [3]


def test_an_endpoint_that_asks_for_an_hour_is_not_waited_for() -> None:
    slept = Slept()
    with lying(lambda _: Reply(b"", 429, {"Retry-After": "3600"})) as liar, pytest.raises(RpcError, match="429"):
        door(liar, slept=slept).call("eth_blockNumber")
    assert slept.seconds == []


def test_pauses_grow_and_differ() -> None:
    slept = Slept()
    with lying(lambda _: Reply(b"", 503)) as liar:
        for _ in range(2):
            with pytest.raises(RpcError, match="503"):
                door(liar, slept=slept).call("eth_blockNumber")
    first, second = slept.seconds[:5], slept.seconds[5:]
    assert first != second
    assert first[-1] > 4 * first[0]


def alone(calls: Asked) -> Reply:
    return Reply({"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "batch too large"}})


REFUSALS: dict[str, Callable[[Asked], Reply]] = {
    "an object": alone,
    "an object in other words": lambda _: Reply({"error": {"code": -32600, "message": "no"}}),
    "status 400": lambda _: Reply(b"", 400),
    "status 413": lambda _: Reply(b"", 413),
    "status 500": lambda _: Reply(b"", 500),
    "an error in each reply": lambda calls: Reply(
        [{"id": call["id"], "error": {"code": -32000, "message": "too many"}} for call in calls]
    ),
    "an error in the first reply only": lambda calls: Reply(
        [{"id": calls[0]["id"], "error": {"code": -32600, "message": "batch too large"}}]
    ),
}


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("limit", [1, 3, 10])
def test_batches_are_halved_at_once_and_the_size_is_remembered(refusal: str, limit: int) -> None:
    slept = Slept()
    with lying(lambda calls: REFUSALS[refusal](calls) if len(calls) > limit else truth(calls)) as liar:
        rpc = door(liar, slept=slept)
        assert rpc.batch(balances(120)) == right(120)
        assert slept.seconds == []
        refused = sum(len(calls) > limit for calls in liar.asked)
        assert refused <= 7
        assert rpc.batch(balances(120)) == right(120)
        assert sum(len(calls) > limit for calls in liar.asked) == refused
        assert rpc.states()[0].batch <= limit


def test_an_outage_is_not_taken_for_a_small_limit() -> None:
    with lying(lambda _: Reply(b"", 502)) as liar:
        rpc = door(liar)
        results = rpc.batch(balances(100))
        assert {each.kind for each in results} == {Kind.FAILED}
        assert len(liar.asked) <= 6 * 8, "halved down once an attempt, not a hundred calls one by one"
        liar.say = truth
        assert rpc.batch(balances(100)) == right(100)
        assert len(liar.asked[-1]) == 100


def test_a_long_list_is_cut_into_what_is_common() -> None:
    with lying(truth) as liar:
        assert door(liar).batch(balances(250)) == right(250)
        assert [len(calls) for calls in liar.asked] == [MAX_BATCH, MAX_BATCH, 50]


def test_connections_are_kept() -> None:
    with lying(truth) as liar:
        rpc = door(liar)
        for _ in range(5):
            rpc.call("eth_blockNumber")
        assert liar.connections == 1


def test_what_a_contract_says_is_asked_once() -> None:
    revert = {"code": 3, "message": "execution reverted: limit exceeded", "data": "0xdeadbeef"}
    with lying(lambda calls: Reply({"id": calls[0]["id"], "error": revert})) as liar:
        with pytest.raises(RpcError) as caught:
            door(liar).call("eth_call", {}, "latest")
        assert caught.value.data == bytes.fromhex("deadbeef")
        assert len(liar.asked) == 1


def test_a_redirect_is_named_and_not_followed() -> None:
    moved = Reply(b"", 301, {"Location": "https://rpc.example/v2/secret"})
    with (
        lying(lambda _: moved) as liar,
        pytest.raises(RpcError, match=r"301, sends us to https://rpc\.example$") as said,
    ):
        door(liar).call("eth_blockNumber")
    assert said.value.advice == "it has moved: put its new address into chain.rpc_url"
    assert len(liar.asked) == 1


def test_the_next_endpoint_answers_within_the_same_question() -> None:
    slept = Slept()
    with lying(lambda _: Reply(b"", 503)) as dead, lying(truth) as alive:
        rpc = door(dead, alive, slept=slept)
        assert rpc.batch(balances(3)) == right(3)
        assert rpc.batch(balances(3)) == right(3)
        assert len(dead.asked) <= 2, "it rests after a failure"
        assert slept.seconds == []
        assert [state.fit for state in rpc.states()] == [False, True]
        assert "HTTP status 503" in rpc.states()[0].error


@contextmanager
def hanging() -> Iterator[Liar]:
    """Takes questions and says nothing until the test is over."""
    over = threading.Event()

    def wait(_: Asked) -> Reply:
        over.wait(30)
        return Reply(b"", 503)

    with lying(wait) as liar:
        try:
            yield liar
        finally:
            over.set()


POLL_S: Final = 0.5
"""The default of chain.poll_interval_s."""


def test_one_that_hangs_costs_less_than_a_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    timeouts: list[float] = []
    post = Transport.post

    def noted(transport: Transport, body: bytes, timeout_s: float) -> Said:
        timeouts.append(timeout_s)
        return post(transport, body, timeout_s)

    monkeypatch.setattr(Transport, "post", noted)
    with hanging() as hung, lying(truth) as alive:
        rpc = door(hung, alive)
        assert rpc.batch(balances(3)) == right(3)
        assert len(hung.asked) == len(alive.asked) == 1
    assert timeouts[0] < POLL_S < timeouts[1]


def test_one_that_is_only_slow_is_given_more_time_each_time() -> None:
    endpoint = Endpoint("http://127.0.0.1:9")
    waits = []
    for _ in range(5):
        waits.append(endpoint.patience_s)
        endpoint._failed("too slow", too_slow=True)
    assert waits == [0.4, 0.8, 1.6, 3.0, 3.0]
    endpoint._did([], 0.2)
    assert endpoint.patience_s == pytest.approx(1.6)


def test_one_of_three_that_hangs_does_not_hold_up_agreement() -> None:
    with hanging() as hung, lying(constant("0x02")) as second, lying(constant("0x02")) as third:
        rpc = door(hung, second, third, quorum=2)
        began = time.monotonic()
        assert rpc.agreed([("eth_call", [{}, "0x1"])]) == ["0x02"]
        assert time.monotonic() - began < TIMEOUT_S / 2, "the door's own time-out was not waited for"


def test_a_transaction_that_another_has_taken_does_not_wait_for_one_that_hangs() -> None:
    with hanging() as hung, lying(truth) as second:
        rpc = door(hung, second)
        began = time.monotonic()
        assert rpc.call("eth_sendRawTransaction", "0x02") == "0x" + "77" * 32
        assert time.monotonic() - began < TIMEOUT_S / 2


def test_one_that_nobody_listens_on_costs_no_answer() -> None:
    with lying(truth) as alive:
        rpc = Rpc("http://127.0.0.1:9", alive.url, sleep=Slept())
        assert rpc.call("eth_blockNumber") == "0x64"
        assert "start it, or correct chain.rpc_url" in rpc.states()[0].error


def test_one_that_lags_is_asked_last() -> None:
    def old(calls: Asked) -> Reply:
        return honest(calls, lambda method, params: "0x50" if method == "eth_blockNumber" else world(method, params))

    with lying(old) as behind, lying(truth) as fresh:
        rpc = door(behind, fresh)
        for endpoint in rpc.endpoints:
            endpoint.ask([("eth_blockNumber", [])], 5)
        assert [state.lag_blocks for state in rpc.states()] == [20, 0]
        assert rpc.call("eth_blockNumber") == "0x64"


def test_one_that_serves_something_else_is_never_asked() -> None:
    with lying(truth) as other, lying(truth) as ours:
        rpc = door(other, ours)
        rpc.endpoints[0].find_unfit("the RPC at A serves chain 5")
        rpc.call("eth_blockNumber")
        assert (len(other.asked), len(ours.asked)) == (0, 1)
        rpc.endpoints[1].find_unfit("the RPC at B serves chain 6")
        with pytest.raises(Unavailable, match="serves chain 5; the RPC at B serves chain 6"):
            rpc.call("eth_blockNumber")
        rpc.endpoints[0].find_unfit("")
        assert rpc.call("eth_blockNumber") == "0x64"


def test_a_transaction_goes_to_every_endpoint_and_is_not_repeated() -> None:
    heard = threading.Event()

    def hears(calls: Asked) -> Reply:
        heard.set()
        return truth(calls)

    with lying(lambda _: Reply(b"", 503)) as refuses, lying(hears) as second:
        rpc = door(refuses, second)
        assert rpc.call("eth_sendRawTransaction", "0x02") == "0x" + "77" * 32
        assert heard.is_set()
        assert (len(refuses.asked), len(second.asked)) == (1, 1)


def test_a_transaction_that_nobody_takes_is_refused_in_their_words() -> None:
    def no(calls: Asked) -> Reply:
        return Reply([{"id": call["id"], "error": {"code": -32000, "message": "nonce too low"}} for call in calls])

    with lying(no) as first, lying(no) as second:
        said = door(first, second).batch([("eth_sendRawTransaction", ["0x02"]), ("eth_sendRawTransaction", ["0x03"])])
    assert [each.message for each in said] == ["nonce too low", "nonce too low"]


def constant(value: str) -> Callable[[Asked], Reply]:
    return lambda calls: honest(calls, lambda *_: value)


def test_what_two_of_three_say_is_believed_where_it_is_about_money() -> None:
    with lying(constant("0x01")) as liar, lying(constant("0x02")) as second, lying(constant("0x02")) as third:
        rpc = door(liar, second, third, quorum=2)
        assert rpc.agreed([("eth_call", [{}, "0x1"])]) == ["0x02"]
        assert rpc.call("eth_call", {}, "0x1") == "0x01", "other reads are asked once"


def test_where_they_do_not_agree_nothing_is_believed() -> None:
    with lying(constant("0x01")) as first, lying(constant("0x02")) as second:
        (said,) = door(first, second, quorum=2).agreed([("eth_call", [{}, "0x1"])])
    assert isinstance(said, RpcError)
    assert said.kind is Kind.DISAGREE
    assert "2 endpoints do not say the same" in str(said)


def test_one_that_is_silent_has_no_vote() -> None:
    with lying(constant("0x01")) as first:
        rpc = Rpc(first.url, "http://127.0.0.1:9", quorum=2, sleep=Slept())
        (said,) = rpc.agreed([("eth_call", [{}, "0x1"])])
    assert isinstance(said, RpcError)


def test_where_nobody_listens_that_is_said_soon() -> None:
    slept = Slept()
    with pytest.raises(Unavailable, match="start it, or correct chain.rpc_url"):
        Rpc("http://127.0.0.1:9", sleep=slept).call("eth_blockNumber")
    assert sum(slept.seconds) < 0.5
