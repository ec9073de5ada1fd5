"""Works on files that may be hostile in a process that may die: what crashes there is an error here."""

import resource
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, TypeVar

from themis.core.errors import Misconfigured
from themis.engine.crew import starting

BASE_MEMORY_BYTES: Final = 8 * 1_024**3
"""Address space, most of which libraries reserve and never use."""
MEMORY_PER_BYTE: Final = 6
"""A graph is read, parsed, checked and loaded into a session for each number of threads."""
BASE_CPU_S: Final = 600
CPU_S_PER_GIB: Final = 600

T = TypeVar("T")


def confined(work: Callable[..., T], *arguments: Any, file: Path, size_bytes: int) -> T:
    """Call a function of a module elsewhere, with limits that follow from the size of what it reads.

    Raises what it raises, Misconfigured naming `file` when the process dies, and Unavailable where none starts.
    """
    memory_bytes = BASE_MEMORY_BYTES + MEMORY_PER_BYTE * size_bytes
    limits = (memory_bytes, BASE_CPU_S + CPU_S_PER_GIB * size_bytes // 1_024**3)
    with ExitStack() as opened:
        with starting():
            pool = opened.enter_context(ProcessPoolExecutor(1, get_context("spawn"), confine, limits))
            called = pool.submit(work, *arguments)
        try:
            return called.result()
        except (BrokenProcessPool, MemoryError) as error:
            raise Misconfigured(
                f"{file} crashed the process that opened it, or took more than {memory_bytes >> 20} MiB or {limits[1]} "
                "s: it is hostile, or too large for this machine. Do not serve it."
            ) from error


def confine(memory_bytes: int, cpu_s: int) -> None:
    """Once exceeded, the first makes allocation fail and the second kills."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
