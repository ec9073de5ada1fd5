"""Programs called on Anvil, an EVM that is nobody's here: which of their program counters were executed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import urllib3

from demo.chains import RunningChain

TARGET: Final = "0x" + "be" * 20
CALLER: Final = "0x" + "ca" * 20
_NEIGHBORS: Final = (CALLER, *(f"0x{number:040x}" for number in (0x20, 0x40, 0xFF)))
_MOODY: Final = "0x5a8060011c600116805f526020526001166018" + "5760405ff35b5f5ffd"
"""What neighbors run: by how much gas is left they revert, or return false or true, twice."""
_SLOTS: Final = 4
_WORDS: Final = (0, 1, 2, 32, 255, int(CALLER, 16), 1 << 255, (1 << 256) - 1)
_GAS: Final = 200_000
_ONLY_WHERE: Final = {"disableStorage": True, "disableMemory": True, "disableStack": True}


@dataclass(frozen=True, slots=True)
class Anvil:
    """Calls programs with storage and senders at random."""

    chain: RunningChain
    http: urllib3.PoolManager

    def ran(self, code: bytes, calls: Sequence[bytes], rng: Random) -> set[int]:
        """Program counters that some call executed, in the code itself and not in what it called."""
        batch = [
            {"jsonrpc": "2.0", "id": number, "method": "debug_traceCall", "params": _params(code, data, rng)}
            for number, data in enumerate(calls)
        ]
        reply = self.http.request("POST", self.chain.rpc_url, json=batch)
        answers: list[Any] = json.loads(reply.data)
        assert len(answers) == len(calls), reply.data[:500]
        return {log["pc"] for answer in answers for log in answer["result"]["structLogs"] if log["depth"] == 1}


def _params(code: bytes, data: bytes, rng: Random) -> list[Any]:
    storage = {f"0x{slot:064x}": f"0x{rng.choice(_WORDS):064x}" for slot in range(_SLOTS)}
    state: dict[str, Any] = {address: {"code": _MOODY, "balance": hex(1 << 80)} for address in _NEIGHBORS}
    state[TARGET] = {"code": "0x" + code.hex(), "stateDiff": storage, "balance": hex(rng.choice((0, 1 << 80)))}
    call = {"from": CALLER, "to": TARGET, "data": "0x" + data.hex(), "gas": hex(_GAS), "value": hex(rng.randrange(2))}
    return [call, "latest", {**_ONLY_WHERE, "stateOverrides": state}]
