"""The inference benchmark measures what it says."""

from pathlib import Path

from benchmarks.inference import measure


def test_it_measures_start_single_and_batched_inference() -> None:
    found = measure(Path(__file__).parents[3] / "models" / "selftest-moe", repeats=1, batch=2)
    assert (found["model"], found["threads"], found["batch"]) == ("selftest-moe", 1, 2)
    assert 0 < found["single_ms"]["mean"] <= found["single_ms"]["max"]
    assert 0 < found["batched_ms"] < found["start_ms"]
