"""One member's place at the table of its committee: all that its loop and its API share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from themis.committee.floor import Floor
from themis.committee.gate import Envelope, Gate, Numbers, seal
from themis.committee.wire import Hello, hello_bytes
from themis.core.committee import RESULTS_TYPE, Forum, Leaf, Result, batch_root, typed
from themis.core.types import Address, Hash32
from themis.ports import Clock, Committee, Signer, Store


@dataclass(frozen=True, slots=True)
class Table:
    """Made once for a running node."""

    forum: Forum
    committee: Committee
    store: Store
    signer: Signer
    clock: Clock
    oracle: Address
    goldens: Mapping[Hash32, Hash32]
    """By model: what this machine answers to the golden inputs, hashed."""
    turn_s: float
    """So much later the next member by rank sends what is agreed."""
    numbers: Numbers = field(init=False)
    floor: Floor = field(init=False)
    gate: Gate = field(init=False)

    def __post_init__(self) -> None:
        floor = Floor(self.forum, self.committee, self.store, self.clock)
        gate = Gate(self.forum, self.signer.address, lambda: floor.assembly.seats, self.clock)
        object.__setattr__(self, "floor", floor)
        object.__setattr__(self, "gate", gate)
        object.__setattr__(self, "numbers", Numbers(self.clock))

    def countersign(self, leaves: Sequence[Leaf]) -> bytes | None:
        """This member's signature over a batch; None where it has not signed each result of it by itself already.

        So a root says nothing that this key has not said: what was promised holds for it too (`Store.vow`).
        """
        own = self.signer.address
        for leaf in leaves:
            said = (each.message for each in self.store.heard(leaf.request) if each.message.member == own)
            if {each.result_hash for each in said if isinstance(each, Result)} != {leaf.result_hash}:
                return None
        return self.signer.sign_typed(typed(self.forum, RESULTS_TYPE, batch_root(leaves)))

    def hello(self, asker: Address) -> tuple[bytes, Envelope]:
        """What this member says of itself, sealed for whoever asks."""
        body = hello_bytes(Hello(self.oracle, self.clock.now_s(), self.goldens))
        return body, seal(self.signer, self.forum, asker, self.numbers.next(), body)
