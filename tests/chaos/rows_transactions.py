"""Rows: mempools, fees, balances, and a key that somebody else uses too."""

import time

from tests.chaos import faults
from tests.chaos.stage import Stage, must
from tests.chaos.table import row
from themis.chain.contracts import decode_answers

KIND = "transactions"
GWEI = 10**9
ETHER = 10**18


def _operator(stage: Stage) -> str:
    return "0x" + stage.world.operator.address.hex()


def _in_mempool(stage: Stage, number: int) -> None:
    stage.until(lambda: _answers_pending(stage) >= number, f"{number} answers in the pool")


def _answers_pending(stage: Stage) -> int:
    """However many share a transaction."""
    mine = stage.chain.rpc("txpool_content")["pending"].get(_operator(stage), {})
    return sum(len(decode_answers(bytes.fromhex(each["input"][2:]))) for each in mine.values())


@row("dropped transactions", KIND)
def dropped(stage: Stage) -> None:
    stage.ask(6)
    stage.all_answered()
    stage.hold()
    stage.ask(6)
    stage.mine()
    _in_mempool(stage, 6)
    stage.chain.rpc("anvil_dropAllTransactions")
    _in_mempool(stage, 6)
    stage.release()
    stage.since_s = time.monotonic()
    stage.all_answered()


@row("answers that share transactions: dropped, replaced and killed", KIND, config="[fees]\ngather_s = 0.5")
def gathered(stage: Stage) -> None:
    stage.ask(12)
    stage.all_answered()
    stage.hold()
    stage.ask(12)
    stage.mine()
    _in_mempool(stage, 1)
    time.sleep(1)
    pending = int(stage.chain.rpc("txpool_status")["pending"], 16)
    must(pending < 12, f"12 answers are in {pending} transactions")
    stage.chain.rpc("anvil_dropAllTransactions")
    stage.kill()
    stage.chain.rpc("anvil_setNextBlockBaseFeePerGas", hex(20 * GWEI))
    stage.mine()
    stage.start()
    stage.ask(12)
    stage.mine()
    _in_mempool(stage, 1)
    stage.kill()
    stage.start()
    stage.release()
    stage.since_s = time.monotonic()
    stage.all_answered()


@row("answers that share a transaction: one of them too late", KIND, config="[fees]\ngather_s = 2")
def gathered_badly(stage: Stage) -> None:
    """One of them is out of time when the block comes: the others are in it."""
    stage.ask(4)
    stage.all_answered()
    stage.hold()
    stage.ask(5)
    stage.ask(1, window_s=20)
    stage.mine()
    _in_mempool(stage, 1)
    stage.chain.rpc("evm_increaseTime", 60)
    stage.release()
    stage.others_answered(1, 45)


@row("broadcasts that are lost: the endpoint says yes and forgets", KIND)
def stolen(stage: Stage) -> None:
    stage.choose(faults.swallowing({"eth_sendRawTransaction"}))
    stage.ask(6)
    time.sleep(3)
    stage.heal()
    stage.all_answered()


@row("broadcasts answered with 504 though taken", KIND)
def lost_yes(stage: Stage) -> None:
    stage.choose(faults.when({"eth_sendRawTransaction"}, faults.lost_yes))
    stage.ask(6)
    stage.all_answered()


@row("broadcasts answered with 'already known'", KIND)
def already_known(stage: Stage) -> None:
    stage.choose(faults.of({"eth_sendRawTransaction"}, faults.error(-32000, "already known")))
    stage.ask(6)
    stage.all_answered()


@row("the wallet is emptied, and filled 10 s later", KIND)
def emptied(stage: Stage) -> None:
    stage.ask(3)
    stage.all_answered()
    stage.chain.rpc("anvil_setBalance", _operator(stage), "0x0")
    stage.ask(6)
    time.sleep(10)
    must(stage.alive(), f"the node ended: {stage.last_words()}")
    stage.chain.rpc("anvil_setBalance", _operator(stage), hex(10 * ETHER))
    stage.since_s = time.monotonic()
    stage.all_answered()


@row("an answer that needs more gas than a block has", KIND)
def too_much_gas(stage: Stage) -> None:
    """It can not be sent; all others are."""
    stage.chain.rpc("evm_setBlockGasLimit", hex(1_000_000))
    stage.ask(2)
    stage.ask(1, callback_gas=990_000 - 400_000)
    stage.all_mined()  # no block of those that come has room for the request itself
    stage.chain.rpc("evm_setBlockGasLimit", hex(600_000))
    stage.ask(6)
    stage.others_answered(1, 45)


@row("an answer that needs more balance than the wallet holds", KIND)
def too_dear(stage: Stage) -> None:
    stage.chain.rpc("anvil_setBalance", _operator(stage), hex(3 * ETHER // 1_000))
    stage.ask(1, callback_gas=1_000_000)
    stage.ask(6)
    stage.others_answered(1, 45)


@row("the base fee rises by an eighth a block up to 60 gwei", KIND)
def rising(stage: Stage) -> None:
    """Bumped on and on, and not broadcast in vain."""
    stage.hold()
    stage.ask(4)
    base = 2 * GWEI
    before = len(stage.log().splitlines())
    for _ in range(30):
        base = min(60 * GWEI, base * 9 // 8)
        stage.chain.rpc("anvil_setNextBlockBaseFeePerGas", hex(base))
        stage.mine()
        time.sleep(1)
    for _ in range(60):
        if not stage.open_ids():
            break
        stage.chain.rpc("anvil_setNextBlockBaseFeePerGas", hex(base))
        stage.mine()
        time.sleep(1)
    stage.all_answered(1)
    lines = len(stage.log().splitlines()) - before
    must(lines < 200, f"{lines} lines were logged about 4 answers")


@row("the base fee rises above the cap: said, and answered once it falls", KIND, config="[fees]\nmax_fee_gwei = 20")
def above_the_cap(stage: Stage) -> None:
    stage.hold()
    stage.ask(4)
    before = len(stage.log().splitlines())
    for _ in range(30):
        stage.chain.rpc("anvil_setNextBlockBaseFeePerGas", hex(50 * GWEI))
        stage.mine()
        time.sleep(1)
    lines = len(stage.log().splitlines()) - before
    must("fee" in stage.alerts(), f"no alert names the fee: {stage.alerts()}")
    must(lines < 100, f"{lines} lines were logged in 30 s")
    stage.chain.rpc("anvil_setNextBlockBaseFeePerGas", hex(GWEI))
    stage.release()
    stage.since_s = time.monotonic()
    stage.all_answered(90)


@row("mined after a bump under the first hash", KIND)
def mined_after_a_bump(stage: Stage) -> None:
    """Replacements are taken with a yes and forgotten: the first one is mined. No second answer is sent."""
    stage.hold()
    stage.ask(10)
    stage.mine()
    _in_mempool(stage, 10)
    stage.choose(faults.swallowing({"eth_sendRawTransaction"}))
    stage.chain.rpc("anvil_setNextBlockBaseFeePerGas", hex(40 * GWEI))
    stage.mine()
    time.sleep(8)
    stage.chain.rpc("anvil_setNextBlockBaseFeePerGas", hex(GWEI))
    stage.release()
    stage.heal()
    stage.all_answered()
    time.sleep(8)
    must(stage.tally().twice == 0, f"{stage.tally().twice} answers were paid for twice")


@row("a chain that demands a tip of 25 gwei", KIND)
def demanding(stage: Stage) -> None:
    stage.choose(faults.demanding_tip(25 * GWEI))
    stage.ask(6)
    stage.all_answered(60)


@row("a chain that demands a tip above the cap: an alert says so", KIND, config="[fees]\nmax_fee_gwei = 20")
def demanding_too_much(stage: Stage) -> None:
    stage.choose(faults.demanding_tip(25 * GWEI))
    stage.ask(3)
    stage.until(lambda: "fee" in stage.alerts(), "an alert that names the fee", 45)
    stage.heal()
    stage.all_answered(90)


@row("a chain without EIP-1559", KIND, started=False)
def without_base_fee(stage: Stage) -> None:
    stage.choose(faults.without_base_fee)
    stage.start()
    stage.ask(6)
    stage.all_answered(60)


@row("somebody else uses the key: the alert names the nonce", KIND)
def foreign_nonce(stage: Stage) -> None:
    stage.ask(3)
    stage.all_answered()
    stage.choose(faults.swallowing({"eth_sendRawTransaction"}))
    stage.ask(3)
    time.sleep(2)
    taken = int(stage.chain.rpc("eth_getTransactionCount", _operator(stage), "latest"), 16)
    stage.chain.rpc("eth_sendTransaction", {"from": _operator(stage), "to": _operator(stage), "gas": hex(21_000)})
    stage.heal()
    stage.all_answered()
    stage.until(lambda: str(taken) in stage.alerts(), f"an alert that names nonce {taken}: {stage.alerts()}", 60)


@row("the pool keeps our next nonce as not executable", KIND)
def queued(stage: Stage) -> None:
    """'Already known' is no proof that it is pending."""
    stage.choose(faults.stuck_first())
    stage.ask(6)
    stage.all_answered(40)


@row("60 requests at once, ten times: none stands still", KIND)
def bursts(stage: Stage) -> None:
    for _ in range(10):
        stage.ask(60)
        stage.all_answered(60)
