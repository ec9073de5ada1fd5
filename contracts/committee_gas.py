"""What a committee adds to a request and its answer, measured as in `gas.py`: both grants, paid, royalty, warm."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from web3.contract import Contract
from web3.logs import DISCARD
from web3.types import TxReceipt

from contracts.order_gas import signed_order
from themis.core import merkle
from themis.core.types import Hash32, Role, UseClass

if TYPE_CHECKING:
    from contracts.bench import Bench, Gas

STAKE_WEI: Final = 10**18
WINDOW_S: Final = 600
ROYALTY_BPS: Final = 1_000
NOBODY: Final = "0x" + "00" * 20
CALLBACK_GAS: Final = 60_000
BATCH: Final = 8
FEE: Final = 10**15
INPUT: Final = bytes(range(1, 65))
OUTPUT: Final = bytes(range(1, 33))

_TYPES: Final = {
    "Result": (("bytes32", "request"), ("bytes32", "resultHash")),
    "Results": (("bytes32", "root"),),
    "Commitment": (("bytes32", "request"), ("bytes32", "commitment")),
    "Offer": (
        ("bytes32", "modelId"),
        ("address", "token"),
        ("bool", "serving"),
        ("uint96", "minFee"),
        ("uint32", "maxCallbackGas"),
        ("uint256", "nonce"),
    ),
}

Send = Callable[..., TxReceipt]


def _full(receipt: TxReceipt, *chance: Any) -> int:
    """Gas used, as if no byte of ids, hashes and signatures, which follow from the clock, were zero: 12 each."""
    return receipt["gasUsed"] + 12 * sum(_zeros(each) for each in chance)


def _zeros(given: Any) -> int:
    return given.count(0) if isinstance(given, bytes) else sum(map(_zeros, given))


class Committee:
    """One that serves a licensed model, with members whose keys are known."""

    def __init__(self, bench: "Bench", send: Send, contract: Contract, members: Sequence[LocalAccount]) -> None:
        self.bench, self.send, self.contract = bench, send, contract
        self.members = sorted(members, key=lambda member: member.address.lower())

    def signed(self, type_: str, threshold: int, *values: Any) -> list[tuple[bytes, bytes]]:
        """Sign with the first members, as the contract takes it: r, and s with v in its top bit."""
        fields = _TYPES[type_]
        domain = {
            "name": "Themis Committee",
            "version": "1",
            "chainId": self.bench.web3.eth.chain_id,
            "verifyingContract": self.contract.address,
        }
        message = {name: value for (_, name), value in zip(fields, values, strict=True)}
        types = {type_: [{"type": kind, "name": name} for kind, name in fields]}
        typed = encode_typed_data(domain_data=domain, message_types=types, message_data=message)
        signatures = (member.sign_message(typed) for member in self.members[:threshold])
        return [(one.r.to_bytes(32), ((one.v - 27) << 255 | one.s).to_bytes(32)) for one in signatures]

    def offer(self, threshold: int, model_id: Hash32) -> int:
        """Serve a model; gas used."""
        values = (model_id, NOBODY, True, 0, CALLBACK_GAS, self.contract.functions.offers().call())
        signatures = self.signed("Offer", threshold, *values)
        return _full(self.send(self.contract.functions.offer(values, signatures), self.bench.requester), signatures)

    def result_hash(self, request: Any) -> tuple[bytes, bytes]:
        """Id, and what an answer with `OUTPUT` commits to."""
        functions = self.bench.oracle.functions
        request_id = functions.idOf(tuple(request.values())).call()
        return request_id, functions.resultHashOf(request_id, request["modelId"], OUTPUT).call()

    def answer(self, threshold: int, request: Any) -> int:
        """Answer by M signatures; gas used."""
        signatures = self.signed("Result", threshold, *self.result_hash(request))
        call = self.contract.functions.answer(tuple(request.values()), OUTPUT, signatures)
        return _full(self.send(call, self.bench.requester), signatures)

    def answer_order(self, threshold: int, model_id: Hash32) -> int:
        """Answer the next order of a lane; gas used."""
        words, requesters = signed_order(self.bench, model_id, 2_000)
        functions = self.bench.oracle.functions
        request_id = functions.idOf(words).call()
        result_hash = functions.resultHashOf(request_id, model_id, OUTPUT).call()
        signatures = self.signed("Result", threshold, request_id, result_hash)
        call = self.contract.functions.answerOrder(words, requesters, OUTPUT, signatures)
        return _full(self.send(call, self.bench.requester), signatures)

    def answer_batch(self, threshold: int, model_id: Hash32) -> int:
        """Ask in lanes from 1,000 on and answer under one root, in a transaction each; gas used by both."""
        bench = self.bench
        deadline_s = bench.web3.eth.get_block("latest")["timestamp"] + 3_600
        asks = [(model_id, bench.operator, UseClass.COMMERCIAL, 1_000 + n, deadline_s, 0) for n in range(BATCH)]
        call = bench.oracle.functions.requestMany(asks, [INPUT] * BATCH, NOBODY, [FEE] * BATCH)
        asked = self.send(call, bench.requester, FEE * BATCH)
        logged = bench.oracle.events.Requested().process_receipt(asked, errors=DISCARD)
        requests = [log["args"]["request"] for log in logged]
        root = merkle.root(b"".join(self.result_hash(request)) for request in requests)
        words = [tuple(request.values()) for request in requests]
        signatures = self.signed("Results", threshold, root)
        call = self.contract.functions.answerMany(words, [OUTPUT] * BATCH, signatures)
        answered = self.send(call, bench.requester)
        assert len(bench.oracle.events.Fulfilled().process_receipt(answered, errors=DISCARD)) == BATCH  # noqa: S101
        return asked["gasUsed"] + _full(answered, signatures)


def committee_paths(bench: "Bench", factory: Contract, abi: list[Any], send: Send, single: "Gas") -> "Gas":
    """Measure committees of 3 and of 5 members; `single` is what one operator's answers cost."""
    gas: Gas = {}
    for threshold, size in ((2, 3), (3, 5)):
        name = f"committee {threshold} of {size}"
        rules = (threshold, ROYALTY_BPS, WINDOW_S, 4 * WINDOW_S, STAKE_WEI, STAKE_WEI // 10)
        create = factory.functions.create(rules, [])
        address = create.call()
        made = send(create, bench.requester)["gasUsed"]
        contract = bench.web3.eth.contract(address=address, abi=abi)
        members: list[LocalAccount] = [Account.from_key(bytes([size, n]) * 16) for n in range(1, size + 1)]
        committee = Committee(replace(bench, operator=address), send, contract, members)
        joined = [_join(committee, member) for member in committee.members]
        model_id = bench.model(0x80 + size, 0b101010_101010)
        offered = committee.offer(threshold, model_id)
        _license(committee, model_id)
        for _ in range(2):  # the second one finds all of it warm
            asked, request = committee.bench.direct(model_id, fee=FEE)
            total = asked + committee.answer(threshold, request)
            batch = committee.answer_batch(threshold, model_id) // BATCH
            order = committee.answer_order(threshold, model_id)
        gas[f"{name}, over a single operator"] = total - single["request + answer, account"]
        results = f"batch of {BATCH}, per result"
        gas[f"{name}, {results}, over a single operator"] = batch - single[results]
        gas[f"{name}, order, over a single operator"] = order - single["order"]
        if size == 3:
            gas |= {"committee, create": made, "committee, join": joined[0], "committee, offer": offered}
            gas |= _pay(committee, threshold, model_id)
            gas |= _round(committee, threshold, model_id)
            gas["committee, slash"] = _slash(committee, request)
    return gas


def _join(committee: Committee, member: LocalAccount) -> int:
    provider: Any = committee.bench.web3.provider
    provider.make_request("anvil_setBalance", [member.address, hex(100 * STAKE_WEI)])
    provider.make_request("anvil_impersonateAccount", [member.address])
    join = committee.contract.functions.join(committee.bench.requester, NOBODY, "https://node.example:8553")
    return committee.send(join, member.address, STAKE_WEI)["gasUsed"]


def _license(committee: Committee, model_id: Hash32) -> None:
    bench = committee.bench
    # what activates needs no license itself; the committee cannot send
    sender = replace(bench, operator=bench.requester)
    sender.activate(bench.grant(bench.requester, Role.REQUESTER, model_id))
    for licensee in (bench.operator, *(member.address for member in committee.members)):
        sender.activate(bench.grant(licensee, Role.OPERATOR, model_id))


def _pay(committee: Committee, threshold: int, model_id: Hash32) -> "Gas":
    functions, requester = committee.contract.functions, committee.bench.requester
    signers = [member.address for member in committee.members[:threshold]]
    claim = functions.claim(NOBODY, [model_id], [signers], requester)
    return {"committee, claim": committee.send(claim, requester)["gasUsed"]}


def _round(committee: Committee, threshold: int, model_id: Hash32) -> "Gas":
    """Measure the fallback: commit by M, reveal, count."""
    bench, functions, send = committee.bench, committee.contract.functions, committee.send
    request = bench.direct(model_id, fee=FEE)[1]
    request_id, result_hash = committee.result_hash(request)
    salt = b"\x77" * 32
    commitments, signatures = [], []
    for index, member in enumerate(committee.members[:threshold]):
        committed = result_hash + salt + bytes(12) + bytes.fromhex(member.address[2:])
        commitments.append(bench.web3.keccak(committed))
        signatures.append(committee.signed("Commitment", threshold, request_id, commitments[-1])[index])
    words = tuple(request.values())
    commit = functions.commit(words, commitments, signatures)
    gas = {"committee, commit 2": _full(send(commit, bench.requester), commitments, signatures)}
    provider: Any = bench.web3.provider
    provider.make_request("evm_increaseTime", [WINDOW_S + 1])
    for member in committee.members[:threshold]:
        reveal = functions.reveal(request_id, member.address, result_hash, salt)
        gas["committee, reveal"] = _full(send(reveal, bench.requester), request_id, result_hash)
    gas["committee, count"] = send(functions.count(words, OUTPUT), bench.requester)["gasUsed"]
    return gas


def _slash(committee: Committee, request: Any) -> int:
    """Two results of one request by one member; gas used."""
    request_id, result_hash = committee.result_hash(request)
    member = committee.members[0].address
    hashes = (result_hash, b"\x99" * 32)
    signatures = [committee.signed("Result", 1, request_id, each)[0] for each in hashes]
    said: list[Any] = [(each, signed, bytes(32), 0, 0, []) for each, signed in zip(hashes, signatures, strict=True)]
    call = committee.contract.functions.slash(tuple(request.values()), member, *said)
    return _full(committee.send(call, committee.bench.requester), hashes, signatures)
