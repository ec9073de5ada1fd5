"""Measures orders: signed by a requester with a deposit, answered in one transaction; and deposits by signature."""

from dataclasses import replace
from typing import Any

from eth_account import Account
from eth_account.messages import encode_typed_data
from web3 import Web3
from web3.contract import Contract

from contracts.bench import ETHER, FEE, GENESIS_S, INPUT, OUTPUT, Bench, Gas, address, send
from demo import chains
from themis.core.canonical import request_words
from themis.core.deposit import AUTHORIZATION_TYPE, PERMIT_TYPE
from themis.core.eip712 import Domain, typed_data
from themis.core.order import order_typed_data
from themis.core.types import Hash32, Request, UseClass


def order_gas(bench: Bench, model_id: Hash32, lane: int, items: int = 0) -> int:
    """Answer an order that its requester has signed: no callback; gas used."""
    call = bench.oracle.functions.fulfillOrder(*signed_order(bench, model_id, lane, items), OUTPUT, 0)
    return send(call, bench.operator)["gasUsed"]


def signed_order(bench: Bench, model_id: Hash32, lane: int, items: int = 0) -> tuple[tuple[Any, ...], bytes]:
    """The next order of a lane, as contracts take it, and its requester's signature."""
    _, seq, _ = bench.oracle.functions.stateOf(bench.requester, lane).call()
    order = Request(
        requester=address(bench.requester),
        lane=lane,
        seq=seq + 1,
        model_id=model_id,
        input_hash=Hash32(Web3.keccak(INPUT)),
        operator=address(bench.operator),
        token=address(ETHER),
        fee=FEE,
        pay_to=address(ETHER),
        royalty_bps=0,
        terms_version=1,
        use_class=UseClass.COMMERCIAL,
        licensee=address(ETHER),
        grant_seq=0,
        deadline_s=bench.web3.eth.get_block("latest")["timestamp"] + 3_600,
        callback_gas=0,
        items=items,
    )
    signature = _signed(bench, order)
    while 0 in signature + order.deadline_s.to_bytes(4, "big"):  # each such byte would be 12 gas cheaper
        order = replace(order, deadline_s=order.deadline_s + 1)
        signature = _signed(bench, order)
    requester, model, input_hash, operator, *addresses, facts = request_words(order)
    token, fee, pay_to, licensee = addresses
    shown = [Web3.to_checksum_address(each) for each in (requester, operator, token, pay_to, licensee)]
    return (shown[0], model, input_hash, shown[1], shown[2], fee, shown[3], shown[4], facts), signature


def deposit_paths(bench: Bench, desk: Contract, token: Contract) -> Gas:
    """What it takes to pay into a deposit by whom the requester's signature is shown; and to cancel an order."""
    gas: Gas = {}
    owner, until, amount = bench.requester, GENESIS_S + 365 * 86_400, FEE
    send(token.functions.mint(owner, 4 * amount), bench.operator)
    domain = Domain("Standard", "1", bench.web3.eth.chain_id, address(token.address))
    for nonce, path in enumerate(("depositWithPermit, first", "depositWithPermit")):
        words = (address(owner), address(desk.address), amount, nonce, until)
        signature = _split(_sign(typed_data(domain, PERMIT_TYPE, words)))
        call = desk.functions.depositWithPermit(token.address, owner, amount, until, *signature)
        gas[path] = send(call, bench.operator)["gasUsed"]
    random = bytes(range(1, 33))
    authorized = (address(owner), address(desk.address), amount, 0, until, random)
    signature = _split(_sign(typed_data(domain, AUTHORIZATION_TYPE, authorized)))
    call = desk.functions.depositWithAuthorization(token.address, owner, amount, 0, until, random, *signature)
    gas["depositWithAuthorization"] = send(call, bench.operator)["gasUsed"]
    _, seq, _ = bench.oracle.functions.stateOf(owner, 0).call()
    gas["cancelOrder"] = send(bench.oracle.functions.cancelOrder(0, seq + 1), owner)["gasUsed"]
    return gas


def _signed(bench: Bench, order: Request) -> bytes:
    return _sign(order_typed_data(order, bench.web3.eth.chain_id, address(bench.oracle.address)))


def _sign(typed: dict[str, Any]) -> bytes:
    signer = Account.from_key(chains.accounts()[3].private_key)
    return bytes(signer.sign_message(encode_typed_data(full_message=typed)).signature)


def _split(signature: bytes) -> tuple[int, bytes, bytes]:
    """(v, r, s)."""
    return signature[64], signature[:32], signature[32:64]
