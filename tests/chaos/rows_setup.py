"""Rows: what stands in a home, in the environment and before the endpoint: text, locks, certificates, proxies."""

import http.client
import os
import ssl
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.chaos.proxy import serving
from tests.chaos.stage import Stage, must
from tests.chaos.table import row
from tests.forking import THEMIS

KIND = "setup"
MISCONFIGURED, UNAVAILABLE = 78, 75
CERTIFICATES = Path(__file__).parents[1] / "port/certificates"


def _edit(stage: Stage, old: str, new: str) -> None:
    file = stage.home / "config.toml"
    must(old in file.read_text(), f"config.toml has {old}")
    file.write_text(file.read_text().replace(old, new, 1))


def _check(stage: Stage, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    line = [*THEMIS, "--home", str(stage.home), "check"]
    done = subprocess.run(
        line, capture_output=True, text=True, timeout=120, check=False, env=stage.environment() | dict(environment)
    )
    must("Traceback" not in done.stderr and "error[bug]" not in done.stderr, f"it said: {done.stderr[-200:]}")
    return done


def _named(stage: Stage, status: int, *words: str, **environment: str) -> None:
    done = _check(stage, environment)
    must(done.returncode == status, f"it ended with {done.returncode}: {(done.stdout + done.stderr)[-200:]}")
    missing = [word for word in words if word not in done.stdout + done.stderr]
    must(not missing, f"it does not name {missing}: {(done.stdout + done.stderr)[-300:]}")


def _serves(stage: Stage, **environment: str) -> None:
    """A node with these variables answers."""
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        stage.start()
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    stage.ask(4)
    stage.all_answered()


@row("marks, spaces and line ends around what is configured", KIND, started=False)
def spelled(stage: Stage) -> None:
    _edit(stage, f'rpc_url = "{stage.proxy.url}"', f'rpc_url = " {stage.proxy.url}\\r\\n"')
    _edit(stage, f'oracle = "0x{stage.world.client.oracle.hex()}"', f'oracle = "0X{stage.world.client.oracle.hex()} "')
    file = stage.home / "config.toml"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_text().replace("\n", "\r\n").encode())
    password = stage.home / "keys/default.password"
    password.write_bytes(b"\xef\xbb\xbf" + password.read_bytes() + b"\r\n")
    _serves(stage, THEMIS_FEES__MIN_FEE_WEI="", THEMIS_API__PORT="0\r")


@row("an address with a wrong checksum", KIND, started=False)
def wrong_checksum(stage: Stage) -> None:
    right = stage.world.client.oracle.hex()
    at = next(place for place, digit in enumerate(right) if digit.isalpha())
    _edit(stage, f"0x{right}", "0x" + right[:at] + right[at].upper() + right[at + 1 :])
    _named(stage, MISCONFIGURED, "chain.oracle", "wrong checksum", "config.toml")


@row("a bad value in a variable is blamed on the variable", KIND, started=False)
def bad_variable(stage: Stage) -> None:
    _named(stage, MISCONFIGURED, "the variable THEMIS_API__PORT", THEMIS_API__PORT="many")


@row("a lock file that cannot be opened", KIND, started=False)
def lock_file(stage: Stage) -> None:
    """Not taken for another node's."""
    (stage.home / "themis.lock").mkdir()
    stage.start(wait=False)
    assert stage.process is not None
    must(stage.process.wait(60) == MISCONFIGURED, f"it ended: {stage.last_words()}")
    must("themis.lock" in stage.last_words(), f"it said: {stage.last_words()}")
    must("another themis" not in stage.last_words(), f"it said: {stage.last_words()}")
    (stage.home / "themis.lock").rmdir()
    _serves(stage)


@row("HEAD is answered as GET", KIND, brief=True)
def head(stage: Stage) -> None:
    for path in ("/livez", "/readyz", "/metrics", "/v1/status", "/"):
        connection = http.client.HTTPConnection(stage.url.removeprefix("http://"), timeout=30)
        connection.request("HEAD", path)
        reply = connection.getresponse()
        must((reply.status, reply.read()) == (200, b""), f"HEAD {path}: {reply.status}")
        connection.close()
    stage.ask(2)
    stage.all_answered()


@row("a certificate of one's own", KIND, started=False)
def certificate(stage: Stage) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / "localhost.pem", CERTIFICATES / "localhost.key")
    with serving(stage.world.chain.rpc_url, context) as secure:
        _edit(stage, stage.proxy.url, secure.url)
        _named(stage, UNAVAILABLE, "is not trusted", "SSL_CERT_FILE")
        _serves(stage, SSL_CERT_FILE=str(CERTIFICATES / "localhost.pem"))
        stage.final = stage.tally()
        stage.kill()


@row("a proxy variable that leads nowhere", KIND, started=False)
def proxy_variable(stage: Stage) -> None:
    """Of no account for loopback; named where it is in the way."""
    nowhere = "http://127.0.0.1:9"
    _serves(stage, http_proxy=nowhere, HTTP_PROXY=nowhere)
    stage.end()
    _edit(stage, "127.0.0.1", "127.0.0.2")
    _named(stage, UNAVAILABLE, "through the proxy that http_proxy names", "NO_PROXY", http_proxy=nowhere)
