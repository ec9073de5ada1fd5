"""The only door to the chain: one or several endpoints as one. Reads are repeated, transactions go to all of them."""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, Final

from themis.chain import forms
from themis.chain.endpoints import Call, Endpoint, EndpointState
from themis.chain.refusals import Kind, RpcError
from themis.chain.remembered import Remembered
from themis.chain.transport import TimedOut, redacted
from themis.core.errors import Unavailable
from themis.core.types import BlockId

__all__ = ["BlockTag", "Call", "Rpc", "RpcError", "TimedOut", "redacted"]

TIMEOUT_S: Final = 20
ATTEMPTS: Final = 6
_SILENCES: Final = 3
"""So often an endpoint is asked that does not even answer: whoever asked waits himself, and longer."""
_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 10
"""What an endpoint may ask us to wait for within one question."""
_LAG_BLOCKS: Final = 2
"""An endpoint further behind than that is asked last."""
_FAULTY: Final = 0.5
_NOT_UNDERSTOOD: Final = frozenset((Kind.OTHER, Kind.METHOD))
_SEND: Final = "eth_sendRawTransaction"

BlockTag = str | dict[str, str]
"""A height, `latest`, or {"blockHash": ..}."""


class Rpc:
    """One door. Thread-safe."""

    def __init__(self, *urls: str, quorum: int = 1, sleep: Callable[[float], None] = time.sleep) -> None:
        """`quorum`: how many endpoints must say the same where it is about money or licenses."""
        self.endpoints = [Endpoint(url) for url in urls]
        self._quorum = quorum
        self._sleep = sleep
        self._takes_hashes: bool | None = None
        self._remembered = Remembered()
        self.calls: Counter[str] = Counter()
        """Calls made, by method."""

    def call(self, method: str, *params: Any, attempts: int = ATTEMPTS) -> Any:
        """One call's result. Raises RpcError when the endpoint says no, Unavailable when it does not answer.

        Where it was only too slow, that is TimedOut.
        """
        (result,) = self.batch([(method, list(params))], attempts=attempts)
        if isinstance(result, RpcError):
            raise result
        return result

    def batch(self, calls: Sequence[Call], *, attempts: int = ATTEMPTS) -> list[Any]:
        """Results in order; an RpcError in the place of each call that was refused.

        What another attempt may mend is asked again, up to so many attempts. Transactions are not: their owner does.
        Raises Unavailable when no endpoint answers.
        """
        if any(method == _SEND for method, _ in calls):
            return self._broadcast(calls)
        return self._ask(self._ranked(), calls, attempts)

    def agreed(self, calls: Sequence[Call]) -> list[Any]:
        """As `batch`, for what decides about money or licenses: as many endpoints as the quorum must say the same.

        What was said about the state at a block, named by its hash, is not asked again.
        """
        return self._known(calls, foreseen=False)

    def foresee(self, calls: Sequence[Call], block: BlockId) -> None:
        """Ask all these in one go, with what contracts are asked about each new block: `agreed` knows them then."""
        about = self.at(block)
        again = self._remembered.about(about) if isinstance(about, dict) else []
        distinct = {json.dumps(call): call for call in (*calls, *again)}
        self._known(list(distinct.values()), foreseen=True)

    def _known(self, calls: Sequence[Call], *, foreseen: bool) -> list[Any]:
        answers = self._remembered.answers(calls)
        left = [place for place, answer in enumerate(answers) if answer is None]
        if left:
            asked = [calls[place] for place in left]
            found = self.batch(asked) if self._quorum == 1 else self._voted(asked)
            self._remembered.keep(asked, found, foreseen=foreseen)
            for place, answer in zip(left, found, strict=True):
                answers[place] = answer
        return answers

    def _voted(self, calls: Sequence[Call]) -> list[Any]:
        votes: list[Counter[str]] = [Counter() for _ in calls]
        said: list[dict[str, Any]] = [{} for _ in calls]
        ranked = self._ranked()
        for round_ in (ranked[: self._quorum], *([each] for each in ranked[self._quorum :])):
            for answers in self._each(round_, calls, hasty=round_[-1] is not ranked[-1]):
                for place, answer in enumerate(answers):
                    if not isinstance(answer, RpcError) or answer.data:
                        key = _ballot(calls[place][0], answer)
                        votes[place][key] += 1
                        said[place][key] = answer
            winners = [next(iter(vote.most_common(1)), ("", 0)) for vote in votes]
            if all(count >= self._quorum for _, count in winners):
                break
        return [
            said[place][key]
            if count >= self._quorum
            else RpcError(method, f"{self._quorum} endpoints do not say the same", kind=Kind.DISAGREE)
            for place, ((method, _), (key, count)) in enumerate(zip(calls, winners, strict=True))
        ]

    def at(self, block: BlockId) -> BlockTag:
        """How to name a block: by its hash (EIP-1898), which a backend of another chain or branch does not know.

        By its height where the endpoint takes no hash.
        """
        if self._takes_hashes is None:
            by_hash, by_height = {"blockHash": _hex(block.hash)}, hex(block.number)
            account = _hex(bytes(20))
            told, plain = self.batch([("eth_getCode", [account, by_hash]), ("eth_getCode", [account, by_height])])
            if isinstance(told, RpcError) and (isinstance(plain, RpcError) or told.kind not in _NOT_UNDERSTOOD):
                return by_hash
            self._takes_hashes = not isinstance(told, RpcError)
        return {"blockHash": _hex(block.hash)} if self._takes_hashes else hex(block.number)

    def states(self) -> list[EndpointState]:
        """How each endpoint does, in the order of the configuration."""
        best = self._best_head()
        return [endpoint.state(best) for endpoint in self.endpoints]

    def _ask(
        self, ranked: Sequence[Endpoint], calls: Sequence[Call], attempts: int, *, hasty: bool = False
    ) -> list[Any]:
        """Ask the endpoints in turn until each call has an answer that stands. `hasty`: there are still others."""
        results: list[Any] = [None] * len(calls)
        left = list(range(len(calls)))
        silence: Unavailable | None = None
        for attempt in range(attempts if left else 0):
            endpoint = ranked[attempt % len(ranked)]
            asked = [calls[place] for place in left]
            self.calls.update(method for method, _ in asked)
            elsewhere = attempt + 1 < len(ranked)
            try:
                timeout_s = endpoint.patience_s if elsewhere or hasty else TIMEOUT_S
                found = endpoint.ask(asked, timeout_s, again=attempt // len(ranked))
            except Unavailable as error:
                silence = error
                if not elsewhere and (isinstance(error, TimedOut) or attempt >= _SILENCES * len(ranked) - 1):
                    break
            else:
                silence = None
                for place, answer in zip(left, found, strict=True):
                    results[place] = answer
                left = [place for place in left if isinstance(results[place], RpcError) and results[place].passing]
            if not left:
                break
            if not elsewhere and attempt + 1 < attempts and not self._pause(attempt, [results[each] for each in left]):
                break
        if silence is not None:
            raise silence
        return results

    def _pause(self, attempt: int, refusals: Sequence[Any]) -> bool:
        """Wait before asking again, as long as the endpoint asks for. False where that is too long."""
        asked_for = max((each.retry_after_s or 0.0 for each in refusals if isinstance(each, RpcError)), default=0.0)
        if asked_for > _LONGEST_PAUSE_S:
            return False
        pause_s = _FIRST_PAUSE_S * 2**attempt * random.uniform(0.5, 1.5)  # noqa: S311 (no secret)
        self._sleep(max(pause_s, asked_for))
        return True

    def _ranked(self) -> list[Endpoint]:
        """Those that do well first, in the order of the configuration; those that serve something else never.

        Raises Unavailable where none is left.
        """
        if len(self.endpoints) == 1 and not self.endpoints[0].unfit:
            return self.endpoints
        best = self._best_head()
        fit = [endpoint for endpoint in self.endpoints if not endpoint.unfit]
        if not fit:
            raise Unavailable("; ".join(endpoint.unfit for endpoint in self.endpoints))

        def rank(endpoint: Endpoint) -> tuple[bool, bool, bool]:
            behind = endpoint.head is not None and best - endpoint.head > _LAG_BLOCKS
            return endpoint.resting(), behind, endpoint.error_rate > _FAULTY

        return sorted(fit, key=rank)

    def _best_head(self) -> int:
        return max((each.head for each in self.endpoints if each.head is not None and not each.unfit), default=0)

    def _broadcast(self, calls: Sequence[Call]) -> list[Any]:
        """Give transactions to every endpoint; taken is what one of them took. The best one is waited for, not long."""
        self.calls.update(method for method, _ in calls)
        ranked = self._ranked()
        answers: SimpleQueue[tuple[Endpoint, list[Any] | Unavailable]] = SimpleQueue()

        def give(endpoint: Endpoint) -> None:
            try:
                answers.put((endpoint, endpoint.ask(calls, TIMEOUT_S)))
            except Unavailable as error:
                answers.put((endpoint, error))

        if len(ranked) == 1:
            give(ranked[0])
        else:
            for endpoint in ranked:
                threading.Thread(target=give, args=(endpoint,), name="broadcast", daemon=True).start()
        begun = time.monotonic()
        found: dict[Endpoint, list[Any] | Unavailable] = {}
        while len(found) < len(ranked):
            taken = any(_all_taken(each) for each in found.values())
            if taken and ranked[0] in found:
                break
            patience_s = ranked[0].patience_s if taken else TIMEOUT_S
            try:
                endpoint, answer = answers.get(timeout=max(0.0, begun + patience_s - time.monotonic()))
            except Empty:
                break
            found[endpoint] = answer
        heard = [found[endpoint] for endpoint in ranked if endpoint in found]
        told = [each for each in heard if isinstance(each, list)]
        if not told:
            silent = TimedOut("no RPC answered a transaction in time: it may have been taken")
            raise next((each for each in heard if isinstance(each, Unavailable)), silent)
        return [_best_of(each) for each in zip(*told, strict=True)]

    def _each(self, endpoints: Sequence[Endpoint], calls: Sequence[Call], *, hasty: bool) -> list[list[Any]]:
        """What each of these endpoints says, asked together. One that does not answer has no vote."""
        answers: SimpleQueue[list[Any]] = SimpleQueue()

        def ask(endpoint: Endpoint) -> None:
            try:
                answers.put(self._ask([endpoint], calls, ATTEMPTS // 2, hasty=hasty))
            except Unavailable:
                answers.put([])

        *others, last = endpoints
        for endpoint in others:
            threading.Thread(target=ask, args=(endpoint,), name="quorum", daemon=True).start()
        ask(last)
        return [answers.get() for _ in endpoints]


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


def _all_taken(answers: "list[Any] | Unavailable") -> bool:
    return isinstance(answers, list) and not any(isinstance(each, RpcError) for each in answers)


def _best_of(answers: Sequence[Any]) -> Any:
    """Taken by one is taken."""
    return next((each for each in answers if not isinstance(each, RpcError)), answers[0])


def _ballot(method: str, answer: Any) -> str:
    """What an endpoint said, so that two may be compared."""
    if isinstance(answer, RpcError):
        return f"reverts {answer.data.hex()}"
    return json.dumps(forms.essence(method, answer), sort_keys=True)
