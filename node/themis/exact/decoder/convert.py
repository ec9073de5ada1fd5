"""A checkpoint's directory -> an exact decoder's, with what `themis models add` reads and a report of what it cost."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray

from themis.core.errors import Misconfigured
from themis.exact.decoder import floating
from themis.exact.decoder import maxima as measured
from themis.exact.decoder.architecture import Architecture
from themis.exact.decoder.checkpoint import Weights
from themis.exact.decoder.emitted import Emitter
from themis.exact.decoder.maxima import Maxima
from themis.exact.decoder.network import Numbers, decoder
from themis.exact.decoder.rotated import Rotated
from themis.exact.graph import serialize
from themis.exact.session import open_session

MAXIMA, REPORT = "maxima.json", "report.json"
CALIBRATION: Final = Path(__file__).with_name("calibration.txt")
"""Text that is shipped for it: of this project's own pages."""
TEXT_TOKENS: Final = 512
"""Of one text that is calibrated or tested on."""


@dataclass(frozen=True, slots=True)
class Report:
    """The exact form held against the float one, on a test text."""

    recipe: str
    predictions: int
    perplexity_float: float
    perplexity_exact: float
    change_percent: float
    change_percent_se: float
    """Standard error of the paired difference."""
    kl_nats: float
    """Kullback-Leibler divergence from the float model, a token."""
    same_best_percent: float
    """Tokens at which both find the same one most likely."""


def emit(name: str, numbers: Numbers, context: int, *, every_row: bool = False) -> onnx.ModelProto:
    """The graph."""
    emitter = Emitter(name, context)
    decoder(emitter, numbers, every_row=every_row)
    return emitter.build()


def split(ids: Sequence[int]) -> list[list[int]]:
    """Texts of up to TEXT_TOKENS tokens, each of at least two."""
    texts = [list(ids[first : first + TEXT_TOKENS]) for first in range(0, len(ids), TEXT_TOKENS)]
    return [text for text in texts if len(text) > 1]


def scales(
    weights: Weights,
    arch: Architecture,
    texts: Sequence[Sequence[int]],
    file: Path | None,
    recipe: str = measured.TWO_BYTES,
) -> Maxima:
    """For a recipe, read from a file, or measured. Raises Misconfigured."""
    if recipe not in measured.RECIPES:
        raise Misconfigured(f"{recipe!r} is no recipe: choose one of {', '.join(map(repr, measured.RECIPES))}")
    if file is None:
        if not texts:
            raise Misconfigured("the calibration text has no two tokens: give a longer one")
        form = Rotated(weights, arch) if recipe == measured.ROTATED else weights
        return measured.measure(form, arch, texts, recipe)
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{file} cannot be read as maxima: {error}") from error
    maxima = measured.from_json(found, str(file))
    if maxima.recipe != recipe:
        raise Misconfigured(f"{file} is of the recipe {maxima.recipe!r}, not {recipe!r}: measure it again")
    return maxima


def compare(
    weights: Weights, arch: Architecture, exact: tuple[Numbers, Maxima], texts: Sequence[Sequence[int]]
) -> Report:
    """Both forms on test texts, the exact one as ONNX Runtime runs its graph."""
    numbers, maxima = exact
    session = open_session(serialize(emit("compared", numbers, max(map(len, texts)), every_row=True)))
    hidden = floating.streams(weights, arch, texts, lambda _: lambda *_: None)
    matrix = floating.head(weights, arch)
    ours: list[NDArray[Any]] = []
    theirs: list[NDArray[Any]] = []
    divergences: list[NDArray[Any]] = []
    same: list[NDArray[Any]] = []
    for text, stream in zip(texts, hidden, strict=True):
        following = list(text[1:])
        blocks = zip(floating.surprises(stream, matrix, following), _rows(session, arch, text), strict=True)
        for number, ((logs, lost), logits) in enumerate(blocks):
            after = following[number * floating.BLOCK :][: len(lost)]
            exact_logs, exact_lost = floating.scored(logits[: len(lost)] / numbers.logit_steps, after)
            ours.append(exact_lost)
            theirs.append(lost)
            divergences.append((np.exp(logs) * (logs - exact_logs)).sum(-1))
            same.append(logs.argmax(-1) == exact_logs.argmax(-1))
    exact_lost, lost = np.concatenate(ours), np.concatenate(theirs)
    more = exact_lost - lost
    return Report(
        recipe=maxima.recipe,
        predictions=len(more),
        perplexity_float=round(float(np.exp(lost.mean())), 4),
        perplexity_exact=round(float(np.exp(exact_lost.mean())), 4),
        change_percent=round(100 * math.expm1(float(more.mean())), 3),
        change_percent_se=round(100 * float(more.std()) / math.sqrt(len(more)), 3),
        kl_nats=round(float(np.concatenate(divergences).mean()), 5),
        same_best_percent=round(100 * float(np.concatenate(same).mean()), 2),
    )


def write(folder: Path, model: onnx.ModelProto, config: dict[str, Any], maxima: Maxima, report: Report | None) -> None:
    """What `themis models add` reads, the maxima, and the report if there is one."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(serialize(model))
    kept = {"max_position_embeddings": config["max_position_embeddings"], "eos_token_id": config.get("eos_token_id")}
    (folder / "config.json").write_text(json.dumps(kept, indent=1) + "\n")
    (folder / MAXIMA).write_text(maxima.to_json())
    if report:
        (folder / REPORT).write_text(json.dumps(asdict(report), indent=1) + "\n")


def _rows(session: Any, arch: Architecture, text: Sequence[int]) -> list[NDArray[np.int64]]:
    """Logits after each token of a text, in blocks of floating.BLOCK rows, with a growing cache."""
    sizes = {"key": (1, arch.pairs, arch.head_width, 0), "value": (1, arch.pairs, 0, arch.head_width)}
    cache = {
        f"past_key_values.{layer}.{kind}": np.zeros(size, np.uint8)
        for layer in range(arch.layers)
        for kind, size in sizes.items()
    }
    names = ["logits", *(name.replace("past_key_values", "present") for name in cache)]
    found = []
    for first in range(0, len(text) - 1, floating.BLOCK):
        block = np.array([text[first : first + floating.BLOCK]], np.int64)
        places = np.arange(first, first + block.shape[1])[None]
        logits, *grown = session.run(names, {"input_ids": block, "position_ids": places, **cache})
        cache = dict(zip(cache, grown, strict=True))
        found.append(logits[0])
    return found
