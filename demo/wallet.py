"""The DAO's own transactions, and what became of any transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from demo.patience import until
from themis.chain import client, contracts, gas
from themis.chain.abi import Artifact, Log, address
from themis.chain.rpc import Rpc, RpcError
from themis.core.errors import Broken
from themis.core.fees import FeePolicy
from themis.core.keccak import keccak
from themis.core.transaction import Transaction
from themis.core.types import Address, Denial, Hash32
from themis.ports import Signer

FEES: Final = FeePolicy(cap_wei=200 * 10**9, priority_fee_wei=10**9)
REFUSED_GAS: Final = 1_000_000
"""Gas limit of a transaction that is expected to fail: there is nothing to estimate."""


@dataclass(frozen=True, slots=True)
class Mined:
    """A transaction's receipt, as far as the demo needs it."""

    hash: Hash32
    succeeded: bool
    sender: Address
    gas_used: int
    cost_wei: int
    block: int
    raw_logs: tuple[tuple[Address, tuple[bytes, ...], bytes], ...]

    @classmethod
    def from_receipt(cls, receipt: Mapping[str, Any]) -> Self:
        """Read a receipt as JSON-RPC gives it."""
        gas_used = int(receipt["gasUsed"], 16)
        return cls(
            hash=Hash32(_bytes(receipt["transactionHash"])),
            succeeded=int(receipt["status"], 16) == 1,
            sender=address(receipt["from"]),
            gas_used=gas_used,
            cost_wei=gas_used * int(receipt["effectiveGasPrice"], 16),
            block=int(receipt["blockNumber"], 16),
            raw_logs=tuple(
                (address(log["address"]), tuple(_bytes(topic) for topic in log["topics"]), _bytes(log["data"]))
                for log in receipt["logs"]
            ),
        )

    def logs(self, emitter: Address, artifact: Artifact, event: str) -> list[Log]:
        """Decode the events of this name that this contract emitted."""
        decoded = (artifact.log(topics, data) for origin, topics, data in self.raw_logs if origin == emitter)
        return [log for log in decoded if log is not None and log.event == event]


@dataclass(frozen=True, slots=True)
class Wallet:
    """An account that signs, sends and waits."""

    rpc: Rpc
    chain_id: int
    signer: Signer

    @property
    def address(self) -> Address:
        """The account."""
        return self.signer.address

    def create(self, artifact: Artifact, *arguments: Any) -> Address:
        """Deploy a contract."""
        receipt = client.deploy(self.rpc, self.chain_id, self.signer, FEES, artifact, *arguments)
        return address(receipt["contractAddress"])

    def clone(self, implementation: Address) -> Address:
        """Deploy a minimal clone (EIP-1167) of a contract."""
        code = _bytes("0x363d3d373d3d3d363d73") + implementation + _bytes("0x5af43d82803e903d91602b57fd5bf3")
        creation = _bytes("0x3d602d80600a3d3981f3") + code
        receipt = client.transact(self.rpc, self.chain_id, self.signer, FEES, None, creation, 0)
        return address(receipt["contractAddress"])

    def send(self, to: Address, data: bytes, value_wei: int = 0) -> Mined:
        """Send a transaction. Raises Denied if it would fail."""
        receipt = client.transact(self.rpc, self.chain_id, self.signer, FEES, to, data, value_wei)
        return Mined.from_receipt(receipt)

    def send_refused(self, to: Address, data: bytes, value_wei: int) -> tuple[Mined, Denial]:
        """Send a transaction that must fail on chain; its receipt, and the oracle's custom error it ended with."""
        mined = self._send_unestimated(to, data, value_wei)
        if mined.succeeded:
            raise Broken(f"transaction {_hex(mined.hash)} went through and should have been refused")
        call = {"from": _hex(self.address), "to": _hex(to), "data": _hex(data), "value": hex(value_wei)}
        try:
            self.rpc.call("eth_call", call, hex(mined.block))
        except RpcError as error:
            return mined, contracts.denial(error.data)
        raise Broken(f"transaction {_hex(mined.hash)} failed on chain but not when called again")

    def _send_unestimated(self, to: Address, data: bytes, value_wei: int) -> Mined:
        nonce = int(self.rpc.call("eth_getTransactionCount", _hex(self.address), "latest"), 16)
        fees = FEES.quote(gas.market(self.rpc))
        raw = self.signer.sign(Transaction(self.chain_id, nonce, to, data, REFUSED_GAS, fees, value_wei))
        try:
            self.rpc.call("eth_sendRawTransaction", _hex(raw))
        except RpcError as error:
            if not error.data:  # Hardhat mines a failing transaction and still answers with its revert
                raise
        return wait(self.rpc, Hash32(keccak(raw)))


def wait(rpc: Rpc, tx_hash: Hash32) -> Mined:
    """Wait for a transaction to be mined. Raises Unavailable if it is not."""
    receipt = until(
        lambda: rpc.call("eth_getTransactionReceipt", _hex(tx_hash)),
        lambda found: found is not None,
        f"transaction {_hex(tx_hash)} to be mined",
    )
    return Mined.from_receipt(receipt)


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
