"""Stakes of members of a committee who signed what was convicted: `Stakes.sol` takes one when that is shown."""

from collections.abc import Iterator
from typing import Any, Final

from themis.chain.abi import Artifact, address
from themis.chain.committees import ANSWERS
from themis.chain.contracts import COMMITTEE, decode_request
from themis.chain.disputes import Covering, Disputes
from themis.core import canonical
from themis.core.committee import Leaf, batch
from themis.core.errors import Denied, Misconfigured
from themis.core.spelling import shown
from themis.core.types import ETHER, Address, Hash32
from themis.dispute.answers import Answer
from themis.dispute.playing import Planned

STAKES: Final = Artifact("Stakes")
_ALONE: Final[tuple[Any, ...]] = (bytes(32), 0, 0, ())
"""In no batch."""
_UNSIGNED: Final = (bytes(32), bytes(32))


class Staked:
    """Members of committees whose answers are covered."""

    def __init__(self, disputes: Disputes) -> None:
        self._disputes, self._rpc = disputes, disputes.client.rpc

    def due(self, covering: Covering, answer: Answer) -> Iterator[Planned]:
        """For each member that said the convicted answer and whose stake can still be taken for it.

        None where no committee answered. Raises Misconfigured where what was signed is in no calldata.
        """
        cover, whole = covering.cover, answer.named.whole
        signers = self._signers(cover.operator, "0x" + whole.at.tx_hash.hex())
        if not signers:
            return
        revealed = self._read(cover.operator, "revealedBy", whole.id, whole.result_hash)
        alike: Any = (whole.result_hash, _UNSIGNED, *_ALONE)
        said = dict.fromkeys(map(address, revealed), alike)
        if not said:
            said = dict(zip(signers, self._signed(cover.operator, answer), strict=True))
        for member, statement in said.items():
            if (place := self._taker(cover.operator, member)) is not None:
                words = canonical.request_words(answer.request)
                data = STAKES.call("convict", cover, words, answer.item, member, statement)
                yield Planned(f"take the stake of {shown(member)}, which signed it", place, data)

    def _signers(self, operator: Address, tx_hash: str) -> list[Address]:
        """Of the answers of a transaction; none where the operator is no committee."""
        receipt = self._rpc.call("eth_getTransactionReceipt", tx_hash) or {"logs": ()}
        for raw in receipt["logs"]:
            if address(raw["address"]) != operator:
                continue
            log = COMMITTEE.log([bytes.fromhex(t[2:]) for t in raw["topics"]], bytes.fromhex(raw["data"][2:]))
            if log is not None and log.event in ANSWERS:
                return [address(each) for each in log.values["signers"]]
        return []

    def _signed(self, committee: Address, answer: Answer) -> list[tuple[Any, ...]]:
        """A statement for each signature of the transaction that answered, in its order."""
        whole = answer.named.whole
        sent = self._rpc.call("eth_getTransactionByHash", "0x" + whole.at.tx_hash.hex())
        data = bytes.fromhex(sent["input"][2:])
        if address(sent["to"] or shown(ETHER)) == committee:
            for function in ("answer", "answerOrder"):
                if data[:4] == COMMITTEE.selector(function):
                    signatures = COMMITTEE.arguments(function, data)[-1]
                    return [(whole.result_hash, each, *_ALONE) for each in signatures]
            if data[:4] == COMMITTEE.selector("answerMany"):
                return self._signed_together(data, whole.id)
        raise Misconfigured(
            f"{answer.named.words} was answered through another contract: whoever has what its members signed can call "
            "Stakes.convict"
        )

    def _signed_together(self, data: bytes, id_: Hash32) -> list[tuple[Any, ...]]:
        """As leaves of a batch."""
        words, outputs, signatures = COMMITTEE.arguments("answerMany", data)
        at = self._disputes.client.chain_id, self._disputes.client.oracle
        requests = [decode_request(each) for each in words]
        ids = [canonical.request_id(each, *at) for each in requests]
        pairs = zip(ids, requests, outputs, strict=True)
        hashes = [canonical.result_hash(each, request.model_id, output, *at) for each, request, output in pairs]
        tree, place = batch([Leaf(*each) for each in zip(ids, hashes, strict=True)]), ids.index(id_)
        proof = tree.prove(place)
        return [(hashes[place], each, tree.root, place, proof.count, proof.siblings) for each in signatures]

    def _taker(self, committee: Address, member: Address) -> Address | None:
        """The contract that a member named, where it is one that asks our warranty and something is at stake."""
        stake_wei, _, _, _, slash_by, _ = self._read(committee, "memberOf", member)
        place = address(slash_by)
        if not stake_wei or place == ETHER:
            return None
        try:
            (asks,) = self._disputes.read(STAKES, place, "WARRANTY")
        except (Denied, ValueError):
            return None
        return place if address(asks) == self._disputes.warranty else None

    def _read(self, committee: Address, function: str, *arguments: Any) -> Any:
        (found,) = self._disputes.read(COMMITTEE, committee, function, *arguments)
        return found
