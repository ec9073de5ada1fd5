"""The short form of `make chaos`: rows that hold and are quick, one after the other on one stage, and a few apart."""

from collections.abc import Iterator

import pytest

from tests.chaos.rows import ROWS
from tests.chaos.stage import Stage, staged
from tests.chaos.table import Row, run
from tests.chaos.tally import states

BRIEF = [row for row in ROWS if row.brief and not row.setting]
APART = [row for row in ROWS if row.brief and row.setting]
"""Those that need a node of their own."""


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
    stage.orders -= states(stage.store, "closed")  # as the row meant; the next ones ask whether all are answered


@pytest.mark.parametrize("row", APART, ids=lambda row: row.name)
def test_a_row_holds_on_a_stage_of_its_own(row: Row) -> None:
    found = run(row)
    assert found.ok, found.said
    assert found.asked > 0
