"""A load balancer: backends behind one address that do not know the same blocks."""

import random
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from demo.chains import RunningChain
from tests.chaos.proxy import Answer, Call, Fault, Question, Reply

_LOOK_S: Final = 0.01
NUMBERED: Final = frozenset(
    ("eth_getBlockByNumber", "eth_call", "eth_getCode", "eth_getTransactionCount", "eth_getBalance")
)


class Ages:
    """When each block was first seen: how old it is now."""

    def __init__(self, chain: RunningChain) -> None:
        self._chain = chain
        self._seen_s: dict[int, float] = {}
        self._stop = threading.Event()

    def younger_than(self, seconds: float) -> int:
        """The oldest block that is younger; one above the head where none is."""
        limit_s = time.monotonic() - seconds
        return min((number for number, at_s in self._seen_s.copy().items() if at_s > limit_s), default=10**18)

    def is_younger(self, number: int, seconds: float) -> bool:
        return self._seen_s.get(number, time.monotonic()) > time.monotonic() - seconds

    @contextmanager
    def kept(self) -> Iterator["Ages"]:
        head = int(self._chain.rpc("eth_blockNumber"), 16)
        thread = threading.Thread(target=self._look, args=(head,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            thread.join()

    def _look(self, last: int) -> None:
        self._seen_s = dict.fromkeys(range(last + 1), 0.0)
        while not self._stop.wait(_LOOK_S):
            head = int(self._chain.rpc("eth_blockNumber"), 16)
            now_s = time.monotonic()
            for number in range(last + 1, head + 1):
                self._seen_s[number] = now_s
            last = max(last, head)


def late_logs(late: Callable[[int], bool], topics: Collection[str] = ()) -> Fault:
    """The backend that is asked for logs does not have some blocks yet, and says so with an empty list.

    By block hash it says that it does not know the block. With `topics`, only events of those kinds are missing.
    """

    def change(question: Question, call: Call) -> Answer:
        (answer,) = question.upstream([call])
        if call["method"] != "eth_getLogs" or "result" not in answer:
            return answer
        logs = answer["result"]
        missing = [
            log for log in logs if late(int(log["blockNumber"], 16)) and (not topics or log["topics"][0] in topics)
        ]
        if missing and not topics and "blockHash" in call["params"][0]:
            return {"jsonrpc": "2.0", "id": call["id"], "error": {"code": -32000, "message": "unknown block"}}
        return answer | {"result": [log for log in logs if log not in missing]}

    return lambda question: question.reply([change(question, call) for call in question.calls])


def apart(*lags: int, seed: int = 1) -> Fault:
    """Each HTTP request goes to one of several backends, so many blocks behind the newest."""
    chance = random.Random(seed)  # noqa: S311 (no secret)

    def fault(question: Question) -> Reply:
        lag = chance.choice(lags)
        (head,) = question.upstream([{"jsonrpc": "2.0", "id": 0, "method": "eth_blockNumber", "params": []}])
        newest = max(0, int(head["result"], 16) - lag)
        return question.reply([_as_of(question, call, newest) for call in question.calls])

    return fault


def _as_of(question: Question, call: Call, newest: int) -> Answer:
    """The answer of a backend whose newest block is that one."""
    method, params = call["method"], list(call["params"])
    answer: Answer = {"jsonrpc": "2.0", "id": call["id"]}
    if method == "eth_blockNumber":
        return answer | {"result": hex(newest)}
    if method in NUMBERED:
        place = 0 if method == "eth_getBlockByNumber" else 1
        if len(params) > place and params[place] == "latest":
            params[place] = hex(newest)
        elif _number(params, place) > newest:
            lacks: Answer = {"error": {"code": -32000, "message": "header not found"}}
            return answer | ({"result": None} if place == 0 else lacks)
    (found,) = question.upstream([{**call, "params": params}])
    return found | {"result": _known(method, found["result"], newest)} if "result" in found else found


def _known(method: str, value: Any, newest: int) -> Any:
    """Without what lies above the newest block."""
    if method == "eth_getLogs":
        return [log for log in value if int(log["blockNumber"], 16) <= newest]
    if isinstance(value, dict) and "blockNumber" in value and value["blockNumber"] is not None:
        return value if int(value["blockNumber"], 16) <= newest else None
    if method == "eth_getBlockByHash" and value and int(value["number"], 16) > newest:
        return None
    if method == "eth_getBlockReceipts" and value and int(value[0]["blockNumber"], 16) > newest:
        return None
    return value


def _number(params: Sequence[Any], place: int) -> int:
    try:
        return int(params[place], 16)
    except (IndexError, TypeError, ValueError):
        return 0
