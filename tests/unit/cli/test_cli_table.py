"""Lists on a terminal: they fit it, ids and amounts stay whole, and what is short is told from what is not."""

import pytest

from themis.cli import short, table
from themis.cli.short import Ids
from themis.cli.table import Column
from themis.core.spelling import ether, gwei

ROWS = [
    {"id": "0x" + "ab" * 32, "text": "a purpose in many words, as people write them", "n": "1"},
    {"id": "0x" + "cd" * 32, "text": "\u6f22\u5b57 " * 8, "n": "23,456"},
    {"id": "0x" + "ef" * 32, "text": "w" * 90, "n": "-"},
]
VIEW = (
    Column("id", lambda row: Ids(()).short(row["id"])),
    Column("what it is for", lambda row: row["text"], flows=True),
    Column("n", lambda row: row["n"], right=True),
    Column("spare", lambda row: row["n"] * 3, spare=True),
)


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_a_table_fits(width: int) -> None:
    lines = table.lines(ROWS, VIEW, width)
    assert max(map(table.cells_of, lines)) <= width
    assert all(any(Ids(()).short(row["id"]) in line for line in lines) for row in ROWS)
    assert ("spare" in lines[0]) == (width > 50)


def test_text_flows_between_words_and_a_long_word_is_cut() -> None:
    view = (Column("a", lambda row: row["text"], flows=True), Column("n", lambda row: row["n"], right=True))
    assert table.lines([ROWS[0], ROWS[2]], view, 30) == [
        "a                            n",
        "a purpose in many words, as  1",
        "people write them",
        "wwwwwwwwwwwwwwwwwwwwwwwwww\u2026  -",
    ]


def test_a_name_or_a_short_id_stays_whole_while_a_column_can_go() -> None:
    ids = Ids(())
    view = (
        Column("model", lambda row: row["model"] or ids.short(row["id"]), flows=True),
        Column("classes", lambda _: "research+commercial"),
        Column("left", lambda _: "1,000,000", spare=True),
    )
    rows: list[dict[str, str | None]] = [{"model": "evm-risk-moe", "id": ""}, {"model": None, "id": ROWS[0]["id"]}]
    assert table.lines(rows, view, 34) == [
        "model         classes",
        "evm-risk-moe  research+commercial",
        "0xabababab\u2026   research+commercial",
    ]
    assert table.lines(rows, view, 33)[1:] == table.lines(rows, view, 34)[1:]
    assert table.lines(rows, view, 32)[1:] == [
        "evm-risk-m\u2026  research+commercial",
        "0xabababab\u2026  research+commercial",
    ]


def test_where_nothing_can_give_way_no_id_is_broken() -> None:
    view = (Column("id", lambda row: row["id"]),)
    assert table.lines(ROWS[:1], view, 20) == ["id", ROWS[0]["id"]]


def test_short_ids_are_prefixes_that_no_other_has() -> None:
    one, other = "0x" + "ab" * 6 + "11" * 26, "0x" + "ab" * 6 + "22" * 26
    ids = Ids([one, other, None])
    assert (ids.short(one), ids.short(other)) == ("0xabababababab1\u2026", "0xabababababab2\u2026")
    assert Ids([one, one]).short(one) == "0xabababab\u2026"
    assert (ids.short("0xabababab"), ids.short(None)) == ("0xabababab", "-")


@pytest.mark.parametrize(
    ("wei", "said"),
    [
        (0, "0 ether"),
        (1, "1 wei"),
        (999_999_999, "999,999,999 wei"),
        (10**9, "0.000000001 ether"),
        (10**12, "0.000001 ether"),
        (10**18, "1 ether"),
        (123_400 * 10**18, "123400 ether"),
        (10**18 + 1, "~1 ether"),
        (1_234_567_890_123_456_789, "~1.23457 ether"),
    ],
)
def test_amounts_of_ether(wei: int, said: str) -> None:
    assert ether(wei) == said
    assert short.amount(str(wei), "0x" + "00" * 20) == said


@pytest.mark.parametrize(
    ("wei", "said"),
    [
        (0, "0 gwei"),
        (7, "0.000000007 gwei"),
        (10**9, "1 gwei"),
        (1_000_000_007, "1 gwei"),
        (1_234_567_890, "1.235 gwei"),
        (200 * 10**9, "200 gwei"),
        (12_345 * 10**9, "12340 gwei"),
    ],
)
def test_prices_of_gas(wei: int, said: str) -> None:
    assert gwei(wei) == said


def test_amounts_of_tokens_dates_and_classes() -> None:
    assert short.amount("1234567", "0x" + "12" * 20) == "1,234,567 of 0x12121212\u2026"
    assert (short.date(1_900_000_000), short.date(None), short.date(2**40 - 1)) == ("2030-03-17", "-", "never")
    assert short.classes(["personal", "research", "commercial"]) == "all"
    assert short.classes(["commercial", "research"]) == "commercial+research"
