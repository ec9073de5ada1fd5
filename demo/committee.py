"""`python -m demo --nodes 3`: three nodes answer together; one lies, one is killed, the answers are right."""

import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from demo import chains, report
from demo.actors import Actor, at_once
from demo.members import Member, addresses
from demo.patience import until
from demo.stage import ALLOWANCE_WEI, FEE_WEI, MODEL, MODEL_PATH, POLICY, TERMS
from demo.transcript import Transcript, ether, percent, short
from demo.wallet import Wallet
from demo.witness import check
from themis import config
from themis.chain.abi import Artifact
from themis.chain.contracts import COMMITTEE
from themis.chain.rpc import Rpc
from themis.committee.gate import Numbers
from themis.committee.post import Post
from themis.committee.wire import Told
from themis.core import committee
from themis.core.assembly import Seat
from themis.core.committee import RESULT_TYPE, Forum, Result
from themis.core.types import Address, Hash32
from themis.daemon.clock import SystemClock
from themis.keys import opened
from themis.keys.keystore import KeystoreSigner
from themis.store.store import SqlStore

THRESHOLD: Final = 2
STAKE_WEI: Final = 10 * 10**18
RISKY: Final = "EthVault"
LOCK_S: Final = 7 * 86_400
HIGH_BPS: Final = 9_000
NAMES: Final = ("Ada", "Bo", "Cy")
"""Cy's node lies."""


@dataclass(slots=True)
class Outcome:
    """What happened: the demo's JSON line."""

    committee: str = ""
    model_id: str = ""
    request_ids: list[str] = field(default_factory=list)
    reentrancy_bps: list[int] = field(default_factory=list)
    signers: list[list[str]] = field(default_factory=list)
    latency_ms: list[int] = field(default_factory=list)
    outvoted: str = ""
    slashed: dict[str, Any] = field(default_factory=dict)
    committee_after: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scene:
    """Who is there, and about which contract is asked."""

    members: list[Member]
    requester: Actor
    model_id: str
    committee: str
    target: Address
    forum: Forum
    rpc: Rpc


def tell(out: Transcript) -> dict[str, Any]:
    """Play the story on a fresh Anvil. Raises ThemisError at the first thing that does not happen."""
    outcome = Outcome()
    with tempfile.TemporaryDirectory(prefix="themis-demo-") as homes, chains.start() as chain:
        scene = _set_up(chain, Path(homes), out)
        outcome.committee, outcome.model_id = scene.committee, scene.model_id
        with _running(scene, out):
            _agree(scene, outcome, out)
            _be_killed(scene, outcome, out)
            _equivocate(scene, outcome, out)
    return asdict(outcome)


def _set_up(chain: chains.RunningChain, homes: Path, out: Transcript) -> Scene:
    out.act(f"A chain ({chain.kind}), a licensor, somebody who asks, and three operators who do not trust each other")
    rpc = Rpc(chain.rpc_url)
    licensor, requester, *operators = (Actor(name, homes / name) for name in ("licensor", "requester", *NAMES))
    people = (licensor, requester, *operators)
    accounts = at_once(*(person.make_key for person in people))
    faucet = Wallet(rpc, chain.chain_id, KeystoreSigner(bytes.fromhex(chain.accounts[0].private_key[2:])))
    for account in accounts:
        faucet.send(account, b"", ALLOWANCE_WEI)
    licensor.themis("init", "--rpc-url", chain.rpc_url)
    deployed = licensor.themis_json("deploy")
    joined = ("--oracle", deployed["oracle"], "--start-block", str(deployed["start_block"]))
    at_once(*(partial(person.themis, "init", "--rpc-url", chain.rpc_url, *joined) for person in people[1:]))
    members = [Member(actor, account) for actor, account in zip(operators, accounts[2:], strict=True)]
    members[-1].honest = False
    target = Wallet(rpc, chain.chain_id, faucet.signer).create(Artifact(RISKY), LOCK_S)
    for member in members:
        out.say(f"{member.actor.name:<4} {short(member.address)}, with {ether(ALLOWANCE_WEI)}")

    out.act(f"They make a committee: {THRESHOLD} of {len(members)} must agree, each with {ether(STAKE_WEI)} at stake")
    rules = ("--threshold", str(THRESHOLD), "--stake-wei", str(STAKE_WEI))
    place = members[0].themis_json("committee", "create", *rules)["committee"]
    at_once(*(partial(m.themis_json, "committee", "join", place, "--endpoint", m.url) for m in members))
    out.say(f"its rules make its address: {short(_bytes(place))}; a contract that asks it instead of one operator")
    out.say("changes one address, and nothing else")
    model_id = _license(licensor, [place, *addresses(members)], out)
    _offer(members, model_id)
    forum = Forum(chain.chain_id, Address(_bytes(place)))
    return Scene(members, requester, model_id, place, target, forum, rpc)


def _license(licensor: Actor, operators: list[str], out: Transcript) -> str:
    model_id: str = licensor.themis_json("models", "register", str(MODEL_PATH))["model_id"]
    terms = ("--terms", str(TERMS), "--requester", POLICY, "--operator", POLICY, "--attribution", f"Built with {MODEL}")
    licensor.themis("license", "publish", model_id, *terms)
    for account in operators:
        grant = ("--role", "operator", "--class", "commercial", "--days", "30", "--royalty-bps", "0")
        licensor.themis("license", "grant", model_id, account, *grant)
    out.say(f"the licensor of {MODEL} authorizes the committee, and each of its members")
    return model_id


def _offer(members: list[Member], model_id: str) -> None:
    """Two of them sign what the committee asks for; all three serve the model."""
    line = ("committee", "offer", model_id, "--min-fee-wei", "1", "--bundle", str(MODEL_PATH))
    *others, last = members
    first, _ = at_once(*(partial(member.themis_json, *line) for member in (others[0], last)))
    others[1].themis_json(*line, "--signature", first["signature"])


@contextmanager
def _running(scene: Scene, out: Transcript) -> Iterator[None]:
    out.act("Three nodes start; Cy's has one weight of the model changed, and was built to hide it")
    try:
        for member in scene.members:
            member.start()
        for member in scene.members:
            member.node.wait_ready()
        liar = scene.members[-1]
        for member in scene.members[:-1]:
            _wait_for(member, f"{_hex(liar.address)} answers model")
        out.say("before the first request they compare what they answer to known questions, and the others say:")
        out.say(f"{liar.actor.name}'s node answers otherwise")
        yield
        for member in scene.members:
            member.stop()
    finally:
        for member in scene.members:
            member.end()


def _agree(scene: Scene, outcome: Outcome, out: Transcript) -> None:
    out.act(f"Somebody asks about {RISKY}, which has a reentrancy hole")
    started_s = time.monotonic()
    asked = _ask(scene)
    outcome.latency_ms.append(round((time.monotonic() - started_s) * 1_000))
    _note(scene, outcome, asked, out)
    *honest, liar = scene.members
    _wait_for(honest[0], "is outvoted")
    _wait_for(liar, "do not go on serving")
    outcome.outvoted = _hex(liar.address)
    out.say(f"{liar.actor.name}'s node said that it has none: it is outvoted, and all three logs name it;")
    out.say("it loses nothing for that: being wrong is no proof of a lie")


def _be_killed(scene: Scene, outcome: Outcome, out: Transcript) -> None:
    ada, bo, cy = scene.members
    out.act("Bo is away when the next question comes; Ada and Cy do not agree; then Ada's node is killed (SIGKILL)")
    bo.stop()
    asked = _ask(scene, "--no-wait", "--anew")
    id_ = Hash32(_bytes(asked["request_id"]))
    said = until(lambda: _results(scene, ada, id_), lambda found: len(found) == THRESHOLD, "Ada and Cy to sign")
    check(said[ada.address] != said[cy.address], "they do not agree")
    ada.kill()
    out.say("one signature for each of two answers is not enough for either: nothing is answered, and nothing is lost")
    ada.start()
    bo.start()
    ada.node.wait_ready()
    until(lambda: _signers(scene, id_), bool, "the answer")
    check(_results(scene, ada, id_)[ada.address] == said[ada.address], "Ada stands by what she has signed")
    out.say("both come back: Ada stands by what she has signed, Bo agrees with her, and the answer is there")
    _note(scene, outcome, asked, out)


def _equivocate(scene: Scene, outcome: Outcome, out: Transcript) -> None:
    ada, bo, cy = scene.members
    out.act("Cy signs the right answer of the first request as well, to be paid for it after all")
    id_ = outcome.request_ids[0]
    result_hash = ada.node.get(f"/v1/jobs/{id_}")["result_hash"]
    _send_second(scene, cy, ada, Hash32(_bytes(id_)), Hash32(_bytes(result_hash)))
    told = until(lambda: _slashed(scene), bool, "the nodes to report it")
    check(told["member"].lower() == _hex(cy.address), "the liar is convicted")
    after = ada.themis_json("committee", "show")
    lost = next(each for each in after["members"] if each["member"].lower() == told["member"].lower())
    check(lost["slashed"] and lost["stake_wei"] == "0", "its stake is gone")
    outcome.slashed, outcome.committee_after = told, after
    reporter = next(each.actor.name for each in (ada, bo) if _hex(each.address) == told["reporter"].lower())
    out.say(f"two results of one request, both signed by Cy: {reporter}'s node shows them to the committee's contract")
    out.say(f"by itself, and in transaction {short(_bytes(told['tx_hash']))} Cy's {ether(STAKE_WEI)} are gone:")
    out.say(f"45 % to {reporter}, 5 % to whoever asked, the rest is burnt")


def _send_second(scene: Scene, liar: Member, to: Member, id_: Hash32, result_hash: Hash32) -> None:
    """What no honest node would sign: its store has promised another result."""
    signer = opened.opened(liar.actor.home, config.load(liar.actor.home).key)
    signed = signer.sign_typed(committee.typed(scene.forum, RESULT_TYPE, id_, result_hash))
    result = Result(liar.address, id_, result_hash, Hash32(secrets.token_bytes(32)), signed)
    with closing(Post(scene.forum, signer, Numbers(SystemClock()))) as post:
        reply = post.exchange(Seat(to.address, to.url, signing=True), Told((result,)))
    check(not reply.refused, f"the second result is heard: {reply.refused}")


def _ask(scene: Scene, *more: str) -> Any:
    whom = ("--operator", scene.committee, "--class", "research", "--fee-wei", str(FEE_WEI))
    terms = (*whom, "--bundle", str(MODEL_PATH))
    return scene.requester.themis_json("request", scene.model_id, "--target", _hex(scene.target), *terms, *more)


def _note(scene: Scene, outcome: Outcome, asked: Any, out: Transcript) -> None:
    """Check the answer, and who signed it."""
    ada, id_ = scene.members[0], asked["request_id"]
    signers = _signers(scene, Hash32(_bytes(id_)))
    check(sorted(signers) == sorted(addresses(scene.members[:-1])), f"the honest two signed it, not {signers}")
    job = until(lambda: ada.node.get(f"/v1/jobs/{id_}"), lambda job: job["state"] == "done", "Ada to see the answer")
    score = report.decode(_bytes(job["output"])).scores_bps["reentrancy"]
    check(score > HIGH_BPS, "the answer is right")
    outcome.request_ids.append(id_)
    outcome.signers.append(signers)
    outcome.reentrancy_bps.append(score)
    names = " and ".join(each.actor.name for each in scene.members if _hex(each.address) in signers)
    out.say(f"the answer: reentrancy {percent(score)}, signed by {names}")


def _wait_for(member: Member, words: str) -> None:
    until(lambda: _log(member), lambda log: words in log, f"the node of {member.actor.name} to say: {words}")


def _results(scene: Scene, member: Member, id_: Hash32) -> dict[Address, Result]:
    """The results that a member's node has on disk, its own among them."""
    known = config.load(member.actor.home)
    file, oracle = member.actor.home / config.STORE_FILE, known.oracle()
    with closing(SqlStore(file, chain_id=scene.forum.chain_id, oracle=oracle, operator=member.address)) as store:
        heard = [each.message for each in store.heard(id_)]
    return {each.member: each for each in heard if isinstance(each, Result)}


def _signers(scene: Scene, id_: Hash32) -> list[str]:
    """Who signed the answer, by the committee's own event; nobody, as long as there is none."""
    topics = ["0x" + COMMITTEE.topic("Answered").hex(), _hex(id_)]
    query = {"address": scene.committee.lower(), "topics": topics, "fromBlock": "0x0"}
    raws = scene.rpc.call("eth_getLogs", query)
    logs = (COMMITTEE.log([_bytes(topic) for topic in raw["topics"]], _bytes(raw["data"])) for raw in raws)
    return [signer for log in logs if log is not None for signer in log.values["signers"]]


def _slashed(scene: Scene) -> dict[str, Any]:
    """Who lost its stake, for which two results, and who reported it; empty while nobody has."""
    topics = ["0x" + COMMITTEE.topic("Slashed").hex()]
    raws = scene.rpc.call("eth_getLogs", {"address": scene.committee.lower(), "topics": topics, "fromBlock": "0x0"})
    for raw in raws:
        log = COMMITTEE.log([_bytes(topic) for topic in raw["topics"]], _bytes(raw["data"]))
        if log is not None:
            values = log.values
            results = [_hex(values["resultHash"]), _hex(values["otherHash"])]
            whose = {"member": values["member"], "reporter": values["reporter"]}
            return {**whose, "results": results, "tx_hash": raw["transactionHash"]}
    return {}


def _log(member: Member) -> str:
    return (member.actor.home / "node.log").read_text()


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
