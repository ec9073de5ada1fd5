"""Write evm_encode.json: what `themis.evm.encode` makes of bytecode. Run it when the preprocessing id changes."""

import hashlib
import json
from pathlib import Path
from typing import Any, Final

from themis.evm.encode import PREPROCESSING, Encoded, encode
from themis.evm.vocabulary import NAMES

HERE: Final = Path(__file__).parent
PROGRAMS: Final = {
    "empty": "",
    "stop": "00",
    "cut push": "7f01",
    "undefined opcode": "0c",
    "bare selfdestruct": "33ff",
    "proxy (EIP-1167)": "363d3d373d3d3d363d73bebebebebebebebebebebebebebebebebebebebe5af43d82803e903d91602b57fd5bf3",
    "counter behind a selector": "5f3560e01c63aabbccdd14600f57005b5f5460010160005500",
}


def vector(encoded: Encoded) -> dict[str, Any]:
    """Tokens by name and, because they are many, a digest of the integers."""
    grams = [bucket for row in encoded.grams for bucket in row]
    return {
        "coverage_bps": encoded.coverage_bps,
        "functions": [
            {"selector": trace.selector, "tokens": " ".join(NAMES[token] for token in trace.tokens)}
            for trace in encoded.functions
        ],
        "sha256": digest([*encoded.tokens, *encoded.pcs, *encoded.starts, *grams]),
    }


def digest(numbers: list[int]) -> str:
    return hashlib.sha256(",".join(map(str, numbers)).encode()).hexdigest()


def vectors() -> dict[str, Any]:
    """Every vector, by name."""
    return {name: vector(encode(code)) for name, code in programs().items()}


def programs() -> dict[str, bytes]:
    """The codes, by name."""
    demo = json.loads((HERE / "evm_demo_runtime.json").read_text())
    texts = PROGRAMS | {name: demo[name].removeprefix("0x") for name in ("EthVault", "SafeEthVault")}
    return {name: bytes.fromhex(code) for name, code in texts.items()}


def document() -> str:
    """The file's text."""
    body = {"preprocessing": PREPROCESSING, "vocabulary": list(NAMES), "vectors": vectors()}
    return json.dumps(body, indent=1) + "\n"


if __name__ == "__main__":
    (HERE / "evm_encode.json").write_text(document())
