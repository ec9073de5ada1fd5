"""Traces on disk are the traces that were made, as many as there is room for, and are served piece by piece."""

from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from tests.referee_cases import drawn
from tests.referee_kit import Bench
from themis.api.traces import alone
from themis.core.errors import Misconfigured
from themis.core.types import Hash32
from themis.dispute.archive import SUFFIX, Archive
from themis.dispute.claim import HEADERS, Ask
from themis.dispute.served import path, written
from themis.dispute.showing import NotInTrace, find, show
from themis.dispute.tree import Question
from themis.exact import kept
from themis.exact.referee.proof import AtHand

REQUEST = Hash32(b"\x07" * 32)


@pytest.fixture
def mine(tmp_path: Path) -> AtHand:
    """A trace that is kept."""
    model, feed = drawn("MatMul", 2)
    tensors = Bench(model).honest(feed)
    assert len(list(kept.keep(tmp_path / f"{REQUEST.hex()}{SUFFIX}", tensors.items()))) == len(tensors)
    return AtHand(tensors)


def test_what_is_kept_is_what_was_made(mine: AtHand, tmp_path: Path) -> None:
    found = Archive(tmp_path, 2**20).find(REQUEST)
    assert found is not None
    assert (found.root, found.words) == (mine.root, mine.words)
    assert all(np.array_equal(found.tensors[word], mine.tensors[word]) for word in mine.words)
    assert all(found.tree(word).root == mine.tree(word).root for word in mine.words)
    assert Archive(tmp_path, 2**20).find(Hash32(bytes(32))) is None


def test_a_damaged_file_says_what_to_do(mine: AtHand, tmp_path: Path) -> None:
    (tmp_path / f"{REQUEST.hex()}{SUFFIX}").write_bytes(b"PK")
    with pytest.raises(Misconfigured, match="remove it, and it is made again"):
        Archive(tmp_path, 2**20).find(REQUEST)


def test_the_oldest_goes_when_there_is_no_room(mine: AtHand, tmp_path: Path) -> None:
    newest = Hash32(b"\x08" * 32)
    (tmp_path / f"{newest.hex()}{SUFFIX}").write_bytes(bytes(100))
    Archive(tmp_path, 1)._make_room(newest)
    assert [file.stem for file in tmp_path.glob(f"*{SUFFIX}")] == [newest.hex()]


def test_what_is_served_is_what_is_shown(mine: AtHand, tmp_path: Path) -> None:
    web = TestClient(alone(Archive(tmp_path, 2**20)))
    word = mine.words[-1]
    for ask in (Ask(HEADERS, Question()), Ask(HEADERS, Question(0, 1)), Ask(word, Question()), Ask(word, Question(0))):
        assert web.get(path(REQUEST, ask)).json() == written(show(mine, ask))
    said = web.get(f"/v1/traces/0x{REQUEST.hex()}").json()
    assert said == {"format": "trace-2", "trace_root": "0x" + mine.root.hex(), "tensors": len(mine.words)}
    for missing in ("headers?level=0&index=999", "headers?level=40&index=1", "0x5", f"{word:#x}?level=1&index=7777"):
        assert web.get(f"/v1/traces/0x{REQUEST.hex()}/{missing}").status_code == 404, missing
    for bad in ("headers?level=41", "headers?level=-1", "headers?index=-1", "nothing", "headers?level=x"):
        assert web.get(f"/v1/traces/0x{REQUEST.hex()}/{bad}").status_code == 422, bad
    assert web.get(f"/v1/traces/0x{bytes(32).hex()}/headers").status_code == 404
    assert web.get("/v1/traces/7/headers").status_code == 422


def test_a_node_is_found_by_its_hash(mine: AtHand) -> None:
    word = next(word for word in mine.words if len(mine.tree(word).leaves) > 3)
    root = show(mine, Ask(word, Question()))
    assert find(mine, mine.tree(word).root, leaves=False, number=0) == root
    leaves = show(mine, Ask(word, Question(1, 0)))
    assert find(mine, mine.tree(word).node(1, 0), leaves=True, number=2) == leaves
    with pytest.raises(NotInTrace):
        find(mine, bytes(32), leaves=True, number=2)
