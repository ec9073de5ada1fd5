"""A model on other machines, asked over HTTP: replicas on Ray Serve, or whatever speaks `wire`.

An answer is the same wherever and however often it is computed, so whatever goes wrong is answered by asking again, at
another address if there is one. What a replica refuses is refused; nothing else loses a request.
"""

import asyncio
import itertools
import logging
import socket
import threading
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from concurrent.futures import CancelledError
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

from themis.bundles.bundle import Bundle
from themis.bundles.manifest import GENERIC
from themis.core.errors import Unavailable
from themis.core.types import Draft, Hash32
from themis.engine import wire
from themis.engine.apart import Limits
from themis.engine.generic import Hear, unheard
from themis.engine.runner import Answers, Work
from themis.engine.tuning import Tuning

if TYPE_CHECKING:
    import httpx

STEP: Final = 128
"""Requests a node takes at once: enough for a dozen replicas, in calls of `_SHARE`."""
_SHARE: Final = 8
"""Requests of one call to a model that reads many as rows: enough to share what a call costs."""
PORT: Final = 8_000
_PATIENCE_S: Final = 3.0
"""Until whoever asked is told that nobody answers."""
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 1.0
_LEFT_ALONE_S: Final = 5.0
"""An address that did not answer is asked after all others."""
_CONNECT_S: Final = 2.0
_MORE_S: Final = 60.0
"""Beyond what a request may take in a replica: a call may have to wait for its turn there."""
_LARGEST_REPLY: Final = 2**24
_OK: Final = 200
# A machine without power says nothing: some 15 s of silence below HTTP are that, however long a model thinks.
_SILENCE: Final = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 2, "TCP_USER_TIMEOUT": 15_000}
"""Linux has all of these."""
_ALIVE: Final = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *((socket.IPPROTO_TCP, getattr(socket, name), value) for name, value in _SILENCE.items() if hasattr(socket, name)),
]

T = TypeVar("T")
log = logging.getLogger(__name__)


class _Down(Exception):  # noqa: N818 (a fact, and it stays here)
    """One address gave no reply."""


def share(bundle: Bundle) -> int:
    """Requests of one call."""
    return 1 if bundle.manifest.preprocessing in GENERIC else _SHARE


def addresses(url: str) -> list[str]:
    """`ray://a,b:8001` as HTTP URLs of Serve's proxies, port 8000 where none is said."""
    hosts = (urlsplit(f"http://{host}") for host in url.removeprefix("ray://").split(","))
    return [f"http://{host.netloc}" + ("" if host.port else f":{PORT}") for host in hosts]


class Machines:
    """The addresses of a cluster, or of several: one thread speaks with all of them, and any number may ask it."""

    def __init__(self, url: str, patience_s: float = _PATIENCE_S) -> None:
        import httpx  # noqa: PLC0415 (takes 0.1 s, and most nodes run their models themselves)

        self._url, self._patience_s = url, patience_s
        self._hosts = addresses(url)
        self._turn = itertools.count()
        self._not_before_s = dict.fromkeys(self._hosts, 0.0)
        self._closed, self._lock = False, threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._http = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(
                socket_options=_ALIVE, limits=httpx.Limits(max_connections=None, max_keepalive_connections=STEP)
            ),
            timeout=httpx.Timeout(None, connect=_CONNECT_S),
            trust_env=False,
        )
        self._thread = threading.Thread(target=self._speak, name="machines", daemon=True)
        self._thread.start()

    def opened(self, bundle: Bundle, _: Tuning, limits: Limits) -> "Afar":
        """A model there."""
        return Afar(self, bundle, limits)

    def run(self, asked: Coroutine[Any, Any, T]) -> T:
        """Wait for what the thread does. Raises what it raises, Unavailable where it was closed meanwhile."""
        with self._lock:
            if self._closed:
                asked.close()
                raise Unavailable("the node stops")
            future = asyncio.run_coroutine_threadsafe(asked, self._loop)
        try:
            return future.result()
        except CancelledError as error:
            raise Unavailable("the node stops") from error

    def close(self) -> None:
        """Leave whatever is asked."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            asyncio.run_coroutine_threadsafe(self._leave(), self._loop)
        self._thread.join()

    def _speak(self) -> None:
        self._loop.run_forever()
        self._loop.close()

    async def _leave(self) -> None:
        own = asyncio.current_task()
        tasks = [task for task in asyncio.all_tasks() if task is not own]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._http.aclose()
        self._loop.stop()

    async def ask(self, manifest_hash: Hash32, work: Work, seconds: float, hear: Hear | None) -> list[bytes]:
        """Outputs of one model, by whichever address gives them. Raises Refused, Unavailable where none does."""
        import httpx  # noqa: PLC0415 (as above)

        give_up_s, pause_s = time.monotonic() + self._patience_s, _FIRST_PAUSE_S
        while True:
            for host in self._ordered():
                try:
                    async with asyncio.timeout(seconds):
                        return await self._told(host, manifest_hash, work, hear)
                except (_Down, httpx.HTTPError, ValueError, TimeoutError) as error:
                    why = f"{host}: {error or type(error).__name__}"
                    log.debug("asked again elsewhere: %s", why)
                    self._not_before_s[host] = time.monotonic() + _LEFT_ALONE_S
            if time.monotonic() > give_up_s:
                raise Unavailable(f"no replica at {self._url} answers ({why})")
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _ordered(self) -> list[str]:
        """All addresses, in turns; those that gave no reply lately come last."""
        first = next(self._turn) % len(self._hosts)
        now_s = time.monotonic()
        return sorted(self._hosts[first:] + self._hosts[:first], key=lambda host: self._not_before_s[host] > now_s)

    async def _told(self, host: str, manifest_hash: Hash32, work: Work, hear: Hear | None) -> list[bytes]:
        url, body = f"{host}/0x{manifest_hash.hex()}", wire.question(work)
        async with self._http.stream("POST", url, content=body, params={wire.DRAFTS: 1} if hear else None) as reply:
            said = reply.headers.get(wire.MANIFEST)
            if reply.status_code != _OK or said != "0x" + manifest_hash.hex():
                raise _Down(_why(reply.status_code, said))
            async for line in _lines(reply):
                read = wire.read(line)
                if isinstance(read, Draft):
                    (hear or unheard)(read)
                elif len(read) == len(work):
                    return read
                else:
                    raise _Down(f"{len(read)} outputs for {len(work)} inputs")
        raise _Down("the reply ends early")


class Afar:
    """As `Runner` or `Apart`, by replicas elsewhere. Each of them has checked the model's digests before it serves."""

    def __init__(self, machines: Machines, bundle: Bundle, limits: Limits) -> None:
        self._machines, self._manifest_hash = machines, bundle.manifest_hash
        self._share = share(bundle)
        self._seconds = limits.seconds + _MORE_S

    def answer(self, work: Work) -> Answers:
        """Raises Refused where a part of it is, Unavailable where nobody answers, or it was closed meanwhile."""
        parts = [work[first : first + self._share] for first in range(0, len(work), self._share)]
        return Answers(list(itertools.chain.from_iterable(self._machines.run(self._all(parts)))), len(work))

    def stream(self, input_: bytes, hear: Hear) -> bytes:
        """One answer; `hear` is told what a decoder writes, from the beginning again where its replica is lost."""
        work = [(input_, None)]
        (output,) = self._machines.run(self._machines.ask(self._manifest_hash, work, self._seconds, hear))
        return output

    def close(self) -> None:
        self._machines.close()

    async def _all(self, parts: Sequence[Work]) -> list[list[bytes]]:
        return list(await asyncio.gather(*(self._one(part) for part in parts)))

    async def _one(self, part: Work) -> list[bytes]:
        return await self._machines.ask(self._manifest_hash, part, self._seconds, None)


async def _lines(reply: "httpx.Response") -> AsyncIterator[str]:
    """Whole lines. Raises _Down for a reply without end."""
    async for line in reply.aiter_lines():
        if reply.num_bytes_downloaded > _LARGEST_REPLY:
            raise _Down(f"more than {_LARGEST_REPLY >> 20} MiB")
        yield line


def _why(status: int, manifest: str | None) -> str:
    if status == HTTPStatus.NOT_FOUND:
        return "no application there has this model: `themis config ray` prints what deploys it"
    if status != _OK:
        return f"status {status}"
    return "it is no replica of Themis" if manifest is None else f"it runs the model of manifest {manifest}"
