"""Writes `ids.json`: hashes of fixed and extreme values, computed by Python, checked by pytest and by forge."""

import json
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, Final

from themis.core.canonical import UNLIMITED, Grant, grant_digest, model_id, request_id, result_hash
from themis.core.order import order_digest
from themis.core.types import Address, Hash32, Request, Role, UseClass

FILE: Final = Path(__file__).with_suffix(".json")

Domain = tuple[int, Address]
"""Chain id, contract."""

DOMAINS: Final[tuple[Domain, ...]] = (
    (1, Address(bytes.fromhex("5fbdb2315678afecb367f032d93f642f64180aa3"))),
    (31_337, Address(b"\xff" * 20)),
    (2**64 - 1, Address(b"\x10" * 20)),
)

ZERO: Final = Hash32(bytes(32))
ONES: Final = Hash32(b"\xff" * 32)
COUNTING: Final = Hash32(bytes(range(32)))
NOBODY: Final = Address(bytes(20))
EVERYBODY: Final = Address(b"\xff" * 20)
SOMEBODY: Final = Address(bytes(range(1, 21)))
TOKEN: Final = Address(bytes(range(21, 41)))

REQUESTS: Final = (
    Request(NOBODY, 0, 0, ZERO, ZERO, NOBODY, NOBODY, 0, NOBODY, 0, 0, UseClass.PERSONAL, NOBODY, 0, 0, 0),
    Request(
        requester=EVERYBODY,
        lane=2**64 - 1,
        seq=2**32 - 1,
        model_id=ONES,
        input_hash=ONES,
        operator=EVERYBODY,
        token=EVERYBODY,
        fee=2**96 - 1,
        pay_to=EVERYBODY,
        royalty_bps=2**16 - 1,
        terms_version=2**24 - 1,
        use_class=UseClass.COMMERCIAL,
        licensee=EVERYBODY,
        grant_seq=2**32 - 1,
        deadline_s=2**40 - 1,
        callback_gas=2**32 - 1,
    ),
    Request(
        requester=SOMEBODY,
        lane=7,
        seq=1,
        model_id=COUNTING,
        input_hash=ONES,
        operator=EVERYBODY,
        token=TOKEN,
        fee=10**15,
        pay_to=SOMEBODY,
        royalty_bps=1_000,
        terms_version=2,
        use_class=UseClass.RESEARCH,
        licensee=SOMEBODY,
        grant_seq=9,
        deadline_s=1_800_003_600,
        callback_gas=60_000,
    ),
)
ORDERS: Final = (
    Request(NOBODY, 0, 0, ZERO, ZERO, NOBODY, NOBODY, 0, NOBODY, 0, 0, UseClass.PERSONAL, NOBODY, 0, 0, 0),
    replace(REQUESTS[1], pay_to=NOBODY, licensee=NOBODY, royalty_bps=0, grant_seq=0, items=2**8 - 1),
    replace(REQUESTS[2], pay_to=NOBODY, licensee=NOBODY, royalty_bps=0, grant_seq=0, items=64),
)
OUTPUTS: Final = (b"", b"\x00", bytes(range(32)), b"\xff" * 1_024)
MODELS: Final = ((NOBODY, ZERO, ZERO, ZERO), (EVERYBODY, ONES, ONES, ONES), (SOMEBODY, COUNTING, ONES, ZERO))
GRANTS: Final = (
    Grant(ZERO, NOBODY, NOBODY, Role.REQUESTER, 0, 0, 0, 0, 0, 0, NOBODY, 0, NOBODY, 0, NOBODY, 0, 0, 0),
    Grant(
        model_id=ONES,
        licensor=EVERYBODY,
        licensee=EVERYBODY,
        role=Role.OPERATOR,
        classes=255,
        terms_version=2**24 - 1,
        not_before_s=2**40 - 1,
        expiry_s=2**40 - 1,
        quota=UNLIMITED,
        daily_rate=UNLIMITED,
        market=EVERYBODY,
        royalty_bps=2**16 - 1,
        price_token=EVERYBODY,
        price_floor=2**96 - 1,
        pay_to=EVERYBODY,
        epoch=2**16 - 1,
        seq=2**32 - 1,
        nonce=2**256 - 1,
    ),
    Grant(
        model_id=COUNTING,
        licensor=SOMEBODY,
        licensee=EVERYBODY,
        role=Role.OPERATOR,
        classes=5,
        terms_version=2,
        not_before_s=1_800_000_000,
        expiry_s=1_900_000_000,
        quota=1_000,
        daily_rate=50,
        market=TOKEN,
        royalty_bps=1_250,
        price_token=TOKEN,
        price_floor=10**6,
        pay_to=SOMEBODY,
        epoch=4,
        seq=3,
        nonce=77,
    ),
)


def vectors() -> dict[str, list[dict[str, Any]]]:
    """Every case in every domain. Bytes are hex, integers of any size decimal strings."""
    return {
        "models": [_model(*case) for case in product(DOMAINS, MODELS)],
        "requests": [_request(*case) for case in product(DOMAINS, REQUESTS)],
        "results": [_result(*case) for case in product(DOMAINS, (ZERO, COUNTING), OUTPUTS)],
        "orders": [_order(*case) for case in product(DOMAINS, ORDERS)],
        "grants": [_grant(*case) for case in product(DOMAINS, GRANTS)],
    }


def render() -> str:
    """Write out the file as it is committed."""
    return json.dumps(vectors(), indent=1) + "\n"


def _model(domain: Domain, fields: tuple[Address, Hash32, Hash32, Hash32]) -> dict[str, Any]:
    names = ("licensor", "programRoot", "weightsRoot", "manifestHash")
    expected = model_id(*fields, *domain)
    return _case(domain, dict(zip(names, fields, strict=True)), expected)


def _request(domain: Domain, request: Request) -> dict[str, Any]:
    fields = {
        "requester": request.requester,
        "lane": request.lane,
        "seq": request.seq,
        "modelId": request.model_id,
        "inputHash": request.input_hash,
        "operator": request.operator,
        "token": request.token,
        "fee": request.fee,
        "payTo": request.pay_to,
        "royaltyBps": request.royalty_bps,
        "termsVersion": request.terms_version,
        "useClass": request.use_class,
        "licensee": request.licensee,
        "grantSeq": request.grant_seq,
        "deadline": request.deadline_s,
        "callbackGas": request.callback_gas,
    }
    return _case(domain, fields, request_id(request, *domain))


def _order(domain: Domain, order: Request) -> dict[str, Any]:
    fields = {
        "requester": order.requester,
        "modelId": order.model_id,
        "inputHash": order.input_hash,
        "operator": order.operator,
        "token": order.token,
        "fee": order.fee,
        "items": order.items,
        "lane": order.lane,
        "seq": order.seq,
        "deadline": order.deadline_s,
        "callbackGas": order.callback_gas,
        "termsVersion": order.terms_version,
        "useClass": order.use_class,
        "id": request_id(order, *domain),
    }
    return _case(domain, fields, order_digest(order, *domain))


def _result(domain: Domain, id_: Hash32, output: bytes) -> dict[str, Any]:
    model = Hash32(bytes(reversed(id_)))
    fields = {"id": id_, "modelId": model, "output": output}
    return _case(domain, fields, result_hash(id_, model, output, *domain))


def _grant(domain: Domain, grant: Grant) -> dict[str, Any]:
    fields = {
        "modelId": grant.model_id,
        "licensor": grant.licensor,
        "licensee": grant.licensee,
        "role": grant.role,
        "classes": grant.classes,
        "termsVersion": grant.terms_version,
        "notBefore": grant.not_before_s,
        "expiry": grant.expiry_s,
        "quota": grant.quota,
        "dailyRate": grant.daily_rate,
        "market": grant.market,
        "royaltyBps": grant.royalty_bps,
        "priceToken": grant.price_token,
        "priceFloor": grant.price_floor,
        "payTo": grant.pay_to,
        "epoch": grant.epoch,
        "seq": grant.seq,
        "nonce": grant.nonce,
    }
    return _case(domain, fields, grant_digest(grant, *domain))


def _case(domain: Domain, fields: dict[str, Any], expected: Hash32) -> dict[str, Any]:
    values = {"chainId": domain[0], "oracle": domain[1], **fields, "expected": expected}
    return {name: _text(value) for name, value in values.items()}


def _text(value: bytes | int) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(int(value))


if __name__ == "__main__":
    FILE.write_text(render())
