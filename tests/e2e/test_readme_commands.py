"""Every command of the README works as it stands there: one shell runs them in their order against a fresh Anvil."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import solcx
from web3 import HTTPProvider, Web3
from web3.contract import Contract

from contracts import compile as compiler
from demo import chains, report
from demo.programs import ROOT
from tests.patience import until
from themis.edge.contracts import ORACLE

README = (ROOT / "README.md").read_text()
TIMEOUT_S = 300
WAIT_FOR_NODE = """themis run & NODE=$!
trap 'kill $NODE; wait $NODE' EXIT
READY="import urllib.request as u; u.urlopen('http://127.0.0.1:$THEMIS_API__PORT/readyz')"
until python -c "$READY"; do kill -0 $NODE; sleep 0.2; done 2> /dev/null
"""
TELL_AND_HOLD = 'echo "DONE $ORACLE $MODEL $OPERATOR"; read -r _\n'


@dataclass(frozen=True, slots=True)
class Followed:
    """What the README has set up, while its node runs."""

    web3: Web3
    oracle: Contract
    model_id: bytes
    operator: str
    printed: str


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Followed]:
    checkout = tmp_path_factory.mktemp("checkout")
    (checkout / ".venv").symlink_to(sys.prefix)
    (checkout / "models").symlink_to(ROOT / "models")
    for name, account in zip(("operator", "licensor", "requester"), chains.accounts(), strict=False):
        key = checkout / f"{name}.key"
        key.touch(mode=0o600)
        key.write_text(account.private_key)
    # a chain id of its own: nodes lock their (chain, account)
    with chains.start(settings=chains.Settings(chain_id=chains.free_port())) as chain:
        script = "set -euo pipefail\n" + "".join(_blocks("sh")[1:]) + TELL_AND_HOLD
        assert script.count("\nthemis run\n") == 1
        script = script.replace("http://127.0.0.1:8545", chain.rpc_url).replace("themis run\n", WAIT_FOR_NODE)
        environment = dict(os.environ) | {"HOME": str(checkout), "THEMIS_API__PORT": str(chains.free_port())}
        pipe = subprocess.PIPE
        with subprocess.Popen(
            ["bash", "-c", script], cwd=checkout, env=environment, text=True, stdin=pipe, stdout=pipe, stderr=pipe
        ) as shell:
            try:
                yield _follow(shell, chain)
                _, stderr = shell.communicate("\n", timeout=TIMEOUT_S)
                assert shell.returncode == 0, stderr
            finally:
                shell.kill()


def _follow(shell: subprocess.Popen[str], chain: chains.RunningChain) -> Followed:
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


def test_the_command_line_question_was_answered(followed: Followed) -> None:
    (answered,) = followed.oracle.events.Fulfilled.get_logs(from_block=0)
    assert answered["args"]["operator"] == followed.operator
    assert "0x" + answered["args"]["resultHash"].hex() in followed.printed
    (paid,) = followed.oracle.events.Withdrawn.get_logs(from_block=0)
    assert (paid["args"]["account"], paid["args"]["amount"]) == (followed.operator, 10**12)


def test_the_solidity_asks_and_is_answered(followed: Followed) -> None:
    web3, oracle = followed.web3, followed.oracle
    sender = Web3.to_checksum_address(chains.accounts()[5].address)
    built = _compiled()
    factory = web3.eth.contract(abi=built["abi"], bytecode=built["evm"]["bytecode"]["object"])
    deployed = web3.eth.wait_for_transaction_receipt(factory.constructor(oracle.address).transact({"from": sender}))
    watchlist = web3.eth.contract(address=deployed["contractAddress"], abi=built["abi"])
    ask = watchlist.functions.ask(followed.model_id, followed.operator, oracle.address)
    receipt = web3.eth.wait_for_transaction_receipt(ask.transact({"from": sender, "value": Web3.to_wei(1, "szabo")}))
    fulfilled = oracle.events.Fulfilled
    (answer,) = until(lambda: list(fulfilled.get_logs(from_block=receipt["blockNumber"])), lambda answers: answers)
    assert not oracle.events.CallbackFailed.get_logs(from_block=receipt["blockNumber"])
    assert watchlist.functions.askedAbout(answer["args"]["id"]).call() == oracle.address
    assert watchlist.functions.riskBps(oracle.address).call() == report.decode(answer["args"]["output"]).worst_bps


def _compiled() -> Any:
    """The README's contract, compiled with nothing but the remapping it names."""
    (solidity,) = _blocks("solidity")
    assert "`themis/=contracts/src/`" in README
    sources = {"Watchlist.sol": {"content": solidity}}
    for file in (ROOT / "contracts/src").rglob("*.sol"):
        sources[str(file.relative_to(ROOT))] = {"content": file.read_text()}
    needed = {name: source for name, source in sources.items() if 'from "solady' not in source["content"]}
    output = solcx.compile_standard(
        {
            "language": "Solidity",
            "sources": needed,
            "settings": {
                "remappings": ["themis/=contracts/src/"],
                "evmVersion": "shanghai",
                "outputSelection": {"Watchlist.sol": {"Watchlist": ["abi", "evm.bytecode.object"]}},
            },
        },
        solc_binary=compiler.solc_binary(),
    )
    return output["contracts"]["Watchlist.sol"]["Watchlist"]


def test_the_two_commands() -> None:
    demo, test = _blocks("sh")[0].split("\n")[:2]
    assert (demo, test) == ("make demo", "make test")
    # as from a shell, although `make test` runs this
    shell = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    pipe = subprocess.PIPE
    told = subprocess.run(demo.split(), cwd=ROOT, env=shell, stdout=pipe, text=True, timeout=TIMEOUT_S, check=True)
    assert json.loads(told.stdout.splitlines()[-1])["refusal"] == "AuthorizationRequired"
    # `make test` is what runs this test: here only that it would run pytest last
    planned = subprocess.run([*test.split(), "--dry-run"], cwd=ROOT, env=shell, stdout=pipe, text=True, check=True)
    assert planned.stdout.splitlines()[-1].endswith(" pytest")


def test_only_known_kinds_of_blocks() -> None:
    assert set(re.findall(r"^```(\w+)$", README, re.MULTILINE)) == {"sh", "mermaid", "solidity"}
