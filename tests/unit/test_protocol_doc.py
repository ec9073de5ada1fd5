"""docs/protocol.md says what the code does: type strings, headers, limits, statuses and refusals."""

import json
import re
from pathlib import Path

from tests.vectors import committee as vectors
from themis.api import committee as routes
from themis.committee import floor, gate, parcel, post, wire
from themis.committee.gate import Barred
from themis.core import committee, eip712
from themis.core.agreement import Objection
from themis.core.order import ORDER_TYPE

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/protocol.md").read_text()


def test_every_type_is_there_as_it_is_hashed() -> None:
    types = {value for name, value in vars(committee).items() if name.endswith("_TYPE")}
    (block,) = re.findall(r"```\n(Commitment\(.*?)```", PAGE, re.DOTALL)
    assert set(block.splitlines()) == types
    assert f'name: "{committee.DOMAIN_NAME}", version: "{committee.DOMAIN_VERSION}"' in PAGE
    assert str(vectors.FILE.relative_to(ROOT)) in PAGE


def test_paths_and_headers() -> None:
    paths = {value for value in vars(post).values() if isinstance(value, str) and value.startswith("/committee/")}
    assert len(paths) == 6
    assert [path for path in paths if f"`POST <endpoint>{path}`" not in PAGE] == []
    names = {value for name, value in vars(gate).items() if isinstance(value, str) and value.startswith("themis-")}
    assert len(names) == 6
    assert [name for name in names if f"`{name.title()}`" not in PAGE] == []


def test_limits() -> None:
    rows = dict(re.findall(r"^\| ([^|]+) \| ([\d, ]+) \|$", PAGE, re.MULTILINE))
    assert rows == {
        "bytes of a body": str(wire.MOST_BYTES),
        "bytes of an order": str(parcel.MOST_BYTES),
        "orders in `known`": str(parcel.MOST_KNOWN),
        "messages in it": str(wire.MOST_MESSAGES),
        "requests in `wants`, tags of each": f"{wire.MOST_WANTS}, {wire.MOST_KNOWN}",
        "seconds for a whole request or reply": f"{post.PATIENCE_S:g}",
        "seconds between two clocks": str(gate.SKEW_S),
        "requests of a member in a second, at once": f"{gate.PER_S}, {gate.BURST}",
        "requests served at once": str(routes.MOST_AT_ONCE),
    }
    assert post.PATIENCE_S == routes.PATIENCE_S


def test_an_order_has_the_fields_that_are_signed() -> None:
    (shown,) = re.findall(r'"order": (\{.*?\}),', PAGE, re.DOTALL)
    assert list(json.loads(shown)) == [each["name"] for each in eip712.members(ORDER_TYPE)]


def test_every_refusal_is_there() -> None:
    assert [barred for barred in Barred if f"`{barred}`" not in PAGE] == []
    reasons = {*map(str, Objection), floor.UNKNOWN_REQUEST, floor.TOO_LATE}
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| (yes|no)", PAGE, re.MULTILINE)
    said = {reason: again for names, again in rows for reason in re.findall(r"`(\w+)`", names)}
    assert said.keys() == reasons
    assert {reason for reason, again in said.items() if again == "yes"} == floor.PASSING


def test_each_attack_that_was_named_has_its_row() -> None:
    page = (ROOT / "docs/security.md").read_text()
    rows = re.findall(r"^\| \*\*([^*]+)\*\*[^|]* \|([^|]+)\|([^|]+)\|([^|]+)\|$", page, re.MULTILINE)
    named = "Copying, Withholding, Bribed majority, Griefing, Sybil by stake, Eclipse, Clocks, Key theft"
    more = {"Licensor as member", "MEV on the answer", "Two answers", "Replay", "Orders"}
    assert {row[0] for row in rows} >= {*named.split(", "), *more}
    assert [name for name, prevented, expensive, _ in rows if not (prevented + expensive).strip()] == []
