"""Models that read bytes, `bytes/1`: the specification of `contracts/dispute/src/BytesAdaptor.sol`."""

from typing import Final

from themis.dispute.adaptors.links import Accused, Adaptor, Sight
from themis.exact.referee.case import Undefined
from themis.exact.selftest import BUCKETS

MOST_BYTES: Final = 256
SCORE_BYTES: Final = 2
RANK: Final = 2
"""Of scores: one request's row."""


def refutes_input(sight: Sight, accused: Accused) -> bool:
    """Raises as `Adaptor.refutes_input`."""
    input_ = sight.asked.input
    if not 1 <= len(input_) <= MOST_BYTES:
        return True
    kind, name = sight.kind(accused.word), sight.name(accused.word)
    dtype, _ = sight.program.input_types[accused.word]
    if kind.dtype != dtype or kind.shape != _shape(name, len(input_)):
        return True
    if accused.element is None:
        return False
    return sight.at(accused.word, accused.element) != _expected(name, input_, accused.element)


def refutes_output(sight: Sight, accused: Accused) -> bool:
    """Raises as `Adaptor.refutes_output`."""
    shape, output = sight.kind(accused.word).shape, sight.asked.output
    if list(sight.program.outputs.values()) != [accused.word] or len(shape) != RANK or shape[0] != 1:
        raise Undefined("the only output is one row of scores")
    if len(output) != SCORE_BYTES * shape[1]:
        return True
    if accused.element is None:
        return False
    said = output[SCORE_BYTES * accused.element :][:SCORE_BYTES]
    return int.from_bytes(said, "big") != sight.at(accused.word, accused.element) & 0xFFFF


def refusal(sight: Sight) -> Accused | None:
    """Only the length can be wrong."""
    return None if 1 <= len(sight.asked.input) <= MOST_BYTES else Accused(0)


def output_fault(sight: Sight) -> Accused | None:
    """The first score that is another."""
    (word,) = sight.program.outputs.values()
    accused = [Accused(word), *(Accused(word, at) for at in range(sight.kind(word).shape[1]))]
    return next((each for each in accused if refutes_output(sight, each)), None)


def _shape(name: str, size: int) -> tuple[int, ...]:
    """Of an input, of so many bytes: one sequence of so many tokens."""
    return {"grams": (size, 1), "slot": (1, size), "owner": (1,)}.get(name, (size,))


def _expected(name: str, input_: bytes, position: int) -> int:
    if name in ("first", "owner"):
        return 0
    if name in ("place", "slot"):
        return position
    if name == "tokens":
        return input_[position]
    if name != "grams":
        raise Undefined(f"{name} is no input that bytes give")
    return (31 * (input_[position - 1] if position else 0) + input_[position]) % BUCKETS


ADAPTOR: Final = Adaptor("bytes/1", "BytesAdaptor", refutes_input, refutes_output, refusal, output_fault)
