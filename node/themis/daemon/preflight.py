"""Preflight: everything a node needs, each with what to do where it is not right. What passes is what `run` runs on."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from themis.bundles import bundle
from themis.bundles.bundle import Bundle
from themis.chain import client, fitness, gas
from themis.chain.client import ContractDenied, OracleClient
from themis.chain.heads import Heads
from themis.chain.rpc import Rpc, redacted
from themis.chain.uses import Uses
from themis.config import Config, ModelConfig
from themis.core.committee import Forum
from themis.core.errors import Misconfigured, ThemisError, Unavailable
from themis.core.fees import LOW_BALANCE_ANSWERS, answers_paid, usual_gas
from themis.core.keccak import keccak
from themis.core.pricing import Rule, default_rule
from themis.core.requesters import in_words
from themis.core.spelling import ether, gwei, shown
from themis.core.types import ETHER, Address, Hash32
from themis.daemon import membership
from themis.engine.afar import Machines
from themis.engine.engine import OnnxEngine
from themis.keys import opened
from themis.licensing.licenses import Licenses
from themis.optimize import inforce
from themis.optimize.inforce import InForce
from themis.ports import Signer
from themis.replay.rerun import limits_of
from themis.store import upkeep
from themis.store.location import is_there
from themis.store.store import SqlStore

_LOOKS: Final = 5
_LOOK_AGAIN_S: Final = 1

log = logging.getLogger(__name__)


UNKNOWN_GENESIS: Final = Hash32(bytes(32))


class Status(StrEnum):
    OK = "ok"
    WARN = "warn"
    """The node runs, but earns less than it could."""
    FAIL = "fail"
    SKIP = "skip"
    """Not looked at: it stands on something that failed, and would only repeat it."""


class _Advice(ThemisError):  # noqa: N818
    """Something the operator should mend, and can run without."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the preflight: what was looked at, and what to do where it is not right."""

    name: str
    status: Status
    detail: str
    error: ThemisError | None = None


@dataclass(frozen=True, slots=True)
class _Step:
    """One thing to look at, and what must be right before that makes sense."""

    name: str
    look: Callable[[], str]
    needs: tuple[str, ...] = ()


@dataclass(slots=True)
class Preflight:
    """Runs the checks; afterwards holds what they opened. `signer` and `engine` are set when nothing failed."""

    home: Path
    config: Config
    rpc: Rpc = field(init=False)
    signer: Signer | None = None
    engine: OnnxEngine | None = None
    genesis: Hash32 = UNKNOWN_GENESIS
    """Hash of block 0, unless the endpoint does not keep it."""
    signers: int = 0
    """Members of the committee who must sign the same; 0: there is none."""
    tuned: InForce = inforce.NOTHING
    _bundles: dict[Hash32, Bundle] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rpc = Rpc(*self.config.chain.urls, quorum=self.config.chain.quorum)

    def checks(self) -> Iterator[Check]:
        """Each check as it is done, to the last one: whoever reads it mends all that is wrong at once.

        What passed and is costly (key, models, engine) is kept when the checks are repeated.
        """
        unmet: set[str] = set()
        for step in self._steps():
            found = self._looked(step, [need for need in step.needs if need in unmet])
            if found.status in {Status.FAIL, Status.SKIP}:
                unmet.add(step.name)
            yield found
        if not unmet & {"key", "oracle", "registered"}:
            for model_id in self._bundles:
                yield self._license(model_id, self._signer().address)
                if self.config.committee.address is not None:
                    yield self._license(model_id, self._operator(), ", the committee's")
                yield self._offer(model_id)

    def _steps(self) -> tuple[_Step, ...]:
        known = self.config.chain.oracle is not None
        return (
            _Step("key", self._key),
            _Step("chain", self._chain),
            _Step("oracle", self._oracle, ("chain",) if known else ()),
            _Step("store", self._store, ("key",) if known else ("key", "oracle")),
            _Step("balance", self._balance, ("key", "chain")),
            *self._seat(),
            _Step("fees", self._fees, ("chain",)),
            _Step("requesters", self._requesters),
            _Step("models", self._models),
            _Step("registered", self._registered, ("oracle", "models")),
            _Step("engine", self._engine, ("models",)),
            *self._others(),
        )

    def _seat(self) -> tuple[_Step, ...]:
        """Before the fees: they pay for signatures too."""
        alone = self.config.committee.address is None
        return () if alone else (_Step("committee", self._committee, ("key", "chain")),)

    def _others(self) -> tuple[_Step, ...]:
        if self.config.committee.address is None:
            return ()
        return (
            _Step("members", self._members, ("committee", "oracle", "engine")),
            _Step("reachable", self._reachable, ("committee", "oracle")),
        )

    def _looked(self, step: _Step, unmet: list[str]) -> Check:
        if unmet:
            return Check(step.name, Status.SKIP, f"needs {' and '.join(unmet)}")
        try:
            return Check(step.name, Status.OK, step.look())
        except _Advice as advice:
            return Check(step.name, Status.WARN, str(advice))
        except ThemisError as error:
            return Check(step.name, Status.FAIL, str(error), error)

    def account(self) -> tuple[Address, Hash32]:
        """Who signs, and the genesis block of the chain."""
        return self._signer().address, self.genesis

    def client(self) -> OracleClient:
        return OracleClient(self.rpc, self.config.chain.chain_id, self.config.oracle())

    def goldens(self) -> dict[Hash32, Hash32]:
        """By model, the hash of what this machine answers to the golden inputs: the same on all that will agree."""
        return {model_id: self._answers(model_id, loaded) for model_id, loaded in self._bundles.items()}

    def _answers(self, model_id: Hash32, loaded: Bundle) -> Hash32:
        if self.engine is None:
            raise Misconfigured("the engine is not open")
        said = self.engine.infer(model_id, [(golden.input, golden.code) for golden in loaded.golden])
        return Hash32(keccak(b"".join(map(keccak, said))))

    def close(self) -> None:
        """End what the checks opened, where nothing will run on it."""
        if self.engine is not None:
            self.engine.close()

    def _key(self) -> str:
        key = self.config.key
        if self.signer is None:
            self.signer = opened.opened(self.home, key)
        where = "" if key.signer_url is None else f", signed for by {key.signer} at {redacted(key.signer_url)}"
        return f"{shown(self.signer.address)}{where}"

    def _chain(self) -> str:
        chain = self.config.chain
        wrong = self._wrong_endpoints() if len(chain.urls) > 1 else []
        client.require_chain(self.rpc, chain.chain_id)
        first = self.rpc.call("eth_getBlockByNumber", "0x0", False)  # noqa: FBT003 (the RPC's parameter)
        if first is not None:
            self.genesis = Hash32(bytes.fromhex(first["hash"][2:]))
        good = len(chain.urls) - len(wrong)
        said = f"{good} of {len(chain.urls)} endpoints are good: {'; '.join(wrong)}"
        if wrong and good < chain.quorum:
            raise Unavailable(f"{said}; chain.quorum is {chain.quorum}")
        unheard = "" if chain.ws_url is None else self._unheard(chain.ws_url)
        if wrong or unheard:
            raise _Advice("; ".join(part for part in (said if wrong else "", unheard) if part))
        heard = "" if chain.ws_url is None else ", told of new blocks"
        return f"chain {chain.chain_id}" + (f", {good} endpoints" if good > 1 else "") + heard

    def _unheard(self, ws_url: str) -> str:
        """What is wrong with the WebSocket; empty where nothing is."""
        heads = Heads(ws_url, self.config.chain.chain_id)
        try:
            heads.wait(0)
        except Unavailable as error:
            return f"{error}; without it new blocks are polled for"
        finally:
            heads.close()
        return ""

    def _wrong_endpoints(self) -> list[str]:
        """What is wrong with each of several endpoints."""
        chain = self.config.chain
        for endpoint in self.rpc.endpoints:
            fitness.examine(endpoint, chain.chain_id, chain.oracle)
        return [state.error for state in self.rpc.states() if not state.fit]

    def _oracle(self) -> str:
        oracle = self.client()
        _patiently(lambda: client.require_oracle(oracle))
        return shown(oracle.oracle)

    def _store(self) -> str:
        """A store that exists must be ours, and whole. `check` makes none."""
        place = self.config.store_of(self.home)
        if not is_there(place):
            return "none yet: the first run makes it"
        if isinstance(place, Path) and place.stat().st_size <= upkeep.SMALL_BYTES:
            upkeep.check(place)
        chain_id, operator = self.config.chain.chain_id, self._signer().address
        store = SqlStore(place, chain_id=chain_id, oracle=self.config.oracle(), operator=operator)
        jobs = sum(store.counts().by_state.values())
        store.close()
        return f"{jobs} jobs"

    def _balance(self) -> str:
        signer = self._signer()
        balance_wei = int(self.rpc.call("eth_getBalance", "0x" + signer.address.hex(), "latest"), 16)
        fees = self.config.fees.limits().quote(gas.market(self.rpc))
        answers = answers_paid(balance_wei, fees)
        if answers < LOW_BALANCE_ANSWERS:
            raise _Advice(f"{ether(balance_wei)} pays for about {answers:,} answers: fund {shown(signer.address)}")
        return f"{ether(balance_wei)}, about {answers:,} answers"

    def _fees(self) -> str:
        """What is served for which fee: the first thing an operator should know."""
        config, chain_id = self.config.fees, self.config.chain.chain_id
        pricing, limits = config.pricing(chain_id), config.limits()
        price = limits.price_wei(gas.market(self.rpc))
        spend = config.max_spend_wei_per_day
        cap = "no cap a day" if spend is None else f"at most {ether(spend)} a day"
        if pricing.rule is Rule.FREE:
            said = f"every fee is taken, also none: gas at {gwei(price)} is paid by this node; {cap}"
            if default_rule(chain_id) is Rule.FREE:
                return said
            raise _Advice(f'{said}: set fees.policy = "wait" or "refuse", unless you want to give answers away')
        least = pricing.needed_wei(usual_gas(self.signers), price)
        becomes = "waits for cheaper gas" if pricing.rule is Rule.WAIT else "is refused"
        return f"an answer must earn {ether(least)} and its callback's gas at {gwei(price)}, else it {becomes}; {cap}"

    def _requesters(self) -> str:
        limits = self.config.requesters
        return in_words(len(limits.allow), len(limits.deny), limits.max_per_hour, limits.max_per_day)

    def _models(self) -> str:
        """Load each bundle and recompute its roots."""
        if not self.config.models:
            raise Misconfigured("no model is configured: run `themis models serve PATH MODEL_ID`")
        wrong = []
        for model in self.config.models:
            try:
                if model.model_id not in self._bundles:
                    self._bundles[model.model_id] = bundle.load(self.home / model.path)
            except Misconfigured as error:
                wrong.append(str(error))
        _none(wrong)
        return ", ".join(
            f"{loaded.name} {loaded.version} ({loaded.manifest.exactness})" for loaded in self._bundles.values()
        )

    def _registered(self) -> str:
        """Ask the chain whether the roots are the ones registered under the model's id."""
        _patiently(lambda: _none([said for model in self.config.models if (said := self._misregistered(model))]))
        return f"{len(self._bundles)} models under their ids" if len(self._bundles) > 1 else "under its id"

    def _misregistered(self, model: ModelConfig) -> str:
        (licensor,) = self.client().read("registrantOf", model.model_id)
        if int(licensor, 16) == 0:
            return f"model 0x{model.model_id.hex()} is not registered: correct its model_id in config.toml"
        loaded = self._bundles[model.model_id]
        roots = (loaded.program_root, loaded.weights_root, loaded.manifest_hash)
        (registered,) = self.client().read("modelIdOf", bytes.fromhex(licensor[2:]), *roots)
        if registered != model.model_id:
            return f"{model.path} is not the model registered as 0x{model.model_id.hex()}: fetch the bundle again"
        return ""

    def _engine(self) -> str:
        """Models run as they were tuned here. Where that gives other bits or fails, they run untuned."""
        if self.engine is None:
            self.engine = self._opened_engine()
        if self.config.engine.url is not None:
            return f"golden answers came from {self.config.engine.url}"
        names = ", ".join(self._bundles[model_id].name for model_id in self.tuned.tunings)
        return f"self-test passed, {self.config.engine.threads} thread(s)" + (f"; tuned: {names}" if names else "")

    def _opened_engine(self) -> OnnxEngine:
        threads = self.config.engine.threads
        limits = replace(limits_of(self.config.engine), abreast=self.config.engine.abreast)
        if self.config.engine.url is not None:
            with ExitStack() as opened:
                machines = opened.enter_context(closing(Machines(self.config.engine.url)))
                engine = OnnxEngine(self._bundles, threads, limits=limits, machines=machines)
                opened.pop_all()
                return engine
        self.tuned = inforce.tunings(self.home, self._bundles)
        try:
            return OnnxEngine(self._bundles, threads, self.tuned.tunings, limits=limits)
        except Misconfigured as error:
            if not self.tuned.tunings:
                raise
            log.warning("models run untuned: %s", error)
            self.tuned = inforce.NOTHING
            return OnnxEngine(self._bundles, threads, limits=limits)

    def _committee(self) -> str:
        """Whether this key's signature counts."""
        assembly, said = membership.seat(self.rpc, self._operator(), self._signer())
        self.signers = assembly.quorum
        return said

    def _members(self) -> str:
        """Whether the others can be reached, and are like this node."""
        operator, signer = self._operator(), self._signer()
        assembly, _ = membership.seat(self.rpc, operator, signer)
        forum = Forum(self.config.chain.chain_id, operator)
        wrong = membership.others(assembly, forum, signer, self.config.oracle(), self.goldens())
        if wrong:
            raise _Advice("; ".join(wrong))
        return f"{len(assembly.seats) - 1} others: same answers to the golden inputs, same oracle, clocks together"

    def _reachable(self) -> str:
        """Whether another member can call this one, at the endpoint of its profile."""
        try:
            return membership.called_back(self.rpc, self.config, self._signer())
        except ThemisError as error:  # it calls the others all the same
            raise _Advice(str(error)) from error

    def _operator(self) -> Address:
        """Who is asked: this key, or its committee."""
        return self.config.committee.address or self._signer().address

    def _license(self, model_id: Hash32, account: Address, whose: str = "") -> Check:
        """Whether this operator, or its committee, may be paid for answers now, and until when."""
        name = f"license of {self._bundles[model_id].name}{whose}"
        standing = Uses(self.client()).standing(model_id, account)
        said = standing.explanation
        if said.denial is not None:
            denied = ContractDenied(said.denial)
            return Check(
                name, Status.WARN, f"paid requests are refused: {said.rule}; {denied}. {said.next_step}", denied
            )
        if concern := standing.concern(self.client().now_s()):
            return Check(name, Status.WARN, concern)
        return Check(name, Status.OK, f"paid answers allowed; {said.rule}")

    def _offer(self, model_id: Hash32) -> Check:
        name = f"offer of {self._bundles[model_id].name}"
        offers = self._licenses().offers(model_id, self._operator())
        if not offers:
            return Check(name, Status.WARN, f"nobody can ask: run `{self._serve_with()}`")
        said = (
            f"at least {_amount(offer.min_fee, offer.token)}, callbacks up to {offer.max_callback_gas:,} gas"
            for offer in offers
        )
        return Check(name, Status.OK, "; ".join(said))

    def _serve_with(self) -> str:
        alone = self.config.committee.address is None
        return "themis models serve PATH MODEL_ID" if alone else "themis committee offer MODEL_ID"

    def _licenses(self) -> Licenses:
        return Licenses(self.client(), self.config.chain.start_block)

    def _signer(self) -> Signer:
        if self.signer is None:
            raise Misconfigured("the key is not unlocked")
        return self.signer


def _none(wrong: list[str]) -> None:
    """Raises Misconfigured with all of them."""
    if wrong:
        raise Misconfigured("; ".join(wrong))


def _patiently(look: Callable[[], None]) -> None:
    """What is absent is believed only after some looks: a backend may lag, or a chain may just be set up."""
    for left in reversed(range(_LOOKS)):
        try:
            look()
        except Misconfigured:
            if left == 0:
                raise
            time.sleep(_LOOK_AGAIN_S)
        else:
            return


def _amount(smallest: int, token: Address) -> str:
    return ether(smallest) if token == ETHER else f"{smallest} of token {shown(token)}"
