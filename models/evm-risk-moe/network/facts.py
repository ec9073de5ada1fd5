"""What the manifest says of the model that is not computed from its files."""

from typing import Final

from themis.adopt.publish import Facts
from themis.evm.encode import MAX_CODE_BYTES, PREPROCESSING

NAME: Final = "evm-risk-moe"
VERSION: Final = "0.4.0"


def facts(experts: int, top_k: int, active_parameters: int) -> Facts:
    """Name, version, what it reads, and the shape of the mixture."""
    return Facts(
        name=NAME,
        version=VERSION,
        description="Scores EVM runtime bytecode for seven classes of vulnerability: a mixture-of-experts model.",
        attribution="Built with Themis evm-risk-moe",
        preprocessing=PREPROCESSING,
        max_input_bytes=MAX_CODE_BYTES,
        spdx="Apache-2.0",
        experts=experts,
        top_k=top_k,
        active_parameters=active_parameters,
        units={"scores_bps": "T"},
        also=("metrics.json",),
    )
