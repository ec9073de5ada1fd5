"""What games about answers of `selftest-moe` take on Anvil, move by move: `make lies` stores it beside the lies.

And games about `evm-risk-moe`, with its own adaptor, about a contract of some 619 tokens: `benchmarks/games.json`.

    python -m benchmarks.games

plays them alone, and keeps the lies that are stored.
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks import liars
from benchmarks.liars import Stage, Tensors
from benchmarks.lies import RESULTS, staged
from demo import chains
from tests.dispute_world import CHALLENGE_WEI, CLOCK_S, REVEAL_S, Court, Kept
from tests.homes import RISK, SELFTEST
from tests.vectors.evm_real import codes
from tests.world import World
from themis.api.server import Server
from themis.api.traces import alone
from themis.bundles import bundle
from themis.bundles.bundle import Golden
from themis.chain.contracts import DISPUTE
from themis.config import ApiConfig
from themis.core import canonical
from themis.core.types import Hash32
from themis.dispute.archive import Archive
from themis.dispute.watching import Watcher
from themis.evm import report
from themis.evm.encode import encode
from themis.exact.referee.proof import AtHand

CODE: Final = 463
"""Of the vectors' real contracts: 15,835 bytes, 615 tokens. The design reckons with 619."""
GAMES: Final = RESULTS.with_name("games.json")
SCORE_BYTES: Final = 2
WATCHER, STRANGER = 6, 7
TRIES: Final = 99


def output_of(stage: Stage, tensors: Tensors) -> bytes:
    """The answer that a trace leads to."""
    (word,) = stage.graph.outputs.values()
    return tensors[word].astype(">u2").tobytes()


def truncated(stage: Stage) -> Tensors:
    """A run of a build with a weight cut to five bits, which answers otherwise."""
    for seed in range(TRIES):
        found = liars.coarse(stage, np.random.default_rng(seed))
        if found is not None and output_of(stage, found) != output_of(stage, dict(stage.honest)):
            return found
    raise AssertionError("no cut changes this answer")


@contextmanager
def serving(archive: Archive) -> Iterator[str]:
    """Where its traces are served."""
    server = Server(ApiConfig(port=0))
    server.start(alone(archive))
    try:
        yield server.url
    finally:
        server.stop()


def challenge(court: Court, request: Hash32) -> None:
    """By somebody who does not care whether it is right."""
    exchange = court.verifier().history.called("0x" + request.hex())[0]
    words, output = canonical.request_words(exchange.requested.request), exchange.fulfilled.output
    data = DISPUTE.call("challenge", court.cover, words, output)
    court.send(court.player(STRANGER), court.cover.dispute, data, CHALLENGE_WEI)


def measure() -> dict[str, Any]:
    """Of each game its moves with their gas."""
    loaded = bundle.load(SELFTEST)
    stage = next(staged(loaded, loaded.golden[:1]))
    tensors = truncated(stage)
    answers = output_of(stage, tensors), output_of(stage, dict(stage.honest))
    return _measured(SELFTEST, tensors, loaded.golden[0].input, *answers)


def measure_code() -> dict[str, Any]:
    """The same, about a contract's code: one element of a matrix product is wrong, and one score."""
    code = codes()[CODE]
    stage, encoded = next(staged(bundle.load(RISK), [Golden(code, None, b"")])), encode(code)
    (output,) = stage.graph.outputs.values()
    right = report.pack(stage.honest[output].tolist(), encoded)
    score = int.from_bytes(right[:SCORE_BYTES], "big")
    wrong = (score ^ 1).to_bytes(SCORE_BYTES, "big") + right[SCORE_BYTES:]
    product = next(word for word in stage.results("QLinearMatMul") if len(stage.honest[word]) == len(encoded.tokens))
    tensors = dict(stage.honest) | {product: liars.altered(stage.honest[product], np.random.default_rng(11))}
    found = _measured(RISK, tensors, code, wrong, right)
    return {"model": RISK.name, "tokens": len(encoded.tokens), "gas": found}


def _measured(model: Path, tensors: Tensors, input_: bytes, wrong: bytes, right: bytes) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, chains.start() as chain:
        court = Court.build(World.build(chain), Path(folder), model)
        try:
            return dict(_played(court, Kept(AtHand(tensors)), input_, wrong, right))
        finally:
            court.close()


def _played(court: Court, false: Kept, input_: bytes, wrong: bytes, right: bytes) -> Iterator[tuple[str, Any]]:
    liar, honest = (court.watcher(court.guarantor, archive=each)[0] for each in (false, None))
    with serving(false) as url:
        yield "served", _game(court, input_, wrong, 1, court.watcher(court.player(WATCHER), urls=[url])[0], liar)
    watcher = court.watcher(court.player(WATCHER))[0]
    yield "withheld", _game(court, input_, wrong, 2, watcher, liar)
    yield "silent", _game(court, input_, wrong, 3, watcher, later_s=REVEAL_S + 1)
    yield "challenged in vain", _game(court, input_, right, 4, honest, later_s=CLOCK_S + 1, vain=True)


def _game(
    court: Court, input_: bytes, output: bytes, lane: int, *watchers: Watcher, later_s: int = 0, vain: bool = False
) -> dict[str, Any]:
    request = court.answered(input_, output, lane=lane)
    if vain:
        challenge(court, request)
    court.play(*watchers)
    if later_s:
        court.later(later_s)
        court.play(*watchers)
    found = court.disputes.games(court.disputes.covers())
    (game,) = [each for each in found if each.request_id == request]
    call = court.world.client.rpc.call
    used = [int(call("eth_getTransactionReceipt", move.tx_hash)["gasUsed"], 16) for move in game.moves]
    moves = [[move.name, gas] for move, gas in zip(game.moves, used, strict=True)]
    return {"moves": moves, "transactions": len(moves), "gas": sum(used)}


def main() -> int:
    found, coded = json.loads(RESULTS.read_text()) | {"gas": measure()}, measure_code()
    for model, games in ((SELFTEST.name, found["gas"]), (coded["model"], coded["gas"])):
        for name, game in games.items():
            print(f"{model:14} {name:20} {game['gas']:9,} gas in {game['transactions']:2} transactions")
    RESULTS.write_text(json.dumps(found, indent=2) + "\n")
    GAMES.write_text(json.dumps(coded, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
