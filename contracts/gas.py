"""Measures gas of every path with real transactions on Anvil; writes and checks `snapshots/gas.json`."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.contract import Contract
from web3.exceptions import Web3Exception
from web3.logs import DISCARD

CONTRACTS: Final = Path(__file__).resolve().parent
sys.path[:0] = [str(CONTRACTS.parent), str(CONTRACTS.parent / "node")]

from contracts import forks  # noqa: E402
from contracts.bench import (  # noqa: E402
    ALL_GRANT,
    ALL_OPEN,
    BATCH,
    CALLBACK_GAS,
    ETHER,
    FEE,
    LIST,
    NOTICE_S,
    REQUESTER_GRANT,
    Bench,
    Gas,
    address,
    anvil,
    deploy,
    send,
)
from contracts.committee_gas import committee_paths  # noqa: E402
from contracts.compile import Target, artifact, committed, solc_binary  # noqa: E402
from contracts.order_gas import deposit_paths, order_gas  # noqa: E402
from demo import chains  # noqa: E402
from themis.core.types import Hash32, Role, UseClass  # noqa: E402

SNAPSHOT: Final = CONTRACTS / "snapshots/gas.json"
REFERENCE: Final = "reference: request + fulfill, free, warm"
"""The path that issue 2 compares with other oracles: one request and its answer, grants of both roles."""


def measure(web3: Web3) -> dict[str, Any]:
    """Measure every path once, in an order in which each finds the state it is named after."""
    binary = solc_binary()
    operator, _, requester = (chains.accounts()[index].address for index in (1, 2, 3))
    licensor: LocalAccount = Account.from_key(chains.accounts()[2].private_key)
    registry = deploy(web3, committed("Registry"))
    oracle = deploy(web3, committed("InferenceOracle"), registry.address)
    hashing = artifact(Target("HashingConsumer", "test/support/HashingConsumer.sol"), binary)
    wallet = artifact(Target("OwnedWallet", "test/support/OwnedWallet.sol"), binary)
    token, authorized = (
        deploy(web3, artifact(Target(name, "test/support/Tokens.sol"), binary))
        for name in ("StandardToken", "AuthorizedToken")
    )
    bench = Bench(web3, registry, oracle, licensor, operator, requester)

    gas, model_id = _model_paths(bench)
    arguments = (oracle.address, model_id, operator, UseClass.COMMERCIAL)
    consumer, silent = (deploy(web3, hashing, *arguments, callback_gas) for callback_gas in (CALLBACK_GAS, 0))
    for asker in (consumer, silent):
        bench.activate(bench.grant(asker.address, Role.REQUESTER, model_id))
    gas |= _request_paths(bench, consumer, silent)
    gas["refund"] = bench.refund(bench.through(silent, 1, FEE)[1])
    gas |= _license_paths(bench)
    goals, estimates = _goals(bench, consumer)
    gas |= goals
    gas |= _token_paths(bench, token)
    gas |= deposit_paths(bench, deploy(web3, committed("SignedDeposits"), oracle.address), authorized)
    factory = deploy(web3, committed("CommitteeFactory"), oracle.address)
    gas |= committee_paths(bench, factory, committed("Committee")["abi"], send, gas)
    gas |= _licensor_paths(bench, deploy(web3, wallet, licensor.address), model_id, consumer.address)
    places = {"Registry": registry.address, "InferenceOracle": oracle.address, "Lens": oracle.functions.LENS().call()}
    places |= {"CommitteeFactory": factory.address, "Committee": factory.functions.SHARED().call()}
    size = {name: len(web3.eth.get_code(place)) for name, place in places.items()}
    return {"gas": gas, "estimates": estimates, "size": size}


def _model_paths(bench: Bench) -> tuple[Gas, Hash32]:
    """Registration, terms, offer and the operator's grant of the reference model."""
    gas: Gas = {}
    functions, licensor = bench.registry.functions, bench.licensor.address
    roots = [bytes([n]) * 32 for n in (0x11, 0x22, 0x33)]
    receipt = send(functions.registerModel(*roots, "ipfs://bundle"), licensor)
    gas["registerModel"] = receipt["gasUsed"]
    (registered,) = bench.registry.events.ModelRegistered().process_receipt(receipt, errors=DISCARD)
    model_id = Hash32(bytes(registered["args"]["modelId"]))
    terms = (model_id, b"\x44" * 32, ALL_GRANT, 0, "ipfs://terms", "Built with evm-risk-moe")
    gas["publishTerms, first"] = send(functions.publishTerms(*terms), licensor)["gasUsed"]
    gas["serve"] = send(bench.oracle.functions.serve(model_id, ETHER, 0, CALLBACK_GAS), bench.operator)["gasUsed"]
    first = bench.grant(bench.operator, Role.OPERATOR, model_id)
    gas["activate, EOA"] = bench.activate(first)
    gas["activate, again"] = bench.activate(first)
    gas["activate, renewal"] = bench.activate(replace(first, seq=2, nonce=2))
    return gas, model_id


def _request_paths(bench: Bench, consumer: Contract, silent: Contract) -> Gas:
    gas: Gas = {}
    gas["request, free, fresh lane"], request = bench.through(consumer, 1)
    gas["fulfill, free, first callback"] = bench.answer(request)
    gas["request, free, warm lane"], request = bench.through(consumer, 1)
    gas["fulfill, free, warm"] = bench.answer(request)
    gas[REFERENCE] = gas["request, free, warm lane"] + gas["fulfill, free, warm"]
    gas["request, paid, fresh lane"], request = bench.through(consumer, 2, FEE)
    gas["fulfill, paid with royalty, first credits"] = bench.answer(request)
    gas["request, paid, warm lane"], request = bench.through(consumer, 2, FEE)
    gas["fulfill, paid with royalty, warm"] = bench.answer(request)
    bench.answer(bench.through(silent, 1)[1])
    gas["request, free, warm lane, no callback"], request = bench.through(silent, 1)
    gas["fulfill, free, warm, no callback"] = bench.answer(request)
    collect = bench.oracle.functions.collect(ETHER, bytes(request["modelId"]), bench.operator)
    gas["collect, first credits"] = send(collect, bench.operator)["gasUsed"]
    gas["withdraw"] = send(bench.oracle.functions.withdraw(ETHER, bench.operator), bench.operator)["gasUsed"]
    bench.answer(bench.through(consumer, 2, FEE)[1])
    withdraw = bench.oracle.functions.collectAndWithdraw(
        ETHER, bench.operator, [bytes(request["modelId"])], [bench.operator]
    )
    gas["collectAndWithdraw"] = send(withdraw, bench.operator)["gasUsed"]
    return gas


def _license_paths(bench: Bench) -> Gas:
    """What licenses add: every path is asked by one account in its one warm lane, answered without callback."""
    gas: Gas = {}
    totals: Gas = {}
    policies = {"open": ALL_OPEN, "one": REQUESTER_GRANT, "both": ALL_GRANT}
    models = {name: bench.model(index, policy) for index, (name, policy) in enumerate(policies.items(), 0x50)}
    bench.answer(bench.direct(models["open"])[1])
    parts: dict[str, tuple[int, int]] = {}
    for name, model_id in models.items():
        bench.activate(bench.grant(bench.requester, Role.REQUESTER, model_id))
        bench.activate(bench.grant(bench.operator, Role.OPERATOR, model_id))
        asked, request = bench.direct(model_id)
        parts[name] = asked, bench.answer(request)
        totals[name] = sum(parts[name])
    gas["request + fulfill, free, no callback, policy OPEN"] = totals["open"]
    gas["license check, cached grant of the requester"] = totals["one"] - totals["open"]
    gas["license check, cached grant of the requester, its request alone"] = parts["one"][0] - parts["open"][0]
    gas["license check, cached grant of the operator"] = parts["both"][1] - parts["one"][1]
    gas["license check, cached grants of both"] = totals["both"] - totals["open"]

    cached, request = bench.direct(models["both"])
    bench.answer(request)
    first = bench.grant(bench.requester, Role.REQUESTER, bench.model(0x60, ALL_GRANT))
    bench.activate(bench.grant(bench.operator, Role.OPERATOR, first.model_id))
    used, request = bench.direct(first.model_id, first=first)
    bench.answer(request)
    gas["request with a voucher's first use"] = used
    gas["first use, over the cached path"] = used - cached
    return gas | _metered_paths(bench, cached)


def _metered_paths(bench: Bench, cached: int) -> Gas:
    """Grants that count: what a quota, and all limits together, add to a request."""
    gas: Gas = {}
    model_id = bench.model(0x61, REQUESTER_GRANT)
    market = address(bench.oracle.address)
    metered = replace(bench.grant(bench.requester, Role.REQUESTER, model_id), quota=9, market=market)
    limited = replace(metered, seq=2, daily_rate=9, price_floor=1, pay_to=address(bench.operator), nonce=2)
    bench.activate(metered)
    asked, request = bench.direct(model_id)
    gas["license check, quota"] = asked - cached
    gas["refund, free, quota released"] = bench.refund(request)
    bench.activate(limited)
    bench.answer(bench.direct(model_id, fee=FEE)[1])
    asked, request = bench.direct(model_id, fee=FEE)
    gas["request, paid, every limit"] = asked
    bench.answer(request)
    both = bench.model(0x63, ALL_GRANT)
    payees = (bench.web3.eth.accounts[index] for index in (7, 8))
    for licensee, role in ((bench.requester, Role.REQUESTER), (bench.operator, Role.OPERATOR)):
        grant = replace(bench.grant(licensee, role, both), quota=9, daily_rate=9, market=market)
        bench.activate(replace(grant, pay_to=address(next(payees))))
    gas["fulfill, paid, every limit, first credits"] = bench.answer(bench.direct(both, fee=FEE)[1])
    return gas


def _goals(bench: Bench, consumer: Contract) -> tuple[Gas, dict[str, Gas]]:
    """What PROTOCOL.md has goals for: paid, both grants, royalty, 32 bytes of output; and the same by fork."""
    model_id = bench.model(0x62, ALL_GRANT)
    for licensee, role in ((bench.requester, Role.REQUESTER), (bench.operator, Role.OPERATOR)):
        bench.activate(bench.grant(licensee, role, model_id))
    send(bench.oracle.functions.deposit(ETHER, bench.requester, 9 * FEE), bench.requester, 9 * FEE)
    paths: dict[str, Callable[[], int]] = {
        "request + answer, consumer": lambda: bench.both(bench.through(consumer, 2, FEE)),
        "request + answer, account": lambda: bench.both(bench.direct(model_id, fee=FEE)),
        "order": lambda: order_gas(bench, model_id, 0),
        f"list order of {LIST}, per result": lambda: order_gas(bench, model_id, 0, LIST) // LIST,
        f"batch of {BATCH}, per result": lambda: bench.batch(model_id, BATCH) // BATCH,
    }
    gas: Gas = {}
    estimates: dict[str, Gas] = {fork: {} for fork in forks.FORKS}
    for name, play in paths.items():
        play()  # with the first one lanes and tills are there
        before = bench.web3.eth.block_number
        gas[name] = play()
        number = BATCH if name.startswith("batch") else LIST if name.startswith("list") else 1
        for fork, estimate in forks.estimates(bench.web3, range(before + 1, bench.web3.eth.block_number + 1)).items():
            estimates[fork][name] = estimate // number
    return gas, estimates


def _token_paths(bench: Bench, token: Contract) -> Gas:
    gas: Gas = {}
    oracle = bench.oracle
    model_id = bench.model(0x70, ALL_GRANT, token.address)
    for licensee, role in ((bench.requester, Role.REQUESTER), (bench.operator, Role.OPERATOR)):
        bench.activate(bench.grant(licensee, role, model_id))
    send(token.functions.mint(bench.requester, 10 * FEE), bench.requester)
    send(token.functions.approve(oracle.address, 10 * FEE), bench.requester)
    gas["requestWithToken, first"], request = bench.direct(model_id, token=token.address, fee=FEE)
    gas["fulfill, paid in a token, first credits"] = bench.answer(request)
    gas["requestWithToken"], request = bench.direct(model_id, token=token.address, fee=FEE)
    gas["fulfill, paid in a token"] = bench.answer(request)
    gas["refund, token"] = bench.refund(bench.direct(model_id, token=token.address, fee=FEE)[1])
    send(oracle.functions.collect(token.address, model_id, bench.operator), bench.operator)
    gas["withdraw, token, first"] = send(oracle.functions.withdraw(token.address, bench.operator), bench.operator)[
        "gasUsed"
    ]
    return gas


def _licensor_paths(bench: Bench, wallet: Contract, model_id: Hash32, licensee: str) -> Gas:
    """Asks, answers to them, revocation, and what else is rare."""
    gas: Gas = {}
    functions, licensor = bench.registry.functions, bench.licensor.address
    send(wallet.functions.registerModel(bench.registry.address, b"\x66" * 32), bench.operator)
    of_wallet = Hash32(bytes(functions.modelIdOf(wallet.address, *[b"\x66" * 32] * 3).call()))
    grant = replace(bench.grant(bench.operator, Role.OPERATOR, of_wallet), licensor=address(wallet.address))
    gas["activate, ERC-1271"] = bench.activate(grant)

    ask = functions.requestAuthorization(model_id, Role.REQUESTER, 4, "risk reports for a DAO", "ipfs://who-we-are")
    gas["requestAuthorization"] = send(ask, bench.requester)["gasUsed"]
    refusal = functions.refuseAuthorization(model_id, bench.requester, Role.REQUESTER, "no competitors")
    gas["refuseAuthorization"] = send(refusal, licensor)["gasUsed"]
    gas["delegate"] = send(functions.delegate(bench.operator, allowed=True), bench.requester)["gasUsed"]
    gas["actFor"] = send(functions.actFor(bench.requester), bench.operator)["gasUsed"]

    gas["revoke"] = send(functions.revoke(model_id, licensee, Role.REQUESTER, 9), licensor)["gasUsed"]
    gas["cancel, first of 256 nonces"] = send(functions.cancel(3), licensor)["gasUsed"]
    gas["cancel"] = send(functions.cancel(4), licensor)["gasUsed"]
    gas["raiseEpoch"] = send(functions.raiseEpoch(model_id), licensor)["gasUsed"]
    gas["transferLicensor"] = send(functions.transferLicensor(model_id, bench.operator), licensor)["gasUsed"]
    gas["acceptLicensor"] = send(functions.acceptLicensor(model_id), bench.operator)["gasUsed"]
    later = bench.web3.eth.get_block("latest")["timestamp"] + NOTICE_S + 1_000
    change = (model_id, b"\x55" * 32, ALL_GRANT, later, "ipfs://terms-2", "Built with evm-risk-moe")
    gas["publishTerms, change"] = send(functions.publishTerms(*change), bench.operator)["gasUsed"]
    return gas


def main() -> int:
    """Measure, show what changed, write the snapshot."""
    before = json.loads(SNAPSHOT.read_text()) if SNAPSHOT.exists() else {"gas": {}}
    try:
        with anvil() as web3:
            measured = measure(web3)
    except Web3Exception as error:
        print(f"no measurement: {error}", file=sys.stderr)
        return 1
    for path, gas in measured["gas"].items():
        change = gas - before["gas"].get(path, gas)
        print(f"{gas:>9,}  {change:+6,}  {path}")
    for fork, estimates in measured["estimates"].items():
        for path, gas in estimates.items():
            print(f"{gas:>9,}  {gas / measured['gas'][path]:>5.2f}x  {path}: an estimate for {fork}")
    print(measured["size"])
    SNAPSHOT.write_text(json.dumps(measured, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
