"""What a unit of gas costs, as endpoints of different kinds tell it."""

from typing import Any

import pytest

from themis.chain import gas
from themis.chain.rpc import Call, Rpc, RpcError
from themis.core.fees import Market

HEAD = {"baseFeePerGas": "0x7"}
REFUSED = RpcError("eth_maxPriorityFeePerGas", "the method does not exist")


@pytest.mark.parametrize(
    ("head", "own", "history", "market"),
    [
        (HEAD, "0x19", {"reward": [["0x1"]]}, Market(7, 25)),
        (HEAD, REFUSED, {"reward": [["0x1"], ["0x9"], ["0x3"], []]}, Market(7, 3)),
        (HEAD, None, {"reward": None}, Market(7, 0)),
        (HEAD, REFUSED, REFUSED, Market(7, 0)),
        ({}, REFUSED, REFUSED, Market(None, 5)),
    ],
)
def test_the_tip_comes_from_whoever_knows_one(
    monkeypatch: pytest.MonkeyPatch, head: Any, own: Any, history: Any, market: Market
) -> None:
    said = {
        "eth_getBlockByNumber": head,
        "eth_maxPriorityFeePerGas": own,
        "eth_feeHistory": history,
        "eth_gasPrice": "0x5",
    }
    rpc = Rpc("http://127.0.0.1:1")

    def batch(calls: list[Call], *, attempts: int = 1) -> list[Any]:
        return [said[method] for method, _ in calls]

    monkeypatch.setattr(rpc, "batch", batch)
    assert gas.market(rpc) == market
    assert gas.tip_wei(rpc) == market.tip_wei
