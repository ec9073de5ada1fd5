"""Writes the bundle `selftest-moe` beside this file. Deterministic: weights come from SHAKE-256, nothing is trained."""

from pathlib import Path
from typing import Final

from themis.adopt.publish import Facts, publish
from themis.exact import selftest
from themis.exact.roots import parameters

HERE: Final = Path(__file__).parent


def build(path: Path = HERE) -> None:
    """Write model.onnx, golden.json and manifest.toml into a directory that has LICENSE and MODEL_CARD.md."""
    model = selftest.build()
    idle = (selftest.EXPERTS - selftest.TOP_K) * 3 * selftest.WIDTH * selftest.INNER * selftest.MOE_LAYERS
    facts = Facts(
        name="selftest-moe",
        version="1.0.0",
        description="Untrained mixture of experts with every block of the exact profile, for tests and self-checks.",
        attribution="Built with Themis selftest-moe",
        preprocessing="bytes/1",
        max_input_bytes=selftest.EXTENTS["L"],
        spdx="Apache-2.0",
        experts=selftest.EXPERTS,
        top_k=selftest.TOP_K,
        active_parameters=parameters(model) - idle,
        units={"scores_bps": "R"},
    )
    publish(path, model, selftest.network, facts, [(probe, None) for probe in selftest.PROBES])


if __name__ == "__main__":
    build()
