"""Models that read code, `evm-trace-5`: the specification of `contracts/dispute/src/EvmTraceAdaptor.sol`.

n-grams follow from tokens, the report from scores. Tokens follow from the code by a tracer that no chain runs: of them
is decided what can be told without it.
"""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from themis.core.types import Hash32
from themis.dispute import search
from themis.dispute.adaptors.links import Accused, Adaptor, Asked, Sight
from themis.dispute.claim import HEADERS, Ask, Claimed
from themis.dispute.search import Fault, Misfit, WrongInput
from themis.evm import encode as evm
from themis.evm import opcodes as op
from themis.evm.disassembly import disassemble
from themis.evm.encode import FULL_BPS, MAX_CODE_BYTES, ORDERS
from themis.evm.limits import MAX_ROWS, WINDOW, NotKnown
from themis.evm.report import MAX_BPS, RiskClass
from themis.evm.vocabulary import ID, NAMES
from themis.exact.referee.case import Undefined

KINDS: Final = {
    "REVERT": (op.JUMPI, op.REVERT, op.INVALID),
    "RETURN": (op.RETURN,),
    "STOP": (op.STOP,),
    "JOIN": (op.JUMPDEST,),
    "LOG": tuple(range(op.LOG0, op.LOG0 + 5)),
    "CLOCK": (op.TIMESTAMP, op.NUMBER),
    "ENTROPY": (op.BLOCKHASH, op.COINBASE, op.PREVRANDAO, op.GASLIMIT),
    "ORIGIN": (op.ORIGIN,),
    "EQ": (op.EQ, op.SUB, op.XOR),
    "BALANCE": (op.BALANCE, op.SELFBALANCE),
    "EXTCODE": (op.EXTCODESIZE, op.EXTCODEHASH),
    "CREATE": (op.CREATE,),
    "CREATE2": (op.CREATE2,),
    "TLOAD": (op.TLOAD,),
    "TSTORE": (op.TSTORE,),
    "DROPPED": (op.POP, op.STOP, op.RETURN),
    "HASH": (op.KECCAK256,),
    "MOD": (op.MOD, op.SMOD),
    "ADD": (op.ADD,),
    "SUB": (op.SUB,),
    "MUL": (op.MUL,),
    "DIV": (op.DIV,),
    "GUARD": (op.JUMPI,),
    "IF": (op.JUMPI,),
    "SLOAD": (op.SLOAD,),
    "SSTORE": (op.SSTORE,),
    "STATICCALL": (op.STATICCALL,),
    "CALL": (op.CALL,),
    "DELEGATECALL": (op.DELEGATECALL, op.CALLCODE),
    "SELFDESTRUCT": (op.SELFDESTRUCT,),
    "TAKE": (op.SSTORE,),
}
"""Which instructions give which tokens, by the first part of a token's name; entries come from any."""
ANY: Final = range(256)
FALLBACK: Final = ID["ENTRY.fallback"]
FUNCTION: Final = ID["ENTRY.function"]
CLASSES: Final = len(RiskClass)
COVERAGE, COUNTER, LAST = 7, 8, 15
"""Lanes of a report behind the scores."""
WORST: Final = 7
"""Lane of a witness: the row of the highest score. Before it the row of each class's."""
LANE_BYTES: Final = 2
REPORT_BYTES: Final = 32
REF_BYTES: Final = 64
NAMED_BITS: Final = (NotKnown.NAMED | NotKnown.PROXY, NotKnown.NAMED | NotKnown.DELEGATION)
DESIGNATOR: Final = b"\xef\x01\x00"
INPUTS: Final = ("tokens", "grams", "first")
BYTE: Final = 255


def refutes_input(sight: Sight, accused: Accused) -> bool:
    """Raises as `Adaptor.refutes_input`."""
    asked = sight.asked
    if not 1 <= len(asked.input) <= MAX_CODE_BYTES:
        return True
    sight.said = asked.code if asked.code is not None and asked.gone else b""
    code, name = _code(asked), sight.name(accused.word)
    if name not in INPUTS:
        raise Undefined(f"{name} is no input of such a model")
    if _is_other_kind(sight, accused, name, code):
        return True
    if accused.element is None:
        return False
    if name == "tokens":
        return _is_no_token(sight, accused.word, accused.element, code)
    if name == "first":
        return _is_no_start(sight, accused.word, accused.element)
    row, order = divmod(accused.element, len(ORDERS))
    return sight.at(accused.word, accused.element) != _bucket(sight, row, order)


def refutes_output(sight: Sight, accused: Accused) -> bool:
    """Of tokens is accused the place of the one in the worst row, and what else depends on the code.

    Raises as `Adaptor.refutes_output`.
    """
    asked = sight.asked
    if len(asked.output) != REPORT_BYTES:
        return True
    report, witness = _lanes(asked.output), _lanes(asked.witness)
    if _is_no_report(asked.output, witness):
        return True
    named = bool(report[LAST] & NotKnown.NAMED)
    if accused.word in sight.program.inputs:
        sight.said, code = asked.input, _code(asked)
        if asked.gone:
            raise Undefined("the chain has other code there by now, and the request alone goes along")
        if _is_of_other_code(asked.output, code):
            return True
        return not named and _is_no_place(sight, accused.word, report[COUNTER], witness[WORST], code)
    if named:
        raise Undefined("a pointer has no scores")
    return _is_other_score(sight, accused, report, witness)


def witness(sight: Sight) -> Hash32:
    """Rows of the scores in lanes of two bytes, the last one 1: then it is not zero, whatever the rows are."""
    (word,) = sight.program.outputs.values()
    rows = [0] * LAST + [1]
    if not _lanes(sight.asked.output)[LAST] & NotKnown.NAMED:
        scores = _scores(sight, word)
        rows[:CLASSES] = scores.argmax(axis=0).tolist()
        rows[WORST] = int(scores.max(axis=1).argmax())
    return Hash32(b"".join(row.to_bytes(LANE_BYTES, "big") for row in rows))


def refusal(sight: Sight) -> Accused | None:
    """Only the length can be shown to be wrong: what reads as text, and code that was not there, no contract knows."""
    return None if 1 <= len(sight.asked.input) <= MAX_CODE_BYTES else Accused(0)


def input_fault(sight: Sight, claimed: Claimed, fault: WrongInput) -> Ask | Fault | Accused | None:
    """All tokens have to be seen: any may be one that the code cannot have."""
    words = [sight.word(name) for name in INPUTS]
    tokens, grams, first = words
    unknown = (_unknown_header(claimed, word) for word in words)
    if (found := next((each for each in unknown if each is not None), None)) is not None:
        return found
    accused = [Accused(word) for word in words]
    if (kind := next((each for each in accused if refutes_input(sight, each)), None)) is not None:
        return kind
    unseen = (_unknown_leaf(claimed, word) for word in (first, tokens) if not claimed.is_mine(word))
    if (found := next((each for each in unseen if each is not None), None)) is not None:
        return found
    rows = sight.kind(tokens).shape[0]
    accused = [Accused(word, row) for word in (first, tokens) for row in range(rows)]
    if claimed.is_mine(grams):
        accused += [Accused(grams, element) for element in range(rows * len(ORDERS))]
    elif fault.word == grams and claimed.is_mine(first):
        accused.append(Accused(grams, fault.element))
    return next((each for each in accused if refutes_input(sight, each)), None)


def output_fault(sight: Sight) -> Accused | None:
    """What of a report differs from the scores, or cannot be of this code."""
    (word,) = sight.program.outputs.values()
    if len(sight.asked.output) != REPORT_BYTES:
        return Accused(word)
    said = _lanes(sight.asked.witness)
    accused = [Accused(sight.word("tokens"), said[WORST]), Accused(word)]
    if not _lanes(sight.asked.output)[LAST] & NotKnown.NAMED:
        scores = _scores(sight, word)
        rows = [*scores.argmax(axis=0).tolist(), *said[:CLASSES]]
        accused += [Accused(word, row * CLASSES + place % CLASSES) for place, row in enumerate(rows)]
        worst = [row for row in (int(scores.max(axis=1).argmax()), said[WORST]) if row < len(scores)]
        accused += [Accused(word, row * CLASSES + int(scores[row].argmax())) for row in worst]
    return next((each for each in accused if _holds(sight, each)), None)


def _holds(sight: Sight, accused: Accused) -> bool:
    try:
        return refutes_output(sight, accused)
    except Undefined:
        return False


def _scores(sight: Sight, word: int) -> NDArray[np.int64]:
    """N rows of a score for each class."""
    rows, lanes = sight.kind(word).shape
    return np.array([sight.at(word, place) for place in range(rows * lanes)]).reshape(rows, lanes)


def _code(asked: Asked) -> bytes:
    """What a request asks about."""
    found = asked.input if asked.code is None else asked.code
    if not found:
        raise Undefined("there is no code")
    return found


def _is_other_kind(sight: Sight, accused: Accused, name: str, code: bytes) -> bool:
    """Whether type or shape are none that code can have, or inputs that are looked at differ in their rows."""
    kind = sight.kind(accused.word)
    sizes = kind.shape[1:]
    if kind.dtype != np.int64 or not kind.shape or sizes != ((len(ORDERS),) if name == "grams" else ()):
        return True
    rows = kind.shape[0]
    if not 1 <= rows <= MAX_ROWS or (rows > 1 and code.startswith(b"\xef")):
        return True
    near = INPUTS if accused.element is None or name == "grams" else ("first",)
    others = [sight.kind(sight.word(each)).shape for each in near]
    return any(shape and shape[0] != rows for shape in others)


def _is_no_token(sight: Sight, word: int, row: int, code: bytes) -> bool:
    token = sight.at(word, row)
    if not 0 < token < len(NAMES):
        return True
    if row == 0 or token == FALLBACK:
        return row > 0 or token != FALLBACK
    if token == FUNCTION:
        return sight.at(sight.word("first"), row) != row
    return _instructions(code).isdisjoint(giving(token))


def _is_no_start(sight: Sight, word: int, row: int) -> bool:
    start = sight.at(word, row)
    if row == 0:
        return start != 0
    if start == row:
        return False
    return start != sight.at(word, row - 1) or row - start >= WINDOW


def _bucket(sight: Sight, row: int, order: int) -> int:
    """Of the n-gram that ends at a row: of the tokens of its window."""
    start = sight.at(sight.word("first"), row)
    if not 0 <= start <= row:
        raise Undefined("no window begins there")
    tokens = sight.word("tokens")
    gram = [sight.at(tokens, each) for each in range(max(start, row + 1 - ORDERS[order]), row + 1)]
    if not all(0 <= token <= BYTE for token in gram):
        raise Undefined("a token is none")
    return list(evm.buckets(tuple(gram)))[-1][order]


def _is_no_report(output: bytes, witness: list[int]) -> bool:
    """Whether no answer of the model's has this form."""
    report = _lanes(output)
    bits = report[LAST]
    if bits & NotKnown.NAMED:
        return bits not in NAMED_BITS or any(output[evm.ADDRESS_BYTES : -LANE_BYTES])
    if bits >= NotKnown.DELEGATION or any(report[COUNTER + 1 : LAST]) or report[COVERAGE] > FULL_BPS:
        return True
    worst = max(report[:CLASSES])
    return worst > MAX_BPS or (worst == 0 and witness[WORST] != 0)


def _is_of_other_code(output: bytes, code: bytes) -> bool:
    """Whether code of this kind has no such report."""
    report = _lanes(output)
    bits = report[LAST]
    if code.startswith(b"\xef"):
        if code.startswith(DESIGNATOR) and len(code) == len(DESIGNATOR) + evm.ADDRESS_BYTES:
            named = NotKnown.NAMED | NotKnown.DELEGATION
            return output != code[len(DESIGNATOR) :] + bytes(10) + named.to_bytes(LANE_BYTES, "big")
        return bits != NotKnown.UNKNOWN_DISPATCHER or bool(report[COVERAGE] or report[COUNTER])
    if bits & NotKnown.DELEGATION:
        return True
    return bool(bits & NotKnown.PROXY) and op.DELEGATECALL not in _instructions(code)


def _is_no_place(sight: Sight, word: int, counter: int, row: int, code: bytes) -> bool:
    """Whether the program counter is no instruction that gives the token of the worst row."""
    if sight.name(word) != "tokens":
        raise Undefined("only tokens have a place")
    token = sight.at(word, row)
    if not 0 < token < len(NAMES):
        raise Undefined("a token is none")
    if token == FALLBACK:
        return counter != 0
    return _places(code).get(counter, -1) not in giving(token)


def _is_other_score(sight: Sight, accused: Accused, report: list[int], witness: list[int]) -> bool:
    shape = sight.kind(accused.word).shape
    if list(sight.program.outputs.values()) != [accused.word] or shape[1:] != (CLASSES,):
        raise Undefined("the only output is a row of scores for each token")
    if accused.element is None:
        return any(row >= shape[0] for row in witness[: WORST + 1])
    row, lane = divmod(accused.element, CLASSES)
    score = sight.at(accused.word, accused.element)
    if score > report[lane] or (row == witness[lane] and score != report[lane]):
        return True
    worst = max(report[:CLASSES])
    if row != witness[WORST]:
        return row < witness[WORST] and score == worst
    return all(sight.at(accused.word, row * CLASSES + each) != worst for each in range(CLASSES))


def _unknown_header(claimed: Claimed, word: int) -> Ask | Fault | None:
    """What to ask to see an input's header, or what is wrong with the one that is there."""
    place = claimed.place(word)
    question = claimed.headers.question(place) if place < claimed.headers.count else None
    return search.misplaced(claimed, place) if question is None else Ask(HEADERS, question)


def _unknown_leaf(claimed: Claimed, word: int) -> Ask | Misfit | None:
    """What to ask to see all of a tensor, or the leaf that does not fit."""
    body, head = claimed.body(word), claimed.head(claimed.place(word))
    if head is None:
        raise AssertionError("the header was looked at")
    for place in range(head.count):
        if (question := body.question(place)) is not None:
            return Ask(word, question)
        leaf = body.leaf(place)
        if body.count != head.count or leaf is None or len(leaf) != head.leaf_bytes(place):
            return Misfit(word, place)
    return None


def giving(token: int) -> range | tuple[int, ...]:
    """Opcodes of which one was where a token came from."""
    return KINDS.get(NAMES[token].partition(".")[0], ANY)


@lru_cache(4)
def _places(code: bytes) -> dict[int, int]:
    """Opcodes by program counter."""
    program = disassemble(code)
    return dict(zip(program.pcs, program.ops, strict=True))


@lru_cache(4)
def _instructions(code: bytes) -> frozenset[int]:
    """Opcodes that the code has."""
    return frozenset(_places(code).values())


def _lanes(report: bytes) -> list[int]:
    return [int.from_bytes(report[at : at + LANE_BYTES], "big") for at in range(0, len(report), LANE_BYTES)]


ADAPTOR: Final = Adaptor(
    evm.PREPROCESSING,
    "EvmTraceAdaptor",
    refutes_input,
    refutes_output,
    refusal,
    output_fault,
    input_fault,
    witness,
)
