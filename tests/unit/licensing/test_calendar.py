"""Blocks are told by month, and few headers are read for it."""

from datetime import UTC, datetime
from typing import Any, cast

from themis.chain.rpc import Rpc
from themis.licensing.calendar import Calendar

START_S = int(datetime(2026, 1, 31, 23, 59, 50, tzinfo=UTC).timestamp())


class Headers:
    """A block every 12 s from the last seconds of January on."""

    def __init__(self) -> None:
        self.read = 0

    def call(self, method: str, block: str, whole: bool) -> dict[str, Any]:
        assert (method, whole) == ("eth_getBlockByNumber", False)
        self.read += 1
        return {"timestamp": hex(START_S + 12 * int(block, 16))}


def month(block: int) -> str:
    return datetime.fromtimestamp(START_S + 12 * block, UTC).strftime("%Y-%m")


def test_months_are_told_and_few_headers_read() -> None:
    headers = Headers()
    calendar = Calendar(cast("Rpc", headers))
    blocks = [0, 0, 1, 1, *range(3, 1_000_000, 77)]  # more than four months
    assert calendar.months(blocks) == [month(block) for block in blocks]
    assert headers.read < 100
    before = headers.read
    assert calendar.months(blocks) == [month(block) for block in blocks]
    assert headers.read == before
    assert calendar.months([]) == []
    assert calendar.months([2, 5, 1_000_001]) == ["2026-02", "2026-02", month(1_000_001)]
