"""Asks the built model three questions as a node does, and says how fast it was: `make llm`."""

import sys
import time
from pathlib import Path
from typing import Final

import build

from themis.bundles import bundle
from themis.core.types import Hash32
from themis.engine.engine import OnnxEngine
from themis.engine.generic import ID as TOKEN
from themis.engine.generic import Generic

QUESTIONS: Final = ("What is the capital of France?", "Who wrote Hamlet?", "What is the opposite of hot?")
ANY_ID: Final = Hash32(bytes(32))


def ask(built: Path = build.BUILT, questions: tuple[str, ...] = QUESTIONS) -> None:
    """Print each question with its answer. Raises Misconfigured for a bundle whose golden answers differ here."""
    loaded = bundle.load(built)
    reader = Generic(loaded)
    engine = OnnxEngine({ANY_ID: loaded}, 1)
    try:
        for question in questions:
            start = time.perf_counter()
            (output,) = engine.infer(ANY_ID, [(question.encode(), None)])
            seconds, count = time.perf_counter() - start, len(output) // TOKEN.itemsize
            print(f"{question}\n  {reader.told(output)['text']}\n  {count} tokens in {seconds:.1f} s")
    finally:
        engine.close()


if __name__ == "__main__":
    ask()
    sys.exit(0)
