"""Lists of inputs that one order asks for and one root answers (ADR 0039); `libraries/ResultList.sol` opens them."""

from collections.abc import Sequence

from themis.core import merkle
from themis.core.abi import decode, encode
from themis.core.keccak import keccak
from themis.core.merkle import Proof
from themis.core.order import MAX_ITEMS
from themis.core.types import Hash32, Request


def pack(parts: Sequence[bytes]) -> bytes:
    """Several inputs, or outputs, as one."""
    return encode(["bytes[]"], [parts])


def unpack(packed: bytes) -> tuple[bytes, ...]:
    """Read `pack` back. Raises ValueError for anything else."""
    (parts,) = decode(["bytes[]"], packed)
    return tuple(parts)


def questions(request: Request, input_: bytes) -> tuple[bytes, ...]:
    """The inputs of a request: one, or those of an order for a list, whose input is packed."""
    return unpack(input_) if request.items else (input_,)


def input_hash(request: Request, input_: bytes) -> Hash32:
    """What the input hash of a request must be. Raises ValueError for a list of another length than it says."""
    if not request.items:
        return Hash32(keccak(input_))
    inputs = unpack(input_)
    if len(inputs) != request.items:
        raise ValueError(f"it is an order for {request.items} inputs, and there are {len(inputs)}")
    return input_root(inputs)


def input_root(inputs: Sequence[bytes]) -> Hash32:
    """The input hash of an order for a list. Raises ValueError unless there are 1 to `MAX_ITEMS` inputs."""
    return merkle.root([keccak(each) for each in _bounded(inputs)])


def result_leaf(input_: bytes, output: bytes) -> bytes:
    """What a list's root commits to for each input, 64 bytes: the input's hash, its output's hash."""
    return keccak(input_) + keccak(output)


def result_root(inputs: Sequence[bytes], outputs: Sequence[bytes]) -> Hash32:
    """What an order for a list is answered with. Raises ValueError for unequal lists, and as `input_root`."""
    return merkle.root(_leaves(inputs, outputs))


def prove_result(inputs: Sequence[bytes], outputs: Sequence[bytes], index: int) -> Proof:
    """Proof of one answer. Raises as `result_root`, and IndexError for an index that the list does not have."""
    return merkle.prove(_leaves(inputs, outputs), index)


def prove_input(inputs: Sequence[bytes], index: int) -> Proof:
    """Proof of one input under the order's input hash. Raises as `input_root`, and IndexError as `prove_result`."""
    return merkle.prove([keccak(each) for each in _bounded(inputs)], index)


def item_id(order_id: Hash32, index: int) -> Hash32:
    """The id of one item of a list, under which it is covered: keccak256(abi.encode(order's id, index))."""
    return Hash32(keccak(encode(["bytes32", "uint256"], [order_id, index])))


def _leaves(inputs: Sequence[bytes], outputs: Sequence[bytes]) -> list[bytes]:
    return [result_leaf(input_, output) for input_, output in zip(_bounded(inputs), outputs, strict=True)]


def _bounded(inputs: Sequence[bytes]) -> Sequence[bytes]:
    if not 1 <= len(inputs) <= MAX_ITEMS:
        raise ValueError(f"a list has 1 to {MAX_ITEMS} inputs, not {len(inputs)}: give several orders")
    return inputs
