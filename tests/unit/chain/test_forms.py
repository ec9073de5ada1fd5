"""The one table of what a reply must look like: what is right passes, every other shape is named."""

from typing import Any

import pytest

from themis.chain import forms

H1, H2 = "0x" + "11" * 32, "0x" + "22" * 32
ORACLE = "0x" + "0a" * 20
BLOCK = {
    "number": "0x5",
    "hash": H1,
    "parentHash": H2,
    "timestamp": "0x66",
    "gasLimit": "0x1c9c380",
    "logsBloom": "0x" + "00" * 256,
    "baseFeePerGas": "0x7",
}
LOG = {
    "address": ORACLE,
    "topics": [H1, H2],
    "data": "0x00ff",
    "blockNumber": "0x5",
    "blockHash": H1,
    "transactionHash": H2,
    "logIndex": "0x0",
}
RECEIPT = {
    "transactionHash": H2,
    "blockHash": H1,
    "blockNumber": "0x5",
    "status": "0x1",
    "gasUsed": "0x5208",
    "contractAddress": None,
    "logs": [LOG],
}
QUERY = {"address": ORACLE, "fromBlock": "0x4", "toBlock": "0x6", "topics": [[H2, H1], None]}
OUTCOME = {"status": "0x1", "gasUsed": "0x5208", "returnData": "0x", "logs": [LOG]}
SIMULATED = [{"blockStateCalls": [{"calls": [{}]}]}, "0x5"]
GOOD: dict[str, tuple[list[Any], list[Any]]] = {
    "eth_chainId": ([], ["0x1", "0x7a69"]),
    "eth_blockNumber": ([], ["0x0"]),
    "eth_getBlockByNumber": (["0x5", False], [BLOCK, None, {**BLOCK, "uncles": []}]),
    "eth_getLogs": ([QUERY], [[], [LOG], [LOG, {**LOG, "logIndex": "0x1", "removed": False}]]),
    "eth_getCode": ([ORACLE, "latest"], ["0x", "0x6001"]),
    "eth_call": ([{}, "latest"], ["0x", "0x" + "00" * 32]),
    "eth_simulateV1": (SIMULATED, [[{"calls": [OUTCOME]}], [{"calls": [OUTCOME | {"status": "0x0", "logs": []}]}]]),
    "eth_estimateGas": ([{}], ["0x5208"]),
    "eth_getBalance": ([ORACLE, "latest"], ["0x0", "0x" + "f" * 64]),
    "eth_getTransactionCount": ([ORACLE, "latest"], ["0x0"]),
    "eth_getTransactionReceipt": ([H2], [RECEIPT, None, {**RECEIPT, "logs": []}]),
    "eth_getTransactionByHash": ([H2], [{"hash": H2, "blockNumber": None}, None]),
    "eth_sendRawTransaction": (["0x02"], [H1]),
    "eth_gasPrice": ([], ["0x0", "0x3b9aca00"]),
    "eth_maxPriorityFeePerGas": ([], ["0x0", "0x3b9aca00", None]),
    "eth_feeHistory": ([], [{"reward": [["0x1"], []]}, {"oldestBlock": "0x1"}, {"reward": None}, None]),
}
NEVER: list[Any] = [True, 7, 1.5, "", "0x", "latest", "0xzz", "0x123456789", [None], [[]], {}, {"number": "0x5"}, [7]]
"""No method's answer, but for the few that are."""
ALLOWED: dict[str, list[Any]] = {
    "eth_getCode": ["0x"],
    "eth_call": ["0x"],
    "eth_chainId": ["0x123456789"],
    "eth_blockNumber": ["0x123456789"],
    "eth_estimateGas": ["0x123456789"],
    "eth_getBalance": ["0x123456789"],
    "eth_getTransactionCount": ["0x123456789"],
    "eth_gasPrice": ["0x123456789"],
    "eth_maxPriorityFeePerGas": ["0x123456789"],
    "eth_feeHistory": [{}, {"number": "0x5"}],
}


def test_each_method_that_may_be_asked_is_tried_here() -> None:
    for method in forms.FORMS.keys() - GOOD.keys():
        assert forms.problem(method, [H1], 7) is not None, "a number in JSON is no method's answer"


@pytest.mark.parametrize("method", GOOD)
def test_what_is_right_passes_and_nothing_else(method: str) -> None:
    params, results = GOOD[method]
    for result in results:
        assert forms.problem(method, params, result) is None
    for result in NEVER:
        if result not in ALLOWED.get(method, []):
            said = forms.problem(method, params, result)
            assert said is not None
            assert "is due" in said


@pytest.mark.parametrize("method", sorted(method for method, (_, good) in GOOD.items() if None not in good))
def test_null_is_no_answer(method: str) -> None:
    said = forms.problem(method, GOOD[method][0], None)
    assert said is not None
    assert "answered null" in said


@pytest.mark.parametrize(
    ("method", "result"),
    [
        ("eth_getBlockByNumber", {**BLOCK, "number": "0x6"}),
        ("eth_getBlockByNumber", {**BLOCK, "hash": "0x11"}),
        ("eth_getBlockByNumber", {**BLOCK, "logsBloom": None}),
        ("eth_getBlockByNumber", {**BLOCK, "timestamp": hex(2**63)}),
        ("eth_getBlockByNumber", {**BLOCK, "baseFeePerGas": None}),
        ("eth_getLogs", [{**LOG, "address": "0x" + "0b" * 20}]),
        ("eth_getLogs", [{**LOG, "blockNumber": "0x7"}]),
        ("eth_getLogs", [{**LOG, "blockNumber": None}]),
        ("eth_getLogs", [{**LOG, "topics": ["0x" + "33" * 32, H2]}]),
        ("eth_getLogs", [{**LOG, "topics": []}]),
        ("eth_getLogs", [{**LOG, "data": "0x0"}]),
        ("eth_getLogs", [LOG, None]),
        ("eth_getTransactionReceipt", {**RECEIPT, "transactionHash": H1}),
        ("eth_getTransactionReceipt", {**RECEIPT, "logs": None}),
        ("eth_getTransactionReceipt", {**RECEIPT, "logs": [{**LOG, "transactionHash": H1}]}),
        ("eth_getTransactionReceipt", {**RECEIPT, "status": None}),
        ("eth_getTransactionByHash", {"hash": H1}),
        ("eth_simulateV1", []),
        ("eth_simulateV1", [{"calls": []}]),
        ("eth_simulateV1", [{"calls": [OUTCOME, OUTCOME]}]),
        ("eth_simulateV1", [{"calls": [{**OUTCOME, "returnData": None}]}]),
        ("eth_simulateV1", [{"calls": [{**OUTCOME, "logs": [{}]}]}]),
    ],
)
def test_the_answer_to_another_question_is_none(method: str, result: Any) -> None:
    assert forms.problem(method, GOOD[method][0], result) is not None


def test_logs_of_several_contracts_are_of_one_of_them() -> None:
    query = {"address": ["0x" + "0b" * 20, ORACLE], "fromBlock": "0x4", "toBlock": "0x6", "topics": []}
    assert forms.problem("eth_getLogs", [query], [LOG]) is None
    assert forms.problem("eth_getLogs", [query | {"address": ["0x" + "0b" * 20]}], [LOG]) is not None


def test_logs_by_block_hash_are_of_that_block() -> None:
    query = {"address": ORACLE, "blockHash": H1, "topics": []}
    assert forms.problem("eth_getLogs", [query], [LOG]) is None
    assert forms.problem("eth_getLogs", [query | {"blockHash": H2}], [LOG]) is not None
