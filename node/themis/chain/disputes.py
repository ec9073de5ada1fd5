"""Warranties and games at one oracle: what the chain says of them, and how a move is written."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, NamedTuple

from themis.chain import transact
from themis.chain.abi import Artifact, Log, address
from themis.chain.client import OracleClient
from themis.chain.contracts import DISPUTE, WARRANTY
from themis.chain.logs import LogReader
from themis.chain.outbox import Outbox
from themis.chain.rpc import Call, RpcError
from themis.core.abi import decode, encode
from themis.core.errors import Denied, Misconfigured, Unavailable
from themis.core.fees import FeePolicy
from themis.core.keccak import keccak
from themis.core.spelling import shown
from themis.core.types import Address, Hash32
from themis.ports import Signer

ADAPTOR: Final = Artifact("BytesAdaptor")
REFEREES: Final = ("Moves", "Pointwise", "Reductions", "Products", "Orders", "Shapes", "Integrity")
"""In the order of `Judge`."""
MOVES: Final = ("Challenged", "Revealed", "Asked", "Opened", "Committed", "Convicted", "Dismissed", "Settled")
ENDS: Final = frozenset(("Convicted", "Dismissed", "Settled"))
FOREVER: Final = 2**40 - 1
"""Until when a cover takes challenges that has not been ended."""


_ITEM: Final = ("bytes32", "bytes32", "bytes32", "uint256", "bytes", "bytes32[]", "bytes32[]")
_COVER: Final = "(address,address,bytes32,bytes32,bytes32,address,address,uint96,uint96,uint40)"
_CLAIM: Final = f"({_COVER},bytes32,bytes32,bytes32,address,uint96)"


class Phase(IntEnum):
    """As in IDispute.sol."""

    NONE = 0
    REVEAL = 1
    CHALLENGER = 2
    GUARANTOR = 3


class Cover(NamedTuple):
    """Field for field `Cover` in IWarranty.sol."""

    guarantor: Address
    operator: Address
    model_id: Hash32
    program_root: Hash32
    weights_root: Hash32
    dispute: Address
    adaptor: Address
    bond_wei: int
    challenge_bond_wei: int
    window_s: int


class Claim(NamedTuple):
    """Field for field `Claim` in IDispute.sol."""

    cover: Cover
    request_id: Hash32
    answer: Hash32
    input_hash: Hash32
    requester: Address
    fee_wei: int

    @property
    def hash(self) -> Hash32:
        """What a game's id is made of, with its challenger."""
        return Hash32(keccak(encode([_CLAIM], [self])))


class Item(NamedTuple):
    """Field for field `Item` in IWarranty.sol: one answer of a list."""

    root: Hash32
    about: Hash32
    input_hash: Hash32
    place: int
    """`index` there."""
    output: bytes
    inputs: Sequence[Hash32]
    results: Sequence[Hash32]

    @property
    def said(self) -> bytes:
        """What stands in the place of an output."""
        return encode(_ITEM, self)

    @classmethod
    def read(cls, said: bytes) -> "Item":
        """Read `said` back."""
        return cls(*decode(_ITEM, said))


@dataclass(frozen=True, slots=True)
class Covering:
    """A cover that was begun."""

    id: Hash32
    cover: Cover
    until_s: int
    """Takes challenges until then; `FOREVER` where it was not ended."""


@dataclass(frozen=True, slots=True)
class Bond:
    """A guarantor's money, for all its covers."""

    amount_wei: int
    reserved_wei: int
    """Of that, for answers that are registered or in a game."""
    leaving_wei: int


@dataclass(frozen=True, slots=True)
class Move:
    """What was logged of a game."""

    name: str
    game: Hash32
    tx_hash: str
    block_number: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Game:
    """One game, from its challenge on."""

    id: Hash32
    cover_id: Hash32
    dispute: Address
    guarantor: Address
    challenger: Address
    request_id: Hash32
    answer: Hash32
    moves: tuple[Move, ...]

    @property
    def ended(self) -> bool:
        return self.moves[-1].name in ENDS


@dataclass(frozen=True, slots=True)
class Standing:
    """Whose move it is, and until when."""

    phase: Phase
    since_s: int
    challengers_s: int
    guarantors_s: int
    trace_root: Hash32
    witness: Hash32
    """What the guarantor named with it."""

    def by_s(self, reveal_s: int) -> int:
        """The last second of whose move it is."""
        left = {Phase.REVEAL: reveal_s, Phase.CHALLENGER: self.challengers_s, Phase.GUARANTOR: self.guarantors_s}
        return self.since_s + left.get(self.phase, 0)


class Disputes:
    """One warranty contract, and the dispute contracts that its covers name."""

    def __init__(self, client: OracleClient, warranty: Address, start_block: int) -> None:
        self.client, self.warranty, self._start_block = client, warranty, start_block
        self._logs = LogReader(client.rpc)

    def require(self) -> None:
        """Raises Misconfigured where the warranty is not one of this oracle."""
        try:
            found = address(self.read(WARRANTY, self.warranty, "ORACLE")[0])
        except (ValueError, Misconfigured, Denied) as error:
            raise Misconfigured(f"there is no warranty at {shown(self.warranty)}: correct dispute.warranty") from error
        if found != self.client.oracle:
            raise Misconfigured(
                f"the warranty {shown(self.warranty)} covers answers of {shown(found)}, and this home uses "
                f"{shown(self.client.oracle)}: correct dispute.warranty or chain.oracle"
            )

    def covers(self) -> dict[Hash32, Covering]:
        """All that were begun and still take challenges, by their ids."""
        found: dict[Hash32, Cover] = {}
        for log, _ in self._events(WARRANTY, self.warranty, ("CoverBegun",)):
            found[Hash32(log.values["coverId"])] = _cover(log.values["cover"])
        now_s = self.client.now_s()
        asked = [("coveringUntil", (id_,)) for id_ in found]
        untils = {id_: int(until) for id_, (until,) in zip(found, self._read_all(asked), strict=True)}
        return {id_: Covering(id_, cover, untils[id_]) for id_, cover in found.items() if untils[id_] >= now_s}

    def bonds(self, guarantors: Collection[Address]) -> dict[Address, Bond]:
        """What each of them has bonded, now."""
        whose = list(dict.fromkeys(guarantors))
        found = self._read_all([("bondOf", (each,)) for each in whose])
        return {
            each: Bond(amount, reserved, leaving)
            for each, ((amount, reserved, _, leaving),) in zip(whose, found, strict=True)
        }

    def games(self, covers: Mapping[Hash32, Covering]) -> list[Game]:
        """Games about answers under these covers, oldest first."""
        found: list[Game] = []
        for place in sorted({covering.cover.dispute for covering in covers.values()}):
            moves: dict[Hash32, list[Move]] = {}
            for log, raw in self._events(DISPUTE, place, MOVES):
                game = Hash32(log.values["game"])
                at = int(raw["blockNumber"], 16)
                move = Move(log.event, game, raw["transactionHash"], at, log.values)
                # the same game can be played again once it has ended: the last one counts
                moves[game] = [move] if move.name == "Challenged" else [*moves.get(game, []), move]
            for each in moves.values():
                covering = covers.get(each[0].values["coverId"]) if each[0].name == "Challenged" else None
                # a contract that somebody names can say anything of covers that it does not decide
                if covering is not None and covering.cover.dispute == place:
                    found.append(_game(covering.cover, each))
        return found

    def standing(self, game: Game) -> Standing:
        """Now."""
        (state,) = self.read(DISPUTE, game.dispute, "stateOf", game.id)
        since, challengers, guarantors, phase, trace_root, witness, *_ = state
        return Standing(Phase(phase), since, challengers, guarantors, Hash32(trace_root), Hash32(witness))

    def reveal_s(self, dispute: Address) -> int:
        """Seconds for the reveal."""
        return int(self.read(DISPUTE, dispute, "REVEAL_TIME")[0])

    def arguments(self, move: Move, function: str) -> tuple[Any, ...]:
        """What a move was made with: the event says it where the transaction's own calldata does not.

        Raises Unavailable where the endpoint has not, or no longer, what belongs together.
        """
        call: bytes = move.values.get("shown", b"")
        if not call:
            transaction = self.client.rpc.call("eth_getTransactionByHash", move.tx_hash)
            if transaction is None:
                raise Unavailable(f"transaction {move.tx_hash} left the chain: the game is read again")
            call = bytes.fromhex(transaction["input"][2:])
        try:
            return DISPUTE.arguments(function, call)
        except ValueError as error:
            raise Unavailable(f"transaction {move.tx_hash} is not what its event says: it is read again") from error

    def read(self, artifact: Artifact, place: Address, function: str, *arguments: Any) -> tuple[Any, ...]:
        """Values of a view. Raises Denied with the contract's custom error."""
        (found,) = self.client.rpc.agreed([_view(artifact, place, function, arguments)])
        return _values(artifact, function, found)

    def send(  # noqa: PLR0917 (a transaction has that many parts)
        self, signer: Signer, fees: FeePolicy, outbox: Outbox, place: Address, data: bytes, value_wei: int = 0
    ) -> Mapping[str, Any]:
        """Send a transaction and wait for it: its receipt. Raises ContractDenied before it costs anything."""
        client = self.client
        return transact.transact(client.rpc, client.chain_id, signer, fees, place, data, value_wei, outbox=outbox)

    def _read_all(self, views: Sequence[tuple[str, Sequence[Any]]]) -> list[tuple[Any, ...]]:
        """Values of views of the warranty (function, arguments) in order, read together. Raises as `read`."""
        found = self.client.rpc.agreed([_view(WARRANTY, self.warranty, *each) for each in views])
        return [_values(WARRANTY, function, result) for (function, _), result in zip(views, found, strict=True)]

    def _events(self, artifact: Artifact, place: Address, names: Sequence[str]) -> list[tuple[Log, Mapping[str, Any]]]:
        query = {"address": shown(place), "topics": [["0x" + artifact.topic(name).hex() for name in names]]}
        found = []
        for raw in self._logs.read(query, self._start_block):
            log = artifact.log([bytes.fromhex(t[2:]) for t in raw["topics"]], bytes.fromhex(raw["data"][2:]))
            if log is not None:
                found.append((log, raw))
        return found


def _view(artifact: Artifact, place: Address, function: str, arguments: Sequence[Any]) -> Call:
    return "eth_call", [{"to": shown(place), "data": "0x" + artifact.call(function, *arguments).hex()}, "latest"]


def _values(artifact: Artifact, function: str, found: Any) -> tuple[Any, ...]:
    if isinstance(found, RpcError):
        raise transact.denied(found) from found
    return artifact.result(function, bytes.fromhex(found[2:]))


def _game(cover: Cover, moves: Sequence[Move]) -> Game:
    said = moves[0].values
    return Game(
        moves[0].game,
        Hash32(said["coverId"]),
        cover.dispute,
        cover.guarantor,
        address(said["challenger"]),
        Hash32(said["requestId"]),
        Hash32(said["answer"]),
        tuple(moves),
    )


def _cover(values: Sequence[Any]) -> Cover:
    guarantor, operator, model, program, weights, dispute, adaptor, bond, challenge, window = values
    places = (address(each) for each in (guarantor, operator, dispute, adaptor))
    by, of, game, reads = places
    return Cover(by, of, Hash32(model), Hash32(program), Hash32(weights), game, reads, bond, challenge, window)
