"""What a transaction that was measured under Osaka's rules would cost under those of a later fork: an estimate.

Glamsterdam's numbers are those of EIP-8037, EIP-8038, EIP-2780 and EIP-7976 as devnet-8 and revm 43 have them: they are
not final, and no released client runs them. What a trace shows is priced anew; what a CALL pays for its value is left
as it is, and so are refunds, of which no path with a goal has any.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from web3 import Web3

_SLOAD_COLD: Final = 2_100
_WARM: Final = 100
_BASE: Final = 21_000
_ACCOUNT: Final = 2_600
_ACCOUNT_OPERAND: Final = {
    "CALL": 2,
    "CALLCODE": 2,
    "STATICCALL": 2,
    "DELEGATECALL": 2,
    "BALANCE": 1,
    "EXTCODESIZE": 1,
    "EXTCODECOPY": 1,
    "EXTCODEHASH": 1,
}
"""How deep in the stack an instruction has the account that it touches."""
_SSTORE: Final = {2_900: ("write", False), 5_000: ("write", True), 20_000: ("create", False), 22_100: ("create", True)}
"""What a first change of a slot costs under Osaka's rules: of what kind it is, and whether the slot was cold."""
_PRECOMPILES: Final = range(1, 0x12)


@dataclass(frozen=True, slots=True)
class Fork:
    """What differs from Osaka, gas."""

    base: int
    """Of a transaction, its recipient included."""
    base_with_value: int
    account: int
    """First touch of an account."""
    write: int
    """First change of a slot that holds something, beyond its access."""
    create: int
    """The same of an empty slot."""
    floor_per_byte: int
    """What a byte of input costs at least, zero or not."""


GLAMSTERDAM: Final = Fork(
    base=15_000, base_with_value=21_000, account=3_000, write=10_000, create=10_000 + 64 * 1_530, floor_per_byte=64
)
"""A new slot is 64 bytes of state at 1,530 each, beside the write."""
FORKS: Final[Mapping[str, Fork]] = {"glamsterdam": GLAMSTERDAM}


def estimates(web3: Web3, blocks: range) -> dict[str, int]:
    """Gas of all transactions in these blocks together, by fork."""
    seen = [web3.eth.get_block(number, full_transactions=True)["transactions"] for number in blocks]
    transactions = [each for block in seen for each in block]
    return {name: sum(_estimate(web3, each, fork) for each in transactions) for name, fork in FORKS.items()}


def _estimate(web3: Web3, sent: Any, fork: Fork) -> int:
    receipt = web3.eth.get_transaction_receipt(sent["hash"])
    options = {"disableMemory": True}
    trace: Any = web3.provider.make_request("debug_traceTransaction", [sent["hash"].to_0x_hex(), options])  # type: ignore[arg-type]
    steps = trace["result"]["structLogs"]
    if not steps:
        raise RuntimeError("the chain traces no steps: start Anvil with --steps-tracing")
    executed = priced(steps, {sent["from"], sent["to"]}, fork)
    base = fork.base_with_value if sent["value"] else fork.base
    return max(receipt["gasUsed"] + base - _BASE + executed, base + len(sent["input"]) * fork.floor_per_byte)


def priced(steps: Sequence[Mapping[str, Any]], warm: set[str], fork: Fork) -> int:
    """What the steps of a trace cost more than under Osaka's rules. `warm`: accounts touched before."""
    return sum(_differences(steps, {int(account, 16) for account in warm}, fork))


def _differences(steps: Sequence[Mapping[str, Any]], touched: set[int], fork: Fork) -> Iterator[int]:
    for step in steps:
        name, cost = step["op"], step["gasCost"]
        if name == "SSTORE" and cost in _SSTORE:
            now, cold = _SSTORE[cost]
            yield getattr(fork, now) + (_SLOAD_COLD if cold else _WARM) - cost
        elif name in _ACCOUNT_OPERAND:
            account = int(step["stack"][-_ACCOUNT_OPERAND[name]], 16) % 2**160
            if account not in touched and account not in _PRECOMPILES:
                touched.add(account)
                yield fork.account - _ACCOUNT
