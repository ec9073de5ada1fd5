"""What transformers makes of the tiny random checkpoints of tests/checkpoints.py: python -m tests.vectors.decoders.

Needs torch and transformers (`pip install -e .[train]`); tests read decoders.json and need neither.
"""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from tests.checkpoints import KINDS, write

FILE: Final = Path(__file__).with_suffix(".json")
TOKENS: Final = [(7 * at * at + 11) % 512 for at in range(24)]
SHOWN: Final = slice(3, None, 17)
"""Of the vocabulary, in the last position."""


def told(kind: str) -> dict[str, Any]:
    """The token chosen in each position, and some of the last one's logits."""
    import torch  # noqa: PLC0415
    from transformers import AutoModelForCausalLM  # noqa: PLC0415

    with TemporaryDirectory() as folder:
        place = write(Path(folder) / kind, kind)
        model = AutoModelForCausalLM.from_pretrained(place, dtype=torch.float32, attn_implementation="eager").eval()
        with torch.no_grad():
            logits = model(torch.tensor([TOKENS])).logits[0]
    return {
        "chosen": logits.argmax(-1).tolist(),
        "logits": [round(float(each), 4) for each in logits[-1, SHOWN]],
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps({kind: told(kind) for kind in KINDS}) + "\n")
