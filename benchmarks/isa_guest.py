"""Runs a kit of models and prints the digest of each one's outputs. Needs ONNX Runtime and NumPy only.

    isa_guest.py KIT THREADS LEVEL

Executed by `isa.py` under other processors and other versions of ONNX Runtime.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

sys.path.insert(0, str(Path(__file__).parents[1] / "node"))

from themis.exact.session import RUNTIME_ERRORS, SessionSettings, open_session


def digest(outputs: list[Any]) -> str:
    """SHA-256 over dtype, shape and little-endian bytes of every output."""
    state = hashlib.sha256()
    for output in outputs:
        state.update(f"{output.dtype.name}{output.shape}".encode())
        state.update(output.astype(output.dtype.newbyteorder("<")).tobytes())
    return state.hexdigest()


def answers(model: Path, settings: SessionSettings) -> list[str]:
    """Digest of the outputs for each of the model's inputs."""
    session = open_session(model.read_bytes(), settings)
    found = []
    for feed in sorted(model.parent.glob(f"{model.stem}.*.npz")):
        with np.load(feed) as arrays:
            found.append(digest(session.run(None, dict(arrays))))
    return found


def main() -> None:
    kit, settings = Path(sys.argv[1]), SessionSettings(int(sys.argv[2]), level=sys.argv[3])
    digests = {}
    for model in sorted(kit.glob("*.onnx")):
        try:
            found = answers(model, settings)
        except RUNTIME_ERRORS as error:
            digests[model.stem] = f"cannot run: {error}"
            continue
        digests[model.stem] = hashlib.sha256("".join(found).encode()).hexdigest()
    sys.stdout.write(json.dumps({"onnxruntime": ort.__version__, "digests": digests}))


if __name__ == "__main__":
    main()
