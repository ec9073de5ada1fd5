"""The bundles that come with Themis, by what their ids commit to: a requester need not have one to know what it reads.

`python -m themis.bundles.known models/*` writes known.json beside this file, after a bundle was built anew.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from themis.bundles import bundle
from themis.core.types import Hash32

FILE: Final = Path(__file__).with_name("known.json")


@dataclass(frozen=True, slots=True)
class Known:
    """One bundle."""

    name: str
    version: str
    reads: str
    max_input_bytes: int
    program_root: Hash32
    weights_root: Hash32
    manifest_hash: Hash32


def known() -> list[Known]:
    return [Known(**{key: _read(value) for key, value in entry.items()}) for entry in json.loads(FILE.read_text())]


def described(path: Path) -> Known:
    """Raises Misconfigured for what is no bundle."""
    found = bundle.load(path)
    return Known(
        found.name,
        found.version,
        found.manifest.reads,
        found.manifest.max_input_bytes,
        found.program_root,
        found.weights_root,
        found.manifest_hash,
    )


def rendered(paths: Sequence[Path]) -> str:
    entries = [asdict(described(path)) for path in sorted(paths)]
    shown = [{k: "0x" + v.hex() if isinstance(v, bytes) else v for k, v in entry.items()} for entry in entries]
    return json.dumps(shown, indent=1) + "\n"


def _read(value: Any) -> Any:
    return Hash32(bytes.fromhex(value[2:])) if isinstance(value, str) and value.startswith("0x") else value


if __name__ == "__main__":
    FILE.write_text(rendered([Path(each) for each in sys.argv[1:]]))
