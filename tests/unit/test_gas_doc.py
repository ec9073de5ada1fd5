"""What docs/gas.md says of Themis is what the snapshot says; the goals it names are met."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/gas.md").read_text()
ARTIFACTS = ROOT / "node/themis/chain/artifacts"
SNAPSHOT = json.loads((ROOT / "contracts/snapshots/gas.json").read_text())
GAS = SNAPSHOT["gas"]
MAX_CODE_BYTES = 24_576


def rows(heading: str) -> dict[str, list[str]]:
    """The table below a heading: its first column, and the others."""
    (section,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    return {name.strip("*"): rest for name, *rest in cells[2:]}


def test_the_goals_are_met_and_the_figures_measured() -> None:
    table = rows("With what it cost, and with what was wanted")
    assert table.keys() > SNAPSHOT["estimates"]["glamsterdam"].keys()
    for path, (_, goal, now, then) in table.items():
        assert now == f"{GAS[path]:,}", path
        assert GAS[path] <= int(goal.replace(",", "")), path
        estimate = SNAPSHOT["estimates"]["glamsterdam"].get(path)
        assert then == (f"{estimate:,}" if estimate else "-"), path


def test_ours_among_others_is_measured_and_every_row_adds_up() -> None:
    table = rows("With what others cost")
    free = GAS["request, free, warm lane"], GAS["fulfill, free, warm"]
    paid = GAS["request, paid, warm lane"], GAS["fulfill, paid with royalty, warm"]
    for name, parts in (("Themis, free", free), ("Themis, paid", paid)):
        assert table[name][:3] == [f"{each:,}" for each in (*parts, sum(parts))]
    for name, (*costs, both, _) in table.items():
        assert sum(int(each.replace(",", "")) for each in costs if each != "-") == int(both.replace(",", "")), name
    assert int(table["Themis, paid"][2].replace(",", "")) == GAS["request + answer, consumer"]


def test_sizes_are_those_of_the_snapshot() -> None:
    expected = {name: [f"{size:,}", f"{MAX_CODE_BYTES - size:,}"] for name, size in SNAPSHOT["size"].items()}
    assert rows("How large the contracts are") == expected


def test_every_contract_has_room_to_spare() -> None:
    """Runtime sizes as measured; of the others the creation code, which is never shorter."""
    packaged = {file.stem: json.loads(file.read_text())["bytecode"] for file in ARTIFACTS.glob("*.json")}
    sizes = {name: len(bytecode) // 2 - 1 for name, bytecode in packaged.items()} | SNAPSHOT["size"]
    assert {name: size for name, size in sizes.items() if size > MAX_CODE_BYTES - 3_000} == {}
