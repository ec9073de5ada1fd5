"""`themis request`: asks a model and waits for the answer."""

import time
from dataclasses import astuple
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from themis.cli import wallet
from themis.cli.fields import IN_ETHER, ClassOption, Json, ModelName, TokenOption
from themis.cli.home import home_of
from themis.cli.license import vouchers
from themis.cli.output import print_record, say
from themis.cli.request import answers, fitting, ordering
from themis.cli.request.inputs import InputFile, InputHex, ListFile, Target, Text, input_bytes, of_list
from themis.cli.request.operator import OWN, OperatorNode
from themis.cli.request.ordering import Wish
from themis.cli.wallet import Done, Wallet
from themis.core.canonical import Grant
from themis.core.errors import Denied, Misconfigured, Unavailable
from themis.core.fees import gross
from themis.core.keccak import keccak
from themis.core.spelling import address, shown
from themis.core.types import ETHER, Address, Fulfilled, Hash32, Request, Role, UseClass

_CODE_REFERENCE: Final = 64
"""Bytes of an input that names a contract and the hash of its code."""

app = typer.Typer(rich_markup_mode=None)


@app.command()
def request(
    context: typer.Context,
    *,
    model: ModelName,
    operator: Annotated[Any, typer.Option(parser=address, metavar="ADDRESS", help="Who shall answer.")],
    use_class: ClassOption,
    target: Target = None,
    text: Text = None,
    input_hex: InputHex = None,
    input_file: InputFile = None,
    items: ListFile = None,
    fee: Annotated[
        int | None,
        typer.Option("--fee-wei", "--fee", min=0, max=2**96 - 1, help="Smallest units; none: the operator's price."),
    ] = None,
    token: TokenOption = IN_ETHER,
    grant: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Put this voucher into force in the same transaction.")
    ] = None,
    deadline_s: Annotated[int, typer.Option(min=1, max=2**32, help="The fee can be refunded after it.")] = 600,
    lane: Annotated[int | None, typer.Option(min=0, max=2**64 - 1, help="Storage lane; none: a free one.")] = None,
    bundle: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The model's bundle: it says what the model reads.")
    ] = None,
    wait: Annotated[bool, typer.Option(help="Wait for the answer.")] = True,
    order: Annotated[
        bool, typer.Option("--order", help="Sign an order, paid from the deposit, and send no transaction.")
    ] = False,
    node: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The operator's node, which takes the order; none: one on this machine."),
    ] = None,
    node_token_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What that node's API asks for, where it asks for a token.")
    ] = None,
    anew: Annotated[
        bool, typer.Option("--anew", help="Ask again, whatever became of the same request before.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Ask a model as this home's key, and wait for the answer.

    Run again after a failure or Ctrl-C, it goes on with the request that was made, and pays nothing. With --order, or
    with --list, nothing is sent but a signed order to the operator's node: `themis account deposit` pays for it.
    """
    from themis.chain.contracts import decode_request

    here = wallet.open_wallet(home_of(context))
    model_id = here.model(model)
    rpc = here.client.rpc
    if items is None:
        inputs = [input_bytes(rpc, target, text, input_hex, input_file)]
    elif (target, text, input_hex, input_file) == (None, None, None, None):
        order, inputs = True, of_list(rpc, items)
    else:
        raise Misconfigured("--list holds all that is asked: give no input beside it")
    (data,) = inputs[:1]
    reads = fitting.of_model(here, home_of(context).path, model_id, bundle)
    if reads is None:
        say("what this model reads is not known here: with --bundle DIR the question is checked before it is paid for")
    else:
        for each in inputs:
            fitting.require(reads, each, is_target=target is not None, is_text=text is not None)
    if order and grant is not None:
        raise Misconfigured("an order puts no voucher into force: `themis license import` does, before it")
    number = len(inputs)
    paid = _least_fee(here, model_id, operator, use_class, token, grant, number) if fee is None else fee
    chosen_lane = answers.free_lane(here.client, here.signer.address) if lane is None else lane
    ask = (model_id, operator, int(use_class), chosen_lane, here.client.now_s() + deadline_s, 0)
    started = time.monotonic()
    asked_for = (model_id, operator, use_class, inputs if order else data, fee, token, grant, lane)
    intent = _intent(here, *asked_for, *((node,) if order else ()))
    if anew:
        here.outbox.done(intent)
    if order:
        listed = items is not None
        wish = Wish(model_id, operator, use_class, inputs, listed, paid, token, deadline_s, chosen_lane)
        door = OperatorNode(
            node or OWN.format(here.config.api.port), None if node_token_file is None else _token(node_token_file)
        )
        print_record(_ordered(here, wish, door, intent, wait=wait, started=started), as_json=as_json)
        return
    done = _ask(here, ask, data, token, paid, grant, intent)
    values = done.values("Requested")
    request_id, asked = Hash32(values["id"]), decode_request(values["request"])
    record = _asked(here, request_id, asked) | done.facts
    if wait:
        say(f"request {shown(request_id)} is in block {record['block']}; waiting (Ctrl-C leaves it open)")
        found = _answer(here, request_id, asked, record["block"], intent)
        record |= _answered(found, started)
        if target is not None and (report := answers.risk_report(found.output)) is not None:
            record["report"] = report
    print_record(record, as_json=as_json)
    here.outbox.done(intent)


def _ordered(here: Wallet, wish: Wish, node: OperatorNode, intent: bytes, *, wait: bool, started: float) -> Any:
    """Ask with an order: what was asked, and what was said."""
    placed = ordering.place(here, wish, node, intent)
    record: dict[str, Any] = _asked(here, placed.id, placed.order)
    if not wait:
        return record
    say(f"order {shown(placed.id)} is taken; waiting (Ctrl-C leaves it with the node)")
    found = ordering.answer(here, placed, node, intent)
    record |= _answered(found, started)
    outputs = ordering.results(placed.id, wish.inputs, found.output, node) if wish.listed else [found.output]
    told = [_result(*pair) for pair in zip(wish.inputs, outputs, strict=True)]
    here.outbox.done(intent)
    return record | ({"results": told} if wish.listed else told[0])


def _result(input_: bytes, output: bytes) -> dict[str, Any]:
    report = answers.risk_report(output) if len(input_) == _CODE_REFERENCE else None
    said: dict[str, Any] = {"input": shown(input_), "output": shown(output)}
    return said if report is None else said | {"report": report}


def _token(file: Path) -> str:
    from themis.keys import keystore

    return keystore.read_private(file, "write the token of the operator's node into it (mode 600)").strip()


def _intent(here: Wallet, *parts: Any) -> bytes:
    """What makes two command lines the same request: all that was asked for, and nothing that the clock decides."""
    return keccak(repr((here.client.chain_id, here.client.oracle, here.signer.address, *map(str, parts))).encode())


def _answer(here: Wallet, request_id: Hash32, asked: Request, block: int, intent: bytes) -> Fulfilled:
    """Wait for it up to the deadline; after that there is nothing to go on with."""
    left_s = max(asked.deadline_s - here.client.now_s(), 0) + ordering.GRACE_S
    nothing = (
        f"request {shown(request_id)} was not answered in time: after its deadline get the fee back with "
        f"`themis refund {shown(request_id)}`"
    )
    try:
        return answers.answer(here.client, request_id, block, left_s, nothing)
    except Unavailable:
        if here.client.now_s() > asked.deadline_s:
            here.outbox.done(intent)
        raise


def _ask(  # noqa: PLR0917 (one request has that many parts)
    here: Wallet, ask: tuple[Any, ...], data: bytes, token: Address, fee: int, grant: Path | None, intent: bytes
) -> Done:
    """Make the request: in a token, with a voucher, or plainly."""
    from themis.chain import token as erc20

    voucher = None if grant is None else _voucher(here, grant, ask[0])
    if token != ETHER and erc20.allow(here.client, here.signer, here.config.fees.limits(), token, fee, here.outbox):
        say(f"the oracle may take {fee} of token {shown(token)} now")
    value_wei = fee if token == ETHER else 0
    if voucher is not None:
        signed = astuple(voucher[0]), voucher[1]
        return here.transact("requestWithGrant", ask, data, token, fee, *signed, value_wei=value_wei, intent=intent)
    if token != ETHER:
        return here.transact("requestWithToken", ask, data, token, fee, intent=intent)
    return here.transact("request", ask, data, value_wei=value_wei, intent=intent)


def _voucher(here: Wallet, file: Path, model_id: Hash32) -> tuple[Grant, bytes]:
    """A grant and its signature. Another's would be put into force too, and lift nothing here."""
    granted, signature = vouchers.read_voucher(file, here.client.chain_id, here.client.registry)
    if (granted.model_id, granted.role) != (model_id, Role.REQUESTER):
        raise Misconfigured(f"{file} is no requester's voucher for this model: `themis license import` takes any")
    return granted, signature


def _least_fee(  # noqa: PLR0917 (all that the price depends on)
    here: Wallet,
    model_id: Hash32,
    operator: Address,
    use_class: UseClass,
    token: Address,
    grant: Path | None,
    number: int,
) -> int:
    """The operator's price for so many inputs, and the royalty of the requester's grant on top."""
    _, min_fee, _ = here.client.read("offerOf", model_id, operator, token)
    min_fee *= number
    if grant is not None:
        return gross(min_fee, _voucher(here, grant, model_id)[0].royalty_bps)
    side = (here.signer.address, int(Role.REQUESTER), int(use_class))
    try:
        version, _ = here.client.read("termsInForce", model_id)
        (royalty_bps,) = here.client.read("checkLicense", model_id, version, *side)
    except Denied:
        return int(min_fee)  # the request says why
    return gross(min_fee, royalty_bps)


def _asked(here: Wallet, request_id: Hash32, asked: Request) -> dict[str, Any]:
    """What was asked, and under which terms the result comes."""
    terms_hash, attribution = here.licenses.attribution(asked.model_id, asked.terms_version)
    return {
        "request_id": shown(request_id),
        "lane": str(asked.lane),
        "token": shown(asked.token),
        "fee": str(asked.fee),
        "royalty_bps": asked.royalty_bps,
        "deadline_s": asked.deadline_s,
        "terms_version": asked.terms_version,
        "terms_hash": shown(terms_hash),
        "attribution": attribution,
    }


def _answered(found: Fulfilled, started: float) -> dict[str, Any]:
    return {
        "output": shown(found.output),
        "result_hash": shown(found.result_hash),
        "answer_tx_hash": shown(found.at.tx_hash),
        "answer_block": found.at.block_number,
        "latency_ms": round((time.monotonic() - started) * 1_000),
    }
