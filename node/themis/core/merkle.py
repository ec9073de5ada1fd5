"""Merkle trees over byte strings: keccak256, leaves tagged 0x00, nodes 0x01, roots 0x02: none passes for another.

A level of odd length moves its last node up unchanged (nothing is duplicated, CVE-2012-2459), so the shape of the tree
follows from the number of leaves. The root binds that number: otherwise a prover could choose it, and with it the place
at which an honest leaf seems to lie (ADR 0027). `libraries/Merkle.sol` opens the same trees.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from themis.core.keccak import keccak
from themis.core.types import Hash32

LEAF_TAG: Final = b"\x00"
NODE_TAG: Final = b"\x01"
ROOT_TAG: Final = b"\x02"
EMPTY: Final = "a Merkle tree needs at least one leaf"


@dataclass(frozen=True, slots=True)
class Proof:
    """That a leaf has its place in a tree."""

    index: int
    count: int
    """Leaves in the tree; the root binds it."""
    siblings: tuple[Hash32, ...]
    """From the leaf up; levels where the node moves up unchanged have none."""


def leaf_hash(data: bytes) -> Hash32:
    return Hash32(keccak(LEAF_TAG + data))


def node_hash(left: Hash32, right: Hash32) -> Hash32:
    return Hash32(keccak(NODE_TAG + left + right))


def root_hash(count: int, top: Hash32) -> Hash32:
    return Hash32(keccak(ROOT_TAG + count.to_bytes(32, "big") + top))


def root(leaves: Iterable[bytes]) -> Hash32:
    """Root of a tree with these leaves, in order, of which it holds one at a time. Raises ValueError without any."""
    count = 0
    full: list[tuple[int, Hash32]] = []  # roots of complete trees with their heights, which fall
    for leaf in leaves:
        count += 1
        height, node = 0, leaf_hash(leaf)
        while full and full[-1][0] == height:
            height, node = height + 1, node_hash(full.pop()[1], node)
        full.append((height, node))
    if not full:
        raise ValueError(EMPTY)
    _, top = full.pop()
    while full:
        top = node_hash(full.pop()[1], top)
    return root_hash(count, top)


def prove(leaves: Sequence[bytes], index: int) -> Proof:
    """Proof for one leaf. Raises IndexError for an index outside 0..len-1."""
    if not 0 <= index < len(leaves):
        raise IndexError(f"no leaf {index} in a tree of {len(leaves)}")
    siblings = []
    position = index
    for level in _levels(leaves)[:-1]:
        if (sibling := position ^ 1) < len(level):
            siblings.append(level[sibling])
        position //= 2
    return Proof(index, len(leaves), tuple(siblings))


def verify(expected: Hash32, leaf: bytes, proof: Proof) -> bool:
    """Whether the proof leads from the leaf to the root, with no sibling missing or left over."""
    if not 0 <= proof.index < proof.count:
        return False
    node, siblings = leaf_hash(leaf), iter(proof.siblings)
    position, width = proof.index, proof.count
    while width > 1:
        if position ^ 1 < width:
            sibling = next(siblings, None)
            if sibling is None:
                return False
            node = node_hash(sibling, node) if position & 1 else node_hash(node, sibling)
        position, width = position // 2, (width + 1) // 2
    return root_hash(proof.count, node) == expected and next(siblings, None) is None


def _levels(leaves: Sequence[bytes]) -> list[list[Hash32]]:
    """Hashes of each level, leaves first, the top last."""
    if not leaves:
        raise ValueError(EMPTY)
    levels = [[leaf_hash(leaf) for leaf in leaves]]
    while len(below := levels[-1]) > 1:
        above = [node_hash(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)]
        levels.append(above + below[2 * len(above) :])
    return levels
