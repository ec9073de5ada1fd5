"""Orders on a stage: signed by its requester, brought to its node over HTTP until it takes them."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx

from tests.chaos.stage import FEE_WEI, INPUT, WINDOW_S, Stage, must
from themis.core.canonical import request_id
from themis.core.order import order_typed_data
from themis.core.types import Hash32

TAKEN: Final = (200, 202)
AGAIN: Final = (429, 503)
"""The node has no room now, or the chain does not answer it: ask again."""
_PAUSE_S: Final = 0.1

Body = Mapping[str, Any]


def signed(stage: Stage, number: int, *, fee_wei: int = FEE_WEI) -> dict[Hash32, Body]:
    """So many orders, each in a lane of its own."""
    world = stage.world
    made: dict[Hash32, Body] = {}
    for _ in range(number):
        stage.lane += 1
        deadline_s = world.now_s() + WINDOW_S
        order = world.order(stage.model_id, INPUT, lane=stage.lane, fee=fee_wei, deadline_s=deadline_s)
        message = order_typed_data(order, world.client.chain_id, world.client.oracle)["message"]
        body = {"order": message, "signature": "0x" + world.signed(order).hex(), "inputs": ["0x" + INPUT.hex()]}
        made[request_id(order, world.client.chain_id, world.client.oracle)] = body
    return made


def bring(stage: Stage, orders: Mapping[Hash32, Body], within_s: float = 60) -> None:
    """Until the node has said yes to each: from then on it must not be lost."""
    give_up = time.monotonic() + within_s
    for id_, body in orders.items():
        while not _taken(stage, body):
            must(time.monotonic() < give_up, f"an order was not taken in {within_s:g} s")
            time.sleep(_PAUSE_S)
        stage.orders.add(id_)
    stage.since_s = time.monotonic()


def bring_new(stage: Stage, number: int) -> dict[Hash32, Body]:
    """Deposit for so many, sign them and bring them."""
    stage.world.deposit(number * FEE_WEI)
    made = signed(stage, number)
    bring(stage, made)
    return made


def lanes(orders: Mapping[Hash32, Body]) -> Sequence[int]:
    return [int(body["order"]["lane"]) for body in orders.values()]


def _taken(stage: Stage, body: Body) -> bool:
    try:
        said = httpx.post(f"{stage.url}/v1/orders", json=dict(body), timeout=30)
    except httpx.TransportError:
        return False
    must(said.status_code in (*TAKEN, *AGAIN), f"an order is refused: {said.text}")
    return said.status_code in TAKEN
