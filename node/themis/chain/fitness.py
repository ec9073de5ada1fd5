"""Whether an endpoint still serves the right chain and the right contract: asked now and then, of each by itself."""

from typing import Final

from themis.chain.endpoints import Call, Endpoint
from themis.chain.refusals import RpcError
from themis.core.errors import Unavailable
from themis.core.types import Address

_TIMEOUT_S: Final = 5
_LOOKS: Final = 2
"""So often in a row it must be wrong: one of its backends may be."""


def examine(endpoint: Endpoint, chain_id: int, oracle: Address | None) -> str:
    """Take an endpoint out of use while it serves something else: why, empty where it is right.

    One that does not answer is not judged; the door lets it rest by itself.
    """
    for _ in range(_LOOKS):
        why = _wrong(endpoint, chain_id, oracle)
        if not why:
            break
    endpoint.find_unfit(why)
    return why


def _wrong(endpoint: Endpoint, chain_id: int, oracle: Address | None) -> str:
    calls: list[Call] = [("eth_chainId", []), ("eth_blockNumber", [])]
    if oracle is not None:
        calls.append(("eth_getCode", ["0x" + oracle.hex(), "latest"]))
    try:
        found, _, *code = endpoint.ask(calls, _TIMEOUT_S)
    except Unavailable:
        return endpoint.unfit
    if not isinstance(found, RpcError) and int(found, 16) != chain_id:
        return f"the RPC at {endpoint.shown} serves chain {int(found, 16)}, not {chain_id}: correct chain.rpc_url"
    if code == ["0x"] and oracle is not None:
        return f"the RPC at {endpoint.shown} has no contract at 0x{oracle.hex()}: it is behind, or of another chain"
    return ""
