"""A world in which answers are covered: warranty and games on a real chain, guarantors that lie, and watchers."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from tests.homes import SELFTEST, register
from tests.world import FEES, World, _account
from themis.bundles import bundle
from themis.chain import contracts
from themis.chain.abi import Artifact, address
from themis.chain.client import deploy, transact
from themis.chain.contracts import DISPUTE, WARRANTY
from themis.chain.disputes import REFEREES, Cover, Disputes
from themis.chain.outbox import Outbox
from themis.config import EngineConfig
from themis.core import canonical, listing
from themis.core.types import Address, Hash32, Request
from themis.dispute import adaptors
from themis.dispute.answers import inputs_of
from themis.dispute.archive import Archive
from themis.dispute.notebook import Notebook
from themis.dispute.served import Served
from themis.dispute.watching import Hand, Watcher
from themis.exact.referee.proof import AtHand
from themis.keys.keystore import KeystoreSigner
from themis.replay import rerun
from themis.replay.history import Exchange, History, InputOf
from themis.replay.holdings import Holdings
from themis.replay.verdict import Verifier

REVEAL_S: Final = 6 * 3_600
CLOCK_S: Final = 24 * 3_600
WINDOW_S: Final = 7 * 86_400
BOND_WEI: Final = 10**18
CHALLENGE_WEI: Final = 10**17


class Kept(Archive):
    """An archive in which every request has one trace, whatever its run gives."""

    def __init__(self, trace: AtHand) -> None:
        self.trace = trace

    def find(self, request: Hash32) -> AtHand:
        return self.trace

    def make(self, verifier: Verifier, exchange: Exchange) -> AtHand:
        return self.trace


@dataclass(frozen=True, slots=True)
class Court:
    """Contracts, a covered model, and whoever plays."""

    world: World
    model_id: Hash32
    disputes: Disputes
    cover: Cover
    guarantor: KeystoreSigner
    folder: Path
    model: Path
    watchers: list[Watcher] = field(default_factory=list)

    @classmethod
    def build(cls, world: World, folder: Path, model: Path = SELFTEST) -> "Court":
        """The guarantor is account 5; it covers what the world's operator answers with a model."""
        guarantor = KeystoreSigner(_account(world.chain, 5).key)
        warranty = _made(world, WARRANTY, world.client.oracle, world.client.registry)
        judges = [_made(world, Artifact(name)) for name in REFEREES]
        dispute = _made(world, DISPUTE, warranty, judges, REVEAL_S, CLOCK_S)
        disputes = Disputes(world.client, warranty, world.start_block)
        court = _covering(world, disputes, dispute, guarantor, folder, model)
        court.send(guarantor, warranty, WARRANTY.call("bond", guarantor.address), 50 * BOND_WEI)
        return court

    def beside(self, model: Path) -> "Court":
        """The same contracts and people, about another model."""
        made = _covering(self.world, self.disputes, self.cover.dispute, self.guarantor, self.folder, model)
        return replace(made, watchers=self.watchers)

    def send(self, signer: KeystoreSigner, place: Address, data: bytes, value_wei: int = 0) -> Any:
        client = self.world.client
        return transact(client.rpc, client.chain_id, signer, FEES, place, data, value_wei)

    def player(self, index: int) -> KeystoreSigner:
        return KeystoreSigner(_account(self.world.chain, index).key)

    def verifier(self) -> Verifier:
        return self._verifier(lambda *_: None)

    def _verifier(self, input_of: InputOf) -> Verifier:
        client, start = self.world.client, self.world.start_block
        held = Holdings(client, start, (self.model,), self.folder)
        return Verifier(client, History(client, start, input_of), held, rerun.limits_of(EngineConfig()))

    def watcher(
        self,
        signer: KeystoreSigner,
        *,
        urls: Sequence[str] = (),
        archive: Archive | None = None,
        most_bonds_wei: int = 100 * CHALLENGE_WEI,
        dry: bool = False,
    ) -> tuple[Watcher, list[str]]:
        """With all that it says."""
        said: list[str] = []
        home = self.folder / signer.address.hex()
        home.mkdir(exist_ok=True)
        hand = Hand(None if dry else signer, signer.address, FEES, Outbox(home / "outbox"), most_bonds_wei)
        kept = archive or Archive(home / "traces", 2**30)
        served, notebook = Served(urls), Notebook(home / "watch.db")
        verifier = self._verifier(inputs_of(served, notebook))
        made = Watcher(self.disputes, verifier, kept, served, hand, notebook, said.append)
        self.watchers.append(made)
        return made, said

    def play(self, *watchers: Watcher) -> None:
        """Until nothing is due for anybody, in this second and the next."""
        quiet = 0
        while quiet < 2:
            acted = [watcher.step() for watcher in watchers]
            quiet = 0 if any(acted) else quiet + 1
            if quiet:
                self.later(1)

    def close(self) -> None:
        for watcher in self.watchers:
            watcher.served.close()

    def answered(self, input_: bytes, output: bytes, *, lane: int) -> Hash32:
        """A request that the operator answers so."""
        client = self.world.client
        id_ = self.world.ask(self.model_id, input_, lane=lane, window_s=3_600)
        (log,) = client.logs("Requested", self.world.start_block, id_)
        words = canonical.request_words(contracts.decode_request(log.values["request"]))
        client.transact(self.world.operator, FEES, "fulfill", words, output, 0)
        return id_

    def ordered(self, inputs: Sequence[bytes], outputs: Sequence[bytes], *, lane: int) -> Request:
        """An order for a list, or for one input, that the operator answers so; the requester has paid in advance."""
        many = len(inputs) > 1
        order = self.world.order(
            self.model_id, listing.pack(inputs) if many else inputs[0], lane=lane, items=len(inputs) if many else 0
        )
        answer = listing.result_root(inputs, outputs) if many else outputs[0]
        words, signature = canonical.request_words(order), self.world.signed(order)
        self.world.client.transact(self.world.operator, FEES, "fulfillOrder", words, signature, answer, 0)
        return order

    def balance_wei(self, account: Address) -> int:
        return int(self.world.client.rpc.call("eth_getBalance", "0x" + account.hex(), "latest"), 16)

    def later(self, seconds: int) -> None:
        self.world.chain.rpc("evm_increaseTime", seconds)
        self.world.chain.rpc("evm_mine")


def _made(world: World, artifact: Artifact, *arguments: Any) -> Address:
    deployer = KeystoreSigner(_account(world.chain, 4).key)
    receipt = deploy(world.client.rpc, world.chain.chain_id, deployer, FEES, artifact, *arguments)
    return address(receipt["contractAddress"])


def _covering(  # noqa: PLR0917 (a court has that many parts)
    world: World, disputes: Disputes, dispute: Address, guarantor: KeystoreSigner, folder: Path, model: Path
) -> Court:
    model_id, loaded = register(world, model), bundle.load(model)
    world.license(model_id)
    cover = Cover(
        guarantor.address,
        world.operator.address,
        model_id,
        loaded.program_root,
        loaded.weights_root,
        dispute,
        _made(world, Artifact(adaptors.KNOWN[loaded.manifest.preprocessing].contract)),
        BOND_WEI,
        CHALLENGE_WEI,
        WINDOW_S,
    )
    court = Court(world, model_id, disputes, cover, guarantor, folder, model)
    court.send(guarantor, disputes.warranty, WARRANTY.call("cover", cover, loaded.manifest_hash))
    return court
