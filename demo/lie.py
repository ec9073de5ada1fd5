"""`python -m demo --lie`: a node serves a model with one truncated expert, and a watcher convicts it on the chain.

Then a liar that is silent, one that shows nothing but what the chain makes it show, and an honest node that a liar
challenges. What every game took is printed beside what it was designed to take, and what opML takes.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from demo import chains, truncated_expert
from demo.actors import THEMIS, Actor, at_once
from demo.patience import until
from demo.programs import ROOT
from demo.stage import ALLOWANCE_WEI
from demo.transcript import Transcript, ether
from demo.wallet import Wallet
from demo.witness import check
from themis.bundles import bundle
from themis.chain import contracts
from themis.chain.client import OracleClient
from themis.chain.contracts import DISPUTE
from themis.chain.disputes import Disputes, Game
from themis.chain.rpc import Rpc
from themis.cli import configfile
from themis.core import canonical
from themis.core.types import Address, Hash32
from themis.engine.traced import traced
from themis.keys.keystore import KeystoreSigner

MODEL: Final = "selftest-moe"
MODEL_PATH: Final = ROOT / "models" / MODEL
POLICY: Final = "personal=open,research=open,commercial=open"
BOND_WEI: Final = 10 * 10**18
CHALLENGE_WEI: Final = 10**18
FEE_WEI: Final = 10**15
SOON_S: Final = "0.2"
NAMES: Final = ("licensor", "requester", "Lil", "Lil's bond", "Hal", "Hal's bond", "Vera")
"""Lil's build has a truncated expert, Hal's none, and Vera watches."""
DESIGNED: Final = {
    "served": "345,000 gas in 3 transactions",
    "silent": "155,000 gas in 2",
    "withheld": "740,000 gas in 11 to 15 for a model of 400 tensors",
}
OPML: Final = "opML: 3,300,000 to 3,600,000 gas in 54 to 60 transactions for its search alone"


@dataclass(slots=True)
class Outcome:
    """What happened: the demo's JSON line."""

    model_id: str = ""
    games: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By kind: request, how it ended, moves, gas."""
    requester_wei: int = 0
    """What the requester got of the first liar's bond, its fee included."""
    earned_wei: int = 0
    """What the honest guarantor got of the lying challenger's bond, less gas."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Who is there, and what they play about."""

    chain: chains.RunningChain
    people: dict[str, Actor]
    accounts: dict[str, Address]
    model_id: str
    disputes: Disputes
    question: bytes
    faucet: Wallet


def tell(out: Transcript) -> dict[str, Any]:
    """Play the story on a fresh Anvil. Raises ThemisError at the first thing that does not happen."""
    outcome = Outcome()
    with tempfile.TemporaryDirectory(prefix="themis-demo-") as homes, chains.start() as chain:
        scene = _set_up(chain, Path(homes), out)
        outcome.model_id = scene.model_id
        with _process(scene, "Lil", "run", lies=True) as lil, _process(scene, "Hal", "run") as hal:
            for node in (lil, hal):
                _wait(node, "ready: ", "a node to get ready")
            _be_convicted(scene, outcome, out)
            _be_silent(scene, outcome, out)
            _withhold(scene, outcome, out)
            _challenge_the_honest(scene, outcome, out)
    _compare(outcome, out)
    return asdict(outcome)


def _set_up(chain: chains.RunningChain, homes: Path, out: Transcript) -> Scene:
    out.act(f"A chain ({chain.kind}), two operators, and money behind their answers")
    rpc = Rpc(chain.rpc_url)
    people = {name: Actor(name, homes / name.replace("'s ", "-")) for name in NAMES}
    accounts = dict(zip(NAMES, at_once(*(person.make_key for person in people.values())), strict=True))
    faucet = Wallet(rpc, chain.chain_id, KeystoreSigner(bytes.fromhex(chain.accounts[0].private_key[2:])))
    for account in accounts.values():
        faucet.send(account, b"", ALLOWANCE_WEI)
    licensor, *others = people.values()
    licensor.themis("init", "--rpc-url", chain.rpc_url)
    deployed = licensor.themis_json("deploy")
    joined = ("--oracle", deployed["oracle"], "--start-block", str(deployed["start_block"]))
    at_once(*(partial(person.themis, "init", "--rpc-url", chain.rpc_url, *joined) for person in others))
    model_id: str = licensor.themis_json("models", "register", str(MODEL_PATH))["model_id"]
    terms = ("--terms", str(MODEL_PATH / "LICENSE"), "--requester", POLICY, "--operator", POLICY)
    licensor.themis("license", "publish", model_id, *terms)
    places = licensor.themis_json("warranty", "deploy")
    for person in others:
        for key, place in places.items():
            configfile.set_address(person.home / "config.toml", "dispute", key, place)
    for name in ("Lil's bond", "Hal's bond", "Vera"):
        shutil.copytree(MODEL_PATH, people[name].home / "models" / MODEL)
    for name in ("Lil", "Hal"):
        people[name].themis("models", "serve", str(MODEL_PATH), model_id, "--min-fee-wei", "1")
        _cover(people[f"{name}'s bond"], accounts[name], model_id)
        out.say(f"{name} serves {MODEL}; {ether(5 * BOND_WEI)} stand behind its answers, {ether(BOND_WEI)} for each")
    out.say("whoever proves one wrong gets 45 %, whoever asked 5 % and its fee, the rest is burnt")
    client = OracleClient(rpc, chain.chain_id, Address(bytes.fromhex(deployed["oracle"][2:])))
    disputes = Disputes(client, Address(bytes.fromhex(places["warranty"][2:])), deployed["start_block"])
    return Scene(chain, people, accounts, model_id, disputes, _question(), faucet)


def _cover(guarantor: Actor, operator: Address, model_id: str) -> None:
    guarantor.themis("warranty", "bond", str(5 * BOND_WEI))
    amounts = ("--bond-wei", str(BOND_WEI), "--challenge-bond-wei", str(CHALLENGE_WEI), "--window-hours", "168")
    guarantor.themis("warranty", "cover", model_id, "--operator", _hex(operator), *amounts)


def _question() -> bytes:
    """One that the truncated build answers otherwise."""
    honest = bundle.load(MODEL_PATH)
    liar = replace(honest, rewritten=truncated_expert.truncated(honest.model))
    return next(golden.input for golden in honest.golden if traced(liar, golden.input, None)[1] != golden.output)


def _be_convicted(scene: Scene, outcome: Outcome, out: Transcript) -> None:
    out.act("Lil's build has one expert whose weights are cut to 3 bits: cheaper, and nearly the same")
    before = _balance(scene, "requester")
    with ExitStack() as stack:
        bond = stack.enter_context(_process(scene, "Lil's bond", "watch", lies=True))
        url = _wait(bond, "served at ", "Lil to serve its traces").split("served at ")[1].split()[0]
        vera = stack.enter_context(_process(scene, "Vera", "watch", urls=(url,)))
        request, paid = _ask(scene, "Lil")
        game = _ended(scene, request)
        _wait(vera, " prove: ", "Vera to prove it")
    check(game.moves[-1].name == "Convicted", "the liar is convicted")
    outcome.requester_wei = _balance(scene, "requester") - before + paid
    check(outcome.requester_wei == BOND_WEI // 20 + FEE_WEI, "the requester gets its share and its fee")
    out.say("Vera runs the answer again, finds it wrong, and challenges it. Lil commits to its run and serves it;")
    out.say("Vera finds the first element that does not follow, and the referee on the chain convicts")
    out.say(f"whoever asked has {ether(outcome.requester_wei)}: its fee back, and its share")
    _note(scene, outcome, "served", game, out)


def _be_silent(scene: Scene, outcome: Outcome, out: Transcript) -> None:
    out.act("The next time Lil says nothing")
    with _process(scene, "Vera", "watch") as vera:
        request, _ = _ask(scene, "Lil")
        _wait(vera, "challenge: ", "Vera to challenge it")
        _later(scene, scene.disputes.reveal_s(_covers(scene)[0].cover.dispute) + 1)
        game = _ended(scene, request)
    check(game.moves[-1].name == "Convicted" and game.moves[-1].values["silent"], "silence is convicted")
    out.say("six hours later anybody may say so: who is silent loses as whoever is convicted")
    _note(scene, outcome, "silent", game, out)


def _withhold(scene: Scene, outcome: Outcome, out: Transcript) -> None:
    out.act("Then Lil shows a root and serves nothing")
    with _process(scene, "Lil's bond", "watch", lies=True), _process(scene, "Vera", "watch"):
        request, _ = _ask(scene, "Lil")
        game = _ended(scene, request)
    check(game.moves[-1].name == "Convicted", "the liar is convicted")
    out.say("Vera asks the chain for what she needs, and each answer is on Lil's clock: tree by tree, down to one leaf")
    _note(scene, outcome, "withheld", game, out)


def _challenge_the_honest(scene: Scene, outcome: Outcome, out: Transcript) -> None:
    out.act("Somebody challenges Hal, whose answers are right")
    covering = next(each for each in _covers(scene) if each.cover.operator == scene.accounts["Hal"])
    with _process(scene, "Hal's bond", "watch") as bond:
        request, _ = _ask(scene, "Hal")
        _challenge(scene, request)
        _wait(bond, "reveal the trace's root", "Hal to reveal its trace")
        before = _balance(scene, "Hal's bond")
        clock_s = int(scene.disputes.read(DISPUTE, covering.cover.dispute, "CLOCK")[0])
        _later(scene, clock_s + 1)
        game = _ended(scene, request)
    check(game.moves[-1].name == "Dismissed", "the honest are not convicted")
    outcome.earned_wei = _balance(scene, "Hal's bond") - before
    check(outcome.earned_wei > CHALLENGE_WEI * 8 // 10, "Hal earns the challenger's bond")
    out.say("there is nothing to prove: a day later the challenger's clock has run out")
    out.say(f"Hal keeps its bond and earns nine tenths of the challenger's: {ether(outcome.earned_wei)} after gas")
    _note(scene, outcome, "challenged in vain", game, out)


def _compare(outcome: Outcome, out: Transcript) -> None:
    out.act("What it took, and what it was designed to take")
    for kind, game in outcome.games.items():
        designed = f"; designed: {DESIGNED[kind]}" if kind in DESIGNED else ""
        out.say(f"{kind}: {game['gas']:,} gas in {game['moves']} transactions{designed}")
    out.say(OPML)


def _note(scene: Scene, outcome: Outcome, kind: str, game: Game, out: Transcript) -> None:
    """The moves of a game, each with its gas."""
    names, total = [], 0
    for move in game.moves:
        receipt = scene.disputes.client.rpc.call("eth_getTransactionReceipt", move.tx_hash)
        gas = int(receipt["gasUsed"], 16)
        total += gas
        names.append(f"{move.name} {gas:,}")
    for first in range(0, len(names), 5):
        out.say(("moves: " if first == 0 else "       ") + ", ".join(names[first : first + 5]))
    said = {"request_id": _hex(game.request_id), "ended": game.moves[-1].name}
    outcome.games[kind] = said | {"moves": len(game.moves), "gas": total}


@contextmanager
def _process(scene: Scene, name: str, command: str, *, lies: bool = False, urls: Sequence[str] = ()) -> Iterator[Path]:
    """A node, or who watches, until the block ends; its log."""
    actor = scene.people[name]
    line = [sys.executable, "-m", "demo.truncated_expert"] if lies else [str(THEMIS)]
    more = ["--poll-s", SOON_S] if command == "watch" else []
    settings = {"THEMIS_API__PORT": "0", "THEMIS_DISPUTE__MAX_BONDS_WEI": str(99 * CHALLENGE_WEI)}
    if urls:
        settings["THEMIS_DISPUTE__OPENINGS_URLS"] = '["' + '","'.join(urls) + '"]'
    path = actor.home / f"{command}.log"
    with path.open("wb") as log:
        process = subprocess.Popen(
            [*line, "--home", str(actor.home), command, *more],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(os.environ) | settings,
        )
    try:
        yield path
    finally:
        process.kill()
        process.wait()


def _ask(scene: Scene, operator: str) -> tuple[Hash32, int]:
    """Ask, and wait for the answer: the request's id, and what it cost."""
    before = _balance(scene, "requester")
    whom = ("--operator", _hex(scene.accounts[operator]), "--class", "research", "--fee-wei", str(FEE_WEI), "--anew")
    asked = scene.people["requester"].themis_json(
        "request", scene.model_id, "--input-hex", "0x" + scene.question.hex(), *whom
    )
    return Hash32(bytes.fromhex(asked["request_id"][2:])), before - _balance(scene, "requester")


def _challenge(scene: Scene, request: Hash32) -> None:
    """By somebody who only wants to cost Hal its bond."""
    covering = next(each for each in _covers(scene) if each.cover.operator == scene.accounts["Hal"])
    client = scene.disputes.client
    (asked,) = client.logs("Requested", 0, request)
    (answered,) = client.logs("Fulfilled", 0, request)
    words = canonical.request_words(contracts.decode_request(asked.values["request"]))
    data = DISPUTE.call("challenge", covering.cover, words, answered.values["output"])
    mined = scene.faucet.send(covering.cover.dispute, data, CHALLENGE_WEI)
    check(mined.succeeded, "anybody may challenge")


def _covers(scene: Scene) -> list[Any]:
    return list(scene.disputes.covers().values())


def _ended(scene: Scene, request: Hash32) -> Game:
    """The game about an answer, once it has ended."""

    def games() -> list[Game]:
        found = scene.disputes.games(scene.disputes.covers())
        return [game for game in found if game.request_id == request and game.ended]

    return until(games, bool, "the game to end")[0]


def _wait(log: Path, words: str, what: str) -> str:
    """The line of a log that has these words."""

    def line() -> str:
        return next((each for each in log.read_text().splitlines() if words in each), "")

    return until(line, bool, what)


def _later(scene: Scene, seconds: int) -> None:
    scene.chain.rpc("evm_increaseTime", seconds)
    scene.chain.rpc("evm_mine")


def _balance(scene: Scene, name: str) -> int:
    return int(scene.disputes.client.rpc.call("eth_getBalance", _hex(scene.accounts[name]), "latest"), 16)


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
