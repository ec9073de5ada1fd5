"""One HTTP POST to one endpoint over kept connections; what stands between it and us is named. Repeats nothing."""

import os
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import certifi
import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationParseError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ProxySchemeUnknown,
    ReadTimeoutError,
    SSLError,
)

from themis.core.errors import Misconfigured, Unavailable

LARGEST_BODY: Final = 64 * 2**20
"""Bytes, unpacked. An endpoint that says more is not listened to."""
_PIECE: Final = 2**16
_KEPT_CONNECTIONS: Final = 8
"""The loops of a node and its API ask at once."""
_LOOPBACK: Final = frozenset(("localhost", "127.0.0.1", "::1"))


class TimedOut(Unavailable):
    """The endpoint took the question and had no answer in time."""


@dataclass(frozen=True, slots=True)
class Said:
    """What came back: the HTTP status, the body, and for how long the endpoint asks to be left alone."""

    status: int
    body: bytes
    retry_after_s: float | None = None
    location: str | None = None
    """Where it sends us instead."""


class Transport:
    """Connections to one endpoint. Thread-safe."""

    def __init__(self, url: str) -> None:
        """Raises Misconfigured for a proxy that cannot be used."""
        parts = urlsplit(url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        self._url = parts._replace(netloc=f"{host}:{parts.port}" if parts.port else str(host)).geturl()
        self._shown = redacted(url)
        self._headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "themis"}
        if parts.username is not None:
            self._headers |= urllib3.make_headers(basic_auth=f"{parts.username}:{parts.password or ''}")
        variable, proxy = proxy_of(parts.scheme, parts.hostname or "")
        self._through = f" through the proxy that {variable} names" if proxy else ""
        context = trust() if parts.scheme == "https" else None
        try:
            self._pool: urllib3.PoolManager = (
                urllib3.ProxyManager(proxy, ssl_context=context, maxsize=_KEPT_CONNECTIONS)
                if proxy
                else urllib3.PoolManager(ssl_context=context, maxsize=_KEPT_CONNECTIONS)
            )
        except (ProxySchemeUnknown, LocationParseError) as error:
            raise Misconfigured(f"{variable} names no HTTP proxy ({error}): correct it, or unset it") from error

    def post(self, body: bytes, timeout_s: float) -> Said:
        """Ask. Raises Unavailable naming what is in the way; where the endpoint was only too slow, that is TimedOut."""
        try:
            return self._post(body, timeout_s)
        except ProtocolError:
            pass  # the endpoint had closed a kept connection: asking twice does no harm in JSON-RPC
        except HTTPError as error:
            raise self._named(error) from error
        try:
            return self._post(body, timeout_s)
        except HTTPError as error:
            raise self._named(error) from error

    def _post(self, body: bytes, timeout_s: float) -> Said:
        give_up = time.monotonic() + timeout_s
        response = self._pool.urlopen(
            "POST",
            self._url,
            body=body,
            headers=self._headers,
            timeout=timeout_s,
            retries=False,
            redirect=False,
            preload_content=False,
        )
        pieces, size = [], 0
        while piece := response.read1(_PIECE, decode_content=True):
            pieces.append(piece)
            size += len(piece)
            if size > LARGEST_BODY or time.monotonic() > give_up:
                response.close()
                why = f"says more than {LARGEST_BODY >> 20} MiB" if size > LARGEST_BODY else "did not finish in time"
                raise TimedOut(f"the RPC at {self._shown} {why}")
        response.release_conn()
        headers = response.headers
        location = headers.get("Location") if response.status in range(300, 400) else None
        return Said(response.status, b"".join(pieces), _retry_after_s(headers), location)

    def _named(self, error: HTTPError) -> Unavailable:
        """The transport's error in words, with what to do."""
        at = f"the RPC at {self._shown}{self._through}"
        if isinstance(error, ProxyError):
            return Unavailable(f"{at} is not reached ({_cause(error)}): correct the proxy, or add the host to NO_PROXY")
        if isinstance(error, SSLError):
            return Unavailable(f"{at} is not trusted ({_cause(error)}): {_tls_advice(str(error))}")
        if isinstance(error, ReadTimeoutError):
            return TimedOut(f"{at} took the question and did not answer in time: use a faster one")
        if isinstance(error, NewConnectionError):
            return Unavailable(f"{at} did not answer ({_cause(error)}): start it, or correct chain.rpc_url")
        if isinstance(error, ConnectTimeoutError):
            return Unavailable(f"{at} does not take connections: correct chain.rpc_url, or open the firewall")
        return Unavailable(f"{at} broke off ({_cause(error)}): asking again")


def redacted(url: str) -> str:
    """Scheme, host and port: paths and queries carry API keys."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")


def proxy_of(scheme: str, host: str) -> tuple[str, str | None]:
    """The environment variable that names a proxy for a host, and the proxy. A host's own loopback needs none."""
    if host in _LOOPBACK or proxy_bypass(host):
        return "", None
    proxies = getproxies()
    name = scheme if scheme in proxies else "all"
    proxy = proxies.get(name)
    variable = f"{name}_proxy"
    return (variable if variable in os.environ else variable.upper()), proxy


def trust() -> ssl.SSLContext:
    """Whom to believe: the system's authorities, certifi's, and what SSL_CERT_FILE or REQUESTS_CA_BUNDLE adds."""
    return _trusting(certifi.where(), os.environ.get("SSL_CERT_FILE"), os.environ.get("REQUESTS_CA_BUNDLE"))


@cache  # a file of authorities takes 40 ms to read
def _trusting(*files: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    for file in files:
        if not file:
            continue
        try:
            context.load_verify_locations(file)
        except (OSError, ssl.SSLError) as error:
            raise Misconfigured(
                f"{file} has no certificates ({error}): correct SSL_CERT_FILE or REQUESTS_CA_BUNDLE"
            ) from error
    return context


def _tls_advice(said: str) -> str:
    said = said.lower()
    if "self-signed" in said or "self signed" in said or "unable to get local issuer" in said:
        return "where its certificate is one of your own, put the PEM file of its authority into SSL_CERT_FILE"
    if "expired" in said or "not yet valid" in said:
        return "its certificate is out of date, or this machine's clock is wrong"
    if "mismatch" in said:
        return "its certificate is for another name: correct the host in chain.rpc_url"
    if "wrong_version_number" in said or "wrong version number" in said or "record layer failure" in said:
        return "it does not speak TLS: write http:// in chain.rpc_url"
    return "see its certificate, or correct chain.rpc_url"


def _cause(error: BaseException) -> str:
    """The innermost reason, without the addresses of objects that urllib3 puts before it."""
    while (inner := getattr(error, "original_error", None) or error.__cause__) is not None:
        error = inner
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).rsplit(">: ", 1)[-1] or type(error).__name__


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds, which may be given as a date (RFC 9110, 10.2.3)."""
    text = headers.get("Retry-After")
    if text is None:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None
