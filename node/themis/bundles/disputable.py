"""Whether a wrong answer of a model can be proved, or why not; and what remains to be believed."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import onnx

from themis.bundles.bundle import LICENSE, MAX_FILE_BYTES, Bundle, read
from themis.bundles.manifest import TENSORS
from themis.core.errors import Misconfigured
from themis.evm import encode as evm
from themis.exact.referee.forms import unrefereed

PROVED: Final[Mapping[str, str]] = {
    "bytes/1": "everything: how the input is read, the network, how the answer is written",
    TENSORS: "everything: how the input is read, the network, how the answer is written",
    evm.PREPROCESSING: (
        "network, n-grams and report are proved on the chain, and cheap checks of the tokens are made; the tracer that "
        "writes the tokens is decided by running it again, and no bond pays for what only that shows"
    ),
}
"""What follows from the chain alone, by preprocessing. Others have no referee."""

PERMISSIVE: Final = frozenset(
    (
        *("Apache-2.0", "MIT", "MIT-0", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "ISC", "Unlicense", "CC0-1.0"),
        *("CC-BY-4.0", "CC-BY-SA-4.0", "MPL-2.0", "GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0-only"),
        *("GPL-3.0-or-later", "LGPL-3.0-only", "LGPL-3.0-or-later", "AGPL-3.0-only", "AGPL-3.0-or-later"),
    )
)
"""Licenses that let anybody run the work, for any purpose."""
CLAUSE: Final = "anybody may run the model to check an answer that was given with it"
"""Terms of another license that say so, in whatever case and line breaks."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """About one bundle."""

    reasons: tuple[str, ...]
    """Why a wrong answer cannot be proved; none where it can."""
    proved: str
    """What of an answer can be."""

    @property
    def disputable(self) -> bool:
        return not self.reasons


def examine(bundle: Bundle) -> Verdict:
    """Raises Misconfigured where the bundle cannot be read any more."""
    id_ = bundle.manifest.preprocessing
    reasons = tuple(_reasons(bundle))
    return Verdict(reasons, "nothing" if reasons else PROVED[id_])


def _unreadable(bundle: Bundle) -> Iterator[str]:
    """What the referee of tensors cannot read: it sees the graph's ends and no manifest."""
    manifest = bundle.manifest
    for tensor in (*manifest.inputs, *manifest.outputs):
        if tensor.steps_per_unit not in (None, 1):
            yield f"{tensor.name} travels in steps of 1/{tensor.steps_per_unit}, and the trace has whole numbers"
    graph = onnx.load_from_string(bundle.model).graph
    if len(graph.input) != len(manifest.inputs):
        yield "its graph lists weights among its inputs"
    for entry in graph.input:
        if any(not size.dim_param and not size.dim_value for size in entry.type.tensor_type.shape.dim):
            yield f"{entry.name} has a size without a name"
    if sum(any(isinstance(size, str) for size in tensor.shape) for tensor in manifest.outputs) > 1:
        yield "its answers begin with sizes: more than one output has some that are not fixed"


def untraceable(bundle: Bundle) -> Iterator[str]:
    """Why no trace of a run could be refereed; nothing where each could. Raises as `examine`."""
    if not bundle.manifest.exact:
        yield "it is not exact: honest machines may differ about its answers"
        return
    if bundle.manifest.generation is not None:
        yield "it writes token by token, in many runs, and a trace is of one"
    try:
        findings = unrefereed(onnx.load_from_string(bundle.model))
    except ValueError as error:
        raise Misconfigured(f"{bundle.path}: {error}. Restore the bundle from its publisher.") from error
    for finding in findings:
        yield f"{finding.node}: {finding.reason}"


def _reasons(bundle: Bundle) -> Iterator[str]:
    manifest = bundle.manifest
    yield from untraceable(bundle)
    if manifest.preprocessing == TENSORS:
        yield from _unreadable(bundle)
    if manifest.preprocessing not in PROVED:
        yield f"there is no referee for how {manifest.preprocessing} reads a request"
    if not permits_verification(manifest.license.spdx, read(bundle.path, LICENSE, MAX_FILE_BYTES)):
        yield f'its terms do not let anybody check answers: a license that does, or the clause "{CLAUSE}", is needed'


def permits_verification(spdx: str, terms: bytes) -> bool:
    """Whether whoever has the model may run it to check an answer."""
    return spdx in PERMISSIVE or CLAUSE in re.sub(r"\s+", " ", terms.decode(errors="replace")).lower()
