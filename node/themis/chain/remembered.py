"""What endpoints have said about the state at a block that is named by its hash: that never changes."""

import json
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final

from themis.chain.endpoints import Call
from themis.chain.refusals import RpcError

_MOST_BYTES: Final = 2**20
"""More than a look at some requests needs, code and all: what is dropped is asked again."""
_MOST_CALLS: Final = 16
_NOTHING: Final = "0x"
"""No contract, no code: what a backend that is behind says too. It is asked again."""


class Remembered:
    """The newest answers, and which calls they were to. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: OrderedDict[str, Any] = OrderedDict()
        self._bytes = 0
        self._asked: OrderedDict[str, Call] = OrderedDict()
        """Without the block they were about."""

    def answers(self, calls: Sequence[Call]) -> list[Any]:
        """What is known of each; None where nothing is."""
        with self._lock:
            for method, params in calls:
                if (bare := json.dumps((method, params[:-1]))) in self._asked:
                    self._asked.move_to_end(bare)
            return [self._answers.get(key) if (key := _key(call)) else None for call in calls]

    def keep(self, calls: Sequence[Call], answers: Sequence[Any], *, foreseen: bool) -> None:
        """A contract's refusal is kept too; an endpoint's is none. What was not foreseen will be, another time."""
        with self._lock:
            for call, answer in zip(calls, answers, strict=True):
                key = _key(call)
                if (
                    not key
                    or answer is None
                    or answer == _NOTHING
                    or (isinstance(answer, RpcError) and not answer.data)
                ):
                    continue
                if key not in self._answers:
                    self._bytes += len(key) + _size(answer)
                self._answers[key] = answer
                method, params = call
                if method == "eth_call" and not foreseen:
                    self._asked[json.dumps((method, params[:-1]))] = (method, params[:-1])
            while self._bytes > _MOST_BYTES:
                key, answer = self._answers.popitem(last=False)
                self._bytes -= len(key) + _size(answer)
            while len(self._asked) > _MOST_CALLS:
                self._asked.popitem(last=False)

    def about(self, block: Any) -> list[Call]:
        """What contracts were asked lately and nobody had foreseen, asked about another block: it comes again."""
        with self._lock:
            return [(method, [*params, block]) for method, params in self._asked.values()]


def _key(call: Call) -> str:
    """Empty where the call names no block by its hash."""
    method, params = call
    block = params[-1] if params else None
    named = isinstance(block, dict) and "blockHash" in block and method in {"eth_call", "eth_getCode"}
    return json.dumps([method, params], sort_keys=True) if named else ""


def _size(answer: Any) -> int:
    return len(answer.data) if isinstance(answer, RpcError) else len(answer)
