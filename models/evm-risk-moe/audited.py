"""What the published weights say of contracts of audited projects that were never trained on: into audited.json.

The packages of data/audited.txt hold what their authors compiled; nothing of them is kept but names, hashes and flags.
What was found out about flags stands in audited.json, under "why", and stays there: "right: ..." or "wrong: ...".
"""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parent))

from eth_utils.crypto import keccak

from data import corpus
from evaluation import present
from themis.evm.encode import MAX_CODE_BYTES, encode
from themis.evm.report import RiskClass

HERE: Final = Path(__file__).parent
PACKAGES: Final = HERE.parent / ".cache" / "evm-risk-moe" / "audited"
FOUND: Final = HERE / "audited.json"
METRICS: Final = HERE / "metrics.json"
FLAG_BPS: Final = 5_000
_LEAST_BYTES: Final = 100
_EXCLUDED: Final = re.compile(r"(?i)test|mock|example|harness|echidna|console")
_UNLINKED: Final = re.compile(r"__.{38}")
_IMMUTABLE: Final = b"\x7f" + bytes(32)
_FILLED: Final = b"\x7f" + (0xB0B0 << 64).to_bytes(32, "big")
"""An immutable that no constructor has set would be nobody's address."""


def main() -> None:
    packages = (HERE / "data" / "audited.txt").read_text().split()
    corpus.fetch(PACKAGES, packages)
    why = {one["hash"]: one["why"] for one in _before() if "why" in one}
    named: dict[bytes, tuple[str, str]] = {}
    for package in packages:
        for name, code in _codes(PACKAGES / package.replace("/", "+")):
            named.setdefault(code, (package, name))
    rows = []
    for code, (package, name) in named.items():
        found = present.scores(encode(code))
        flags = [risk.name.lower() for risk in RiskClass if found[risk] >= FLAG_BPS]
        row = {"package": package, "contract": name, "hash": keccak(code).hex(), "flags": flags}
        rows.append(row | ({"why": why[row["hash"]]} if row["hash"] in why else {}))
    FOUND.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
    METRICS.write_text(json.dumps(json.loads(METRICS.read_text()) | {"audited": _counted(rows)}, indent=1) + "\n")


def _counted(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """`right`: contracts all of whose flags are, by what was found out; `wrong`: those with one that is not."""
    packages: dict[str, dict[str, int]] = {}
    for row in rows:
        counts = packages.setdefault(row["package"], {"contracts": 0, "flagged": 0})
        counts["contracts"] += 1
        counts["flagged"] += bool(row["flags"])
    verdicts = Counter(row.get("why", "open").split(":")[0] for row in rows if row["flags"])
    flags = Counter(flag for row in rows for flag in row["flags"])
    return {
        "contracts": len(rows),
        "flagged": sum(verdicts.values()),
        "by_class": dict(sorted(flags.items())),
        **{verdict: verdicts[verdict] for verdict in ("right", "wrong", "open")},
        "packages": packages,
    }


def _before() -> list[dict[str, Any]]:
    return list(json.loads(FOUND.read_text())) if FOUND.exists() else []


def _codes(package: Path) -> Iterator[tuple[str, bytes]]:
    """Names and runtime codes of what Hardhat, Truffle and Waffle write down."""
    for file in sorted(package.rglob("*.json")):
        if _EXCLUDED.search(file.relative_to(package).as_posix()) or file.name.endswith(".dbg.json"):
            continue
        try:
            text = _deployed(json.loads(file.read_text()))
        except (json.JSONDecodeError, UnicodeDecodeError):
            continue
        code = bytes.fromhex(_UNLINKED.sub("11" * 20, text.removeprefix("0x")))
        if _LEAST_BYTES <= len(code) <= MAX_CODE_BYTES:
            yield file.stem, code.replace(_IMMUTABLE, _FILLED)


def _deployed(artifact: Any) -> str:
    """Hex of the runtime code; empty where the file is about something else."""
    if not isinstance(artifact, dict):
        return ""
    found = artifact.get("deployedBytecode") or artifact.get("evm", {}).get("deployedBytecode") or ""
    text = found.get("object", "") if isinstance(found, dict) else found
    return text if isinstance(text, str) else ""


if __name__ == "__main__":
    main()
