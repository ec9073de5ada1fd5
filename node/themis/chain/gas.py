"""What a unit of gas costs: the newest block's base fee, and the tip that the endpoint suggests."""

from collections.abc import Mapping
from statistics import median
from typing import Any, Final

from themis.chain.rpc import Call, Rpc, RpcError
from themis.core.fees import Market

_BLOCKS: Final = 10
_PERCENTILE: Final = 60
"""Of what the transactions of a block paid, as geth's own suggestion takes it."""
_SUGGESTED: Final[list[Call]] = [
    ("eth_maxPriorityFeePerGas", []),
    ("eth_feeHistory", [hex(_BLOCKS), "latest", [_PERCENTILE]]),
]


def market(rpc: Rpc) -> Market:
    """Base fee and tip, read together."""
    head, *suggested = rpc.batch([("eth_getBlockByNumber", ["latest", False]), *_SUGGESTED])
    if isinstance(head, RpcError):
        raise head
    base = base_fee_wei(head)
    return Market(base, _price(rpc) if base is None else _tip(suggested))


def tip_wei(rpc: Rpc) -> int:
    """The tip alone; on a chain without base fee the whole price."""
    return market(rpc).tip_wei


def base_fee_wei(block: Mapping[str, Any]) -> int | None:
    """Of a header as JSON-RPC gives it; None on a chain without one."""
    found = block.get("baseFeePerGas")
    return None if found is None else int(found, 16)


def _tip(suggested: list[Any]) -> int:
    """The endpoint's own suggestion, else what was paid in the last blocks; 0 where it knows neither."""
    own, history = suggested
    if isinstance(own, str):
        return int(own, 16)
    rewards = [] if isinstance(history, RpcError) or not history else history.get("reward") or []
    paid = [int(block[0], 16) for block in rewards if block]
    return int(median(paid)) if paid else 0


def _price(rpc: Rpc) -> int:
    return int(rpc.call("eth_gasPrice"), 16)
