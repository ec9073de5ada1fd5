"""One transaction of an account: estimated, signed, kept, told, sent, and followed until its receipt is there."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import rlp

from themis.chain import contracts, gas
from themis.chain.outbox import NOTHING, Outbox
from themis.chain.rpc import Rpc, RpcError
from themis.core.errors import Denied, Misconfigured, Unavailable
from themis.core.fees import FeePolicy, Fees
from themis.core.keccak import keccak
from themis.core.pool import Reply, understood
from themis.core.transaction import TYPE_2, Transaction
from themis.core.types import Address, Denial
from themis.ports import Signer

_RECEIPT_TIMEOUT_S: Final = 120
_FIRST_POLL_S: Final = 0.01
"""A development chain has the receipt by then; each look after it waits twice as long."""
_POLL_S: Final = 0.1
_RESEND_S: Final = 5
_BUMP_S: Final = 45
_LOST_S: Final = 30
_GAS_MARGIN_PERCENT: Final = 20


class ContractDenied(Denied):
    """The oracle contract said no; `denial` is its custom error, `model_id` the model of the call, if it named one."""

    def __init__(self, denial: Denial, model_id: bytes | None = None) -> None:
        super().__init__(f"the oracle refuses: {denial.error}({denial.detail})")
        self.denial = denial
        self.model_id = model_id


def transact(  # noqa: PLR0917 (a transaction has that many parts)
    rpc: Rpc,
    chain_id: int,
    signer: Signer,
    fees: FeePolicy,
    to: Address | None,
    data: bytes,
    value_wei: int,
    *,
    outbox: Outbox = NOTHING,
    intent: bytes | None = None,
) -> Mapping[str, Any]:
    """Send one and wait: its receipt. Raises Denied with the custom error instead of sending what would revert.

    One that was sent for the same intent and not seen to the end is gone on with. With an `intent` of its own, the
    caller says `outbox.done` when it has made use of the receipt.
    """
    sender = _hex(signer.address)
    key = intent or keccak(b"".join((chain_id.to_bytes(32), signer.address, to or b"", value_wei.to_bytes(32), data)))
    raws = outbox.attempts(key)
    if raws:
        outbox.tell(f"going on with transaction {_hash(raws[-1])}, which an earlier run of this command sent")
        unsigned = _unsigned(raws[-1], chain_id)
    else:
        unsigned = _prepared(rpc, chain_id, sender, fees, to, data, value_wei)
        raws = [signer.sign(unsigned)]
        outbox.keep(key, raws)
        outbox.tell(f"transaction {_hash(raws[-1])}: sent, waiting for its block")
    receipt = _Followed(rpc, signer, fees, outbox, key, unsigned, raws).receipt()
    if int(receipt["status"], 16) != 1:
        outbox.done(key)
        tx_hash = receipt["transactionHash"]
        raise Denied(f"transaction {tx_hash} was mined but reverted: the chain changed meanwhile, try again")
    if intent is None:
        outbox.done(key)
    return receipt


def _prepared(  # noqa: PLR0917 (a transaction has that many parts)
    rpc: Rpc, chain_id: int, sender: str, fees: FeePolicy, to: Address | None, data: bytes, value_wei: int
) -> Transaction:
    call = {"from": sender, "data": _hex(data), "value": hex(value_wei)} | ({"to": _hex(to)} if to else {})
    try:
        needed = int(rpc.call("eth_estimateGas", call), 16)
    except RpcError as error:
        raise denied(error) from error
    quoted = fees.quote(gas.market(rpc))
    nonce = int(rpc.call("eth_getTransactionCount", sender, "pending"), 16)
    needed += needed * _GAS_MARGIN_PERCENT // 100
    return Transaction(chain_id, nonce, to, data, needed, quoted, value_wei)


@dataclass(slots=True)
class _Followed:
    """One nonce and all that was signed for it."""

    rpc: Rpc
    signer: Signer
    fees: FeePolicy
    outbox: Outbox
    key: bytes
    last: Transaction
    raws: list[bytes]

    def receipt(self) -> Mapping[str, Any]:
        """Wait for it, through whatever the endpoint fails at; send again, and dearer where that is needed."""
        started = resent = signed = time.monotonic()
        used_since: float | None = None
        pause_s = _FIRST_POLL_S
        self._send(first=True)
        while (now := time.monotonic()) < started + _RECEIPT_TIMEOUT_S:
            if (found := self._look()) is not None:
                return found
            if now - resent >= _RESEND_S:
                resent = now
                if self._used():
                    used_since = used_since or now
                    if now - used_since >= _LOST_S:
                        self.outbox.done(self.key)
                        raise Denied(f"another transaction took the nonce of {_hash(self.raws[-1])}: run it again")
                elif self._bumped(old=now - signed >= _BUMP_S):
                    signed = now
                    self._send(first=False)
                else:
                    self._send(first=False)
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _POLL_S)
        raise Unavailable(
            f"transaction {_hash(self.raws[-1])} was not mined within {_RECEIPT_TIMEOUT_S} s: {self.outbox.way_on}"
        )

    def _send(self, *, first: bool) -> None:
        """Broadcast the newest attempt. What is refused for good is only said where it is the first time."""
        try:
            self.rpc.call("eth_sendRawTransaction", _hex(self.raws[-1]))
        except RpcError as error:
            reply = understood(error.message).reply
            hopeless = bool(error.data) or reply in {Reply.POOR, Reply.UNSENDABLE} or "revert" in error.message.lower()
            if first and hopeless and self._look() is None:
                self.outbox.done(self.key)
                raise denied(error) from error
            if reply not in {Reply.KNOWN, Reply.USED}:
                self.outbox.tell(f"the endpoint says: {error.message}; still trying")
        except Unavailable as error:
            self.outbox.tell(f"{error}; it may have been taken, still looking")

    def _look(self) -> Mapping[str, Any] | None:
        """The receipt of any attempt. One look that fails tells nothing."""
        calls = [("eth_getTransactionReceipt", [_hash(raw)]) for raw in self.raws]
        try:
            found = self.rpc.batch(list(calls), attempts=1)
        except Unavailable:
            return None
        return next((each for each in found if isinstance(each, dict)), None)

    def _used(self) -> bool:
        try:
            count = self.rpc.call("eth_getTransactionCount", _hex(self.signer.address), "latest", attempts=1)
        except Unavailable:
            return False
        return int(count, 16) > self.last.nonce

    def _bumped(self, *, old: bool) -> bool:
        """Sign a dearer attempt where the last one is too cheap or too old, and keep it."""
        try:
            market = gas.market(self.rpc)
        except Unavailable:
            return False
        fees = self.fees.bump(self.last.fees, market) if old or self.last.fees.outpriced(market) else None
        if fees is None:
            return False
        last = self.last
        self.last = Transaction(last.chain_id, last.nonce, last.to, last.data, last.gas, fees, last.value_wei)
        self.raws.append(self.signer.sign(self.last))
        self.outbox.keep(self.key, self.raws)
        self.outbox.tell(f"transaction {_hash(self.raws[-1])}: the same at a higher price")
        return True


def _unsigned(raw: bytes, chain_id: int) -> Transaction:
    """What was signed."""
    if raw[:1] == TYPE_2:
        _, nonce, tip, price, gas_limit, to, value, data, *_ = rlp.decode(raw[1:])
    else:
        nonce, price, gas_limit, to, value, data, *_ = rlp.decode(raw)
        tip = price
    fees = Fees(int.from_bytes(price), int.from_bytes(tip), typed=raw[:1] == TYPE_2)
    receiver = Address(to) if to else None
    numbers = [int.from_bytes(each) for each in (nonce, gas_limit, value)]
    return Transaction(chain_id, numbers[0], receiver, data, numbers[1], fees, numbers[2])


def denied(error: RpcError) -> Denied | Misconfigured | Unavailable:
    """What a refused call or transaction means to whoever wanted it."""
    if error.data:
        return ContractDenied(contracts.denial(error.data))
    said = error.message.lower()
    if understood(error.message).reply is Reply.POOR:
        return Misconfigured(f"the account cannot pay for that ({error.message}): fund it; `themis keys list` names it")
    return Denied(str(error)) if "revert" in said else Unavailable(f"the RPC refused {error}")


def _hash(raw: bytes) -> str:
    return _hex(keccak(raw))


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
