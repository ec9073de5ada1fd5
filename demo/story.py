"""The story Themis exists for: a contract asks, lacks a license, gets one, and acts on the answer."""

import tempfile
import time
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from demo import chains, guard, node, order, report, stage
from demo.actors import at_once
from demo.guard import Guard, Operation
from demo.stage import FEE_WEI, GRANT_DAYS, PRICE_WEI, Stage
from demo.transcript import Transcript, ether, percent, short
from demo.witness import Answer, check
from themis.chain.abi import Artifact
from themis.core.keccak import keccak
from themis.core.types import Address

ROYALTY_BPS: Final = 1_000
DEPOSIT_WEI: Final = 10 * 10**18
LOCK_S: Final = 7 * 86_400
RISKY: Final = "EthVault"
SAFE: Final = "SafeEthVault"


@dataclass(slots=True)
class Outcome:
    """What happened: the demo's JSON line. Gas, blocks and latency are those of the last, warm request."""

    chain: str
    model_id: str
    request_ids: list[str] = field(default_factory=list)
    result_hashes: list[str] = field(default_factory=list)
    results: list[dict[str, Any]] = field(default_factory=list)
    gas_request: int = 0
    gas_fulfill: int = 0
    blocks: int = 0
    latency_ms: int = 0
    refusal: str = ""
    paid_wei: dict[str, int] = field(default_factory=dict)
    node_status: dict[str, Any] = field(default_factory=dict)
    attribution: str = ""
    terms_hash: str = ""
    order: dict[str, Any] = field(default_factory=dict)
    """The same question by an order: its id, output, gas and latency."""

    def add(self, answer: Answer, judged: dict[str, Any], latency_ms: int) -> None:
        """Note one more answer."""
        self.request_ids.append(_hex(answer.id))
        self.result_hashes.append(_hex(answer.result_hash))
        self.results.append(judged)
        self.gas_request, self.gas_fulfill = answer.asked.gas_used, answer.fulfilled.gas_used
        self.blocks = answer.fulfilled.block - answer.asked.block
        self.latency_ms = latency_ms
        self.attribution, self.terms_hash = answer.terms.attribution, _hex(answer.terms.hash)


def tell(kind: chains.Kind, out: Transcript) -> dict[str, Any]:
    """Play the whole story on a fresh chain. Raises ThemisError at the first thing that does not happen."""
    with tempfile.TemporaryDirectory(prefix="themis-demo-") as homes, chains.start(kind) as chain:
        here = stage.set_up(chain, Path(homes), out)
        outcome = Outcome(chain=str(kind), model_id=_hex(here.model_id))
        with node.running(here.operator) as running:
            out.say(f"it starts its node, process {running.pid}")
            dao_guard, operations = _schedule(here, out)
            outcome.refusal = _be_refused(dao_guard, operations[RISKY], out)
            _authorize(here, dao_guard, out)
            running.wait_ready()
            answers = _ask(dao_guard, operations, outcome, out)
            _try_a_clone(here, dao_guard, operations[RISKY], out)
            outcome.order = order.place(here, running, answers[-1], out)
            outcome.paid_wei = _pay_out(here, answers, out)
            outcome.node_status = _inspect(here, running, answers, out)
        return asdict(outcome)


def _schedule(here: Stage, out: Transcript) -> tuple[Guard, dict[str, Operation]]:
    out.act("A DAO schedules two payments in its TimelockController, which asks before it trusts code")
    dao_guard = guard.deploy(here.dao, here.witness, here.model_id, here.operator_address)
    operations = {}
    for name in (RISKY, SAFE):
        vault = Artifact(name)
        target = here.dao.create(vault, LOCK_S)
        operations[name] = dao_guard.schedule(target, DEPOSIT_WEI, vault.call("join"))
        check(not operations[name].flagged, "nothing is flagged yet")
        out.say(f"{ether(DEPOSIT_WEI)} into {name} {short(target)}, in {_days(guard.DELAY_S)}")
    out.say(f"nobody has assessed their code, so both would wait {_days(guard.EXTRA_DELAY_S)} longer")
    return dao_guard, operations


def _be_refused(dao_guard: Guard, operation: Operation, out: Transcript) -> str:
    out.act("The guard asks and is refused on chain: its use is commercial")
    mined, denial = dao_guard.ask_refused(operation, FEE_WEI)
    check(denial.error == "AuthorizationRequired", f"the refusal is AuthorizationRequired, not {denial.error}")
    check(_hex(dao_guard.address) in denial.detail.lower(), "the refusal names the guard")
    out.say(f"transaction {short(mined.hash)} reverts with {denial.error}")
    out.say(f"({denial.detail})")
    out.say(f"so what is missing is a grant: to the guard {short(dao_guard.address)}, as requester, commercial")
    return denial.error


def _authorize(here: Stage, dao_guard: Guard, out: Transcript) -> None:
    out.act("The licensor signs that grant")
    at_once(partial(here.grant, dao_guard.address, "requester", ROYALTY_BPS), here.check_terms)
    out.say(f"valid {GRANT_DAYS} days, royalty {percent(ROYALTY_BPS)} of each fee")


def _ask(dao_guard: Guard, operations: dict[str, Operation], outcome: Outcome, out: Transcript) -> list[Answer]:
    out.act("The same request goes through; the node answers and the guard's callback acts")
    answers: list[Answer] = []
    for name in (RISKY, SAFE, SAFE):
        started_s = time.monotonic()
        answer = dao_guard.witness.answer(dao_guard.ask(operations[name], FEE_WEI))
        latency_ms = round((time.monotonic() - started_s) * 1_000)
        check(answer.request.royalty_bps == ROYALTY_BPS, "the grant's royalty applies")
        check(
            answer.terms.hash == keccak(stage.TERMS.read_bytes()),
            "the result comes under the terms that were published",
        )
        judged = _judge(name, dao_guard, operations[name], answer)
        outcome.add(answer, judged, latency_ms)
        if len(answers) < len(operations):
            out.say(_verdict(judged))
        answers.append(answer)
    out.say(f"each result says: {outcome.attribution}; terms {outcome.terms_hash[:10]}…")
    check(answers[1].output == answers[2].output, "the same question has the same answer")
    cost = f"{outcome.gas_request:,} gas to ask, {outcome.gas_fulfill:,} to answer and call back"
    out.say(f"{SAFE} again, the same answer: {cost}, {outcome.latency_ms} ms, {outcome.blocks} block")
    return answers


def _try_a_clone(here: Stage, dao_guard: Guard, flagged: Operation, out: Transcript) -> None:
    """What is known about code holds for every clone of it: nobody has to ask again, and nobody gets around it."""
    target = here.dao.clone(flagged.target)
    clone = dao_guard.schedule(target, DEPOSIT_WEI, Artifact(RISKY).call("join"))
    check(clone.flagged, "the clone of a flagged contract is flagged")
    out.say(f"a clone of {RISKY} at {short(target)} is refused the short delay as well, unasked")


def _judge(name: str, dao_guard: Guard, before: Operation, answer: Answer) -> dict[str, Any]:
    """Compare what the callback did with what the answer says, and the answer with what is true of the contract."""
    said = report.decode(answer.output)
    (assessed,) = answer.fulfilled.logs(dao_guard.address, guard.GUARD, "Assessed")
    check(assessed.values["scoresBps"] == tuple(said.scores_bps.values()), "the callback has read the answer")
    after = dao_guard.operation(before.id, before.target)
    check(after.flagged == (name == RISKY), f"{name} is judged rightly (its worst score is {said.worst_bps} bps)")
    gained_s = 0 if after.flagged else guard.EXTRA_DELAY_S
    check(before.executable_from_s - after.executable_from_s == gained_s, "only assessed code keeps the short delay")
    facts = {"contract": name, "target": _hex(before.target), "output": _hex(answer.output)}
    return facts | asdict(said) | {"flagged": after.flagged, "eta_s": after.executable_from_s}


def _verdict(judged: dict[str, Any]) -> str:
    scores = judged["scores_bps"]
    worst = max(scores, key=scores.__getitem__)
    saw = f"{worst} {percent(scores[worst])}, code seen {percent(judged['coverage_bps'])}"
    saw += "".join(f", {words}" for words in judged["not_known"])
    if judged["flagged"]:
        return f"{judged['contract']}: {saw}: flagged, waits {_days(guard.EXTRA_DELAY_S)} longer"
    return f"{judged['contract']}: {saw}: not flagged, may run after {_days(guard.DELAY_S)}"


def _pay_out(here: Stage, answers: list[Answer], out: Transcript) -> dict[str, int]:
    out.act("Fee and royalty are withdrawn")
    fees = sum(answer.request.fee for answer in answers) + PRICE_WEI  # the order's, which owes no royalty
    royalties = sum(answer.request.fee * ROYALTY_BPS // 10_000 for answer in answers)
    shares = (
        (here.operator, here.operator_address, fees - royalties),
        (here.licensor, here.licensor_address, royalties),
    )
    owed = here.witness.till_wei(here.model_id, here.operator_address)
    check(owed == (fees - royalties, royalties), "the oracle owes the operator its pay and the licensor its royalty")
    for actor, account, share_wei in shares:
        actor.themis("withdraw")
        gained_wei = here.witness.withdrawn_wei(account, answers[-1].fulfilled.block)
        check(gained_wei == share_wei, f"the {actor.name} is {share_wei} wei richer, its gas aside")
        out.say(f"{ether(share_wei)} to the {actor.name}")
    check(here.witness.balance_wei(here.witness.oracle) == 0, "the oracle keeps nothing")
    out.say("nothing is left in the oracle")
    return {actor.name: share_wei for actor, _, share_wei in shares}


def _inspect(here: Stage, running: node.Node, answers: list[Answer], out: Transcript) -> dict[str, Any]:
    out.act("The node's own account of it, over its API and by `themis status`")
    for answer in answers:
        job = running.settled_job(_hex(answer.id))
        check(job["result_hash"] == _hex(answer.result_hash), "the node knows the answer the chain knows")
        said = (job["attribution"], job["terms_hash"])
        check(said == (answer.terms.attribution, _hex(answer.terms.hash)), "and the terms it comes under")
    status: dict[str, Any] = running.get("/v1/status")
    printed = here.operator.themis_json("status")
    for field_ in ("operator", "oracle", "chain_id", "jobs", "models"):
        check(status[field_] == printed[field_], f"API and command line agree on {field_}")
    check(
        Address(bytes.fromhex(status["operator"][2:])) == here.operator_address,
        "the node has the operator's key",
    )
    counts = ", ".join(f"{count} {state}" for state, count in status["jobs"].items() if count)
    out.say(f"jobs: {counts}; alerts: {', '.join(status['alerts']) or 'none'}")
    return status


def _days(seconds: int) -> str:
    return f"{seconds // guard.DAY_S} days"


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
