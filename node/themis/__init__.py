"""Themis: a decentralized AI oracle. Licensed, exact mixture-of-experts inference for smart contracts."""

import os
from typing import Final

__version__: Final = "0.2.0"

# ONNX Runtime from 1.29 on tells its maker about each model that it loads: a node tells nobody.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
