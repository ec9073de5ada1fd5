"""The block of a deployment, on a chain that somebody else keeps."""

from typing import Any

import pytest

from themis.chain.client import OracleClient, deployment_block
from themis.core.errors import Unavailable
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


def client(endpoint: Any) -> OracleClient:
    return OracleClient(endpoint, 1, Address(b"\x0a" * 20))


@pytest.mark.parametrize(
    ("head", "deployed"), [(0, 0), (1, 0), (1, 1), (9, 4), (20_000_000, 1), (20_000_000, 19_999_999)]
)
def test_it_is_found_in_few_calls(head: int, deployed: int) -> None:
    endpoint = Archive(head, deployed)
    assert deployment_block(client(endpoint)) == deployed
    assert endpoint.asked <= head.bit_length()


def test_what_the_endpoint_does_not_keep_is_not_guessed() -> None:
    with pytest.raises(Unavailable, match="does not know the state of block 500"):
        deployment_block(client(Pruned(1_000, 990)))
