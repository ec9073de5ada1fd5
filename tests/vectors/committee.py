"""Writes `committee.json`: what members of a committee sign, for whoever implements it in another language."""

import json
from pathlib import Path
from typing import Any, Final

from tests.vectors.ids import COUNTING, DOMAINS, EVERYBODY, NOBODY, ONES, SOMEBODY, ZERO
from themis.committee import parcel, wire
from themis.committee.parcel import Parcel
from themis.committee.wire import Hello, Told, Want
from themis.core import canonical, committee, listing
from themis.core.committee import Commitment, Forum, Leaf, Result
from themis.core.order import order_typed_data
from themis.core.types import Address, Hash32, Request, UseClass
from themis.keys.keystore import KeystoreSigner

FILE: Final = Path(__file__).with_suffix(".json")
KEY: Final = b"\x01" * 32
"""Of the member that signs."""
CASES: Final = ((ZERO, ZERO, ZERO, NOBODY), (ONES, ONES, ONES, EVERYBODY), (COUNTING, ONES, COUNTING, SOMEBODY))
BODIES: Final = (b"", b"{}", bytes(range(256)))


def vectors() -> list[dict[str, Any]]:
    """Every case in every domain. Bytes are hex, integers of any size decimal strings."""
    signer = KeystoreSigner(KEY)
    return [_case(signer, Forum(*domain), case) for domain in DOMAINS for case in CASES]


def render() -> str:
    """Write out the file as it is committed."""
    return json.dumps(vectors(), indent=1) + "\n"


def _case(signer: KeystoreSigner, forum: Forum, case: tuple[Hash32, Hash32, Hash32, Address]) -> Any:
    request, result, salt, member = case
    commitment = committee.commitment_of(result, salt, member)
    return {
        "chainId": str(forum.chain_id),
        "committee": _hex(forum.committee),
        "request": _hex(request),
        "resultHash": _hex(result),
        "salt": _hex(salt),
        "member": _hex(member),
        "rank": _hex(committee.rank(request, member)),
        "commitment": _hex(commitment),
        "commitmentDigest": _hex(committee.commitment_digest(forum, request, commitment)),
        "resultDigest": _hex(committee.result_digest(forum, request, result)),
        "resultsDigest": _hex(committee.results_digest(forum, result)),
        "batchRoot": _hex(committee.batch_root([Leaf(request, result), Leaf(salt, commitment)])),
        "signer": _hex(signer.address),
        "resultSignature": _hex(signer.sign_typed(committee.typed(forum, committee.RESULT_TYPE, request, result))),
        "exchanges": [
            {
                "to": _hex(SOMEBODY),
                "number": str(number),
                "body": _hex(body),
                "digest": _hex(committee.exchange_digest(forum, member, SOMEBODY, number, body)),
            }
            for number, body in enumerate(BODIES)
        ],
        "bodies": _bodies(forum, signer, case),
        "order": _order(forum, signer, case),
    }


def _bodies(forum: Forum, signer: KeystoreSigner, case: tuple[Hash32, Hash32, Hash32, Address]) -> dict[str, Any]:
    """What one member says to another over HTTP, of the signer; each body is JSON as this node writes it."""
    request, result, salt, oracle = case
    own = signer.address
    commitment = committee.commitment_of(result, salt, own)
    signed = signer.sign_typed(committee.typed(forum, committee.COMMITMENT_TYPE, request, commitment))
    said = Commitment(own, request, commitment, signed)
    signed = signer.sign_typed(committee.typed(forum, committee.RESULT_TYPE, request, result))
    opened = Result(own, request, result, salt, signed)
    leaves = [Leaf(request, result), Leaf(salt, commitment)]
    signed = signer.sign_typed(committee.typed(forum, committee.RESULTS_TYPE, committee.batch_root(leaves)))
    bodies = {
        "exchange": wire.told_bytes(Told((said, opened), (Want(request, frozenset({wire.tag(said)})),))),
        "exchangeReply": wire.reply_bytes([opened], {0: "too_early"}),
        "batch": wire.batch_bytes(leaves),
        "batchReply": wire.signature_bytes(signed),
        "helloReply": wire.hello_bytes(Hello(oracle, 1.5, {request: result})),
        "reachReply": wire.why_not_bytes("it does not answer"),
    }
    shown: dict[str, Any] = {name: body.decode() for name, body in bodies.items()}
    return shown | {"tags": [_hex(wire.tag(each)) for each in (said, opened)]}


def _order(forum: Forum, signer: KeystoreSigner, case: tuple[Hash32, Hash32, Hash32, Address]) -> dict[str, str]:
    """An order for a list of two to the committee, as members hand it on; the oracle is the case's member."""
    model_id, _, _, oracle = case
    inputs = (b"", model_id)
    order = Request(
        requester=signer.address,
        lane=2**64 - 1,
        seq=1,
        model_id=model_id,
        input_hash=listing.input_root(inputs),
        operator=forum.committee,
        token=oracle,
        fee=2**96 - 1,
        pay_to=NOBODY,
        royalty_bps=0,
        terms_version=2,
        use_class=UseClass.COMMERCIAL,
        licensee=NOBODY,
        grant_seq=0,
        deadline_s=2**40 - 1,
        callback_gas=3,
        items=len(inputs),
    )
    signed = signer.sign_typed(order_typed_data(order, forum.chain_id, oracle))
    id_ = canonical.request_id(order, forum.chain_id, oracle)
    body = parcel.parcel_bytes(Parcel(order, signed, inputs))
    return {"body": body.decode(), "id": _hex(id_), "known": parcel.known_bytes([id_]).decode()}


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


if __name__ == "__main__":
    FILE.write_text(render())
