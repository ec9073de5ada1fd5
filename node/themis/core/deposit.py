"""What an owner of tokens signs so that somebody else pays them into its deposit: EIP-2612 and EIP-3009. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from themis.core import eip712
from themis.core.eip712 import Domain
from themis.core.types import Address

PERMIT_TYPE: Final = "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
"""EIP-2612: whoever shows it lets `spender` take so much."""
AUTHORIZATION_TYPE: Final = (
    "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,"
    "bytes32 nonce)"
)
"""EIP-3009: a transfer that only `to` can call for."""
_WORDS: Final = {"Permit": PERMIT_TYPE, "ReceiveWithAuthorization": AUTHORIZATION_TYPE}
_SIGNATURE_BYTES: Final = 65


@dataclass(frozen=True, slots=True)
class SignedDeposit:
    """Tokens that their owner lets a `SignedDeposits` contract pay into its deposit."""

    domain: Domain
    """Of the token."""
    type_: str
    values: tuple[Any, ...]
    """In the order of the type's members."""
    signature: bytes
    """65 bytes."""

    @classmethod
    def of_json(cls, typed: Mapping[str, Any], signature: bytes) -> "SignedDeposit":
        """Read what any wallet has signed. Raises KeyError, TypeError or ValueError for anything else."""
        type_, domain = _WORDS[typed["primaryType"]], typed["domain"]
        if len(signature) != _SIGNATURE_BYTES:
            raise ValueError(f"{len(signature)} bytes are no signature of a key")
        contract = Address(bytes(eip712.read("address", domain["verifyingContract"])))
        where = Domain(str(domain["name"]), str(domain["version"]), int(domain["chainId"]), contract)
        values = [eip712.read(each["type"], typed["message"][each["name"]]) for each in eip712.members(type_)]
        return cls(where, type_, tuple(values), signature)

    @property
    def json(self) -> dict[str, Any]:
        """As a file has it: whoever holds it can pay the tokens in, and do nothing else."""
        typed = eip712.typed_data(self.domain, self.type_, self.values)
        return {"typed_data": typed, "signature": "0x" + self.signature.hex()}

    @property
    def owner(self) -> Address:
        return Address(self.values[0])

    @property
    def through(self) -> Address:
        """The contract that it is signed for."""
        return Address(self.values[1])

    @property
    def amount(self) -> int:
        """Smallest units."""
        return int(self.values[2])

    @property
    def until_s(self) -> int:
        """When it ends."""
        return int(self.values[4])

    @property
    def call(self) -> tuple[str, Sequence[Any]]:
        """Function of `SignedDeposits` and its arguments."""
        token, (r, s, v) = self.domain.contract, (self.signature[:32], self.signature[32:64], self.signature[64])
        if self.type_ == PERMIT_TYPE:
            return "depositWithPermit", (token, self.owner, self.amount, self.until_s, v, r, s)
        _, _, amount, after_s, until_s, nonce = self.values
        return "depositWithAuthorization", (token, self.owner, amount, after_s, until_s, nonce, v, r, s)
