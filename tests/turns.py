"""In what order files are handed to several workers: those that wait for chains and those that compute take turns."""

import os
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Final, TypeVar

import pytest

Item = TypeVar("Item")
COMPUTING: Final = "tests/unit/"
"""Files here start few processes and wait for nothing; each of the others leaves most of a core idle."""
AT_A_TURN: Final = 2
"""So many of them follow one that waits: then those that wait, which take longest, do not end last."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where one process runs all, they stay as they were found."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items[:] = in_turns((item, item.nodeid) for item in items)


def in_turns(found: Iterable[tuple[Item, str]]) -> list[Item]:
    """Tests, each with its id, file after file."""
    files: dict[str, list[Item]] = {}
    for item, id_ in found:
        files.setdefault(id_.split("::")[0], []).append(item)
    computing = iter([tests for file, tests in files.items() if file.startswith(COMPUTING)])
    waiting = [tests for file, tests in files.items() if not file.startswith(COMPUTING)]
    ordered: Iterator[list[Item]] = chain(
        chain.from_iterable((tests, *islice(computing, AT_A_TURN)) for tests in waiting), computing
    )
    return list(chain.from_iterable(ordered))
