"""Where the API listens, and who must bring a token."""

import logging
import socket
from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError

from tests.api_kit import UNREACHABLE
from tests.daemon_kit import Bench
from themis.api.access import LOOPBACK_NAMES, hosts_of, token_of
from themis.api.app import create
from themis.api.reading import Reading
from themis.api.server import Server
from themis.config import ApiConfig
from themis.core.errors import Misconfigured


def test_loopback_is_the_default_and_needs_no_token(tmp_path: Path) -> None:
    assert token_of(tmp_path, ApiConfig()) is None
    assert hosts_of(ApiConfig()) == LOOPBACK_NAMES
    for host in ("localhost", "::1", "127.0.0.2"):
        assert token_of(tmp_path, ApiConfig(host=host)) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "node.example"])  # noqa: S104 (what is refused)
def test_any_other_address_needs_a_token(tmp_path: Path, host: str) -> None:
    with pytest.raises(Misconfigured, match=r"can be reached from outside: set api\.token_file"):
        token_of(tmp_path, ApiConfig(host=host))


def test_a_token_is_read_from_a_private_file(tmp_path: Path) -> None:
    api = ApiConfig(host="192.0.2.1", token_file=Path("token"))
    with pytest.raises(Misconfigured, match="write a long random token into it"):
        token_of(tmp_path, api)
    file = tmp_path / "token"
    file.write_text("t" * 16 + "\n")
    file.chmod(0o644)
    with pytest.raises(Misconfigured, match=f"run `chmod 600 {file}`"):
        token_of(tmp_path, api)
    file.chmod(0o600)
    assert token_of(tmp_path, api) == "t" * 16
    assert hosts_of(api) is None
    file.write_text("short\n")
    with pytest.raises(Misconfigured, match="is short: use 16 characters or more"):
        token_of(tmp_path, api)


def test_it_serves_on_a_free_port(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "db")
    server = Server(ApiConfig(port=0))
    server.start(create(Reading(bench.node, {}, {}, 0.0), *UNREACHABLE, hosts=LOOPBACK_NAMES, token=None))
    assert httpx.get(f"{server.url}/livez").json() == {"live": True}
    server.stop()
    assert logging.getLogger("uvicorn").level == logging.WARNING
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", server.port), timeout=10):
        pass


def test_a_taken_port_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Misconfigured, match=rf"cannot listen on 127\.0\.0\.1 port {port} .*: set api\.port"):
            Server(ApiConfig(port=port))


def test_a_port_has_bounds() -> None:
    with pytest.raises(ValidationError):
        ApiConfig(port=65_536)
