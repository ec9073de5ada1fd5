"""Makes `smollm2-exact` of weights that lie here, as its build.py does, and prints what identifies the bundle.

    llm_build.py KIT THREADS LEVEL

Executed by `llm.py`, here and under other processors. Needs what `isa_machines.GUESTS` names. KIT holds weights.gguf
and maxima.json.
"""

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import onnxruntime as ort

sys.path.insert(0, str(Path(__file__).parents[1] / "node"))

from themis.exact.decoder import convert, maxima

WEIGHTS = "weights.gguf"


def built(kit: Path) -> dict[str, str]:
    """All that build.py does once the package is there: graph, golden answers held against the specification, roots."""
    build: Any = import_module("build")
    most = maxima.from_json(json.loads((kit / convert.MAXIMA).read_text()), convert.MAXIMA)
    weights = import_module("gguf").Gguf(kit / WEIGHTS)
    found: dict[str, str] = build.build(weights, most, kit / "built", build.WISHES)
    return found


def main() -> None:
    sys.path.insert(0, str(Path(__file__).parents[1] / "models" / "smollm2-exact"))
    sys.stdout.write(json.dumps({"onnxruntime": ort.__version__, "digests": built(Path(sys.argv[1]))}))


if __name__ == "__main__":
    main()
