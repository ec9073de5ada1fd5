"""Rows: an endpoint that is down, slow or wrong while the node works."""

import json
import time

from tests.chaos import faults
from tests.chaos.proxy import Fault, Reply
from tests.chaos.stage import Stage, must
from tests.chaos.table import row

KIND = "endpoint"
WORDS = json.dumps({"jsonrpc": "2.0", "id": None, "error": {"code": -32005, "message": "limit exceeded"}}).encode()


def through(stage: Stage, fault: Fault, seconds: float, *, number: int = 8) -> None:
    """Requests before, during and after a fault that lasts some seconds."""
    stage.ask(number)
    stage.choose(fault)
    stage.ask(number)
    time.sleep(seconds)
    stage.heal()
    stage.ask(number)
    stage.all_answered()


def under(stage: Stage, fault: Fault, *, number: int = 8, within_s: float = 45) -> None:
    """Requests while a fault stays: the node serves all the same."""
    stage.choose(fault)
    stage.ask(number)
    stage.all_answered(within_s)


@row("down for 1.5 s", KIND, brief=True)
def down_shortly(stage: Stage) -> None:
    through(stage, faults.gone, 1.5)


@row("down for 30 s", KIND)
def down(stage: Stage) -> None:
    through(stage, faults.gone, 30)


@row("down for 3 min", KIND)
def down_long(stage: Stage) -> None:
    through(stage, faults.gone, 180)


@row("hangs for 5 s", KIND, brief=True)
def hangs(stage: Stage) -> None:
    through(stage, faults.hanging, 5)


@row("hangs for 45 s", KIND)
def hangs_long(stage: Stage) -> None:
    through(stage, faults.hanging, 45)


@row("every answer takes 2 s", KIND)
def slow(stage: Stage) -> None:
    under(stage, faults.slow(2), within_s=90)


@row("502", KIND, brief=True)
def bad_gateway(stage: Stage) -> None:
    through(stage, faults.status(502, b"<html>502</html>"), 3)


@row("HTML with status 200", KIND, brief=True)
def html(stage: Stage) -> None:
    through(stage, faults.html, 3)


@row("JSON that is cut off", KIND, brief=True)
def cut(stage: Stage) -> None:
    through(stage, faults.cut, 3)


@row("one request in three: JSON that is cut off", KIND)
def cut_at_times(stage: Stage) -> None:
    under(stage, faults.sometimes(faults.cut, 1 / 3), within_s=90)


@row("batches answered in reverse", KIND, brief=True)
def reversed_batches(stage: Stage) -> None:
    under(stage, faults.reversed_batch)


@row("null for a list of logs", KIND, brief=True)
def null_logs(stage: Stage) -> None:
    through(stage, faults.of({"eth_getLogs"}, faults.result(None)), 3)


@row("null for a nonce", KIND, brief=True)
def null_nonce(stage: Stage) -> None:
    through(stage, faults.of({"eth_getTransactionCount"}, faults.result(None)), 3)


@row("null for a balance", KIND, poll_interval_s=0.05)
def null_balance(stage: Stage) -> None:
    through(stage, faults.of({"eth_getBalance"}, faults.result(None)), 20)


@row("null for what a call returns", KIND)
def null_call(stage: Stage) -> None:
    through(stage, faults.of({"eth_call"}, faults.result(None)), 3)


@row("null for the newest block", KIND)
def null_head(stage: Stage) -> None:
    through(stage, faults.of({"eth_getBlockByNumber", "eth_blockNumber"}, faults.result(None)), 3)


@row("null for the hash of what was sent", KIND)
def null_sent(stage: Stage) -> None:
    through(stage, faults.of({"eth_sendRawTransaction"}, faults.result(None)), 3)


@row("null in a batch", KIND)
def null_in_batch(stage: Stage) -> None:
    through(stage, faults.null_in_batch, 3)


@row("replies with another call's id", KIND, brief=True)
def foreign_ids(stage: Stage) -> None:
    through(stage, faults.foreign_ids, 3)


@row("numbers as words, lists as objects", KIND)
def wrong_forms(stage: Stage) -> None:
    through(stage, faults.each(lambda call, _: {"jsonrpc": "2.0", "id": call["id"], "result": {"a": "x"}}), 3)


def _no_batch(refusal: Fault, above: int) -> Fault:
    return faults.refuse_batches(above, refusal)


@row("batches above 3 refused with an object", KIND, brief=True)
def batches_object(stage: Stage) -> None:
    under(stage, _no_batch(faults.in_an_object, 3))


@row("batches above 10 refused with 400", KIND)
def batches_400(stage: Stage) -> None:
    under(stage, _no_batch(faults.status(400, WORDS), 10), number=30)


@row("batches above 3 refused with 400", KIND)
def batches_400_of_3(stage: Stage) -> None:
    under(stage, _no_batch(faults.status(400, WORDS), 3))


@row("batches above 3 refused with 413", KIND)
def batches_413(stage: Stage) -> None:
    under(stage, _no_batch(faults.status(413), 3))


@row("batches above 3 refused with 500", KIND)
def batches_500(stage: Stage) -> None:
    under(stage, _no_batch(faults.status(500, WORDS), 3))


@row("batches above 3 refused with an error in each reply", KIND)
def batches_each(stage: Stage) -> None:
    under(stage, _no_batch(faults.in_each_reply, 3))


@row("no batches at all, from the start", KIND, started=False)
def no_batches(stage: Stage) -> None:
    stage.choose(_no_batch(faults.in_an_object, 0))
    stage.start()
    stage.ask(8)
    stage.all_answered(45)


@row("one request in four: 429 with Retry-After, from the start", KIND, started=False)
def too_many(stage: Stage) -> None:
    stage.choose(faults.sometimes(faults.status(429, b"", Retry_After="1"), 0.25))
    stage.start()
    stage.ask(8)
    stage.all_answered(60)


@row("one call in four: -32005, from the start", KIND, started=False)
def limit_exceeded(stage: Stage) -> None:
    stage.choose(
        faults.sometimes_each(faults.error(-32005, "daily request count exceeded, request rate limited"), 0.25)
    )
    stage.start()
    stage.ask(8)
    stage.all_answered(60)


def _behind(stage: Stage, refusal: Fault, blocks: int) -> None:
    """250 blocks to catch up on, with requests at their start and end, in narrow ranges."""
    stage.ask(4)
    stage.mine(250)
    stage.ask(4)
    stage.choose(faults.narrow_ranges(blocks, refusal))
    stage.start()
    stage.ask(0)
    stage.all_answered(20)


def _says(message: str) -> Fault:
    refuse = faults.error(-32005, message)
    return lambda question: question.reply([refuse(call, {}) for call in question.calls])


@row("ranges of 10 blocks at most, said as an error", KIND, started=False)
def narrow_error(stage: Stage) -> None:
    _behind(stage, _says("query exceeds max block range 10"), 10)


@row("ranges of 1 block at most, said as an error", KIND, started=False)
def narrowest_error(stage: Stage) -> None:
    _behind(stage, _says("block range too large"), 1)


@row("ranges of 10 blocks at most, said with 403", KIND, started=False)
def narrow_403(stage: Stage) -> None:
    _behind(stage, faults.status(403, WORDS), 10)


@row("ranges of 10 blocks at most, said with 429", KIND, started=False)
def narrow_429(stage: Stage) -> None:
    _behind(stage, faults.status(429, WORDS), 10)


@row("ranges of 10 blocks at most, said with 503", KIND, started=False)
def narrow_503(stage: Stage) -> None:
    _behind(stage, faults.status(503, WORDS), 10)


@row("away for 4 s during the checks at the start", KIND, started=False)
def away_at_start(stage: Stage) -> None:
    stage.choose(faults.gone)
    stage.start(wait=False)
    time.sleep(4)
    stage.heal()
    must(stage.alive(), f"the node ended: {stage.last_words()}")
    stage.ready()
    stage.ask(4)
    stage.all_answered()


@row("each third request fails during the checks at the start", KIND, started=False)
def flaky_at_start(stage: Stage) -> None:
    stage.choose(faults.sometimes(faults.gone, 1 / 3))
    stage.start()
    stage.heal()
    stage.ask(4)
    stage.all_answered()


@row("an answer from the endpoint says nothing: eth_call gives 0x", KIND)
def empty_calls(stage: Stage) -> None:
    """No contract is no answer: nothing is refused for it."""
    stage.choose(faults.of({"eth_call"}, faults.result("0x")))
    stage.ask(8)
    time.sleep(4)
    stage.heal()
    stage.all_answered()


def _reply(text: bytes) -> Fault:
    return lambda _: Reply(text)


@row("an empty body", KIND)
def empty_body(stage: Stage) -> None:
    through(stage, _reply(b""), 3)


@row("a redirect to a page", KIND)
def redirect(stage: Stage) -> None:
    through(stage, faults.status(302, b"", Location="http://127.0.0.1:9/"), 3)


@row("numbers too large for JSON readers, deep nesting", KIND)
def deep(stage: Stage) -> None:
    through(stage, _reply(b"[" * 100_000), 3)
