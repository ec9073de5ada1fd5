"""Writes tokens with an exact decoder and prints the digest of them, of the last logits and of the whole cache.

    llm_guest.py KIT THREADS LEVEL

Executed by `llm.py`, here and under other processors and versions of ONNX Runtime. Needs ONNX Runtime and NumPy only.
KIT holds model.onnx and prompt.json: {"ids": [...], "steps": n}.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "node"))

from benchmarks.isa_guest import digest
from themis.exact.session import SessionSettings, open_session


class Running:
    """A decoder and what it has read: integers or floats, with or without a cache of bytes."""

    def __init__(self, session: ort.InferenceSession) -> None:
        self._session = session
        self._pasts = [entry for entry in session.get_inputs() if entry.name.startswith("past_key_values")]
        presents = [entry.name.replace("past_key_values", "present") for entry in self._pasts]
        self._outputs = ["logits", *presents]
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        dtypes = {"tensor(uint8)": np.uint8, "tensor(float)": np.float32}
        self.cache: dict[str, Any] = {
            entry.name: np.zeros([size if isinstance(size, int) else 0 for size in entry.shape], dtypes[entry.type])
            for entry in self._pasts
        }
        self.past = 0

    def read(self, ids: list[int]) -> Any:
        """Logits after these tokens: [vocabulary]."""
        places = np.arange(self.past, self.past + len(ids))[None]
        feed = {"input_ids": np.array([ids]), "position_ids": places, **self.cache}
        logits, *grown = self._session.run(self._outputs, feed)
        self.cache = dict(zip(self.cache, grown, strict=True))
        self.past += len(ids)
        return logits[0, -1]


def written(
    model: Path, ids: list[int], steps: int, settings: SessionSettings, *, piece: int = 0, cached: bool = True
) -> str:
    """Digest of so many tokens after a prompt, which is read at once or in pieces; else all is read anew for each."""
    running, tokens = Running(open_session(model, settings)), list[int]()
    for first in range(0, len(ids), piece or len(ids)):
        logits = running.read(ids[first : first + (piece or len(ids))])
    for _ in range(steps):
        tokens.append(int(logits.argmax()))
        if cached:
            logits = running.read(tokens[-1:])
        else:
            running.forget()
            logits = running.read(ids + tokens)
    return digest([np.array(tokens), logits, *running.cache.values()])


def main() -> None:
    kit, settings = Path(sys.argv[1]), SessionSettings(int(sys.argv[2]), level=sys.argv[3])
    asked = json.loads((kit / "prompt.json").read_text())
    found = written(kit / "model.onnx", asked["ids"], asked["steps"], settings)
    sys.stdout.write(json.dumps({"onnxruntime": ort.__version__, "digests": {"model": found}}))


if __name__ == "__main__":
    main()
