"""The short form of `make chaos`: the rows that hold and are quick, one after the other on one stage."""

from collections.abc import Iterator

import pytest

from tests.chaos.rows import ROWS
from tests.chaos.stage import Stage, staged
from tests.chaos.table import Row

BRIEF = [row for row in ROWS if row.brief]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("chaos") / "home") as built:
        yield built


@pytest.mark.parametrize("row", BRIEF, ids=lambda row: row.name)
def test_a_row_holds(row: Row, stage: Stage) -> None:
    asked_before = stage.tally().asked
    try:
        row.play(stage)
    finally:
        stage.heal()
    found = stage.tally()
    assert found.asked > asked_before
    assert (found.lost, found.twice) == (0, 0), stage.log()
