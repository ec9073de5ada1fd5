"""What the license commands say to a person: short records, times as dates, and no grant for nobody."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo import chains
from tests.cli_kit import Town

SIDE = ("--role", "requester", "--class", "commercial,research")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with chains.start() as chain:
        yield Town.build(chain, tmp_path_factory.mktemp("homes"))


def fields(printed: str) -> dict[str, str]:
    """A record as it was printed for a person."""
    return dict(line.split(maxsplit=1) for line in printed.splitlines() if line.strip())


def test_a_grant_is_told_in_few_lines(town: Town) -> None:
    grant = ("license", "grant", town.model_id, town.requester.address, *SIDE)
    done = town.licensor.run(*grant, "--days", "9", "--quota", "7", "--royalty-bps", "500", "--nonce", "11")
    told = fields(done.out)
    assert (told["licensee"], told["role"], told["classes"]) == (
        town.requester.address,
        "requester",
        "research, commercial",
    )
    assert (told["quota"], told["daily_rate"], told["royalty_bps"], told["seq"]) == ("7", "any", "500", "2")
    assert (told["nonce"], told["activated"], told["terms_version"]) == ("11", "yes", "every")
    assert told["expiry"].endswith("Z")
    assert "price_floor" not in told
    assert "`themis license export` writes a voucher" in done.err
    listed = town.licensor.run("license", "list", "--model", town.model_id).out.splitlines()
    names, *rows = [line.split("\t") for line in listed]
    holders = [dict(zip(names, row, strict=True)) for row in rows]
    (row,) = (holder for holder in holders if holder["licensee"] == town.requester.address)
    assert row["expiry"] == told["expiry"]
    assert row["not_before"].endswith("Z")
    assert town.licensor.tell(*grant)["typed_data"]["message"]["seq"] == 3


def test_an_export_is_told_in_few_lines_and_whole_in_its_file(town: Town, tmp_path: Path) -> None:
    file = tmp_path / "voucher.json"
    token, payee = "0x" + "70" * 20, "0x" + "71" * 20
    export = ("license", "export", town.model_id, town.requester.address, str(file), *SIDE)
    told = fields(town.licensor.run(*export, "--price-floor", "5", "--price-token", token, "--pay-to", payee).out)
    assert (told["activated"], told["file"]) == ("no", str(file))
    assert (told["price_floor"], told["price_token"], told["pay_to"]) == ("5", token, payee)
    message = json.loads(file.read_text())["typed_data"]["message"]
    assert (str(message["seq"]), message["nonce"]) == (told["seq"], told["nonce"])
    imported = fields(town.requester.run("license", "import", str(file)).out)
    assert imported["expiry"] == told["expiry"]


def test_terms_are_told_with_dates(town: Town) -> None:
    told = fields(town.requester.run("license", "show", town.model_id).out)
    version = town.requester.tell("license", "show", town.model_id)["versions"][0]
    assert told["published_at"].endswith("Z")
    assert isinstance(version["published_at_s"], int)


def test_nobody_is_licensed(town: Town, tmp_path: Path) -> None:
    nobody, file = "0x" + "00" * 20, tmp_path / "voucher.json"
    for line in (("license", "grant", town.model_id, nobody), ("license", "export", town.model_id, nobody, str(file))):
        assert "the zero address is nobody's" in town.licensor.fails(78, *line, *SIDE)
    assert not file.exists()
