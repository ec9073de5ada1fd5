"""`themis check` says, of each setting about money, requesters and endpoints, what it means, and what is wrong."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo import chains
from tests.chaos import faults
from tests.chaos.proxy import serving
from tests.cli_kit import Person, Town, copied

REAL_CHAIN = 10
"""No development chain's id: nothing is given away there unless the operator says so."""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with chains.start(settings=chains.Settings(chain_id=REAL_CHAIN)) as chain:
        yield Town.build(chain, tmp_path_factory.mktemp("town"))


EARNS = r"an answer must earn ~?0\.\d+ ether and its callback's gas at [\d.]+ gwei, else"


def line(person: Person, name: str) -> tuple[str, str]:
    """Status and detail of one line of the list, which goes on to its end."""
    checks: list[dict[str, Any]] = person.tell("check")
    assert checks[-1]["name"].startswith("offer of ")
    ((status, detail),) = [(check["status"], check["detail"]) for check in checks if check["name"] == name]
    return status, detail


def prefixed(person: Person, text: str) -> Person:
    file = person.home / "config.toml"
    file.write_text(f"{text}\n{file.read_text()}")
    return person


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            "",
            f"{EARNS} it waits for cheaper gas; no cap a day",
        ),
        (
            'policy = "refuse"',
            f"{EARNS} it is refused; no cap a day",
        ),
        (
            'policy = "free"\nmax_spend_wei_per_day = 5000',
            r"every fee is taken, also none: gas at [\d.]+ gwei is paid by this node; at most 5,000 wei a day: set .*",
        ),
    ],
)
def test_what_is_answered_for_which_fee(town: Town, tmp_path: Path, settings: str, said: str) -> None:
    status, detail = line(prefixed(copied(town, tmp_path), f"[fees]\n{settings}"), "fees")
    assert status == ("warn" if "free" in settings else "ok")
    assert re.fullmatch(said, detail)


def test_the_price_is_that_of_gas_and_the_margin(town: Town, tmp_path: Path) -> None:
    _, detail = line(prefixed(copied(town, tmp_path), "[fees]\nmargin_percent = 100"), "fees")
    found = re.search(r"earn ~?([\d.]+) ether .* at ([\d.]+) gwei", detail)
    assert found is not None
    needed_wei, price_wei = float(found[1]) * 10**18, float(found[2]) * 10**9
    assert 90_000 < needed_wei / (2 * price_wei) < 130_000


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("", "everybody"),
        ("max_per_hour = 5\nmax_per_day = 20", "everybody; 5 requests an hour each; 20 requests a day each"),
        ('allow = ["0x{0}"]\ndeny = ["0x{1}"]', "1 addresses alone; 1 denied"),
    ],
)
def test_who_is_served(town: Town, tmp_path: Path, settings: str, said: str) -> None:
    text = "[requesters]\n" + settings.format("11" * 20, "22" * 20)
    assert line(prefixed(copied(town, tmp_path), text), "requesters") == ("ok", said)


def with_urls(town: Town, tmp_path: Path, *urls: str, quorum: int = 1) -> Person:
    person = copied(town, tmp_path)
    file = person.home / "config.toml"
    more = f"rpc_urls = {list(urls)}\nquorum = {quorum}\n"
    file.write_text(file.read_text().replace("chain_id", f"{more}chain_id", 1))
    return person


def test_several_endpoints_are_each_looked_at(town: Town, tmp_path: Path) -> None:
    with serving(town.world.chain.rpc_url) as second, serving(town.world.chain.rpc_url) as third:
        person = with_urls(town, tmp_path, second.url, third.url, quorum=2)
        assert line(person, "chain") == ("ok", f"chain {REAL_CHAIN}, 3 endpoints")
        assert all(proxy.calls["eth_chainId"] for proxy in (second, third))
        third.choose(faults.gone)
        status, detail = line(person, "chain")
        assert (status, detail.startswith(f"2 of 3 endpoints are good: the RPC at {third.url} ")) == ("warn", True)
        second.choose(faults.gone)
        said = person.fails(75, "check")
        assert "1 of 3 endpoints are good: " in said
        assert said.endswith("chain.quorum is 2")


def test_an_endpoint_of_another_chain_is_named(town: Town, tmp_path: Path) -> None:
    with chains.start(settings=chains.Settings(chain_id=REAL_CHAIN + 1)) as other:
        status, detail = line(with_urls(town, tmp_path, other.rpc_url), "chain")
    named = f"the RPC at {other.rpc_url} serves chain {REAL_CHAIN + 1}, not {REAL_CHAIN}: correct chain.rpc_url"
    assert (status, detail) == ("warn", f"1 of 2 endpoints are good: {named}")


@pytest.mark.parametrize(
    ("scheme", "status", "said"),
    [
        ("ws", "ok", f"chain {REAL_CHAIN}, told of new blocks"),
        (
            None,
            "warn",
            r"the WebSocket at \S+ cannot be opened .*, or leave it out; without it new blocks are polled for",
        ),
    ],
)
def test_a_websocket_is_tried(town: Town, tmp_path: Path, scheme: str | None, status: str, said: str) -> None:
    person = copied(town, tmp_path)
    nobody = f"ws://127.0.0.1:{chains.free_port()}"
    url = nobody if scheme is None else town.world.chain.rpc_url.replace("http", scheme)
    file = person.home / "config.toml"
    file.write_text(file.read_text().replace("chain_id", f'ws_url = "{url}"\nchain_id', 1))
    found, detail = line(person, "chain")
    assert found == status
    assert re.fullmatch(said, detail)
