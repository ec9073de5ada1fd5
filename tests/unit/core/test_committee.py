"""What members sign: as the vectors say, as any wallet would sign it, and for one committee on one chain alone."""

import json

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from tests.vectors import committee as vectors
from themis.core import committee, signature
from themis.core.committee import COMMITMENT_TYPE, EXCHANGE_TYPE, RESULT_TYPE, RESULTS_TYPE, Commitment, Forum, Result
from themis.core.keccak import keccak
from themis.core.types import Address, Hash32
from themis.keys.keystore import KeystoreSigner

FORUM = Forum(31_337, Address(b"\x0c" * 20))
ID, HASH, SALT = (Hash32(bytes([n]) * 32) for n in (1, 2, 3))
SIGNER = KeystoreSigner(b"\x05" * 32)
HALF = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def test_the_committed_vectors_are_what_python_computes() -> None:
    assert vectors.FILE.read_text() == vectors.render(), "run `python -m tests.vectors.committee`"


def test_the_vectors_signatures_are_their_signers() -> None:
    for case in json.loads(vectors.FILE.read_text()):
        digest, signed, signer = (
            bytes.fromhex(case[name][2:]) for name in ("resultDigest", "resultSignature", "signer")
        )
        assert signature.signer(digest, signed) == signer


@pytest.mark.parametrize(
    ("type_", "values", "digest"),
    [
        (COMMITMENT_TYPE, (ID, HASH), committee.commitment_digest(FORUM, ID, HASH)),
        (RESULT_TYPE, (ID, HASH), committee.result_digest(FORUM, ID, HASH)),
        (RESULTS_TYPE, (HASH,), committee.results_digest(FORUM, HASH)),
        (
            EXCHANGE_TYPE,
            (SIGNER.address, FORUM.committee, 2**64 - 1, Hash32(keccak(b"body"))),
            committee.exchange_digest(FORUM, SIGNER.address, FORUM.committee, 2**64 - 1, b"body"),
        ),
    ],
)
def test_any_wallet_signs_the_same(type_: str, values: tuple[object, ...], digest: Hash32) -> None:
    message = committee.typed(FORUM, type_, *values)
    assert encode_typed_data(full_message=message).body.hex()
    assert Account.from_key(b"\x05" * 32).sign_typed_data(full_message=message).message_hash == digest
    assert signature.signer(digest, SIGNER.sign_typed(message)) == SIGNER.address


def test_a_signature_is_for_one_chain_one_committee_one_request_and_one_kind() -> None:
    forums = (FORUM, Forum(1, FORUM.committee), Forum(31_337, Address(b"\x0d" * 20)))
    digests = [
        digest(forum, request, HASH)
        for digest in (committee.commitment_digest, committee.result_digest)
        for forum in forums
        for request in (ID, SALT)
    ]
    assert len(set(digests)) == len(digests)


def test_a_commitment_is_opened_by_its_result_its_salt_and_its_member() -> None:
    commitment = Commitment(SIGNER.address, ID, committee.commitment_of(HASH, SALT, SIGNER.address), b"")
    assert Result(SIGNER.address, ID, HASH, SALT, b"").opens(commitment)
    assert not Result(SIGNER.address, ID, SALT, SALT, b"").opens(commitment)
    assert not Result(SIGNER.address, ID, HASH, HASH, b"").opens(commitment)
    assert not Result(FORUM.committee, ID, HASH, SALT, b"").opens(commitment)


def test_what_is_no_signature_is_nobodys() -> None:
    digest = committee.result_digest(FORUM, ID, HASH)
    good = SIGNER.sign_typed(committee.typed(FORUM, RESULT_TYPE, ID, HASH))
    s = int.from_bytes(good[32:64])
    twin = good[:32] + (ORDER - s).to_bytes(32) + bytes([55 - good[64]])
    assert s <= HALF
    wrong = (b"", good[:-1], good + b"\x00", good[:-1] + b"\x00", good[:-1] + b"\x1d", bytes(64) + b"\x1b", twin)
    assert [signature.signer(digest, each) for each in wrong] == [None] * len(wrong)
    assert signature.signer(HASH, good) != SIGNER.address
