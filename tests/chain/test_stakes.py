"""Members of a committee lose their stakes for convicted answers that they signed: Anvil, and what is packaged."""

from dataclasses import dataclass
from typing import Any

from eth_account import Account
from web3.contract import Contract
from web3.exceptions import ContractLogicError, Web3RPCError

from benchmarks.convictions import CHALLENGE_BOND, ETHER, REVEAL_S, Table, send, table
from contracts.compile import committed
from themis.chain.disputes import Claim
from themis.core.keccak import keccak

STAKE = 10**18
WINDOW_S = 300
MANIFEST = b"\x33" * 32
INPUT, OUTPUT = bytes(range(1, 65)), bytes(range(1, 33))
NOTHING = (bytes(32), bytes(32))
MEMBERS = sorted((Account.from_key(bytes([n]) * 32) for n in (1, 2, 3)), key=lambda each: int(each.address, 16))


@dataclass(frozen=True, slots=True)
class Answer:
    """What the committee was asked, and what it says to it."""

    at: Table
    committee: Contract
    cover: tuple[Any, ...]
    request: tuple[Any, ...]
    id: bytes
    hash: bytes

    def digest(self) -> bytes:
        signed: bytes = self.committee.functions.hashResult(self.id, self.hash).call()
        return signed

    def convict(self) -> None:
        """By its guarantor's silence."""
        _, requester, challenger = self.at.accounts[:3]
        dispute = self.at.contracts["Dispute"]
        send(dispute.functions.challenge(self.cover, self.request, OUTPUT), challenger, CHALLENGE_BOND)
        self.at.later(REVEAL_S + 1)
        about: Any = (self.cover, self.id, self.hash, self.request[2], requester, self.request[5])
        send(dispute.functions.timeout(Claim(*about), challenger), challenger)

    def takes(self, stakes: Contract, member: Any, said: tuple[bytes, bytes], *batch: Any) -> Any:
        statement = (self.hash, said, *(batch or (bytes(32), 0, 0, [])))
        return stakes.functions.convict(self.cover, self.request, b"", member.address, statement)


def test_who_signed_or_revealed_a_convicted_result_loses_its_stake() -> None:
    with table((b"\x11" * 32, b"\x22" * 32)) as at:
        guarantor, requester, challenger = at.accounts[:3]
        warranty, dispute = at.contracts["Warranty"].address, at.contracts["Dispute"].address
        stakes = made(at, "Stakes", warranty, dispute, [at.cover[6]], guarantor)
        committee = founded(at, stakes.address)
        cover = (guarantor, committee.address, *at.cover[2:])
        send(at.contracts["Warranty"].functions.cover(cover, MANIFEST), guarantor)
        offer = (cover[2], ETHER, True, 0, 0, 0)
        digest = committee.functions.hashOffer(offer).call()
        send(committee.functions.offer(offer, [signature(each, digest) for each in MEMBERS[:2]]), guarantor)

        signed = asked(at, committee, cover, 1)
        said = [signature(each, signed.digest()) for each in MEMBERS[:2]]
        send(committee.functions.answer(signed.request, OUTPUT, said), guarantor)
        assert refused(signed.takes(stakes, MEMBERS[0], said[0])) == "NotConvicted"
        signed.convict()
        assert refused(signed.takes(stakes, MEMBERS[2], said[1])) == "NotSaid"  # another member's
        assert refused(signed.takes(stakes, MEMBERS[2], NOTHING)) == "NotSaid"
        own = made(at, "Stakes", warranty, dispute, [at.cover[6]], ETHER)
        assert refused(signed.takes(own, MEMBERS[0], said[0])) == "OtherCover"
        send(signed.takes(stakes, MEMBERS[0], said[0]), challenger)
        assert refused(signed.takes(stakes, MEMBERS[0], said[0])) == "NotIn"  # once
        owed = [committee.functions.credits(ETHER, whose).call() for whose in (challenger, requester)]
        assert owed == [STAKE * 45 // 100, STAKE * 5 // 100]

        # what was revealed on chain counts as signed, and so does a leaf of a batch
        revealed = asked(at, committee, cover, 2)
        reveal(at, revealed, MEMBERS[1:])
        send(committee.functions.count(revealed.request, OUTPUT), guarantor)
        revealed.convict()
        send(revealed.takes(stakes, MEMBERS[1], NOTHING), challenger)
        beside, leaf = keccak(b"\0" + bytes(64)), keccak(b"\0" + revealed.id + revealed.hash)
        root = keccak(b"\2" + (2).to_bytes(32, "big") + keccak(b"\1" + beside + leaf))
        batch = signature(MEMBERS[2], committee.functions.hashResults(root).call())
        send(revealed.takes(stakes, MEMBERS[2], batch, root, 1, 2, [beside]), challenger)
        assert [committee.functions.memberOf(each.address).call()[0] for each in MEMBERS] == [0, 0, 0]


def asked(at: Table, committee: Contract, cover: tuple[Any, ...], lane: int) -> Answer:
    oracle = at.contracts["InferenceOracle"]
    deadline_s = at.web3.eth.get_block("latest")["timestamp"] + 3_600
    sent = send(
        oracle.functions.request((cover[2], committee.address, 0, lane, deadline_s, 0), INPUT), at.accounts[1], 9
    )
    (log,) = oracle.events.Requested().process_receipt(sent)
    id_ = log["args"]["id"]
    result = oracle.functions.resultHashOf(id_, cover[2], OUTPUT).call()
    return Answer(at, committee, cover, tuple(log["args"]["request"].values()), id_, result)


def reveal(at: Table, answer: Answer, members: list[Any]) -> None:
    """They commit on chain, and reveal."""
    functions, salt = answer.committee.functions, b"\x07" * 32
    sealed = [keccak(answer.hash + salt + bytes(12) + bytes.fromhex(each.address[2:])) for each in members]
    digests = [functions.hashCommitment(answer.id, each).call() for each in sealed]
    said = [signature(*each) for each in zip(members, digests, strict=True)]
    send(functions.commit(answer.request, sealed, said), at.accounts[0])
    at.later(WINDOW_S + 1)
    for member in members:
        send(functions.reveal(answer.id, member.address, answer.hash, salt), at.accounts[0])


def founded(at: Table, slash_by: str) -> Contract:
    """A committee of three that answers by two signatures, each with a stake that `slash_by` may take."""
    factory = made(at, "CommitteeFactory", at.contracts["InferenceOracle"].address)
    rules = (2, 0, WINDOW_S, 14 * 86_400, STAKE, STAKE // 10)
    place = factory.functions.create(rules, []).call()
    send(factory.functions.create(rules, []), at.accounts[0])
    committee: Contract = at.web3.eth.contract(place, abi=committed("Committee")["abi"])
    for member in MEMBERS:
        at.web3.provider.make_request("anvil_setBalance", [member.address, hex(10 * STAKE)])  # type: ignore[arg-type]
        at.web3.provider.make_request("anvil_impersonateAccount", [member.address])  # type: ignore[arg-type]
        send(committee.functions.join(member.address, slash_by, "https://member.example"), member.address, STAKE)
    return committee


def made(at: Table, name: str, *arguments: Any) -> Contract:
    found = committed(name)
    made_of = at.web3.eth.contract(abi=found["abi"], bytecode=found["bytecode"]).constructor(*arguments)
    place: Contract = at.web3.eth.contract(send(made_of, at.accounts[0])["contractAddress"], abi=found["abi"])
    return place


def signature(member: Any, digest: bytes) -> tuple[bytes, bytes]:
    """As EIP-2098 writes it."""
    signed = member.unsafe_sign_hash(digest)
    return signed.r.to_bytes(32, "big"), ((signed.v - 27) << 255 | signed.s).to_bytes(32, "big")


def refused(call: Any) -> str:
    """The name of the error that a call reverts with."""
    try:
        call.call()
    except (ContractLogicError, Web3RPCError) as error:
        data = str(getattr(error, "data", "") or error)
        abis = (each for name in ("Stakes", "Committee") for each in committed(name)["abi"] if each["type"] == "error")
        for each in abis:
            types = ",".join(part["type"] for part in each["inputs"])
            if keccak(f"{each['name']}({types})".encode())[:4].hex() in data:
                return str(each["name"])
        raise
    return "nothing"
