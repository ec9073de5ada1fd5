"""Requests with honest runs, whose inputs and answers adaptors rule on, as the specification and as contracts do."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from math import prod
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray

from tests.homes import RISK, SELFTEST
from themis.bundles import bundle
from themis.bundles.bundle import Bundle
from themis.chain.abi import Artifact
from themis.core.abi import encode
from themis.core.keccak import keccak
from themis.core.types import Hash32
from themis.dispute.adaptors import links, plain, tensor, traced
from themis.dispute.adaptors.links import NOTHING, Accused, Adaptor, Asked, Sight
from themis.engine import batch, preprocess
from themis.exact import trace
from themis.exact.emit import Emitter
from themis.exact.referee.case import Arrays, Undefined
from themis.exact.referee.proof import AtHand, Prover

Array = NDArray[Any]
PLACE: Final = "0x" + "c0de" * 10
"""Of a contract that requests name."""
CODES: Final = {
    "delegation": bytes.fromhex("ef0100") + bytes(range(1, 21)),
    "no program": bytes.fromhex("ef00") + bytes(40),
    "caller is paid": bytes.fromhex("5f5f5f5f34335af1005b335f5500"),
    "hands on": bytes.fromhex("5f5f5f5f73" + "ab" * 20 + "5af43d5f5f3e3d5ff3"),
}
"""Some that compilers seldom make."""


@dataclass(frozen=True, slots=True, eq=False)
class Desk:
    """One request, its honest run and answer."""

    name: str
    adaptor: Adaptor
    prover: Prover
    honest: dict[int, Array]
    asked: Asked

    def sight(self, tensors: Mapping[int, Array] | None = None, asked: Asked | None = None) -> Sight:
        claim = Arrays(self.honest if tensors is None else tensors)
        return Sight(self.prover.program, self.prover.declared, claim, asked or self.asked)

    def ruling(self, sight: Sight, accused: Accused, *, output: bool) -> bool | None:
        """None: nothing is decided."""
        try:
            return (self.adaptor.refutes_output if output else self.adaptor.refutes_input)(sight, accused)
        except Undefined:
            return None

    def call(self, sight: Sight, accused: Accused, *, output: bool) -> tuple[bytes, bool | None]:
        """What a contract is called with, and the specification's ruling."""
        found, asked = self.ruling(sight, accused, output=output), sight.asked
        assert isinstance(sight.claim, Arrays)
        at_hand = self._at_hand(sight.claim.arrays)
        link = links.shown(self.prover, sight, at_hand, accused)
        roots = self.prover.roots(at_hand)
        artifact = Artifact(self.adaptor.contract)
        if not output:
            return artifact.call("refutesInput", roots, asked.input, link), found
        said = (roots, keccak(asked.input), asked.witness, asked.output, link)
        return artifact.call("refutesOutput", *said), found

    def _at_hand(self, tensors: Mapping[int, Array]) -> AtHand:
        """Only what was altered is hashed again."""
        mine = _hashed(self)
        changed = {word: array for word, array in tensors.items() if array is not self.honest[word]}
        headers = list(mine.headers.leaves)
        for word, array in changed.items():
            headers[mine.places[word]] = trace.commit(word, array).leaf()
        return AtHand(tensors, headers) if changed else mine

    def accusations(self, tensors: Mapping[int, Array] | None = None) -> Iterator[tuple[Accused, bool]]:
        """All that there are, each with whether it is of the answer."""
        found = self.honest if tensors is None else tensors
        ends = [(word, False) for word in self.prover.program.inputs]
        ends += [(word, True) for word in self.prover.program.outputs.values()]
        for word, output in ends:
            for element in (None, *range(found[word].size)):
                yield Accused(word, element), output
        if self.adaptor is traced.ADAPTOR:
            yield Accused(next(iter(self.prover.program.inputs)), 0), True


@cache
def _hashed(desk: Desk) -> AtHand:
    return AtHand(desk.honest)


@cache
def _loaded(name: str) -> tuple[Bundle, onnx.ModelProto, Prover]:
    found = bundle.load({"bytes": SELFTEST, "code": RISK}[name])
    model = onnx.load_from_string(found.model)
    return found, model, Prover(model)


def of_bytes(input_: bytes) -> Desk:
    return _prepared("bytes", plain.ADAPTOR, Asked(input_, None, b"", NOTHING))


def of_code(name: str, code: bytes) -> Desk:
    return _prepared(name, traced.ADAPTOR, Asked(code, None, b"", NOTHING))


def of_named(code: bytes, *, gone: bool) -> Desk:
    """Of a request that names a contract, whose code the chain has or has no longer."""
    input_ = encode(["address", "bytes32"], [PLACE, keccak(code)])
    return _prepared("named, gone" if gone else "named", traced.ADAPTOR, Asked(input_, code, b"", NOTHING, gone))


def _prepared(name: str, adaptor: Adaptor, asked: Asked) -> Desk:
    found, model, prover = _loaded("bytes" if adaptor is plain.ADAPTOR else "code")
    sample = preprocess.find(found.manifest.preprocessing).prepare(asked.input, asked.code)
    feed = batch.collate([sample], found.dtypes, found.declared)
    honest = dict(trace.tensors(model, prover.program, feed))
    ((output, word),) = prover.program.outputs.items()
    desk = Desk(name, adaptor, prover, honest, replace(asked, output=sample.render({output: honest[word]})))
    return replace(desk, asked=replace(desk.asked, witness=adaptor.witness(desk.sight())))


@cache
def _pair() -> tuple[onnx.ModelProto, Prover]:
    """Two inputs of other types and sizes, two outputs."""
    emitter = Emitter("pair", {"n": 8, "k": 300})
    x = emitter.input("x", np.uint8, ("n", 4), 0, 250)
    t = emitter.input("t", np.int64, ("k",), 0, 6)
    emitter.output("y", emitter.project(x, np.arange(12, dtype=np.uint8).reshape(4, 3)))
    emitter.output("z", emitter.embed(t, np.arange(112, dtype=np.uint8).reshape(7, 16), 1))
    model = emitter.build()
    return model, Prover(model)


def of_tensors(rows: int, tokens: int) -> Desk:
    model, prover = _pair()
    x = (np.arange(rows * 4) * 37 % 251).astype(np.uint8).reshape(rows, 4)
    t = np.arange(tokens) * 5 % 7
    input_ = np.array([rows, tokens], ">u4").tobytes() + x.tobytes() + t.astype(">i8").tobytes()
    honest = dict(trace.tensors(model, prover.program, {"x": x, "t": t}))
    outputs = (honest[word] for word in prover.program.outputs.values())
    output = b"".join(array.astype(array.dtype.newbyteorder(">")).tobytes() for array in outputs)
    return Desk("tensors", tensor.ADAPTOR, prover, honest, Asked(input_, None, output, NOTHING))


def contract() -> Desk:
    """Of real code."""
    return of_code("a contract", _loaded("code")[0].golden[0].input)


def desks() -> list[Desk]:
    """Some of each, small."""
    named = CODES["hands on"]
    return [
        of_bytes(b"themis"),
        of_tensors(3, 40),
        of_tensors(1, 1),
        *(of_code(name, code) for name, code in CODES.items()),
        of_named(named, gone=False),
        of_named(named, gone=True),
        contract(),
    ]


def lies(desk: Desk, rng: np.random.Generator) -> Iterator[tuple[Sight, Accused, bool]]:
    """Inputs, shapes, requests, answers and witnesses that were altered, each with an accusation that may hold."""
    yield from _inputs(desk, rng)
    yield from _answers(desk, rng)
    (first, *_), (word, *_) = desk.prover.program.inputs, desk.prover.program.outputs.values()
    for output in (b"", desk.asked.output[:-1], desk.asked.output + b"\x00"):
        yield desk.sight(asked=replace(desk.asked, output=output)), Accused(word), True
    for input_ in (b"", desk.asked.input + b"\x00", desk.asked.input[:-1], bytes(300)):
        yield desk.sight(asked=replace(desk.asked, input=input_, code=None)), Accused(first), False


def _inputs(desk: Desk, rng: np.random.Generator) -> Iterator[tuple[Sight, Accused, bool]]:
    for word, name in desk.prover.program.inputs.items():
        array = desk.honest[word]
        at = int(rng.integers(array.size))
        for value in (int(rng.integers(-2, 260)), 2**40):
            other = array.copy()
            other.flat[at] = value if array.dtype.itemsize > 1 else value % 256
            yield desk.sight(desk.honest | {word: other}), Accused(word, at), False
            if name in ("tokens", "first") and desk.adaptor is traced.ADAPTOR:
                yield desk.sight(desk.honest | {word: other}), Accused(desk.sight().word("grams"), 4 * at), False
        shapes = (array[None], array.astype(np.int32), array[:-1] if len(array) > 1 else np.repeat(array, 2, 0))
        for changed in shapes:
            yield desk.sight(desk.honest | {word: changed}), Accused(word), False


def _answers(desk: Desk, rng: np.random.Generator) -> Iterator[tuple[Sight, Accused, bool]]:
    ends = list(desk.prover.program.outputs.values())
    if desk.adaptor is traced.ADAPTOR:
        ends.append(next(iter(desk.prover.program.inputs)))
    for _ in range(8):
        output, witness = bytearray(desk.asked.output), bytearray(desk.asked.witness)
        output[int(rng.integers(len(output)))] ^= 1 << int(rng.integers(8))
        if any(witness) and rng.integers(2):
            witness[int(rng.integers(14))] ^= 1 << int(rng.integers(3))
        asked = replace(desk.asked, output=bytes(output), witness=Hash32(bytes(witness)))
        for word in ends:
            for element in (None, *rng.integers(prod(desk.honest[word].shape), size=3).tolist()):
                yield desk.sight(asked=asked), Accused(word, element), True
