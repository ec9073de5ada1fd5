"""What stands between the node and an endpoint is named: certificates, proxies, silence. Over real sockets."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.liar import Asked, Reply, lying
from themis.chain import transport
from themis.chain.transport import TimedOut, Transport, proxy_of
from themis.core.errors import Misconfigured, Unavailable

CERTIFICATES = Path(__file__).parent / "certificates"
"""Of `localhost`, signed by itself until 2126; the key is nobody's secret."""
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def echo(_: Asked) -> Reply:
    return Reply(b"{}")


@contextmanager
def tls() -> Iterator[str]:
    """An HTTPS server with a certificate of its own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / "localhost.pem", CERTIFICATES / "localhost.key")
    with lying(echo, context) as liar:
        yield liar.url.replace("http://127.0.0.1", "https://localhost")


def test_a_certificate_of_ones_own_is_named_with_what_to_do() -> None:
    with tls() as url, pytest.raises(Unavailable, match="put the PEM file of its authority into SSL_CERT_FILE"):
        Transport(url).post(b"{}", 5)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_a_certificate_of_ones_own_is_trusted_where_it_is_given(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, str(CERTIFICATES / "localhost.pem"))
    with tls() as url:
        assert Transport(url).post(b"{}", 5).status == 200


def test_a_certificate_for_another_name_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATES / "localhost.pem"))
    with tls() as url, pytest.raises(Unavailable, match="for another name"):
        Transport(url.replace("localhost", "127.0.0.1")).post(b"{}", 5)


def test_a_file_without_certificates_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "empty.pem"))
    with pytest.raises(Misconfigured, match=r"empty\.pem has no certificates"):
        Transport("https://rpc.example")


def test_one_that_speaks_no_tls_is_named() -> None:
    with lying(echo) as liar, pytest.raises(Unavailable, match="write http:// in chain.rpc_url"):
        Transport(liar.url.replace("http:", "https:")).post(b"{}", 5)


def test_a_proxy_that_does_not_answer_is_named_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with pytest.raises(Unavailable, match="through the proxy that HTTP_PROXY names is not reached.*NO_PROXY"):
        Transport("http://rpc.example").post(b"{}", 5)


def test_a_proxy_is_asked_for_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    with lying(echo) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert Transport("http://rpc.example/v2/key").post(b"{}", 5).status == 200
        assert len(proxy.asked) == 1


def test_the_loopback_is_behind_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert proxy_of("http", "127.0.0.1") == ("", None)
    with lying(echo) as liar:
        assert Transport(liar.url).post(b"{}", 5).status == 200


def test_a_proxy_of_another_kind_is_misconfigured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")
    with pytest.raises(Misconfigured, match="ALL_PROXY names no HTTP proxy"):
        Transport("https://rpc.example")


def test_nobody_listening_is_named_without_the_urls_path() -> None:
    with pytest.raises(Unavailable) as caught:
        Transport("http://127.0.0.1:9/v2/secret").post(b"{}", 5)
    assert str(caught.value) == (
        "the RPC at http://127.0.0.1:9 did not answer (Connection refused): start it, or correct chain.rpc_url"
    )


def test_user_and_password_are_sent_and_not_shown() -> None:
    with lying(echo) as liar:
        Transport(liar.url.replace("http://", "http://user:pass@")).post(b"{}", 5)
        assert liar.headers["authorization"] == "Basic dXNlcjpwYXNz"
    with pytest.raises(Unavailable) as caught:
        Transport("http://user:pass@127.0.0.1:9").post(b"{}", 5)
    assert "pass" not in str(caught.value)


@contextmanager
def raw(say: bytes, *, pieces: int = 1, pause_s: float = 0.0) -> Iterator[str]:
    """A server that writes these bytes to whoever connects, again and again, then waits."""
    server = socket.create_server(("127.0.0.1", 0))
    held: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            held.append(connection)
            connection.recv(65_536)
            try:
                for _ in range(pieces):
                    connection.sendall(say)
                    time.sleep(pause_s)
            except OSError:
                continue

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()
        for connection in held:
            connection.close()


def test_silence_is_timed_out() -> None:
    with raw(b"") as url, pytest.raises(TimedOut, match="did not answer in time"):
        Transport(url).post(b"{}", 0.2)


def test_one_that_drips_for_ever_is_timed_out() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    with raw(head, pieces=40, pause_s=0.05) as url, pytest.raises(TimedOut, match="did not finish in time"):
        Transport(url).post(b"{}", 0.3)


def test_one_that_says_too_much_is_not_listened_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "LARGEST_BODY", 1_000)
    with (
        lying(lambda _: Reply(b"x" * 200_000)) as liar,
        pytest.raises(TimedOut, match="says more than"),
    ):
        Transport(liar.url).post(b"{}", 5)


def test_one_that_hangs_up_is_named() -> None:
    with raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{") as url, pytest.raises(Unavailable):
        Transport(url).post(b"{}", 0.2)


@pytest.mark.parametrize(
    ("given", "least", "most"), [("7", 7, 7), ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0), ("soon", None, None)]
)
def test_retry_after_is_read(given: str, least: float | None, most: float | None) -> None:
    with lying(lambda _: Reply(b"", 429, {"Retry-After": given})) as liar:
        found = Transport(liar.url).post(b"{}", 5).retry_after_s
    assert found == least == most
