"""Puts a node together from a home directory."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from themis.chain.committee import RpcCommittee
from themis.chain.heads import Heads
from themis.chain.oracle import RpcChain
from themis.committee.post import Post
from themis.committee.table import Table
from themis.committee.talk import Talk
from themis.config import Config
from themis.core.committee import Forum
from themis.core.errors import Broken, Misconfigured
from themis.core.types import Address
from themis.daemon.agree import Agree
from themis.daemon.clock import SystemClock
from themis.daemon.infer import Infer, InferApart, apart, lane
from themis.daemon.insist import Insist
from themis.daemon.judge import Judge
from themis.daemon.keep import Keep
from themis.daemon.listen import Listen
from themis.daemon.node import Node, Settings
from themis.daemon.orders import Door
from themis.daemon.preflight import Preflight
from themis.daemon.send import Send
from themis.daemon.settle import Settle
from themis.daemon.spread import Spread
from themis.daemon.supervisor import Loop, Supervisor
from themis.daemon.tend import Tend
from themis.daemon.watch import Watch
from themis.engine.engine import OnnxEngine
from themis.store.lock import InstanceLock
from themis.store.store import SqlStore
from themis.telemetry import LOOPS, Telemetry

if TYPE_CHECKING:
    from themis.daemon.traces import Traces


@dataclass(frozen=True, slots=True)
class Running:
    """A node that is ready to run, and what must be kept while it does."""

    node: Node
    engine: OnnxEngine
    supervisor: Supervisor
    preflight: Preflight
    lock: InstanceLock
    traces: "Traces | None"
    """Where a collector hears of requests."""
    door: Door
    """For orders."""
    spread: Spread | None
    """Where the key is a member of a committee."""


def assemble(config: Config, preflight: Preflight, lock: InstanceLock, store: SqlStore) -> Running:
    """Make the loops, on what `lead.taken` gave. `preflight` must have passed."""
    signer, engine = preflight.signer, preflight.engine
    if signer is None or engine is None:
        raise Broken("the preflight did not pass: report this as a bug")
    chain_id, oracle = config.chain.chain_id, config.oracle()
    if preflight.tuned.changes:
        from themis.optimize.guard import Guard  # noqa: PLC0415 (as in `optimize.inforce`)

        Guard(engine, preflight.tuned.changes)
    operator = config.committee.address or signer.address
    own = apart(engine)
    traces = _traces(config, operator)
    node = Node(
        chain=RpcChain(preflight.client(), operator),
        store=store,
        engine=engine,
        signer=signer,
        clock=SystemClock(),
        settings=Settings(
            chain_id=chain_id,
            oracle=oracle,
            start_block=config.chain.start_block,
            confirmations=config.chain.confirmations,
            reread_blocks=config.chain.reread_blocks,
            min_fee_wei=config.fees.min_fee_wei,
            fees=config.fees.limits(),
            pricing=config.fees.pricing(chain_id),
            requesters=config.requesters.limits(),
            max_spend_wei=config.fees.max_spend_wei_per_day,
            gather_s=config.fees.gather_s,
            errand_gas_per_day=config.committee.gas_per_day,
            committee=config.committee.address,
            signers=preflight.signers,
        ),
        telemetry=Telemetry(engine.models(), (*LOOPS, *map(lane, own)), config.fees.pricing(chain_id).token_wei),
        **({"trace": traces.tell} if traces else {}),
    )
    lanes = [Infer(node, info) if info.batched else InferApart(node, info, config.engine.abreast) for info in own]
    tend = Tend(preflight.rpc, chain_id, oracle, node.clock)
    keep = Keep(config.store_of(preflight.home))
    loops: list[Loop] = [watch := Watch(node), Judge(node), Infer(node), *lanes, Send(node), Settle(node), tend, keep]

    def wake() -> None:
        watch.expect()
        supervisor.look()

    door, spread = Door(node), None
    if config.committee.address is not None:
        table = _table(node, config, preflight, config.committee.address)
        talk = Talk(table, Post(table.forum, signer, table.numbers))
        spread = Spread(talk, door)
        loops.append(Agree(node, talk, spread))
        loops.append(Insist(node, table, report=config.committee.report))
    if config.chain.ws_url is not None:
        loops.append(Listen(node, Heads(config.chain.ws_url, chain_id), wake))
    supervisor = Supervisor(node, loops, poll_interval_s=config.chain.poll_interval_s, let_go=engine.close)
    door.loops = supervisor
    if spread is not None:
        spread.table.floor.wake = supervisor.nudge
    return Running(node, engine, supervisor, preflight, lock, traces, door, spread)


def _traces(config: Config, operator: Address) -> "Traces | None":
    """Raises Misconfigured where the extra is missing."""
    if config.traces.url is None:
        return None
    try:
        from themis.daemon.traces import over_http  # noqa: PLC0415 (an extra)
    except ImportError as error:
        raise Misconfigured(f"traces.url needs `pip install 'themis-oracle[otel]'`: {error}") from error
    return over_http(config.traces.url)(chain_id=config.chain.chain_id, oracle=config.oracle(), operator=operator)


def _table(node: Node, config: Config, preflight: Preflight, committee: Address) -> Table:
    return Table(
        forum=Forum(config.chain.chain_id, committee),
        committee=RpcCommittee(preflight.rpc, committee),
        store=node.store,
        signer=node.signer,
        clock=node.clock,
        oracle=config.oracle(),
        goldens=preflight.goldens(),
        turn_s=config.committee.turn_s,
    )
