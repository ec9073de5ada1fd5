"""The committed figures are what the committed journal says, and what they are to show they show."""

import json
from pathlib import Path

from themis.optimize import journal, plot, report
from themis.optimize.machine import Machine

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "optimize.json"


def test_table_and_plot_follow_from_the_journal() -> None:
    journal_file, stored = BENCHMARK.with_suffix(".jsonl"), json.loads(BENCHMARK.read_text())
    first = json.loads(journal_file.read_text().splitlines()[0])
    found = journal.read(journal_file, first["digest"], Machine(**first["machine"]))
    assert stored["loop"] == report.summary(found)
    assert stored["table"] == report.rows(found)
    title = f"{first['model']}: throughput over the untuned node's"
    drawing = plot.draw(report.points(found), title, runtime_defaults=report.runtime_defaults(found))
    assert BENCHMARK.with_suffix(".svg").read_text() == drawing
    assert len(found.rounds) >= 100


def test_a_tuned_node_does_at_least_thirty_percent_more_than_the_defaults() -> None:
    comparison = json.loads(BENCHMARK.read_text())["comparison"]
    assert comparison["tuned_requests"]["low"] >= 1.3
    assert comparison["tuned_model_part"]["low"] >= 1.3
