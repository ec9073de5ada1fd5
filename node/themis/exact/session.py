"""ONNX Runtime sessions with the settings the exact profile demands: CPU provider, no graph rewriting, no KleidiAI."""

from pathlib import Path

import onnxruntime as ort


def open_session(
    model: bytes,
    threads: int = 1,
    level: ort.GraphOptimizationLevel = ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
    *,
    folder: Path | None = None,
) -> ort.InferenceSession:
    """Open a session. Results depend neither on `threads` nor, tests show, on the `level`, which nodes leave alone.

    `folder` holds weights that the model keeps in other files.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # errors are raised too
    options.graph_optimization_level = level
    options.add_session_config_entry("mlas.disable_kleidiai", "1")
    if folder is not None:
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(folder))
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
