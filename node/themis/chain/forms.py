"""The form of each JSON-RPC reply, and that it answers what was asked: one table. What has no row may not be asked."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

Params = Sequence[Any]
Form = Callable[[Params, Any], bool]

_QUANTITY: Final = re.compile(r"0x[0-9a-fA-F]{1,64}").fullmatch
_DIGITS: Final = re.compile(r"0x[0-9a-fA-F]*").fullmatch
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}").fullmatch
_HASH: Final = re.compile(r"0x[0-9a-fA-F]{64}").fullmatch
_BLOOM: Final = re.compile(r"0x[0-9a-fA-F]{512}").fullmatch
_COUNT_END: Final = 2**63
"""Heights, times, nonces and gas end there: stores count no further."""
_MAX_TOPICS: Final = 4


def problem(method: str, params: Params, result: Any) -> str | None:
    """Why a result is no answer to a call; None where it is one. Raises KeyError for a method that has no row."""
    due, fits = FORMS[method]
    return None if fits(params, result) else f"answered {_shown(result)} where {due} is due"


def essence(method: str, result: Any) -> Any:
    """What two endpoints must agree on: clients add fields of their own to logs."""
    if method != "eth_getLogs":
        return result.lower() if isinstance(result, str) else result
    fields = ("blockHash", "logIndex", "transactionHash", "data", "topics")
    return [[str(log[name]).lower() for name in fields] for log in result]


def _quantity(_: Params, result: Any) -> bool:
    return isinstance(result, str) and _QUANTITY(result) is not None


def _count(_: Params, result: Any) -> bool:
    return _is_count(result)


def _data(_: Params, result: Any) -> bool:
    return _is_data(result)


def _hash(_: Params, result: Any) -> bool:
    return _is(_HASH, result)


def _suggestion(_: Params, result: Any) -> bool:
    """None: the endpoint suggests nothing."""
    return result is None or _is(_QUANTITY, result)


def _history(_: Params, result: Any) -> bool:
    """None, or no rewards: the endpoint keeps none."""
    if result is None:
        return True
    rewards = result.get("reward") if isinstance(result, dict) else 0
    return rewards is None or (
        isinstance(rewards, list)
        and all(isinstance(block, list) and all(_is(_QUANTITY, paid) for paid in block) for block in rewards)
    )


def _block(params: Params, result: Any) -> bool:
    """None: there is no such block (yet). A tag may name any block."""
    if result is None:
        return True
    if not isinstance(result, dict):
        return False
    asked = str(params[0])
    return (
        all(_is_count(result.get(name)) for name in ("number", "timestamp", "gasLimit"))
        and all(_is(_HASH, result.get(name)) for name in ("hash", "parentHash"))
        and _is(_BLOOM, result.get("logsBloom"))
        and _is(_QUANTITY, result.get("baseFeePerGas", "0x0"))
        and (not asked.startswith("0x") or int(asked, 16) == int(result["number"], 16))
    )


def _receipt(params: Params, result: Any) -> bool:
    """None: not mined (yet)."""
    if result is None:
        return True
    if not isinstance(result, dict) or not isinstance(result.get("logs"), list):
        return False
    return (
        _same(result.get("transactionHash"), params[0])
        and _is(_HASH, result.get("blockHash"))
        and all(_is_count(result.get(name)) for name in ("blockNumber", "status", "gasUsed"))
        and _is(_QUANTITY, result.get("effectiveGasPrice", "0x0"))
        and (result.get("contractAddress") is None or _is(_ADDRESS, result["contractAddress"]))
        and all(
            _is_log(log) and _same(log["transactionHash"], params[0]) and _same(log["blockHash"], result["blockHash"])
            for log in result["logs"]
        )
    )


def _transaction(params: Params, result: Any) -> bool:
    """None: nobody has sent it."""
    return result is None or (isinstance(result, dict) and _same(result.get("hash"), params[0]))


def _logs(params: Params, result: Any) -> bool:
    return isinstance(result, list) and all(_is_log(log) and _matches(log, params[0]) for log in result)


def _is_event(log: Any) -> bool:
    return (
        isinstance(log, dict)
        and _is(_ADDRESS, log.get("address"))
        and isinstance(log.get("topics"), list)
        and len(log["topics"]) <= _MAX_TOPICS
        and all(_is(_HASH, topic) for topic in log["topics"])
        and _is_data(log.get("data"))
    )


def _is_log(log: Any) -> bool:
    return (
        _is_event(log)
        and all(_is(_HASH, log.get(name)) for name in ("blockHash", "transactionHash"))
        and all(_is_count(log.get(name)) for name in ("blockNumber", "logIndex"))
    )


def _simulated(params: Params, result: Any) -> bool:
    """A block for each that was asked for, with an outcome for each of its calls."""
    asked = params[0]["blockStateCalls"]
    return (
        isinstance(result, list)
        and len(result) == len(asked)
        and all(
            isinstance(block, dict)
            and isinstance(block.get("calls"), list)
            and len(block["calls"]) == len(each["calls"])
            and all(_is_outcome(call) for call in block["calls"])
            for each, block in zip(asked, result, strict=True)
        )
    )


def _is_outcome(call: Any) -> bool:
    return (
        isinstance(call, dict)
        and all(_is_count(call.get(name)) for name in ("status", "gasUsed"))
        and _is_data(call.get("returnData"))
        and isinstance(call.get("logs"), list)
        and all(_is_event(log) for log in call["logs"])
    )


def _matches(log: Mapping[str, Any], query: Mapping[str, Any]) -> bool:
    """Whether a log is one that was asked for."""
    number = int(log["blockNumber"], 16)
    bounds = [str(query.get(name, "")) for name in ("fromBlock", "toBlock")]
    first, last = (int(bound, 16) if bound.startswith("0x") else None for bound in bounds)
    return (
        (first is None or first <= number)
        and (last is None or number <= last)
        and ("blockHash" not in query or _same(log["blockHash"], query["blockHash"]))
        and ("address" not in query or _is_among(log["address"], query["address"]))
        and all(_has(log["topics"], place, wanted) for place, wanted in enumerate(query.get("topics", ())))
    )


def _has(topics: Sequence[str], place: int, wanted: Any) -> bool:
    return wanted is None or (place < len(topics) and _is_among(topics[place], wanted))


def _is_among(value: Any, wanted: Any) -> bool:
    """Whether it is what was asked for, or one of several."""
    return any(_same(value, each) for each in ([wanted] if isinstance(wanted, str) else wanted))


def _same(left: Any, right: Any) -> bool:
    return isinstance(left, str) and isinstance(right, str) and left.lower() == right.lower()


def _is(pattern: Callable[[str], object], value: Any) -> bool:
    return isinstance(value, str) and pattern(value) is not None


def _is_data(value: Any) -> bool:
    return _is(_DIGITS, value) and len(value) % 2 == 0


def _is_count(value: Any) -> bool:
    return _is(_QUANTITY, value) and int(value, 16) < _COUNT_END


def _shown(result: Any) -> str:
    if result is None:
        return "null"
    if result is None:
        return "null"
    return f"{result[:20]!r}" if isinstance(result, str) else f"a {type(result).__name__}"


FORMS: Final[Mapping[str, tuple[str, Form]]] = {
    "eth_chainId": ("a chain's id", _count),
    "eth_blockNumber": ("a height", _count),
    "eth_getBlockByNumber": ("that block", _block),
    "eth_getLogs": ("a list of the logs that were asked for", _logs),
    "eth_getCode": ("code", _data),
    "eth_call": ("what a call returns", _data),
    "eth_simulateV1": ("an outcome for each call", _simulated),
    "eth_estimateGas": ("an amount of gas", _count),
    "eth_getBalance": ("a balance", _quantity),
    "eth_getTransactionCount": ("a nonce", _count),
    "eth_getTransactionReceipt": ("the receipt of that transaction", _receipt),
    "eth_getTransactionByHash": ("that transaction", _transaction),
    "eth_sendRawTransaction": ("a transaction's hash", _hash),
    "eth_gasPrice": ("a price", _quantity),
    "eth_maxPriorityFeePerGas": ("a price, or null where there is none", _suggestion),
    "eth_feeHistory": ("what was paid in the last blocks, or null", _history),
}
"""By method: what is due, in words, and whether a result is it."""
