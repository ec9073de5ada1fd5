"""A committee on a real chain: members with stake, an offer that they signed, and a home for each of their nodes."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from demo import chains
from demo.chains import RunningChain
from tests.homes import write_config, write_key
from tests.world import FEES, World
from themis.chain import contracts
from themis.chain.abi import Log, address
from themis.chain.client import deploy, transact
from themis.chain.contracts import COMMITTEE, FACTORY
from themis.committee import parcel
from themis.committee.parcel import Parcel
from themis.core import canonical, committee, listing
from themis.core.committee import OFFER_TYPE, Forum, Offer
from themis.core.types import ETHER, Address, Hash32, Role, UseClass
from themis.keys.keystore import KeystoreSigner

STAKE_WEI: Final = 10**18
RULES: Final = {"maxRoyaltyBps": 1_000, "window": 60, "unbonding": 3_600, "stake": STAKE_WEI, "fine": 10**17}
FIRST_ACCOUNT: Final = 4
"""Members hold this account of the chain and the next ones; the last, that which has deployed what there is."""


@dataclass(frozen=True, slots=True)
class Place:
    """A member, and where its node listens."""

    signer: KeystoreSigner
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@dataclass(frozen=True, slots=True)
class CommitteeWorld:
    """A world whose operator is a committee."""

    world: World
    forum: Forum
    quorum: int
    places: Sequence[Place]

    @classmethod
    def build(cls, chain: RunningChain, quorum: int, size: int, *, unreachable: int = 0) -> "CommitteeWorld":
        """The last ones are `unreachable`: their profiles name no endpoint."""
        world = World.build(chain)
        rpc, chain_id = world.client.rpc, chain.chain_id
        made = deploy(rpc, chain_id, world.licensor, FEES, FACTORY, world.client.oracle)
        rules = (quorum, *RULES.values())
        receipt = transact(
            rpc, chain_id, world.licensor, FEES, address(made["contractAddress"]), FACTORY.call("create", rules, []), 0
        )
        (log,) = receipt["logs"]
        decoded = FACTORY.log([bytes.fromhex(t[2:]) for t in log["topics"]], bytes.fromhex(log["data"][2:]))
        assert decoded is not None
        forum = Forum(chain_id, address(decoded.values["committee"]))
        accounts = (*chain.accounts[FIRST_ACCOUNT:], chain.accounts[0])[:size]
        places = [Place(KeystoreSigner(bytes.fromhex(each.private_key[2:])), chains.free_port()) for each in accounts]
        assert len(places) == size, f"a committee of {len(places)} at most"
        found = cls(world, forum, quorum, places)
        for number, place in enumerate(places):
            endpoint = "" if number >= size - unreachable else place.url
            found.send(place.signer, "join", place.signer.address, ETHER, endpoint, value_wei=STAKE_WEI)
        return found

    def send(self, signer: KeystoreSigner, function: str, *arguments: Any, value_wei: int = 0) -> Any:
        """A transaction to the committee; its receipt."""
        client = self.world.client
        data = COMMITTEE.call(function, *arguments)
        return transact(client.rpc, client.chain_id, signer, FEES, self.forum.committee, data, value_wei)

    def read(self, function: str, *arguments: Any) -> Any:
        """The one value of a view of the committee."""
        call = {"to": "0x" + self.forum.committee.hex(), "data": "0x" + COMMITTEE.call(function, *arguments).hex()}
        said = self.world.client.rpc.call("eth_call", call, "latest")
        (value,) = COMMITTEE.result(function, bytes.fromhex(said[2:]))
        return value

    def license(self, model_id: Hash32, *, requester: bool = True) -> None:
        """Grants for the requester, the committee and each member; and an offer that M members sign."""
        if requester:
            self.world.grant(model_id, self.world.requester.address, Role.REQUESTER)
        self.world.grant(model_id, self.forum.committee, Role.OPERATOR)
        for place in self.places:
            self.world.grant(model_id, place.signer.address, Role.OPERATOR)
        self.offer(model_id, ETHER)

    def offer(self, model_id: Hash32, token: Address) -> None:
        """For at least one of a token's smallest units; M members sign it."""
        offer = Offer(model_id, token, serving=True, min_fee=1, max_callback_gas=1_000_000, nonce=self.read("offers"))
        message = committee.typed(self.forum, OFFER_TYPE, *astuple(offer))
        signers = sorted(self.places[: self.quorum], key=lambda place: place.signer.address)
        signatures = [contracts.compact(place.signer.sign_typed(message)) for place in signers]
        self.send(self.world.requester, "offer", astuple(offer), signatures)

    def ask(
        self, model_id: Hash32, input_: bytes, *, lane: int = 0, fee_wei: int = 10**9, window_s: int = 600
    ) -> Hash32:
        """Ask the committee commercially; the request's id."""
        world = self.world
        ask = (model_id, self.forum.committee, UseClass.COMMERCIAL, lane, world.now_s() + window_s, 0)
        _, logs = world.client.transact(world.requester, FEES, "request", ask, input_, value_wei=fee_wei)
        return Hash32(logs[0].values["id"])

    def order(self, place: Place, model_id: Hash32, inputs: Sequence[bytes], **changes: Any) -> Hash32:
        """Bring one member an order, for a list where there are several inputs; its id."""
        id_, parcel_ = self.parcel(model_id, inputs, **changes)
        httpx.post(f"{place.url}/v1/orders", content=parcel.parcel_bytes(parcel_)).raise_for_status()
        return id_

    def parcel(self, model_id: Hash32, inputs: Sequence[bytes], **changes: Any) -> tuple[Hash32, Parcel]:
        """An order that the requester has signed, for a list where there are several inputs, and its id."""
        world, items = self.world, len(inputs) if len(inputs) > 1 else 0
        input_ = listing.pack(inputs) if items else inputs[0]
        order = world.order(model_id, input_, operator=self.forum.committee, items=items, **changes)
        id_ = canonical.request_id(order, world.client.chain_id, world.client.oracle)
        return id_, Parcel(order, world.signed(order), tuple(inputs))

    def ask_several(self, model_id: Hash32, input_: bytes, lanes: range, *, fee_wei: int = 10**9) -> set[Hash32]:
        """As `ask`, the same in each of these lanes, in one transaction; their ids."""
        world = self.world
        place = (model_id, self.forum.committee, UseClass.COMMERCIAL)
        asks = [(*place, lane, world.now_s() + 600, 0) for lane in lanes]
        many = (asks, [input_] * len(lanes), ETHER, [fee_wei] * len(lanes))
        _, logs = world.client.transact(world.requester, FEES, "requestMany", *many, value_wei=fee_wei * len(lanes))
        return {Hash32(log.values["id"]) for log in logs if log.event == "Requested"}

    def home(self, folder: Path, place: Place, models: Sequence[tuple[Path, Hash32]], *, turn_s: float = 2) -> Path:
        """A home for a member's node."""
        write_key(folder / "keys", place.signer)
        more = ["[committee]", f'address = "0x{self.forum.committee.hex()}"', f"turn_s = {turn_s}"]
        write_config(folder, self.world, models, port=place.port, more=more)
        return folder

    def signers(self, id_: Hash32) -> list[Address]:
        """Who signed the answer, by what the committee has logged in its transaction."""
        ((_, at),) = self.world.client.history(("Fulfilled", "OrderFulfilled"), self.world.start_block, id_)
        logs = self.world.client.rpc.call("eth_getTransactionReceipt", "0x" + at.tx_hash.hex())["logs"]
        found = _read([raw for raw in logs if raw["address"].lower() == "0x" + self.forum.committee.hex()])
        (log,) = [log for log in found if log.event == "AnsweredMany" or log.values.get("id") == id_]
        return [address(text) for text in log.values["signers"]]

    def events(self, event: str, id_: Hash32 | None = None) -> list[Log]:
        """What the committee has logged, of a request where it is given and is the event's first topic."""
        query = {
            "address": "0x" + self.forum.committee.hex(),
            "topics": ["0x" + COMMITTEE.topic(event).hex(), None if id_ is None else "0x" + id_.hex()],
            "fromBlock": hex(self.world.start_block),
        }
        return _read(self.world.client.rpc.call("eth_getLogs", query))


def _read(raws: Sequence[Any]) -> list[Log]:
    """Those of a committee."""
    found = (
        COMMITTEE.log([bytes.fromhex(t[2:]) for t in raw["topics"]], bytes.fromhex(raw["data"][2:])) for raw in raws
    )
    return [log for log in found if log is not None]
