"""Follows a page of documentation: its blocks of code, and a shell that runs them while a node answers."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from web3 import HTTPProvider, Web3
from web3.contract import Contract

from contracts import compile as compiler
from demo import chains
from demo.chains import RunningChain
from demo.programs import ROOT
from themis.chain.contracts import ORACLE

TIMEOUT_S: Final = 300
WAIT_FOR_NODE: Final = """themis run & NODE=$!
trap 'kill $NODE; wait $NODE' EXIT
READY="import urllib.request as u; u.urlopen('http://127.0.0.1:$THEMIS_API__PORT/readyz')"
until python -c "$READY"; do kill -0 $NODE; sleep 0.2; done 2> /dev/null
"""
"""Stands for the one line `themis run`: the node runs until the shell ends."""
REMAPPING: Final = ("themis/", "contracts/src/")
TELL_AND_HOLD: Final = 'echo "DONE $ORACLE $MODEL $OPERATOR"; read -r _\n'


@dataclass(frozen=True, slots=True)
class Followed:
    """What a page has set up, while its node runs."""

    web3: Web3
    oracle: Contract
    model_id: bytes
    operator: str
    printed: str


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def key_files(home: Path, *names: str) -> None:
    """NAME.key with the private key of a prefunded account, for each name."""
    for name, account in zip(names, chains.accounts(), strict=False):
        key = home / f"{name}.key"
        key.touch(mode=0o600)
        key.write_text(account.private_key)


@contextmanager
def following(commands: str, home: Path, chain: RunningChain) -> Iterator[Followed]:
    """Run commands in one shell, `themis run` among them; at the end they must all have succeeded."""
    assert commands.count("\nthemis run\n") == 1
    script = f"set -euo pipefail\n{commands}{TELL_AND_HOLD}".replace("\nthemis run\n", f"\n{WAIT_FOR_NODE}")
    environment = dict(os.environ) | {"HOME": str(home), "THEMIS_API__PORT": str(chains.free_port())}
    environment["PATH"] = f"{sys.prefix}/bin:{environment['PATH']}"
    pipe = subprocess.PIPE
    with subprocess.Popen(
        ["bash", "-c", script], cwd=home, env=environment, text=True, stdin=pipe, stdout=pipe, stderr=pipe
    ) as shell:
        try:
            yield _follow(shell, chain)
            _, stderr = shell.communicate("\n", timeout=TIMEOUT_S)
            assert shell.returncode == 0, stderr
        finally:
            shell.kill()


def _follow(shell: subprocess.Popen[str], chain: RunningChain) -> Followed:
    assert shell.stdout
    assert shell.stderr
    printed = []
    for line in shell.stdout:
        printed.append(line)
        if line.startswith("DONE "):
            break
    else:
        pytest.fail("".join(printed) + shell.stderr.read())
    _, oracle, model, operator = line.split()
    web3 = Web3(HTTPProvider(chain.rpc_url))
    contract = web3.eth.contract(address=Web3.to_checksum_address(oracle), abi=[dict(entry) for entry in ORACLE.abi])
    return Followed(web3, contract, bytes.fromhex(model[2:]), operator, "".join(printed))


def compiled(solidity: str, name: str) -> Any:
    """A page's contract: ABI and bytecode."""
    return compiler_said(solidity, name)["contracts"][f"{name}.sol"][name]


def compiler_said(solidity: str, name: str) -> Any:
    """All that the compiler says of a page's contract, with nothing but the remapping `themis/=contracts/src/`."""
    sources = compiler.closure({f"{name}.sol": solidity}, ROOT, [REMAPPING])
    settings = {
        "remappings": ["=".join(REMAPPING)],
        "evmVersion": "shanghai",
        "outputSelection": {f"{name}.sol": {name: ["abi", "evm.bytecode.object"]}},
    }
    asked = {
        "language": "Solidity",
        "sources": {path: {"content": text} for path, text in sources.items()},
        "settings": settings,
    }
    return compiler.said(json.dumps(asked), compiler.solc_binary())


def deployed(followed: Followed, built: Any, sender: str, *arguments: Any) -> Contract:
    """Deploy a compiled contract."""
    factory = followed.web3.eth.contract(abi=built["abi"], bytecode=built["evm"]["bytecode"]["object"])
    sent = factory.constructor(*arguments).transact({"from": Web3.to_checksum_address(sender)})
    receipt = followed.web3.eth.wait_for_transaction_receipt(sent)
    return factory(address=receipt["contractAddress"])
