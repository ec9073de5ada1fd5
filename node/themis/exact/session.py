"""ONNX Runtime sessions with the settings the exact profile demands: CPU provider, no KleidiAI; the others are free."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

LEVELS: Final = {
    "none": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
}
"""ONNX Runtime's own rewriting of graphs. Results do not depend on it, tests show; nodes use none unless tuned."""

RUNTIME_ERRORS: Final[tuple[type[Exception], ...]] = tuple(
    value for value in vars(ort_errors).values() if isinstance(value, type) and issubclass(value, Exception)
)
"""ONNX Runtime's exceptions have no common base, and versions add some."""


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """What may differ between sessions whose answers may not."""

    threads: int = 1
    """That share one operator; 0: as many as ONNX Runtime likes."""
    lanes: int = 1
    """Operators that run side by side."""
    level: str = "none"
    """A key of LEVELS."""
    spinning: bool = True
    """Idle threads wait by spinning."""
    arena: bool = True
    """Memory is taken from an arena."""
    patterns: bool = True
    """Memory of a run is laid out as in the last run of its shape."""
    prepacking: bool = True
    """Weights are laid out for the processor when the session opens."""


PLAIN: Final = SessionSettings()
"""Where nobody chose: one thread, no rewriting."""


def open_session(
    model: bytes | Path, settings: SessionSettings = PLAIN, *, folder: Path | None = None, profile_prefix: str = ""
) -> ort.InferenceSession:
    """Open a session on a file's name or its bytes.

    `folder` holds weights that the model keeps in other files; with a prefix the session profiles itself into a file,
    see `end_profiling`.
    """
    options = ort.SessionOptions()
    options.log_severity_level = 4  # errors are raised too
    options.add_session_config_entry("mlas.disable_kleidiai", "1")
    options.intra_op_num_threads = settings.threads
    options.inter_op_num_threads = settings.lanes
    if settings.lanes > 1:
        options.execution_mode = ort.ExecutionMode.ORT_PARALLEL
    options.graph_optimization_level = LEVELS[settings.level]
    options.enable_cpu_mem_arena = settings.arena
    options.enable_mem_pattern = settings.patterns
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(settings.spinning)))
    options.add_session_config_entry("session.disable_prepacking", str(int(not settings.prepacking)))
    if folder is not None:
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(folder))
    if profile_prefix:
        options.enable_profiling = True
        options.profile_file_prefix = profile_prefix
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
