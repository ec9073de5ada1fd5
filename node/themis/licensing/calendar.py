"""In which month a block was made, by as few headers as that takes."""

from bisect import bisect
from collections.abc import Sequence
from datetime import UTC, datetime

from themis.chain.rpc import Rpc


class Calendar:
    """Months of one chain's blocks. Times never run back: blocks between two of one month are of that month.

    What was read stays: a reorganization may move a block that was made around the midnight between two months.
    """

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc
        self._blocks: list[int] = []
        self._months: list[str] = []

    def months(self, blocks: Sequence[int]) -> list[str]:
        """Year and month (UTC, `2026-11`) of blocks in ascending order. Raises Unavailable."""
        self._read(blocks)
        return [self._months[bisect(self._blocks, block) - 1] for block in blocks]

    def _read(self, blocks: Sequence[int]) -> None:
        """Halves them until both ends of each part are of one month."""
        if not blocks or self._told(blocks[0]) == self._told(blocks[-1]):
            return
        middle = len(blocks) // 2
        self._read(blocks[:middle])
        self._read(blocks[middle:])

    def _told(self, block: int) -> str:
        at = bisect(self._blocks, block)
        before = self._months[at - 1] if at else None
        if before is not None and (self._blocks[at - 1] == block or self._months[at : at + 1] == [before]):
            return before
        header = self._rpc.call("eth_getBlockByNumber", hex(block), False)  # noqa: FBT003 (the RPC's parameter)
        month = datetime.fromtimestamp(int(header["timestamp"], 16), UTC).strftime("%Y-%m")
        self._blocks.insert(at, block)
        self._months.insert(at, month)
        return month
