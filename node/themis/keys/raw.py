"""Raw transactions: what is hashed for the signature, and what is broadcast. RLP, EIP-155 and EIP-1559."""

from typing import Final

import rlp

from themis.core.keccak import keccak
from themis.core.transaction import TYPE_2, Transaction

_EIP_155: Final = 35


def digest(transaction: Transaction) -> bytes:
    """The 32 bytes that are signed."""
    if transaction.fees.typed:
        return keccak(TYPE_2 + rlp.encode(_typed(transaction)))
    return keccak(rlp.encode([*_plain(transaction), transaction.chain_id, 0, 0]))


def signed(transaction: Transaction, r: int, s: int, parity: int) -> bytes:
    """The bytes that are broadcast; `parity` is 0 or 1."""
    if transaction.fees.typed:
        return TYPE_2 + bytes(rlp.encode([*_typed(transaction), parity, r, s]))
    return bytes(rlp.encode([*_plain(transaction), 2 * transaction.chain_id + _EIP_155 + parity, r, s]))


def _typed(transaction: Transaction) -> list[int | bytes | list[bytes]]:
    fees = transaction.fees
    prices = [transaction.chain_id, transaction.nonce, fees.priority_fee_wei, fees.max_fee_wei]
    return [*prices, transaction.gas, transaction.to or b"", transaction.value_wei, transaction.data, []]


def _plain(transaction: Transaction) -> list[int | bytes]:
    prices = [transaction.nonce, transaction.fees.max_fee_wei]
    return [*prices, transaction.gas, transaction.to or b"", transaction.value_wei, transaction.data]
