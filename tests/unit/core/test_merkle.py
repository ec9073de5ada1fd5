"""Merkle roots agree with a naive second implementation and the vectors; proofs hold for their leaf alone."""

import json
from dataclasses import replace

import pytest
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from tests.vectors import merkle as vectors
from themis.core import merkle
from themis.core.merkle import Proof
from themis.core.types import Hash32

forests = st.lists(st.binary(max_size=40), min_size=1, max_size=40)


def naive(leaves: list[bytes]) -> bytes:
    """The top under the number of leaves."""
    return keccak(b"\x02" + bytes(24) + len(leaves).to_bytes(8, "big") + naive_top(leaves))


def naive_top(leaves: list[bytes]) -> bytes:
    """Split before the last full power of two: the same tree, seen from the top."""
    if len(leaves) == 1:
        return keccak(b"\x00" + leaves[0])
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return keccak(b"\x01" + naive_top(leaves[:half]) + naive_top(leaves[half:]))


@given(leaves=forests)
def test_root_is_the_naive_root(leaves: list[bytes]) -> None:
    assert merkle.root(leaves) == naive(leaves)


@given(leaves=forests, height=st.integers(0, 4))
def test_leaves_are_hashed_by_blocks_to_the_same_root(leaves: list[bytes], height: int) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(merkle, "BLOCK", 2**height)
        assert merkle.root(iter(leaves)) == naive(leaves)


def test_a_tree_may_hash_otherwise() -> None:
    leaves = [b"a", b"b", b"c"]
    top = merkle.sha256(
        b"\x01" + merkle.sha256(b"\x01" + merkle.sha256(b"\0a") + merkle.sha256(b"\0b")) + merkle.sha256(b"\0c")
    )
    root = merkle.root(leaves, merkle.sha256)
    assert root == merkle.sha256(b"\x02" + (3).to_bytes(32, "big") + top)
    proof = merkle.prove(leaves, 2, merkle.sha256)
    assert merkle.verify(root, b"c", proof, merkle.sha256)
    assert not merkle.verify(root, b"c", proof)


@given(leaves=forests, data=st.data())
def test_a_proof_holds_for_its_leaf_and_place_alone(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    root, proof = merkle.root(leaves), merkle.prove(leaves, index)
    assert merkle.verify(root, leaves[index], proof)
    assert not merkle.verify(root, leaves[index] + b"\x00", proof)
    assert not merkle.verify(Hash32(bytes(32)), leaves[index], proof)
    assert not merkle.verify(root, leaves[index], replace(proof, siblings=(*proof.siblings, root)))
    if proof.siblings:
        assert not merkle.verify(root, leaves[index], replace(proof, siblings=proof.siblings[:-1]))
    other = data.draw(st.integers(0, len(leaves) - 1))
    assert merkle.verify(root, leaves[other], proof) == (leaves[other] == leaves[index])


@given(leaves=forests, data=st.data(), index=st.integers(0, 90), count=st.integers(0, 90))
def test_no_proof_opens_a_leaf_at_another_index_or_under_another_count(
    leaves: list[bytes], data: st.DataObject, index: int, count: int
) -> None:
    """Whatever an honest prover's siblings are cut down or added to: the place is bound by the root."""
    true = data.draw(st.integers(0, len(leaves) - 1))
    honest = merkle.prove(leaves, true)
    siblings = data.draw(st.sampled_from([honest.siblings, honest.siblings[1:], honest.siblings[:-1]]))
    forged = Proof(index, count, siblings)
    if (index, count) != (true, len(leaves)) and (count != len(leaves) or leaves[true] not in leaves[index:][:1]):
        assert not merkle.verify(merkle.root(leaves), leaves[true], forged)


def test_the_count_is_not_the_provers_to_choose() -> None:
    """Leaves a, b, c: with a count of 2, c would open at index 1, though it is leaf 2 of 3."""
    leaves = [b"a", b"b", b"c"]
    forged = Proof(1, 2, (merkle.node_hash(merkle.leaf_hash(b"a"), merkle.leaf_hash(b"b")),))
    assert not merkle.verify(merkle.root(leaves), b"c", forged)


@given(leaves=forests, data=st.data())
def test_changing_swapping_adding_or_dropping_leaves_changes_the_root(leaves: list[bytes], data: st.DataObject) -> None:
    root = merkle.root(leaves)
    index = data.draw(st.integers(0, len(leaves) - 1))
    changed = [*leaves]
    changed[index] += b"\x01"
    assert merkle.root(changed) != root
    assert merkle.root([*leaves, leaves[-1]]) != root
    if leaves[::-1] != leaves:
        assert merkle.root(leaves[::-1]) != root


def test_a_node_does_not_pass_for_a_leaf() -> None:
    """Second preimage: without tags, a tree of the two hashes' concatenation would have the same root."""
    left, right = merkle.leaf_hash(b"a"), merkle.leaf_hash(b"b")
    assert merkle.root([left + right]) != merkle.root([b"a", b"b"])


@pytest.mark.parametrize("proof", [Proof(1, 1, ()), Proof(-1, 1, ()), Proof(0, 0, ()), Proof(2, 2, ())])
def test_places_outside_the_tree_are_refused(proof: Proof) -> None:
    assert not merkle.verify(merkle.root([b"a"]), b"a", proof)


def test_there_is_no_empty_tree() -> None:
    with pytest.raises(ValueError, match="at least one leaf"):
        merkle.root([])
    with pytest.raises(IndexError, match="no leaf 2 in a tree of 2"):
        merkle.prove([b"a", b"b"], 2)


def test_committed_vectors_are_fresh() -> None:
    assert vectors.FILE.read_text() == vectors.render(), "run `python -m tests.vectors.merkle`"


def test_committed_proofs_verify() -> None:
    for tree in json.loads(vectors.FILE.read_text()):
        leaves = [bytes.fromhex(leaf[2:]) for leaf in tree["leaves"]]
        root = Hash32(bytes.fromhex(tree["root"][2:]))
        assert naive(leaves) == root
        for index, siblings in enumerate(tree["proofs"]):
            path = tuple(Hash32(bytes.fromhex(sibling[2:])) for sibling in siblings)
            assert merkle.verify(root, leaves[index], Proof(index, len(leaves), path))
