"""Answers that need not be computed twice: an exact model says the same of the same code for ever."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from themis.core.types import Hash32
from themis.engine.runner import Work

_MOST: Final = 4_096
"""Answers kept, the ones that were asked for last. Each has at most a kilobyte."""


class Kept:
    """By model and code. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: OrderedDict[tuple[Hash32, bytes], bytes] = OrderedDict()

    def find(self, model_id: Hash32, work: Work) -> list[bytes | None]:
        """What is known of each."""
        keys = [(model_id, _digest(*each)) for each in work]
        with self._lock:
            for key in keys:
                if key in self._answers:
                    self._answers.move_to_end(key)
            return [self._answers.get(key) for key in keys]

    def keep(self, model_id: Hash32, work: Work, outputs: Sequence[bytes]) -> None:
        keys = [(model_id, _digest(*each)) for each in work]
        with self._lock:
            self._answers.update(zip(keys, outputs, strict=True))
            while len(self._answers) > _MOST:
                self._answers.popitem(last=False)


def _digest(input_: bytes, code: bytes | None) -> bytes:
    """Of what the model reads: the code that the input names, or the input where that is the code itself."""
    return sha256(input_ if code is None else code).digest()
