"""The order of the story: signed by an account that has no ether and sends nothing, and answered in one transaction."""

import secrets
import time
from dataclasses import asdict, dataclass
from typing import Any, Final

from demo import node
from demo.patience import until
from demo.stage import PRICE_WEI, Stage
from demo.transcript import Transcript, ether, short
from demo.wallet import wait
from demo.witness import Answer, check
from themis.chain.contracts import ORACLE, decode_order
from themis.core import canonical
from themis.core.order import order_typed_data
from themis.core.spelling import shown
from themis.core.types import ETHER, Address, Hash32, Request, UseClass
from themis.keys.keystore import KeystoreSigner

_WINDOW_S: Final = 600
_NOBODY: Final = Address(bytes(20))


@dataclass(frozen=True, slots=True)
class Ordered:
    """An order and what came of it."""

    order_id: str
    output: str
    gas: int
    latency_ms: int


def place(here: Stage, running: node.Node, asked: Answer, out: Transcript) -> dict[str, Any]:
    """Ask what was asked before once more, by an order; it must have the same answer."""
    out.act("Somebody without any ether asks too, by a signed order")
    researcher, oracle, witness = KeystoreSigner(secrets.token_bytes(32)), here.witness.oracle, here.witness
    here.dao.send(oracle, ORACLE.call("deposit", ETHER, researcher.address, PRICE_WEI), PRICE_WEI)
    out.say(f"the DAO has paid {ether(PRICE_WEI)} into the deposit of a researcher, {short(researcher.address)}")
    (made,) = asked.asked.logs(oracle, ORACLE, "Requested")
    order = _order(here, researcher.address, asked)
    typed = order_typed_data(order, witness.chain_id, oracle)
    body = {
        "order": typed["message"],
        "signature": shown(researcher.sign_typed(typed)),
        "inputs": [shown(made.values["input"])],
    }
    started_s = time.monotonic()
    id_ = running.post("/v1/orders", body)["id"]
    check(id_ == shown(canonical.request_id(order, witness.chain_id, oracle)), "the node has taken that very order")
    mined = wait(here.dao.rpc, _answered(here, Hash32(bytes.fromhex(id_[2:])), asked.fulfilled.block))
    latency_ms = round((time.monotonic() - started_s) * 1_000)
    (log,) = mined.logs(oracle, ORACLE, "OrderFulfilled")
    check(decode_order(log.values) == order, "what was answered is what was signed")
    check(log.values["output"] == asked.output, "an order has the answer that a request has")
    (left,) = witness.call(oracle, ORACLE, "deposits", ETHER, researcher.address)
    check(left == 0, "the deposit has paid for it")
    out.say("it signs the same question and gives it to the node: no transaction, the use is research and free")
    out.say(f"asked, paid and answered alike in one transaction: {mined.gas_used:,} gas, {latency_ms} ms")
    return asdict(Ordered(id_, shown(log.values["output"]), mined.gas_used, latency_ms))


def _order(here: Stage, requester: Address, asked: Answer) -> Request:
    now_s = int(here.dao.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)  # noqa: FBT003 (the RPC's)
    return Request(
        requester=requester,
        lane=0,
        seq=1,
        model_id=here.model_id,
        input_hash=asked.request.input_hash,
        operator=here.operator_address,
        token=ETHER,
        fee=PRICE_WEI,
        pay_to=_NOBODY,
        royalty_bps=0,
        terms_version=asked.request.terms_version,
        use_class=UseClass.RESEARCH,
        licensee=_NOBODY,
        grant_seq=0,
        deadline_s=now_s + _WINDOW_S,
        callback_gas=0,
    )


def _answered(here: Stage, id_: Hash32, since: int) -> Hash32:
    """The transaction that answers the order."""
    logs = until(
        lambda: here.witness.logs("OrderFulfilled", (id_,), since), bool, f"the node to answer order {shown(id_)}"
    )
    check(len(logs) == 1, "the order has one answer")
    return Hash32(bytes.fromhex(logs[0]["transactionHash"][2:]))
