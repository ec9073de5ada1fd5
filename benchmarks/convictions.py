"""What convicting costs: `evm-risk-moe` at 619 tokens, a lie at a time, with the packaged contracts on Anvil.

    python -m benchmarks.convictions

Gas of each move, as the chain takes it (EIP-7623's floor for calldata included). The liar serves its trace, is silent,
or shows a root and has to be asked for the rest. The adaptor is not used: what is lied about is in the graph.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
import onnx
from web3 import HTTPProvider, Web3
from web3.contract import Contract
from web3.contract.contract import ContractConstructor, ContractFunction

from benchmarks import traces
from benchmarks.liars import altered
from contracts.compile import REFEREES, committed
from demo import chains
from themis.bundles import bundle
from themis.chain.disputes import Claim
from themis.core.merkle import Tree
from themis.exact import program, trace
from themis.exact.program import WITNESS
from themis.exact.referee import order
from themis.exact.referee.judge import WrongElement
from themis.exact.referee.proof import AtHand, Opening, Prover, opening

ROOT: Final = Path(__file__).resolve().parents[1]
RESULTS: Final = ROOT / "benchmarks/convictions.json"
MODEL: Final = ROOT / "models/evm-risk-moe"
TOKENS: Final = 619
REVEAL_S: Final = 6 * 3_600
CLOCK_S: Final = 86_400
ETHER: Final = "0x" + "00" * 20
BOND: Final = 10**18
CHALLENGE_BOND: Final = BOND // 5
OPEN: Final = 0x0555
LEVELS: Final = 5
ABOVE_HEADERS: Final = 4
ABOVE_LEAVES: Final = 2
NONE: Final[Opening] = (b"", 0, 0, ())
OPML: Final = "3,300,000 to 3,600,000 gas and 54 to 60 transactions for its search alone"

Gas = dict[str, int]


@dataclass(frozen=True, slots=True)
class Table:
    """A chain with an operator whose answers are covered, and a challenger."""

    web3: Web3
    contracts: Mapping[str, Contract]
    cover: tuple[Any, ...]
    lanes: Iterator[int] = field(default_factory=lambda: iter(range(10**6)))

    @property
    def accounts(self) -> list[str]:
        return list(self.web3.eth.accounts)

    def call(self, contract: str, name: str, *arguments: Any) -> Any:
        return self.contracts[contract].functions[name](*arguments)

    def later(self, seconds: int) -> None:
        self.web3.provider.make_request("evm_increaseTime", [seconds])  # type: ignore[arg-type]

    def game(self) -> "Game":
        """An answer that is challenged: its gas is in `moves`."""
        operator, requester, challenger = self.accounts[:3]
        deadline_s = self.web3.eth.get_block("latest")["timestamp"] + 3_600
        ask = (self.cover[2], operator, 0, next(self.lanes), deadline_s, 0)
        asked = send(self.call("InferenceOracle", "request", ask, bytes(range(1, 65))), requester, 10**12)
        (log,) = self.contracts["InferenceOracle"].events.Requested().process_receipt(asked)
        request, output = tuple(log["args"]["request"].values()), bytes(range(1, 33))
        send(self.call("InferenceOracle", "fulfill", request, output, 0), operator)
        challenged = send(self.call("Dispute", "challenge", self.cover, request, output), challenger, CHALLENGE_BOND)
        (said,) = self.contracts["Dispute"].events.Challenged().process_receipt(challenged)
        claim: Any = (self.cover, log["args"]["id"], said["args"]["answer"], request[2], requester, request[5])
        return Game(self, claim, said["args"]["game"], Claim(*claim).hash, [("challenge", challenged["gasUsed"])])


@dataclass(frozen=True, slots=True)
class Game:
    """One game, and what its moves took."""

    table: Table
    claim: tuple[Any, ...]
    id: bytes
    hash: bytes
    """Of the claim."""
    moves: list[tuple[str, int]]

    def move(self, name: str, *arguments: Any) -> None:
        """By the guarantor, the challenger or, where it does not matter, either."""
        who = self.table.accounts[0 if name in ("reveal", "open", "openLeaves") else 2]
        self.moves.append((name, send(self.table.call("Dispute", name, *arguments), who)["gasUsed"]))

    def reveal(self, root: bytes) -> None:
        self.move("reveal", self.claim, self.table.accounts[2], root, bytes(32))

    def prove(self, call: tuple[str, bytes]) -> None:
        """Convicts, or raises."""
        name, whole = call
        self.table.later(1)
        self.move("prove", self.claim, REFEREES.index(name), whole[:4] + whole[100:])

    def search(self, tree: Tree, leaf: int, above: int, header: Opening = NONE) -> None:
        """Ask, from the root down, until a leaf is shown."""
        levels: list[list[bytes]] = tree._levels  # noqa: SLF001 (no one else needs them)
        level = next(number for number, nodes in enumerate(levels) if len(nodes) <= 1 << LEVELS)
        self.move("ask", self.hash, (header, 0, 0, 0, bytes(32), []))
        self.move("open", self.id, len(levels[0]), levels[level])
        while level > above:
            self.move("ask", self.hash, self._place(levels, level, leaf, header))
            first, level = leaf >> level << min(level, LEVELS), max(0, level - LEVELS)
            self.move("open", self.id, 0, levels[level][first : first + (1 << LEVELS)])
        self.move("ask", self.hash, self._place(levels, level, leaf, header))
        first = leaf >> level << level
        self.move("openLeaves", self.id, list(tree.leaves[first : first + (1 << level)]))

    def _place(self, levels: list[list[bytes]], level: int, leaf: int, header: Opening) -> tuple[Any, ...]:
        node, siblings = leaf >> level, []
        for number, nodes in enumerate(levels[level:-1]):
            if (other := node >> number ^ 1) < len(nodes):
                siblings.append(nodes[other])
        return header, len(levels[0]), level, node, levels[level][node], siblings

    @property
    def gas(self) -> int:
        return sum(gas for _, gas in self.moves)


def send(call: ContractFunction | ContractConstructor, sender: str, value: int = 0) -> Any:
    """Send and wait. Raises AssertionError for what reverts."""
    terms: Any = {"from": sender, "value": value, "gas": 16_000_000}
    sent = call.transact(terms)
    receipt = call.w3.eth.wait_for_transaction_receipt(sent)
    assert receipt["status"] == 1, call.abi  # noqa: S101
    return receipt


@contextmanager
def table(roots: tuple[bytes, ...]) -> Iterator[Table]:
    """A model with these roots, served and covered."""
    with chains.start() as chain:
        web3 = Web3(HTTPProvider(chain.rpc_url))
        operator = web3.eth.accounts[0]

        def deploy(name: str, *arguments: Any) -> Contract:
            found = committed(name)
            made = web3.eth.contract(abi=found["abi"], bytecode=found["bytecode"]).constructor(*arguments)
            at: Contract = web3.eth.contract(send(made, operator)["contractAddress"], abi=found["abi"])
            return at

        registry = deploy("Registry")
        oracle = deploy("InferenceOracle", registry.address)
        warranty = deploy("Warranty", oracle.address, registry.address)
        referees = [deploy(name).address for name in REFEREES]
        dispute = deploy("Dispute", warranty.address, referees, REVEAL_S, CLOCK_S)
        adaptor = deploy("BytesAdaptor")
        identity = (*roots[:2], b"\x33" * 32)
        model_id = registry.functions.modelIdOf(operator, *identity).call()
        send(registry.functions.registerModel(*identity, ""), operator)
        send(registry.functions.publishTerms(model_id, b"\x44" * 32, OPEN, 0, "", ""), operator)
        send(oracle.functions.serve(model_id, ETHER, 0, 0), operator)
        send(warranty.functions.bond(operator), operator, 1_000 * BOND)
        judged = (dispute.address, adaptor.address, BOND, CHALLENGE_BOND, 2 * CLOCK_S)
        cover = (operator, operator, model_id, *roots[:2], *judged)
        send(warranty.functions.cover(cover, identity[2]), operator)
        yield Table(web3, {"InferenceOracle": oracle, "Warranty": warranty, "Dispute": dispute}, cover)


def main() -> int:
    model = onnx.load(MODEL / bundle.MODEL)
    graph, rng = program.read(model), np.random.default_rng(11)
    honest = dict(trace.tensors(model, graph, traces.feed(TOKENS)))
    words: dict[str, int] = {}
    for word, array in honest.items():
        inputs = word in graph.inputs or word & 0xFFFFFFFF == WITNESS or array.size == 0
        if not inputs and not (graph.node(word).op == "TopK" and word & 0xFFFFFFFF == order.INDICES):
            words.setdefault(graph.node(word).op, word)
    served, lies = {}, {}
    prover = Prover(model)
    with table(prover.roots(AtHand(honest))) as at:
        first = at.game()  # pays for what only the first game writes
        first.reveal(b"\x01" * 32)
        for op, word in words.items():
            claimed = honest | {word: altered(honest[word], rng)}
            index = tuple(int(place[0]) for place in np.nonzero(np.atleast_1d(claimed[word] != honest[word])))
            lie = AtHand(claimed)
            lies[op] = (lie, prover.call(lie, WrongElement(word, index[: claimed[word].ndim])), word, index)
            game = at.game()
            game.reveal(lie.root)
            game.prove(lies[op][1])
            served[op] = dict(game.moves)
        whole = [op for op, (lie, _, word, _) in lies.items() if len(lie.tree(word).leaves) >= TOKENS]  # a leaf a token
        middle = sorted(whole, key=lambda op: sum(served[op].values()))[len(whole) // 2]
        silent = at.game()
        at.later(REVEAL_S + 1)
        silent.move("timeout", silent.claim, at.accounts[2])
        lie, call, word, index = lies[middle]
        full = at.game()
        full.reveal(lie.root)
        place = sorted(honest).index(word)
        full.search(lie.headers, place, ABOVE_HEADERS)
        leaf = trace.leaf_of(honest[word].dtype, honest[word].shape, index)
        full.search(lie.tree(word), leaf, ABOVE_LEAVES, opening(lie.headers, place))
        full.prove(call)
    totals = {op: sum(moves.values()) for op, moves in served.items()}
    said = {
        "model": MODEL.name,
        "tokens": TOKENS,
        "served": {"median": int(median(totals.values())), "min": min(totals.values()), "max": max(totals.values())},
        "served by operator": totals,
        "silent": dict(silent.moves),
        "withheld": {"operator": middle, "leaves": len(lie.tree(word).leaves), "moves": full.moves},
        "totals": {"silent": silent.gas, "withheld": full.gas, "withheld, moves": len(full.moves)},
    }
    for op, moves in sorted(served.items(), key=lambda each: totals[each[0]]):
        print(f"served, {op:20} {totals[op]:9,} gas: " + ", ".join(f"{name} {gas:,}" for name, gas in moves.items()))
    print(f"silent {silent.gas:,} gas: {silent.moves}")
    print(f"withheld, {middle}: {full.gas:,} gas in {len(full.moves)} moves; opML: {OPML}")
    for name, gas in full.moves:
        print(f"  {name:12} {gas:9,}")
    RESULTS.write_text(json.dumps(said, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
