"""What the chain itself takes: transactions signed beforehand, in batches, with no node that has to think."""

import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.track import SELFTEST, Track, broadcast, laid
from tests.world import FEES
from themis.chain import contracts
from themis.core.fees import Market, fulfill_gas
from themis.core.transaction import Transaction
from themis.core.types import Requested


@dataclass(frozen=True, slots=True)
class Limit:
    """Of one run on a fresh chain."""

    requests_per_s: float
    answers_per_s: float

    @property
    def both_per_s(self) -> float:
        """What a node that needs no time would reach: each request is one transaction of either kind."""
        return 1 / (1 / self.requests_per_s + 1 / self.answers_per_s)


def measure(number: int = 1_000) -> Limit:
    with tempfile.TemporaryDirectory() as directory, laid(SELFTEST, Path(directory)) as track:
        first_block = track.head()
        asked_s = _send(track, track.signed(number))
        answers = _answers(track, first_block)
        answered_s = _send(track, answers)
        if track.answered(first_block) != number:
            raise RuntimeError(f"only {track.answered(first_block)} of {number} answers were taken")
    return Limit(round(number / asked_s, 1), round(number / answered_s, 1))


def _send(track: Track, raws: Sequence[bytes]) -> float:
    """Seconds until the last one is in a block."""
    start = time.monotonic()
    broadcast(track.world.client.rpc, raws)
    while int(track.world.chain.rpc("txpool_status")["pending"], 16):
        time.sleep(0.005)
    return time.monotonic() - start


def _answers(track: Track, first_block: int) -> list[bytes]:
    """An answer to each request: that of the bundle's first golden request, which has the right size."""
    world = track.world
    output = bytes.fromhex(json.loads((SELFTEST / "golden.json").read_text())[0]["output"][2:])
    query = {"address": "0x" + world.client.oracle.hex(), "fromBlock": hex(first_block)}
    decoded = (
        contracts.decode_event(raw, world.client.chain_id) for raw in world.client.rpc.call("eth_getLogs", query)
    )
    requests = [event.request for event in decoded if isinstance(event, Requested)]
    operator = "0x" + world.operator.address.hex()
    nonce = int(world.client.rpc.call("eth_getTransactionCount", operator, "latest"), 16)
    fees = FEES.quote(Market(10**10, 0))
    raws = []
    for offset, request in enumerate(requests):
        gas = fulfill_gas(request, output)
        data = contracts.fulfill(request, output, 0)
        chain_id, oracle = world.client.chain_id, world.client.oracle
        raws.append(world.operator.sign(Transaction(chain_id, nonce + offset, oracle, data, gas, fees)))
    return raws
