"""`smollm2-exact` cut to two layers and a small vocabulary of random weights, built as the whole model is."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from tests import gguf_files
from tests.homes import ROOT
from themis.exact.decoder import convert
from themis.exact.decoder.maxima import Maxima

FOLDER: Final = ROOT / "models" / "smollm2-exact"
CHAT: Final = ("<|im_start|>", "<|im_end|>")
"""Each byte is a token here: the model's own template would fill the context."""
WISHED: Final = {"probes": (b"the?",), "max_new_tokens": 24, "chat": CHAT}


@contextmanager
def recipe() -> Iterator[Any]:
    """What imports a module of the model's recipe."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)
        yield importlib.import_module


def cut(folder: Path, **wishes: Any) -> Path:
    """A bundle in an empty directory."""
    with recipe() as module:
        build, weights = module("build"), module("gguf").Gguf(gguf_files.write(folder / "cut.gguf"))
        build.build(weights, scales(weights, build), folder / "cut", replace(build.WISHES, **(WISHED | wishes)))
    return folder / "cut"


def scales(weights: Any, build: Any) -> Maxima:
    """Maxima of these weights, for the recipe's `build`."""
    arch, text = build.prepared(weights)
    return convert.scales(weights, arch, convert.split(text.ids(b"the question and the answer " * 20)), None)
