"""`themis request --order`: signs an order, brings it to the operator's node, and waits for the answer on the chain."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from themis.cli.output import say
from themis.cli.request import answers
from themis.cli.request.operator import OperatorNode
from themis.cli.wallet import Wallet
from themis.core import canonical, listing
from themis.core.errors import Denied, Misconfigured, Unavailable
from themis.core.order import order_of_message, order_typed_data
from themis.core.spelling import shown
from themis.core.types import Address, Fulfilled, Hash32, Request, UseClass

GRACE_S: Final = 5
"""How long an answer that was mined at the deadline may take to be seen."""
_LOOK_S: Final = 0.5
"""How often the node is asked whether it has closed the order."""
_NOBODY: Final = Address(bytes(20))


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked, of whom and for how much."""

    model_id: Hash32
    operator: Address
    use_class: UseClass
    inputs: Sequence[bytes]
    listed: bool
    """Whether they are a list, answered by one root; otherwise there is one."""
    fee: int
    token: Address
    deadline_s: int
    """From now on."""
    lane: int

    @property
    def input(self) -> bytes:
        return listing.pack(self.inputs) if self.listed else self.inputs[0]


@dataclass(frozen=True, slots=True)
class Placed:
    """An order that a node has taken."""

    id: Hash32
    order: Request
    block: int
    """From which on it can be answered."""


def place(here: Wallet, wish: Wish, node: OperatorNode, intent: bytes) -> Placed:
    """Sign an order and bring it to the node.

    Repeated after a failure, it brings the order that was signed before. Raises as `OperatorNode`, and Misconfigured
    where the deposit does not cover it.
    """
    kept = here.outbox.attempts(intent)
    if kept:
        message, signature, block = json.loads(kept[0]), kept[1], int.from_bytes(kept[2])
        say("going on with the order that was signed before (--anew signs another one)")
    else:
        order = _order(here, wish)
        typed = order_typed_data(order, here.client.chain_id, here.client.oracle)
        message, signature = typed["message"], here.signer.sign_typed(typed)
        block = int(here.client.rpc.call("eth_blockNumber"), 16)
        here.outbox.keep(intent, [json.dumps(message).encode(), signature, block.to_bytes(8)])
    order = order_of_message(message)
    body = {"order": message, "signature": shown(signature), "inputs": [shown(each) for each in wish.inputs]}
    try:
        node.post("/v1/orders", body)
    except Denied:
        here.outbox.done(intent)
        raise
    return Placed(canonical.request_id(order, here.client.chain_id, here.client.oracle), order, block)


def answer(here: Wallet, placed: Placed, node: OperatorNode, intent: bytes) -> Fulfilled:
    """Wait for the answer up to the deadline. Raises Denied where the node closes the order, Unavailable after it."""
    looked_s = time.monotonic()

    def look() -> None:
        nonlocal looked_s
        if time.monotonic() - looked_s < _LOOK_S:
            return
        try:
            said = node.get(f"/v1/orders/{shown(placed.id)}")
        except Unavailable:
            return
        finally:
            looked_s = time.monotonic()
        if said.get("state") == "closed":
            here.outbox.done(intent)
            raise Denied(f"the node closed the order: {said.get('reason')} {said.get('detail')}".rstrip())

    left_s = max(placed.order.deadline_s - here.client.now_s(), 0) + GRACE_S
    nothing = (
        f"order {shown(placed.id)} was not answered in time: nothing was paid; ask again, with a later --deadline-s"
    )
    try:
        return answers.answer(here.client, placed.id, placed.block, left_s, nothing, look)
    except Unavailable:
        if here.client.now_s() > placed.order.deadline_s:
            here.outbox.done(intent)
        raise


def results(id_: Hash32, inputs: Sequence[bytes], root: bytes, node: OperatorNode) -> list[bytes]:
    """The outputs of a list that was answered, held against the root on the chain. Raises as `OperatorNode`, Denied."""
    for _ in answers.polls(GRACE_S * 2):
        said = node.get(f"/v1/orders/{shown(id_)}").get("outputs")
        if said is None:  # it has not seen the block yet
            continue
        try:
            outputs = [bytes.fromhex(each[2:]) for each in said]
            if listing.result_root(inputs, outputs) == root:
                return outputs
        except (ValueError, TypeError):
            pass
        raise Denied("the outputs that the node tells are not those that it answered with: ask the operator for them")
    raise Unavailable(f"the list is answered, and the node does not tell its outputs yet: GET /v1/orders/{shown(id_)}")


def _order(here: Wallet, wish: Wish) -> Request:
    (held,) = here.client.read("deposits", wish.token, here.signer.address)
    if held < wish.fee:
        token = "" if wish.token == _NOBODY else f" --token {shown(wish.token)}"
        raise Misconfigured(
            f"the deposit of {shown(here.signer.address)} is {held}, and the order costs {wish.fee}: "
            f"`themis account deposit {wish.fee - held}{token}`"
        )
    _, seq, _ = here.client.read("stateOf", here.signer.address, wish.lane)
    version, _ = here.client.read("termsInForce", wish.model_id)
    order = Request(
        requester=here.signer.address,
        lane=wish.lane,
        seq=seq + 1,
        model_id=wish.model_id,
        input_hash=Hash32(bytes(32)),
        operator=wish.operator,
        token=wish.token,
        fee=wish.fee,
        pay_to=_NOBODY,
        royalty_bps=0,
        terms_version=version,
        use_class=wish.use_class,
        licensee=_NOBODY,
        grant_seq=0,
        deadline_s=here.client.now_s() + wish.deadline_s,
        callback_gas=0,
        items=len(wish.inputs) if wish.listed else 0,
    )
    return replace(order, input_hash=listing.input_hash(order, wish.input))
