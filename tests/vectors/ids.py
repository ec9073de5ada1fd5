"""Writes `ids.json`: hashes of fixed and extreme values, computed by Python, checked by pytest and by forge."""

import json
from itertools import product
from pathlib import Path
from typing import Any, Final

from themis.core.canonical import Grant, grant_digest, model_id, request_id, result_hash
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

REQUESTS: Final = (
    Request(NOBODY, 0, 0, ZERO, ZERO, NOBODY, 0, NOBODY, 0, 0, UseClass.PERSONAL, 0, 0),
    Request(
        requester=EVERYBODY,
        lane=2**64 - 1,
        seq=2**32 - 1,
        model_id=ONES,
        input_hash=ONES,
        operator=EVERYBODY,
        fee_wei=2**96 - 1,
        licensor=EVERYBODY,
        royalty_bps=2**16 - 1,
        terms_version=2**24 - 1,
        use_class=UseClass.COMMERCIAL,
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
        fee_wei=10**15,
        licensor=SOMEBODY,
        royalty_bps=1_000,
        terms_version=2,
        use_class=UseClass.RESEARCH,
        deadline_s=1_800_003_600,
        callback_gas=60_000,
    ),
)
OUTPUTS: Final = (b"", b"\x00", bytes(range(32)), b"\xff" * 1_024)
MODELS: Final = ((NOBODY, ZERO, ZERO, ZERO), (EVERYBODY, ONES, ONES, ONES), (SOMEBODY, COUNTING, ONES, ZERO))
GRANTS: Final = (
    Grant(ZERO, NOBODY, NOBODY, Role.REQUESTER, 0, 0, 0, 0, 0),
    Grant(ONES, EVERYBODY, EVERYBODY, Role.OPERATOR, 255, 2**40 - 1, 2**40 - 1, 2**16 - 1, 2**32 - 1),
    Grant(COUNTING, SOMEBODY, EVERYBODY, Role.OPERATOR, 5, 1_800_000_000, 1_900_000_000, 1_250, 3),
)


def vectors() -> dict[str, list[dict[str, Any]]]:
    """Every case in every domain. Bytes are hex, integers of any size decimal strings."""
    return {
        "models": [_model(*case) for case in product(DOMAINS, MODELS)],
        "requests": [_request(*case) for case in product(DOMAINS, REQUESTS)],
        "results": [_result(*case) for case in product(DOMAINS, (ZERO, COUNTING), OUTPUTS)],
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
        "fee": request.fee_wei,
        "licensor": request.licensor,
        "royaltyBps": request.royalty_bps,
        "termsVersion": request.terms_version,
        "useClass": request.use_class,
        "deadline": request.deadline_s,
        "callbackGas": request.callback_gas,
    }
    return _case(domain, fields, request_id(request, *domain))


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
        "notBefore": grant.not_before_s,
        "expiry": grant.expiry_s,
        "royaltyBps": grant.royalty_bps,
        "seq": grant.seq,
    }
    return _case(domain, fields, grant_digest(grant, *domain))


def _case(domain: Domain, fields: dict[str, Any], expected: Hash32) -> dict[str, Any]:
    values = {"chainId": domain[0], "oracle": domain[1], **fields, "expected": expected}
    return {name: _text(value) for name, value in values.items()}


def _text(value: bytes | int) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(int(value))


if __name__ == "__main__":
    FILE.write_text(render())
