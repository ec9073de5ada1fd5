"""The block of a deployment, on a chain that somebody else keeps."""

from typing import Any

import pytest

from themis.chain.client import deployed_in
from themis.core.errors import Misconfigured, Unavailable
from themis.core.types import Address


class Archive:
    """An endpoint to a chain on which there is code from a block on."""

    def __init__(self, head: int, deployed: int) -> None:
        self.head, self.deployed = head, deployed
        self.asked = 0

    def call(self, method: str, *params: Any) -> Any:
        if method == "eth_blockNumber":
            return hex(self.head)
        self.asked += 1
        return self.code(int(params[1], 16))

    def code(self, block: int) -> str | None:
        return "0x6001" if block >= self.deployed else "0x"


class Pruned(Archive):
    """It has no word for what it does not keep."""

    def code(self, block: int) -> str | None:
        return super().code(block) if block > self.head - 128 else None


CONTRACT = Address(b"\x0a" * 20)


@pytest.mark.parametrize(
    ("head", "deployed"), [(0, 0), (1, 0), (1, 1), (9, 4), (20_000_000, 1), (20_000_000, 19_999_999)]
)
def test_it_is_found_in_few_calls(head: int, deployed: int) -> None:
    endpoint = Archive(head, deployed)
    assert deployed_in(endpoint, CONTRACT) == deployed  # type: ignore[arg-type]
    assert endpoint.asked <= head.bit_length() + 1


def test_what_the_endpoint_does_not_keep_is_not_guessed() -> None:
    with pytest.raises(Unavailable, match="does not know the state of block 500"):
        deployed_in(Pruned(1_000, 990), CONTRACT)  # type: ignore[arg-type]


def test_what_is_no_contract_was_never_deployed() -> None:
    with pytest.raises(Misconfigured, match="no contract at 0x0a0a"):
        deployed_in(Archive(9, 10), CONTRACT)  # type: ignore[arg-type]
