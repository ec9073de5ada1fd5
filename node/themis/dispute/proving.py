"""What convicts by a fault, as `contracts/dispute` and the referee's contracts read it."""

from dataclasses import dataclass
from typing import Any, Final

from themis.core.abi import encode
from themis.core.keccak import keccak
from themis.dispute.claim import HEADERS, Ask, Claimed
from themis.dispute.search import Fault, Misfit, Missing, Surplus, Unordered, Unread, WrongInput
from themis.dispute.tree import Question
from themis.exact.referee import integrity
from themis.exact.referee.judge import WrongElement, WrongKind, WrongOrder
from themis.exact.referee.proof import NONE, OPENING, ROOTS, Prover, opening

JUDGES: Final = ("Moves", "Pointwise", "Reductions", "Products", "Orders", "Shapes", "Integrity")
"""As `Judge` in IDispute.sol."""
INTEGRITY: Final = {
    "unread": (ROOTS, OPENING),
    "unordered": (ROOTS, OPENING, OPENING),
    "misfit": (ROOTS, OPENING, OPENING),
    "missing": (ROOTS, "uint256", OPENING, f"{OPENING}[]"),
    "surplus": (ROOTS, OPENING, OPENING),
}
"""Functions of Integrity.sol and their arguments."""
PLACE: Final = f"({OPENING},uint256,uint256,uint256,bytes32,bytes32[])"
"""As `Place` in IDispute.sol."""
SELECTOR_BYTES: Final = 4
ROOTS_BYTES: Final = 96


@dataclass(frozen=True, slots=True)
class Charge:
    """What a referee is to rule on."""

    judge: str
    """A contract's name, of `JUDGES`."""
    call: bytes
    """With the roots."""

    @property
    def rootless(self) -> bytes:
        """As `IDispute.prove` takes it: the game's roots are put in there."""
        return self.call[:SELECTOR_BYTES] + self.call[SELECTOR_BYTES + ROOTS_BYTES :]


def charge(prover: Prover, claimed: Claimed, fault: Fault) -> Charge:
    """For all but wrong inputs, which an adaptor rules on. Raises LookupError where not enough was shown."""
    match fault:
        case WrongKind() | WrongElement() | WrongOrder():
            return Charge(*prover.call(claimed, fault))
        case Unread(place):
            return _integrity(prover, claimed, "unread", claimed.header_at(place))
        case Unordered(place):
            pair = (claimed.header_at(place), claimed.header_at(place + 1))
            return _integrity(prover, claimed, "unordered", *pair)
        case Misfit(word, leaf):
            return _integrity(prover, claimed, "misfit", claimed.header(word), claimed.leaf(word, leaf))
        case Surplus(place):
            header = claimed.header_at(place)
            head = integrity.read(header[0])
            giver = 0 if head is None else integrity.giver(head.word)
            last = len(prover.program_leaves.leaves) - 1
            return _integrity(prover, claimed, "surplus", header, opening(prover.program_leaves, min(giver, last)))
        case Missing(word, place):
            said = opening(prover.program_leaves, integrity.giver(word))
            near = (each for each in (place - 1, place) if 0 <= each < claimed.headers.count)
            return _integrity(prover, claimed, "missing", word, said, [claimed.header_at(each) for each in near])
        case WrongInput():
            raise ValueError("an adaptor rules on inputs")


def place(claimed: Claimed, ask: Ask) -> tuple[Any, ...]:
    """A `Place`: which node is asked about, and that it is one of the trace."""
    header = NONE if ask.word == HEADERS else claimed.header(ask.word)
    seen = claimed.headers if ask.word == HEADERS else claimed.body(ask.word)
    level, index = ask.question.level, ask.question.index
    if level is None:
        return header, 0, 0, 0, bytes(32), ()
    return header, seen.count, level, index, seen.node(level, index), seen.path(level, index)


def asked(said: tuple[Any, ...]) -> Ask:
    """What a `Place` asks about. Raises ValueError where its header is none."""
    (leaf, _, opened, _), leaves, level, node, _, _ = said
    question = Question(level, node) if leaves else Question()
    if not opened:
        return Ask(HEADERS, question)
    head = integrity.read(leaf)
    if head is None:
        raise ValueError("what is asked about is under no header")
    return Ask(head.word, question)


def _integrity(prover: Prover, claimed: Claimed, name: str, *arguments: Any) -> Charge:
    types = INTEGRITY[name]
    selector = keccak(f"{name}({','.join(types)})".encode())[:SELECTOR_BYTES]
    return Charge("Integrity", selector + encode(types, [prover.roots(claimed), *arguments]))
