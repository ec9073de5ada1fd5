"""Faults of endpoints: what they, or what stands before them, were seen to answer."""

import json
import random
import time
from collections.abc import Callable, Collection
from typing import Any, Final

from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_utils.crypto import keccak
from hexbytes import HexBytes

from tests.chaos.proxy import Answer, Call, Fault, HangUp, Question, Reply, calm

LONG_S: Final = 600.0

Change = Callable[[Call, Answer], Answer]


def each(change: Change) -> Fault:
    """Every answer is changed by itself."""

    def fault(question: Question) -> Reply:
        return question.reply(
            [change(call, answer) for call, answer in zip(question.calls, question.ask(), strict=True)]
        )

    return fault


def of(methods: Collection[str], change: Change) -> Fault:
    """Only answers to some methods are changed."""
    return each(lambda call, answer: change(call, answer) if call["method"] in methods else answer)


def result(value: Any) -> Change:
    return lambda call, _: {"jsonrpc": "2.0", "id": call["id"], "result": value}


def error(code: int, message: str) -> Change:
    return lambda call, _: {"jsonrpc": "2.0", "id": call["id"], "error": {"code": code, "message": message}}


def reverted(data: bytes) -> Change:
    """As a contract refuses."""
    refusal = {"code": 3, "message": "execution reverted", "data": "0x" + data.hex()}
    return lambda call, _: {"jsonrpc": "2.0", "id": call["id"], "error": refusal}


def sometimes(fault: Fault, share: float, seed: int = 1) -> Fault:
    """One HTTP request in so many meets the fault."""
    chance = random.Random(seed)  # noqa: S311 (no secret)

    def at_times(question: Question) -> Reply:
        return (fault if chance.random() < share else calm)(question)

    return at_times


def sometimes_each(change: Change, share: float, seed: int = 1) -> Fault:
    """One answer in so many is changed."""
    chance = random.Random(seed)  # noqa: S311 (no secret)
    return each(lambda call, answer: change(call, answer) if chance.random() < share else answer)


def first(fault: Fault, number: int) -> Fault:
    """Only the first so many HTTP requests meet it."""
    left = [number]

    def counted(question: Question) -> Reply:
        left[0] -= 1
        return (fault if left[0] >= 0 else calm)(question)

    return counted


def once_each(methods: Collection[str], fault: Fault, times: int = 1) -> Fault:
    """The first so many HTTP requests in which any of the methods is called meet it; nothing else does."""
    left = [times]

    def counted(question: Question) -> Reply:
        if left[0] > 0 and any(call["method"] in methods for call in question.calls):
            left[0] -= 1
            return fault(question)
        return calm(question)

    return counted


def gone(_: Question) -> Reply:
    raise HangUp


def hanging(question: Question) -> Reply:
    """Takes the question and says nothing until the fault is lifted."""
    question.lifted.wait(LONG_S)
    raise HangUp


def slow(seconds: float) -> Fault:
    def fault(question: Question) -> Reply:
        time.sleep(seconds)
        return calm(question)

    return fault


def status(number: int, body: bytes = b"", **headers: str) -> Fault:
    """An HTTP status before the question reaches a chain; header names with _ for -."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: Reply(body, number, named)


def lost_yes(question: Question) -> Reply:
    """The chain does as it is told, and the answer is lost on the way."""
    question.ask()
    return Reply(b"<html>504</html>", 504)


def html(_: Question) -> Reply:
    return Reply(b"<html><body>Just a moment...</body></html>", 200, {"Content-Type": "text/html"})


def cut(question: Question) -> Reply:
    whole = calm(question).body
    return Reply(whole[: len(whole) // 2])


def reversed_batch(question: Question) -> Reply:
    return question.reply(question.ask()[::-1])


def null_in_batch(question: Question) -> Reply:
    """One reply of a batch is null."""
    answers: list[Any] = list(question.ask())
    if question.is_batch:
        answers[len(answers) // 2] = None
    return question.reply(answers)


def _other_id(_: Call, answer: Answer) -> Answer:
    return answer | {"id": 10**9}


foreign_ids: Final = each(_other_id)
"""Every reply carries the id of another call."""


def refuse_batches(above: int, refusal: Callable[[Question], Reply]) -> Fault:
    return lambda question: refusal(question) if question.is_batch and len(question.calls) > above else calm(question)


def in_an_object(question: Question) -> Reply:
    said = {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "batch too large"}}
    return Reply(json.dumps(said).encode())


def in_each_reply(question: Question) -> Reply:
    refuse = error(-32600, "batch size limit exceeded")
    return question.reply([refuse(call, {}) for call in question.calls])


def narrow_ranges(blocks: int, refusal: Fault) -> Fault:
    """Ranges of logs of more than so many blocks are refused."""

    def fault(question: Question) -> Reply:
        return refusal(question) if any(span(call) > blocks for call in question.calls) else calm(question)

    return fault


def span(call: Call) -> int:
    """How many blocks a call asks the logs of; 0 where it asks none."""
    if call["method"] != "eth_getLogs":
        return 0
    query = call["params"][0]
    try:
        return int(query["toBlock"], 16) - int(query["fromBlock"], 16) + 1
    except (KeyError, ValueError):
        return 1


def without_base_fee(question: Question) -> Reply:
    """A chain from before EIP-1559: no base fee, and typed transactions are refused."""
    refuse = error(-32000, "transaction type not supported")
    unknown = error(-32601, "the method does not exist")
    answers = []
    for call in question.calls:
        if call["method"] == "eth_sendRawTransaction" and call["params"][0].startswith(("0x01", "0x02")):
            answers.append(refuse(call, {}))
        elif call["method"] in {"eth_maxPriorityFeePerGas", "eth_feeHistory"}:
            answers.append(unknown(call, {}))
        else:
            (answer,) = question.upstream([call])
            if isinstance(block := answer.get("result"), dict):
                block.pop("baseFeePerGas", None)
            answers.append(answer)
    return question.reply(answers)


def when(methods: Collection[str], fault: Fault) -> Fault:
    """HTTP requests in which any of the methods is called meet the fault."""
    return lambda question: (fault if any(call["method"] in methods for call in question.calls) else calm)(question)


def _hash_of(call: Call) -> str:
    return "0x" + keccak(bytes.fromhex(call["params"][0][2:])).hex()


def _fields(raw: bytes) -> dict[str, Any]:
    """Of a transaction as EIP-1559 has it."""
    return dict(TypedTransaction.from_bytes(HexBytes(raw)).as_dict())


def swallowing(methods: Collection[str]) -> Fault:
    """Raw transactions are answered with their hash, and forgotten."""

    def fault(question: Question) -> Reply:
        answers = []
        for call in question.calls:
            if call["method"] in methods:
                answers.append({"jsonrpc": "2.0", "id": call["id"], "result": _hash_of(call)})
            else:
                answers += question.upstream([call])
        return question.reply(answers)

    return fault


def refuse_sends(refused: Callable[[bytes], str]) -> Fault:
    """Raw transactions for which there is a complaint are refused with it."""

    def fault(question: Question) -> Reply:
        answers = []
        for call in question.calls:
            said = refused(bytes.fromhex(call["params"][0][2:])) if call["method"] == "eth_sendRawTransaction" else ""
            answers += [error(-32000, said)(call, {})] if said else question.upstream([call])
        return question.reply(answers)

    return fault


def demanding_tip(wei: int) -> Fault:
    """A chain whose pool takes nothing below a tip, and says so when it is asked for it."""

    def complaint(raw: bytes) -> str:
        tip = _fields(raw)["maxPriorityFeePerGas"]
        return "" if tip >= wei else f"transaction underpriced: gas tip cap {tip}, minimum needed {wei}"

    refusing = refuse_sends(complaint)
    telling = of({"eth_maxPriorityFeePerGas"}, result(hex(wei)))
    return lambda question: (
        refusing if any(call["method"] == "eth_sendRawTransaction" for call in question.calls) else telling
    )(question)


def stuck_first() -> Fault:
    """The first transaction of each nonce is kept and never mined ("already known"); a dearer one is taken."""
    kept: dict[int, bytes] = {}

    def fault(question: Question) -> Reply:
        answers: list[Any] = []
        for call in question.calls:
            if call["method"] != "eth_sendRawTransaction":
                answers += question.upstream([call])
                continue
            raw = bytes.fromhex(call["params"][0][2:])
            nonce = _fields(raw)["nonce"]
            known = nonce in kept
            if kept.setdefault(nonce, raw) != raw:
                answers += question.upstream([call])
            elif known:
                answers.append(error(-32000, "already known")(call, {}))
            else:
                answers.append({"jsonrpc": "2.0", "id": call["id"], "result": _hash_of(call)})
        return question.reply(answers)

    return fault


def after(methods: Collection[str], fault: Fault) -> Fault:
    """From the first HTTP request on in which any of the methods is called; that one still reaches the chain."""
    begun = [False]

    def later(question: Question) -> Reply:
        if begun[0]:
            return fault(question)
        if any(call["method"] in methods for call in question.calls):
            begun[0] = True
            question.ask()
            return fault(question)
        return calm(question)

    return later
