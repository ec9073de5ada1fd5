"""Each architecture in floats, held against what transformers makes of the same weights (tests/vectors/decoders.py)."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.checkpoints import KINDS, write
from tests.vectors.decoders import FILE, SHOWN, TOKENS
from themis.core.errors import Misconfigured
from themis.exact.decoder import architecture, floating
from themis.exact.decoder.checkpoint import SafeTensors

TOLD = json.loads(FILE.read_text())


@pytest.mark.parametrize("kind", KINDS)
def test_floats_are_those_of_transformers(kind: str, tmp_path: Path) -> None:
    place = write(tmp_path / kind, kind)
    arch = architecture.read(json.loads((place / "config.json").read_text()), len(TOKENS))
    weights = SafeTensors(place)
    (stream,) = floating.streams(weights, arch, [TOKENS], lambda _: lambda *_: None)
    logits = stream @ floating.head(weights, arch).T
    assert logits.argmax(-1).tolist() == TOLD[kind]["chosen"]
    np.testing.assert_allclose(logits[-1, SHOWN], TOLD[kind]["logits"], rtol=1e-3, atol=1e-3)


def test_two_heads_for_one_are_refused(tmp_path: Path) -> None:
    place = write(tmp_path / "llama", "llama")
    arch = architecture.read(json.loads((place / "config.json").read_text()), len(TOKENS))

    class Both(SafeTensors):
        more = np.float32(0)

        def has(self, name: str) -> bool:
            return name == "lm_head.weight" or super().has(name)

        def tensor(self, name: str) -> NDArray[np.float32]:
            return super().tensor("model.embed_tokens.weight") + self.more * (name == "lm_head.weight")

    weights = Both(place)
    assert floating.head(weights, arch).shape == (512, 32)
    weights.more = np.float32(1e-3)
    with pytest.raises(Misconfigured, match="ties the head to the table of tokens, and the checkpoint has another"):
        floating.head(weights, arch)
