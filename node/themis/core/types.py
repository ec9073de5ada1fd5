"""The values of the protocol. Bytes inside, hex at the edges; units in names."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, NewType

Address = NewType("Address", bytes)
"""20 bytes."""
Hash32 = NewType("Hash32", bytes)
"""32 bytes."""

ETHER: Final = Address(bytes(20))
"""Stands for ether where a token's address is asked for."""

MAX_ROYALTY_BPS: Final = 5_000
"""The largest royalty of one grant, as in LicenseRegistry.sol."""


class UseClass(IntEnum):
    """As `UseClass` in ILicenseRegistry.sol."""

    PERSONAL = 0
    RESEARCH = 1
    COMMERCIAL = 2


class Role(IntEnum):
    """As `Role` in ILicenseRegistry.sol."""

    REQUESTER = 0
    OPERATOR = 1


@dataclass(frozen=True, slots=True)
class BlockId:
    """One block, and none that has only its height."""

    number: int
    hash: Hash32


@dataclass(frozen=True, slots=True)
class BlockRef:
    """A block up to which everything is recorded."""

    number: int
    hash: Hash32
    timestamp_s: int

    @property
    def id(self) -> BlockId:
        return BlockId(self.number, self.hash)


@dataclass(frozen=True, slots=True)
class Block:
    """A block header, as far as the node needs it."""

    number: int
    hash: Hash32
    parent_hash: Hash32
    timestamp_s: int
    base_fee_wei: int | None
    """None on a chain without one."""
    gas_limit: int
    """Of all its transactions together."""
    may_log: bool
    """Whether its bloom admits a log of the oracle for our operator. False is certain."""

    @property
    def ref(self) -> BlockRef:
        return BlockRef(self.number, self.hash, self.timestamp_s)


@dataclass(frozen=True, slots=True)
class Request:
    """Field for field `Request` in IInferenceOracle.sol; hashed into the request id."""

    requester: Address
    lane: int
    seq: int
    model_id: Hash32
    input_hash: Hash32
    operator: Address
    token: Address
    """What the fee is paid in; zero: ether."""
    fee: int
    """Smallest units of `token`; wei for ether."""
    pay_to: Address
    """Receives the royalty; zero: there is none."""
    royalty_bps: int
    """Of the fee; zero where there is no fee."""
    terms_version: int
    use_class: UseClass
    licensee: Address
    """Whose grant permits it, where that is not the requester's own."""
    grant_seq: int
    """Of that grant; zero where the policy is open."""
    deadline_s: int
    callback_gas: int
    items: int = 0
    """Inputs of an order for a list; zero: one input that is no list."""


@dataclass(frozen=True, slots=True)
class LogPosition:
    """Where on the chain something was said."""

    block_number: int
    block_hash: Hash32
    log_index: int
    tx_hash: Hash32

    @property
    def block(self) -> BlockId:
        return BlockId(self.block_number, self.block_hash)


@dataclass(frozen=True, slots=True)
class Requested:
    """A request addressed to us was logged."""

    id: Hash32
    request: Request
    input: bytes
    at: LogPosition


@dataclass(frozen=True, slots=True)
class Fulfilled:
    """A request was answered, by us or by an earlier life of us."""

    id: Hash32
    result_hash: Hash32
    terms_version: int
    """Of the terms that it comes under."""
    output: bytes
    at: LogPosition


ChainEvent = Requested | Fulfilled


@dataclass(frozen=True, slots=True)
class Denial:
    """A refusal by a contract: the custom error's name and its arguments as text."""

    error: str
    detail: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a mined transaction."""

    tx_hash: Hash32
    block: BlockId
    succeeded: bool
    gas_used: int
    price_wei: int | None
    """What a unit of gas cost; None where the endpoint does not say."""
    events: tuple[ChainEvent, ...] = ()
    """What the oracle logged in it for our operator."""
    denials: Mapping[Hash32, Denial] = field(default_factory=dict)
    """Answers in it that the oracle did not take, by request, with why: the others stand."""


@dataclass(frozen=True, slots=True)
class LicenseQuery:
    """May `account` use the model in this way, under the version of its terms that is in force at a block?"""

    model_id: Hash32
    terms_version: int
    account: Address
    role: Role
    use_class: UseClass
    block: BlockId


@dataclass(frozen=True, slots=True)
class Terms:
    """What travels with every result: the hash of the terms it comes under, and what they ask its users to say."""

    hash: Hash32
    attribution: str


@dataclass(frozen=True, slots=True)
class TermsKey:
    """One version of a model's terms. Never changes but by a reorganization."""

    model_id: Hash32
    version: int


@dataclass(frozen=True, slots=True)
class CodeRef:
    """Deployed code an input refers to: fetch `address`'s code, its keccak256 must be `code_hash`."""

    address: Address
    code_hash: Hash32


@dataclass(frozen=True, slots=True)
class Draft:
    """What a decoder has written of an answer so far. Nothing depends on it: the answer itself is what counts."""

    tokens: tuple[int, ...]
    text: str
    """What they say; empty where there is no tokenizer."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A bundle the node has loaded and whose digests it has recomputed."""

    model_id: Hash32
    name: str
    version: str
    program_root: Hash32
    weights_root: Hash32
    manifest_hash: Hash32
    max_input_bytes: int
    attribution: str
    exact: bool
    """The same bits on every machine; otherwise only rounded alike, and inequality proves nothing."""
    batched: bool
    """Requests share a run, in the node's process; otherwise each takes its own time, in a process apart."""
