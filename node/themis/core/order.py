"""What a requester signs of an order: EIP-712, as the contracts compute it (ADR 0038).

An order is a `Request` whose grant and royalty are not known yet; it has that request's id.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from themis.core import eip712
from themis.core.canonical import domain
from themis.core.errors import Reason, Refused
from themis.core.types import Address, BlockId, Denial, Hash32, LogPosition, Request, UseClass

ORDER_TYPE: Final = (
    "InferenceOrder(address requester,bytes32 modelId,bytes32 inputHash,address operator,address token,uint96 fee,"
    "uint8 items,uint64 lane,uint32 seq,uint40 deadline,uint32 callbackGas,uint24 termsVersion,uint8 useClass)"
)
MAX_ITEMS: Final = 2**8 - 1
"""Inputs of one list."""

MAX_SIGNATURE_BYTES: Final = 4_096
"""Of a wallet's contract: as much as forty owners of a Safe sign."""

_NOBODY: Final = Address(bytes(20))
_BPS: Final = 10_000
_REASONS: Final[Mapping[str, Reason]] = {
    "InvalidSignature": Reason.UNSIGNED,
    "MalleableSignature": Reason.UNSIGNED,
    "NotNext": Reason.OUT_OF_TURN,
    "LaneBusy": Reason.OUT_OF_TURN,
    "OrderForOtherTerms": Reason.OTHER_TERMS,
    "TermsNotInForce": Reason.OTHER_TERMS,
    "DepositTooLow": Reason.UNCOVERED,
    "DeadlinePassed": Reason.EXPIRED,
    "PayTooLow": Reason.UNDERPAID,
    "InsufficientGas": Reason.UNSENDABLE,
    "UnknownModel": Reason.UNKNOWN_MODEL,
}
"""What the oracle's refusals of an order mean; what is not here is about a license."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What an order stands on at a block: its requester's deposit, and the offer of its operator. Smallest units."""

    deposit: int
    serving: bool
    min_fee: int
    """For each input, once the royalty of the requester's grant is off the fee."""
    max_callback_gas: int


def refusal(denial: Denial, operator: Address) -> Refused:
    """What the oracle's refusal of an order's answer means to its requester."""
    said = f"{denial.error}({denial.detail})"
    reason = _REASONS.get(denial.error)
    if reason is None:
        of_operator = "role=operator" in denial.detail or f"0x{operator.hex()}" in denial.detail.lower()
        reason = Reason.UNLICENSED_OPERATOR if of_operator else Reason.UNLICENSED_REQUESTER
    return Refused(reason, said)


def require_offered(order: Request, standing: Standing, royalty_bps: int, spoken_for: int) -> None:
    """An order is worth what a request is, and its deposit covers it beside others. Raises Refused.

    `royalty_bps` of the requester's grant; `spoken_for`: fees of orders that are taken and not answered yet.
    """
    if not standing.serving:
        raise Refused(Reason.UNKNOWN_MODEL, "the operator offers this model no more, or not in this token")
    if order.callback_gas > standing.max_callback_gas:
        said = f"callbacks have at most {standing.max_callback_gas} gas here, the order wants {order.callback_gas}"
        raise Refused(Reason.UNSENDABLE, said)
    net = order.fee - order.fee * royalty_bps // _BPS
    needed = standing.min_fee * max(1, order.items)
    if net < needed:
        said = f"{net} of its fee is left after the royalty of the requester's grant, the operator asks {needed}"
        raise Refused(Reason.UNDERPAID, said)
    if order.fee > standing.deposit - spoken_for:
        said = f"the deposit is {standing.deposit}, orders that are open here need {spoken_for} of it"
        raise Refused(Reason.UNCOVERED, f"{said}, this one needs {order.fee}: deposit more (`themis account deposit`)")


def royalty_in(order: Request, pay: int) -> int:
    """Both royalties together, in bps, where so much of the fee is the operator's: rounded against the operator."""
    return -(-(order.fee - pay) * _BPS // order.fee) if order.fee else 0


def taken_at(block: BlockId) -> LogPosition:
    """Where on the chain an order was taken: at a block, and in no transaction of it."""
    return LogPosition(block.number, block.hash, 0, Hash32(bytes(32)))


def is_order(request: Request) -> bool:
    """Whether it names nothing that a requester does not sign: no payee, licensee, grant or royalty."""
    return (request.pay_to, request.licensee, request.grant_seq, request.royalty_bps) == (_NOBODY, _NOBODY, 0, 0)


def order_digest(order: Request, chain_id: int, oracle: Address) -> Hash32:
    """`hashOrder`: the EIP-712 digest a requester signs."""
    return eip712.digest(domain(chain_id, oracle), ORDER_TYPE, _words(order))


def order_typed_data(order: Request, chain_id: int, oracle: Address) -> dict[str, Any]:
    """Build the same order as JSON for `eth_signTypedData_v4`, so that any wallet can sign it."""
    return eip712.typed_data(domain(chain_id, oracle), ORDER_TYPE, _words(order))


def order_message(order: Request) -> dict[str, Any]:
    """Write the `message` of `order_typed_data`, which says nothing of chain and oracle."""
    return eip712.message(ORDER_TYPE, _words(order))


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
