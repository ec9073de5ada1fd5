"""Lists of inputs answered by one root: each answer is proved at its place, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vectors import lists
from themis.core import listing, merkle

pairs = st.lists(st.tuples(st.binary(max_size=40), st.binary(max_size=40)), min_size=1, max_size=20)


def test_committed_vectors_are_fresh() -> None:
    assert lists.FILE.read_text() == lists.render(), "run `python -m tests.vectors.lists`, then forge's tests"


@given(pairs=pairs, data=st.data())
def test_an_answer_is_proved_at_its_place_alone(pairs: list[tuple[bytes, bytes]], data: st.DataObject) -> None:
    inputs, outputs = map(list, zip(*pairs, strict=True))
    index = data.draw(st.integers(0, len(pairs) - 1))
    root, proof = listing.result_root(inputs, outputs), listing.prove_result(inputs, outputs, index)
    assert merkle.verify(root, listing.result_leaf(*pairs[index]), proof)
    other = data.draw(st.binary(max_size=40).filter(lambda output: output != pairs[index][1]))
    assert not merkle.verify(root, listing.result_leaf(pairs[index][0], other), proof)


def test_a_result_is_no_input() -> None:
    assert listing.input_root([b"in"]) != listing.result_root([b"in"], [b"in"])


@pytest.mark.parametrize("count", [0, 256])
def test_a_list_is_bounded(count: int) -> None:
    with pytest.raises(ValueError, match="a list has 1 to 255 inputs"):
        listing.input_root([b""] * count)


def test_every_input_has_an_output() -> None:
    with pytest.raises(ValueError, match="zip"):
        listing.result_root([b"a", b"b"], [b"a"])
