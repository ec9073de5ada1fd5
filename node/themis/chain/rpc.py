"""JSON-RPC over HTTP: one place where the transport's errors become ours. No hidden retries."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from web3 import HTTPProvider
from web3.exceptions import Web3Exception
from web3.types import RPCEndpoint

from themis.core.errors import Unavailable

TIMEOUT_S: Final = 20
MAX_BATCH: Final = 100
"""Calls in one HTTP request: what public endpoints commonly allow."""

_TOO_MUCH: Final = frozenset((400, 413))
"""HTTP statuses with which public endpoints refuse a question that is too large."""
_TOO_SLOW: Final = frozenset((408, 504))
"""HTTP statuses with which they, or what stands before them, give up on one that takes too long."""

Call = tuple[str, list[Any]]


class RpcError(Unavailable):
    """The endpoint answered with an error: `message` as it said it, `data` the revert data if there is any."""

    code = "rpc_error"

    def __init__(self, method: str, message: str, data: bytes = b"") -> None:
        super().__init__(f"{method}: {message}")
        self.message = message
        self.data = data


class TimedOut(Unavailable):
    """The endpoint took the question and had no answer in time."""


class Rpc:
    """One endpoint. Thread-safe: web3 keeps a session per thread."""

    def __init__(self, url: str) -> None:
        self._provider = HTTPProvider(url, request_kwargs={"timeout": TIMEOUT_S}, exception_retry_configuration=None)
        self._shown = redacted(url)
        self.calls: Counter[str] = Counter()
        """Calls made, by method."""

    def call(self, method: str, *params: Any) -> Any:
        """One call's result. Raises RpcError when the endpoint says no, Unavailable when it does not answer.

        Where it was only too slow, that is TimedOut.
        """
        (result,) = self.batch([(method, list(params))])
        if isinstance(result, RpcError):
            raise result
        return result

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        """Results in order; an RpcError in the place of each call the endpoint refused."""
        results: list[Any] = []
        for start in range(0, len(calls), MAX_BATCH):
            chunk = calls[start : start + MAX_BATCH]
            self.calls.update(method for method, _ in chunk)
            results += [_result(method, reply) for (method, _), reply in zip(chunk, self._post(chunk), strict=True)]
        return results

    def _post(self, calls: Sequence[Call]) -> list[dict[str, Any]]:
        named = [(RPCEndpoint(method), params) for method, params in calls]
        try:
            if len(named) == 1:
                return [dict(self._provider.make_request(*named[0]))]
            replies = self._provider.make_batch_request(named)
        except requests.HTTPError as error:
            status = 0 if error.response is None else error.response.status_code
            if status not in _TOO_MUCH:
                raise self._silent(error, slow=status in _TOO_SLOW) from error
            return [{"error": {"message": f"HTTP status {status}"}} for _ in named]
        except (requests.RequestException, Web3Exception, ValueError) as error:
            raise self._silent(error, slow=isinstance(error, requests.ReadTimeout)) from error
        if not isinstance(replies, list) or len(replies) != len(named):
            raise Unavailable(f"the RPC at {self._shown} refused a batch of {len(named)} calls: use one that allows it")
        return [dict(reply) for reply in replies]

    def _silent(self, error: Exception, *, slow: bool) -> Unavailable:
        return (TimedOut if slow else Unavailable)(
            f"the RPC at {self._shown} did not answer ({type(error).__name__}): start it, or correct chain.rpc_url"
        )


def redacted(url: str) -> str:
    """Scheme, host and port: paths and queries carry API keys."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")


def _result(method: str, reply: dict[str, Any]) -> Any:
    error = reply.get("error")
    if error is None:
        return reply.get("result")
    if not isinstance(error, dict):
        return RpcError(method, str(error))
    return RpcError(method, str(error.get("message", error)), _revert_data(error.get("data")))


def _revert_data(data: Any) -> bytes:
    """Revert data as Anvil and geth (a string), Hardhat (`data`) and Ganache (`result`) give it."""
    if isinstance(data, dict):
        data = data.get("data") or data.get("result")
        return _revert_data(data)
    if isinstance(data, str):
        start = data.find("0x")
        try:
            return bytes.fromhex(data[start + 2 :]) if start >= 0 else b""
        except ValueError:
            return b""
    return b""
