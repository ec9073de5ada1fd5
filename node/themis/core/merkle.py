"""Merkle trees over byte strings: leaves tagged 0x00, nodes 0x01, roots 0x02: none passes for another.

A level of odd length moves its last node up unchanged (nothing is duplicated, CVE-2012-2459), so the shape of the tree
follows from the number of leaves. The root binds that number: otherwise a prover could choose it, and with it the place
at which an honest leaf seems to lie (ADR 0027). `libraries/Merkle.sol` opens the same trees. Trees of models hash with
keccak256; those of traces, with hundreds of thousands of leaves, with SHA-256, which Python does forty times faster.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from themis.core.keccak import keccak
from themis.core.types import Hash32

LEAF_TAG: Final = b"\x00"
NODE_TAG: Final = b"\x01"
ROOT_TAG: Final = b"\x02"
EMPTY: Final = "a Merkle tree needs at least one leaf"
BLOCK: Final = 2**14
"""Leaves whose hashes are held together; a power of two, so that a block is a tree of its own."""

Hashed = Callable[[bytes], bytes]


def sha256(data: bytes) -> bytes:
    """32 bytes."""
    return hashlib.sha256(data).digest()


@dataclass(frozen=True, slots=True)
class Proof:
    """That a leaf has its place in a tree."""

    index: int
    count: int
    """Leaves in the tree; the root binds it."""
    siblings: tuple[Hash32, ...]
    """From the leaf up; levels where the node moves up unchanged have none."""


def leaf_hash(data: bytes, hashed: Hashed = keccak) -> Hash32:
    return Hash32(hashed(LEAF_TAG + data))


def node_hash(left: bytes, right: bytes, hashed: Hashed = keccak) -> Hash32:
    return Hash32(hashed(NODE_TAG + left + right))


def root_hash(count: int, top: bytes, hashed: Hashed = keccak) -> Hash32:
    return Hash32(hashed(ROOT_TAG + count.to_bytes(32, "big") + top))


def root(leaves: Iterable[bytes], hashed: Hashed = keccak) -> Hash32:
    """Root of a tree with these leaves, in order, of which it holds one at a time. Raises ValueError without any."""
    count, tops, rest = 0, [], iter(leaves)
    while block := [hashed(LEAF_TAG + leaf) for leaf in islice(rest, BLOCK)]:
        count += len(block)
        tops.append(_levels(block, hashed)[-1][0])
    if not tops:
        raise ValueError(EMPTY)
    return root_hash(count, _levels(tops, hashed)[-1][0], hashed)


class Tree:
    """A tree whose levels are kept, so that many of its leaves can be opened."""

    def __init__(self, leaves: Sequence[bytes], hashed: Hashed = keccak) -> None:
        """Raises ValueError without any leaf."""
        if not leaves:
            raise ValueError(EMPTY)
        self.leaves, self._hashed = leaves, hashed
        self._levels = _levels([hashed(LEAF_TAG + leaf) for leaf in leaves], hashed)

    @property
    def root(self) -> Hash32:
        return root_hash(len(self.leaves), self._levels[-1][0], self._hashed)

    def node(self, level: int, index: int) -> Hash32:
        """Node of a level, of which leaves have 0; above the top there is the top. Raises IndexError for none."""
        row = self._levels[min(level, len(self._levels) - 1)]
        if not 0 <= index < len(row) or level < 0:
            raise IndexError(f"no node {index} of level {level} in a tree of {len(self.leaves)}")
        return Hash32(row[index])

    def prove(self, index: int) -> Proof:
        """Proof for one leaf. Raises IndexError for an index outside 0..len-1."""
        if not 0 <= index < len(self.leaves):
            raise IndexError(f"no leaf {index} in a tree of {len(self.leaves)}")
        siblings = []
        position = index
        for level in self._levels[:-1]:
            if (sibling := position ^ 1) < len(level):
                siblings.append(Hash32(level[sibling]))
            position //= 2
        return Proof(index, len(self.leaves), tuple(siblings))


def prove(leaves: Sequence[bytes], index: int, hashed: Hashed = keccak) -> Proof:
    """Proof for one leaf. Raises as `Tree`."""
    return Tree(leaves, hashed).prove(index)


def verify(expected: Hash32, leaf: bytes, proof: Proof, hashed: Hashed = keccak) -> bool:
    """Whether the proof leads from the leaf to the root, with no sibling missing or left over."""
    if not 0 <= proof.index < proof.count:
        return False
    node, siblings = leaf_hash(leaf, hashed), iter(proof.siblings)
    position, width = proof.index, proof.count
    while width > 1:
        if position ^ 1 < width:
            sibling = next(siblings, None)
            if sibling is None:
                return False
            node = node_hash(sibling, node, hashed) if position & 1 else node_hash(node, sibling, hashed)
        position, width = position // 2, (width + 1) // 2
    return root_hash(proof.count, node, hashed) == expected and next(siblings, None) is None


def _levels(level: list[bytes], hashed: Hashed) -> list[list[bytes]]:
    """Hashes of each level, those given first, the top last."""
    levels = [level]
    while len(below := levels[-1]) > 1:
        above = [hashed(NODE_TAG + left + right) for left, right in zip(below[::2], below[1::2], strict=False)]
        levels.append(above + below[2 * len(above) :])
    return levels
