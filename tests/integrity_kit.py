"""Traces that are none, in each way that can be: as Python and the contract are asked about them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from themis.core import merkle
from themis.core.abi import encode
from themis.core.keccak import keccak
from themis.core.merkle import Tree, sha256
from themis.dispute.proving import INTEGRITY
from themis.exact import trace
from themis.exact.referee import integrity
from themis.exact.referee.integrity import Said
from themis.exact.referee.proof import opening
from themis.exact.roots import program_leaves


@dataclass(frozen=True, slots=True)
class Asked:
    """One accusation, Python's ruling (None: the fault is another), and the call to the contract."""

    name: str
    convicted: bool | None
    call: bytes


class Claimed:
    """A model, and what is claimed to be a trace of it."""

    def __init__(self, model: onnx.ModelProto, headers: list[bytes], bodies: Mapping[int, list[bytes]]) -> None:
        """`bodies`: leaves of tensors by the place of their header."""
        self.program, self.headers, self.bodies = Tree(program_leaves(model)), Tree(headers, sha256), bodies
        self._roots = (merkle.root(self.program.leaves), bytes(32), merkle.root(headers, sha256))

    def _asked(self, name: str, convicted: bool | None, *arguments: Any) -> Asked:
        types = INTEGRITY[name]
        selector = keccak(f"{name}({','.join(types)})".encode())[:4]
        return Asked(name, convicted, selector + encode(types, [self._roots, *arguments]))

    def unread(self, place: int) -> Asked:
        leaf = self.headers.leaves[place]
        return self._asked("unread", integrity.unread(leaf), opening(self.headers, place))

    def unordered(self, place: int) -> Asked:
        pair = [self.headers.leaves[place], self.headers.leaves[place + 1]]
        openings = [opening(self.headers, place), opening(self.headers, place + 1)]
        return self._asked("unordered", _ruled(lambda: integrity.unordered(*pair)), *openings)

    def misfit(self, place: int, leaf: int) -> Asked:
        body, header = Tree(self.bodies[place], sha256), self.headers.leaves[place]
        ruled = _ruled(lambda: integrity.misfit(header, len(body.leaves), leaf, body.leaves[leaf]))
        return self._asked("misfit", ruled, opening(self.headers, place), opening(body, leaf))

    def missing(self, word: int, number: int) -> Asked:
        """Between the neighbors that there would be."""
        leaves = self.headers.leaves
        words = [found.word for leaf in leaves if (found := integrity.read(leaf))]
        at = sum(other < word for other in words)
        left, right = leaves[at - 1] if at else None, leaves[at] if at < len(leaves) else None
        ruled = _ruled(lambda: integrity.missing(word, self._said(number), left, right))
        neighbors = [opening(self.headers, each) for each in (at - 1, at) if 0 <= each < len(leaves)]
        return self._asked("missing", ruled, word, opening(self.program, number), neighbors)

    def surplus(self, place: int, number: int) -> Asked:
        header = self.headers.leaves[place]
        ruled = _ruled(lambda: integrity.surplus(header, self._said(number)))
        return self._asked("surplus", ruled, opening(self.headers, place), opening(self.program, number))

    def _said(self, number: int) -> Said:
        return Said(self.program.leaves[number], number, len(self.program.leaves))

    def everything(self) -> Iterator[Asked]:
        """All that a trace can be accused of but tensors that are missing, once for each leaf."""
        for place in range(len(self.headers.leaves)):
            yield self.unread(place)
            head = integrity.read(self.headers.leaves[place])
            yield self.surplus(
                place, 0 if head is None else min(integrity.giver(head.word), len(self.program.leaves) - 1)
            )
            if place + 1 < len(self.headers.leaves):
                yield self.unordered(place)
            for leaf in {0, len(self.bodies.get(place, [])) - 1} if place in self.bodies else ():
                yield self.misfit(place, leaf)


def _ruled(ask: Any) -> bool | None:
    try:
        return bool(ask())
    except ValueError:
        return None


def claimed(model: onnx.ModelProto, tensors: Mapping[int, NDArray[Any]]) -> Claimed:
    """An honest claim of these tensors."""
    words = sorted(tensors)
    bodies = {place: list(trace.leaves(tensors[word])) for place, word in enumerate(words)}
    return Claimed(model, [trace.commit(word, tensors[word]).leaf() for word in words], bodies)


def crooked(honest: Claimed, model: onnx.ModelProto, place: int, body: list[bytes]) -> Claimed:
    """A claim whose tensor has other leaves than its shape says, and commits to them."""
    headers = list(honest.headers.leaves)
    headers[place] = headers[place][:96] + merkle.root(body, sha256) + headers[place][128:]
    return Claimed(model, headers, {place: body})


def renamed(header: bytes, word: int) -> bytes:
    """The header of another tensor."""
    return word.to_bytes(32, "big") + header[32:]


def spoiled(header: bytes, rng: np.random.Generator) -> bytes:
    """What is no header."""
    forms = [
        b"",
        header[:-1],
        header + bytes(32),
        bytes(31) + b"\x07" + header[32:],  # a word of no kind
        header[:63] + b"\x10" + header[64:],  # a type that no trace has
        header[:95] + b"\xa0" + header[96:],  # another place of the shape
        header[:159] + bytes([header[159] + 1]) + header[160:],
    ]
    return forms[int(rng.integers(len(forms)))]
