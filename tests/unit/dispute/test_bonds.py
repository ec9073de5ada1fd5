"""What a page of covers asks the chain for: money once for each guarantor, all in one question."""

from collections.abc import Sequence
from typing import Any, cast

from themis.chain.client import OracleClient
from themis.chain.contracts import WARRANTY
from themis.chain.disputes import Bond, Disputes
from themis.chain.rpc import Call
from themis.core.abi import encode
from themis.core.types import Address

ONE, OTHER = Address(b"\x01" * 20), Address(b"\x02" * 20)


class _Chain:
    """The client of a chain on which whoever asks has bonded as many wei as its address' last byte says."""

    def __init__(self) -> None:
        self.rpc = self
        self.asked: list[Sequence[Call]] = []

    def agreed(self, calls: Sequence[Call]) -> list[str]:
        self.asked.append(calls)
        return ["0x" + encode(["(uint96,uint96,uint40,uint96)"], [(_whose(call)[-1], 0, 9, 0)]).hex() for call in calls]


def _whose(call: Call) -> bytes:
    parameters: list[Any] = call[1]
    (text,) = WARRANTY.arguments("bondOf", bytes.fromhex(parameters[0]["data"][2:]))
    return bytes.fromhex(text[2:])


def test_bonds_are_read_together_and_each_once() -> None:
    chain = _Chain()
    disputes = Disputes(cast(OracleClient, chain), Address(b"\x09" * 20), 0)
    assert disputes.bonds([OTHER, ONE, OTHER]) == {ONE: Bond(1, 0, 0), OTHER: Bond(2, 0, 0)}
    assert [len(calls) for calls in chain.asked] == [2]
