"""`/v1/orders` takes orders and tells what became of them, `/v1/results` proves one answer of a list."""

from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import FastAPI, HTTPException, Path, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from themis.api import models, views
from themis.api.licensing_queries import AddressText, HashText, Uint32
from themis.api.problems import problem
from themis.core import listing
from themis.core.errors import Reason, Refused
from themis.core.job import Job
from themis.core.jsontext import parse
from themis.core.order import MAX_ITEMS, MAX_SIGNATURE_BYTES, order_of_message
from themis.core.spelling import shown
from themis.core.types import Hash32
from themis.daemon.orders import Door

_STATUS: Final = {
    Reason.UNSIGNED: HTTPStatus.FORBIDDEN,
    Reason.UNLICENSED_REQUESTER: HTTPStatus.FORBIDDEN,
    Reason.UNLICENSED_OPERATOR: HTTPStatus.FORBIDDEN,
    Reason.UNSERVED_REQUESTER: HTTPStatus.FORBIDDEN,
    Reason.UNDERPAID: HTTPStatus.PAYMENT_REQUIRED,
    Reason.UNCOVERED: HTTPStatus.PAYMENT_REQUIRED,
    Reason.OUT_OF_TURN: HTTPStatus.CONFLICT,
    Reason.OTHER_TERMS: HTTPStatus.CONFLICT,
    Reason.EXPIRED: HTTPStatus.CONFLICT,
    Reason.TOO_MANY: HTTPStatus.TOO_MANY_REQUESTS,
}
"""Of a refusal; any other is about what is asked: 422."""
_HEX: Final = "^0x([0-9a-f]{2}|[0-9A-F]{2})*$"
BytesText = Annotated[str, Field(pattern=_HEX)]
OrderId = Annotated[str, Path(pattern="^0x[0-9a-fA-F]{64}$")]


class OrderMessage(BaseModel):
    """What the requester signed: the message of the EIP-712 struct `InferenceOrder`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    requester: AddressText
    modelId: HashText  # noqa: N815 (the struct's own names)
    inputHash: HashText  # noqa: N815
    operator: AddressText
    token: AddressText
    fee: Annotated[str, Field(pattern="^(0|[1-9][0-9]{0,28})$")]
    items: Annotated[int, Field(ge=0, le=MAX_ITEMS)]
    lane: Annotated[str, Field(pattern="^(0|[1-9][0-9]{0,19})$")]
    seq: Uint32
    deadline: Annotated[int, Field(ge=0, lt=2**40)]
    callbackGas: Uint32  # noqa: N815
    termsVersion: Annotated[int, Field(ge=0, lt=2**24)]  # noqa: N815
    useClass: Annotated[int, Field(ge=0, le=2)]  # noqa: N815


class OrderBody(BaseModel):
    """An order with all that its answer needs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    order: OrderMessage
    signature: Annotated[BytesText, Field(max_length=2 + 2 * MAX_SIGNATURE_BYTES)]
    """Of the order's EIP-712 digest: by the requester's key, or what the requester's contract takes (ERC-1271)."""
    inputs: Annotated[list[BytesText], Field(min_length=1, max_length=MAX_ITEMS)]
    """The input; or those of a list, as many as `items` says."""


_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/OrderBody"}}},
    }
}


def install(app: FastAPI, door: Door) -> None:
    """Add the routes."""
    store = door.store

    @app.post("/v1/orders", response_model=models.Order, status_code=HTTPStatus.ACCEPTED, openapi_extra=_BODY)
    async def place(request: Request) -> Response | models.Order:
        """Ask with an order. 202 where it is taken; the same order again tells what has become of it."""
        body = await _read(request)
        try:
            order = order_of_message(body.order.model_dump())
        except ValueError as error:
            return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, str(error), "invalid_request")
        inputs = [bytes.fromhex(text[2:]) for text in body.inputs]
        try:
            job = await run_in_threadpool(door.take, order, bytes.fromhex(body.signature[2:]), inputs)
        except Refused as refused:
            status = _STATUS.get(refused.reason, HTTPStatus.UNPROCESSABLE_ENTITY)
            return problem(request, status, refused.detail, refused.code)
        return views.order(job)

    @app.get("/v1/orders/{order_id}")
    def order(order_id: OrderId) -> models.Order:
        return views.order(_job(order_id))

    @app.get("/v1/results/{order_id}/{index}")
    def result(order_id: OrderId, index: Annotated[int, Path(ge=0, lt=MAX_ITEMS)]) -> models.Result:
        """One answer of a list, with what `ResultList.proves` takes. There is none before a block has the root."""
        job = _job(order_id)
        answer = views.told(job)
        if not job.request.items or index >= job.request.items:
            raise HTTPException(HTTPStatus.NOT_FOUND, f"order {order_id} has {job.request.items} items in its list")
        if answer is None or not answer.parts:
            raise HTTPException(
                HTTPStatus.CONFLICT, f"order {order_id} is {job.state}: its results come with its answer"
            )
        inputs = listing.questions(job.request, job.input)
        proof = listing.prove_result(inputs, answer.parts, index)
        return models.Result(
            order_id=shown(job.id),
            index=index,
            items=job.request.items,
            root=shown(answer.output),
            input=shown(inputs[index]),
            output=shown(answer.parts[index]),
            siblings=[shown(each) for each in proof.siblings],
            input_siblings=[shown(each) for each in listing.prove_input(inputs, index).siblings],
        )

    def _job(order_id: str) -> Job:
        found = store.job(Hash32(bytes.fromhex(order_id[2:])))
        if found is None or not found.ordered:
            raise HTTPException(HTTPStatus.NOT_FOUND, f"this node knows no order {order_id}")
        return found


async def _read(request: Request) -> OrderBody:
    """The body, by a reader that no nesting can harm. Raises RequestValidationError."""
    try:
        content: Any = parse(await request.body())
        return OrderBody.model_validate(content)
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_url=False)) from error
    except ValueError as error:
        raise RequestValidationError([{"loc": ("body",), "msg": f"it is no JSON: {error}"}]) from error
