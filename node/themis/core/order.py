"""What a requester signs of an order: EIP-712, as the contracts compute it (ADR 0038).

An order is a `Request` whose grant and royalty are not known yet; it has that request's id.
"""

from collections.abc import Mapping
from typing import Any, Final

from themis.core import eip712
from themis.core.canonical import domain
from themis.core.types import Address, Hash32, Request, UseClass

ORDER_TYPE: Final = (
    "InferenceOrder(address requester,bytes32 modelId,bytes32 inputHash,address operator,address token,uint96 fee,"
    "uint8 items,uint64 lane,uint32 seq,uint40 deadline,uint32 callbackGas,uint24 termsVersion,uint8 useClass)"
)
MAX_ITEMS: Final = 2**8 - 1
"""Inputs of one list."""

_NOBODY: Final = Address(bytes(20))


def is_order(request: Request) -> bool:
    """Whether it names nothing that a requester does not sign: no payee, licensee, grant or royalty."""
    return (request.pay_to, request.licensee, request.grant_seq, request.royalty_bps) == (_NOBODY, _NOBODY, 0, 0)


def order_digest(order: Request, chain_id: int, oracle: Address) -> Hash32:
    """`hashOrder`: the EIP-712 digest a requester signs."""
    return eip712.digest(domain(chain_id, oracle), ORDER_TYPE, _words(order))


def order_typed_data(order: Request, chain_id: int, oracle: Address) -> dict[str, Any]:
    """Build the same order as JSON for `eth_signTypedData_v4`, so that any wallet can sign it."""
    return eip712.typed_data(domain(chain_id, oracle), ORDER_TYPE, _words(order))


def order_of_message(message: Mapping[str, Any]) -> Request:
    """Read the `message` of an order's typed data back. Raises KeyError, TypeError or ValueError for anything else."""
    values: list[Any] = [eip712.read(each["type"], message[each["name"]]) for each in eip712.members(ORDER_TYPE)]
    requester, model, input_hash, operator, token, fee, items, lane, seq, *rest = values
    deadline_s, callback_gas, version, use_class = rest
    return Request(
        requester=requester,
        lane=lane,
        seq=seq,
        model_id=Hash32(model),
        input_hash=Hash32(input_hash),
        operator=operator,
        token=token,
        fee=fee,
        pay_to=_NOBODY,
        royalty_bps=0,
        terms_version=version,
        use_class=UseClass(use_class),
        licensee=_NOBODY,
        grant_seq=0,
        deadline_s=deadline_s,
        callback_gas=callback_gas,
        items=items,
    )


def _words(order: Request) -> tuple[Any, ...]:
    """In the order of ORDER_TYPE."""
    return (
        order.requester,
        order.model_id,
        order.input_hash,
        order.operator,
        order.token,
        order.fee,
        order.items,
        order.lane,
        order.seq,
        order.deadline_s,
        order.callback_gas,
        order.terms_version,
        order.use_class,
    )
