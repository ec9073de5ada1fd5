"""The journal is all the memory there is: what is in it is there after a crash, and everything follows from it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.optimize_kit import FASTER, FASTEST, PACE, SELFTEST, STORY, round_, started, write
from themis.core.errors import Misconfigured
from themis.core.types import Hash32
from themis.engine.tuning import DEFAULTS, Tuning, differences, from_json, to_json
from themis.optimize import inforce, journal, plot, report
from themis.optimize.journal import History
from themis.optimize.machine import here
from themis.optimize.records import Outcome, from_record, to_record

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "optimize.jsonl"
ID = Hash32(b"\x07" * 32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "optimize" / "journal.jsonl"


def read(path: Path) -> History:
    return journal.read(path, journal.digest_of(SELFTEST), here())


@pytest.mark.parametrize("record", STORY, ids=lambda record: type(record).__name__)
def test_records_come_back_as_they_were_written(record: object) -> None:
    assert from_record(json.loads(json.dumps(to_record(record)))) == record  # type: ignore[arg-type]


def test_journals_of_earlier_nodes_are_read_and_written_alike() -> None:
    for line in BENCHMARK.read_text().splitlines():
        record = json.loads(line)
        tunings = [record[name] for name in ("incumbent", "candidate", "left", "back_to") if name in record]
        for tuning in tunings:
            tuning["piece"] = 0  # of which earlier versions knew nothing
        assert json.dumps(to_record(from_record(json.loads(line)))) == json.dumps(record)


def test_a_journal_that_was_never_begun_is_empty(path: Path) -> None:
    found = read(path)
    assert (found.started, found.rounds, found.tuning, found.change) == ((), (), None, None)


def test_the_tuning_in_force_follows_from_the_journal(path: Path) -> None:
    in_force = []
    for record in STORY:
        write(path, record)
        in_force.append(read(path).tuning)
    assert in_force == [None, None, FASTER, FASTER, FASTER, FASTEST, FASTER, FASTER]


def test_only_a_change_that_stands_can_be_rolled_back(path: Path) -> None:
    write(path, *STORY[:4])
    assert read(path).change == journal.Change(FASTER, DEFAULTS, PACE, 2)
    write(path, *STORY[4:])
    assert read(path).change is None


def test_what_was_rolled_back_is_not_proposed_again(path: Path) -> None:
    write(path, *STORY)
    refused = [lesson.candidate for lesson in read(path).lessons(1.0) if lesson.log_gain is None]
    assert refused == [Tuning(rewrites=("unguarded",)), FASTEST]


def test_gains_of_the_model_alone_count_by_its_share(path: Path) -> None:
    of_model = replace(round_(1, DEFAULTS, FASTER, Outcome.UNPROVEN, 1.2), part="model")
    write(path, started(), of_model, replace(of_model, number=2, part="request"))
    first, second = (lesson.log_gain for lesson in read(path).lessons(0.25))
    assert first is not None
    assert second is not None
    assert first == pytest.approx(second / 4)


def test_a_line_that_a_crash_cut_short_is_forgotten(path: Path) -> None:
    write(path, *STORY[:3])
    whole = path.read_bytes()
    for cut in (1, 40, 300):
        path.write_bytes(whole[:-cut])
        assert len(read(path).rounds) == 1
        assert read(path).tuning is None
    write(path, STORY[2])
    assert path.read_bytes() == whole


def test_what_was_measured_elsewhere_is_left_out(path: Path) -> None:
    elsewhere = replace(here(), cpu="another processor")
    write(path, started(elsewhere), round_(1, DEFAULTS, FASTEST, Outcome.KEPT, 1.2))
    assert read(path).events == ()
    write(path, started(), round_(1, DEFAULTS, FASTER, Outcome.KEPT, 1.2))
    assert read(path).tuning == FASTER
    assert [entry.number for entry in read(path).rounds] == [1]
    assert journal.machines(path) == [elsewhere, here()]


def test_a_node_runs_what_its_journal_says_for_this_machine_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = journal.path_of(tmp_path, SELFTEST)
    assert inforce.tunings(tmp_path, {ID: SELFTEST}) == inforce.NOTHING
    write(path, started(replace(here(), cores=64)), round_(1, DEFAULTS, FASTEST, Outcome.KEPT, 1.2))
    assert inforce.tunings(tmp_path, {ID: SELFTEST}) == inforce.NOTHING
    assert "selftest-moe runs untuned: it was tuned on" in caplog.text
    assert "64 cores" in caplog.text
    write(path, started(), round_(1, DEFAULTS, FASTER, Outcome.KEPT, 1.2))
    found = inforce.tunings(tmp_path, {ID: SELFTEST})
    assert found.tunings == {ID: FASTER}
    assert found.changes == {ID: (journal.Change(FASTER, DEFAULTS, PACE, 1), path)}


@pytest.mark.parametrize("line", ["[]", "{}", '{"kind": "Dreamt"}', "no JSON", '{"kind": "Round", "number": 1}'])
def test_a_strange_journal_is_not_followed(line: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = journal.path_of(tmp_path, SELFTEST)
    write(path, *STORY[:3])
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(Misconfigured, match="move"):
        read(path)
    assert inforce.tunings(tmp_path, {ID: SELFTEST}) == inforce.NOTHING
    assert "selftest-moe runs untuned" in caplog.text


def test_tunings_are_written_whole_and_read_strictly() -> None:
    tuning = Tuning(threads=2, level="all", rewrites=("unguarded", "counted-dispatch"), run_tokens=512, spread=1.5)
    assert from_json(json.loads(json.dumps(to_json(tuning)))) == tuning
    changes: list[dict[str, object]] = [
        {"threads": "2"},
        {"rewrites": "unguarded"},
        {"level": "best"},
        {"processes": 0},
        {"novelty": 1},
        {"rewrites": ["unknown"]},
    ]
    for strange in changes:
        with pytest.raises(Misconfigured, match="themis optimize"):
            from_json(to_json(tuning) | strange)
    earlier = {name: value for name, value in to_json(tuning).items() if name != "piece"}
    assert from_json(earlier) == tuning, "what an earlier version wrote goes on"
    assert differences(DEFAULTS, tuning) == (
        "threads 1 -> 2, level none -> all, +unguarded, +counted-dispatch, run_tokens 0 -> 512, spread 0.0 -> 1.5"
    )
    assert differences(tuning, tuning) == "nothing"


def test_the_report_says_where_throughput_stands(path: Path) -> None:
    write(path, *STORY)
    found = read(path)
    assert [point.incumbent for point in report.points(found)] == [1.0, 1.25, 1.25, 1.5, 1.25]
    assert [point.candidate for point in report.points(found)] == [
        None,
        *(pytest.approx(each) for each in (1.25, 1.25 * 0.9, 1.5, 1.25 * 1.01)),
    ]
    assert report.runtime_defaults(found) == pytest.approx(1 / 1.1)
    said = report.summary(found)
    assert (said["rounds"], said["kept"], said["refused"], said["rolled_back"]) == (5, 2, 1, 1)
    assert said["tuned_over_runtime_defaults"]["ratio"] == 1.5
    assert said["kept_changes"] == ["level none -> basic", "step 16 -> 32"]
    assert json.loads(json.dumps(said)) == said
    table = report.rows(found)
    assert [row["outcome"] for row in table] == ["refused", "kept", "slower", "kept", "rolled back", "unproven"]
    assert len({tuple(row) for row in table}) == 1, "one set of columns"
    assert table[0]["detail"] == "golden input 0 gives other bits"


def test_the_plot_has_a_mark_for_each_round(path: Path) -> None:
    write(path, *STORY)
    points = report.points(read(path))
    drawing = plot.draw(points, "a <title>", runtime_defaults=0.9)
    assert "a &lt;title&gt;" in drawing
    assert drawing.count("<circle") == 5 + 4, "a legend of five and four candidates; the refused one is a cross"
    assert drawing.count("<polyline") == 1
    assert "NaN" not in drawing
    assert plot.draw([], "empty", runtime_defaults=1.0).count("<circle") == 5


def test_a_gain_of_the_model_alone_is_one_of_its_share_of_a_request(path: Path) -> None:
    of_model = replace(round_(1, DEFAULTS, FASTER, Outcome.KEPT, 2.0), part="model")
    write(path, started(), of_model)
    (point,) = report.points(read(path))
    assert point.incumbent == point.candidate == pytest.approx(1 / (0.6 + 0.4 / 2))
