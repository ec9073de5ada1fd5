"""`themis request`: asks a model and waits for the answer."""

import time
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from themis.cli import asking, desk
from themis.cli.arguments import ClassOption, Json, ModelId, address, hex_bytes
from themis.cli.desk import Desk, Done
from themis.cli.home import home_of
from themis.cli.output import print_record, say, shown
from themis.core.types import Address, Fulfilled, Hash32

_GRACE_S: Final = 5
"""How long an answer that was mined at the deadline may take to be seen."""

app = typer.Typer(rich_markup_mode=None)


@app.command()
def request(
    context: typer.Context,
    *,
    model_id: ModelId,
    operator: Annotated[Any, typer.Option(parser=address, metavar="ADDRESS", help="Who shall answer.")],
    use_class: ClassOption,
    target: Annotated[Any, typer.Option(parser=address, metavar="ADDRESS", help="Ask about a contract's code.")] = None,
    input_hex: Annotated[Any, typer.Option(parser=hex_bytes, metavar="HEX", help="Ask about these bytes.")] = None,
    input_file: Annotated[Path | None, typer.Option(help="Ask about the bytes of this file.")] = None,
    fee_wei: Annotated[int | None, typer.Option(min=0, max=2**96 - 1, help="None: the operator's price.")] = None,
    deadline_s: Annotated[int, typer.Option(min=1, max=2**32, help="The fee can be refunded after it.")] = 600,
    lane: Annotated[int | None, typer.Option(min=0, max=2**64 - 1, help="Storage lane; none: a free one.")] = None,
    wait: Annotated[bool, typer.Option(help="Wait for the answer.")] = True,
    as_json: Json = False,
) -> None:
    """Ask a model as this home's key, and wait for the answer."""
    here = desk.open_desk(home_of(context))
    rpc = here.client.rpc
    data = asking.input_bytes(rpc, target, input_hex, input_file)
    fee = _fee(here, model_id, operator, fee_wei)
    chosen_lane = asking.free_lane(here.client, here.signer.address) if lane is None else lane
    deadline = desk.chain_time_s(rpc) + deadline_s
    ask = (model_id, operator, int(use_class), chosen_lane, deadline, 0)
    started = time.monotonic()
    done = here.transact("request", ask, data, value_wei=fee)
    request_id = Hash32(done.values("Requested")["id"])
    record = _asked(request_id, done, fee, chosen_lane, deadline)
    if wait:
        say(f"request {shown(request_id)} is in block {record['block']}; waiting (Ctrl-C leaves it open)")
        found = asking.answer(here.client, request_id, record["block"], deadline_s + _GRACE_S)
        record |= _answered(found, started)
        if target is not None and (report := asking.risk_report(found.output)) is not None:
            record["report"] = report
    print_record(record, as_json=as_json)


def _fee(here: Desk, model_id: Hash32, operator: Address, fee_wei: int | None) -> int:
    if fee_wei is not None:
        return fee_wei
    _, min_fee_wei, _ = here.client.read("offerOf", model_id, operator)
    return int(min_fee_wei)


def _asked(request_id: Hash32, done: Done, fee_wei: int, lane: int, deadline_s: int) -> dict[str, Any]:
    return {
        "request_id": shown(request_id),
        "lane": str(lane),
        "fee_wei": str(fee_wei),
        "deadline_s": deadline_s,
        **done.facts,
    }


def _answered(found: Fulfilled, started: float) -> dict[str, Any]:
    return {
        "output": shown(found.output),
        "result_hash": shown(found.result_hash),
        "answer_tx_hash": shown(found.at.tx_hash),
        "answer_block": found.at.block_number,
        "latency_ms": round((time.monotonic() - started) * 1_000),
    }
