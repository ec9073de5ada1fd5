"""What became of the requests of a row: read off the chain and the node's store, never asked of the node."""

import sqlite3
from collections import Counter
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.proxy import Proxy
from tests.world import World
from themis.chain.contracts import ORACLE, decode_answers
from themis.core.canonical import request_id
from themis.core.types import Hash32


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of the requests that are on the chain, and of the orders that the node has taken."""

    asked: int
    answered: int
    closed: int
    """Not answered, and the node wrote down why."""
    lost: int
    """Neither answered nor closed."""
    twice: int
    """Answers beyond the first of a request for which gas was paid."""


def take(proxy: Proxy, world: World, store: Path, orders: AbstractSet[Hash32]) -> Tally:
    asked, answered = requests(proxy, world, orders)
    closed = states(store, "closed") & asked - answered
    paid = _paid_answers(proxy, world)
    return Tally(
        asked=len(asked),
        answered=len(answered),
        closed=len(closed),
        lost=len(asked - answered - closed),
        twice=sum(number - 1 for number in paid.values()),
    )


def requests(proxy: Proxy, world: World, orders: AbstractSet[Hash32]) -> tuple[set[Hash32], set[Hash32]]:
    """Those that were asked, and those of them that are answered."""
    requested, *fulfilled = ("0x" + ORACLE.topic(each).hex() for each in ("Requested", "Fulfilled", "OrderFulfilled"))
    query = {
        "address": "0x" + world.client.oracle.hex(),
        "fromBlock": hex(world.start_block),
        "topics": [[requested, *fulfilled]],
    }
    asked, answered = set(orders), set[Hash32]()
    (logs,) = proxy.batch([("eth_getLogs", [query])])
    for log in logs:
        (asked if log["topics"][0] == requested else answered).add(Hash32(bytes.fromhex(log["topics"][1][2:])))
    return asked, asked & answered


def states(store: Path, state: str) -> set[Hash32]:
    """Requests that the node's store has in a state; none where it cannot be read."""
    if not store.exists():
        return set()
    db = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    try:
        return {Hash32(id_) for (id_,) in db.execute("SELECT id FROM jobs WHERE state = ?", (state,))}
    except sqlite3.Error:
        return set()
    finally:
        db.close()


def _paid_answers(proxy: Proxy, world: World) -> Counter[Hash32]:
    """Transactions of the operator's that carry an answer and are in a block, by request: the reverted ones too."""
    oracle = "0x" + world.client.oracle.hex()
    operator = "0x" + world.operator.address.hex()
    (head,) = proxy.batch([("eth_blockNumber", [])])
    blocks = proxy.batch(
        [("eth_getBlockByNumber", [hex(n), True]) for n in range(world.start_block, int(head, 16) + 1)]
    )
    found: Counter[Hash32] = Counter()
    for block in blocks:
        for sent in block["transactions"]:
            if (sent["from"], sent["to"]) != (operator, oracle):
                continue
            for request, _ in decode_answers(bytes.fromhex(sent["input"][2:])):
                found[request_id(request, world.client.chain_id, world.client.oracle)] += 1
    return found
