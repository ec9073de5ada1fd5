"""What a rate of requests takes is the product of what one takes, and docs/scale.md says what is measured."""

import re
from pathlib import Path

from benchmarks.scale import GAS_S, PATHS, SHARE, One, measured, needed

PAGE = (Path(__file__).resolve().parents[3] / "docs/scale.md").read_text()


def test_a_rate_takes_so_many_times_what_one_takes() -> None:
    one = One(gas=dict.fromkeys(PATHS, 100000), inference_ms=8, beside_ms=2, calls=1.5)
    need = needed(one, 500)
    assert set(need.gas_s.values()) == {50_000_000}
    assert set(need.chains.values()) == {50_000_000 / (GAS_S * SHARE)} == {40}
    assert (need.cores, need.calls_s) == (5, 750)


def test_what_one_takes_is_what_was_measured() -> None:
    one = measured()
    assert one.gas["request"] > one.gas["order"] > 10 * one.gas["list of 64"] > 0
    assert 0 < one.inference_ms < 100


def test_the_page_s_gas_is_what_one_takes_within_a_tenth() -> None:
    told = re.findall(r"^\| gas, [^|]+\| ([\d,]+) \|", PAGE, re.MULTILINE)
    for said, gas in zip(told, measured().gas.values(), strict=True):
        assert abs(int(said.replace(",", "")) / gas - 1) < 0.1


def test_the_files_that_the_page_names_exist() -> None:
    root = Path(__file__).resolve().parents[3]
    named = {word for word in PAGE.replace("(", " ").replace(")", " ").split("`") if word.endswith((".json", ".md"))}
    assert len(named) >= 4
    assert [name for name in named if not (root / name).exists()] == []
