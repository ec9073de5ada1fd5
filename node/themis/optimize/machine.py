"""What a tuning was measured on: elsewhere it says nothing."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

import onnxruntime as ort


@dataclass(frozen=True, slots=True)
class Machine:
    """Part of a tuning's key; the other part is the model."""

    onnxruntime: str
    cpu: str
    cores: int
    """That this process may use."""

    def __str__(self) -> str:
        return f"{self.cpu}, {self.cores} cores, ONNX Runtime {self.onnxruntime}"


def here() -> Machine:
    """The machine this process runs on."""
    return Machine(ort.__version__, _cpu(), len(os.sched_getaffinity(0)))


def _cpu() -> str:
    """Linux's name for the processor with its family and model, which clouds leave out of names; else its kind."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    facts = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    known = [facts[name] for name in ("model name", "cpu family", "model") if name in facts]
    return " ".join(known) or platform.machine()
