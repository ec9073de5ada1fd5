"""Every command of the README works as it stands there: one shell runs them in their order against a fresh Anvil."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from web3 import Web3

from demo import chains, report
from demo.programs import ROOT
from tests.doc_kit import Followed, blocks, compiled, deployed, following, key_files
from tests.patience import until

README = (ROOT / "README.md").read_text()


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Followed]:
    checkout = tmp_path_factory.mktemp("checkout")
    (checkout / ".venv").symlink_to(sys.prefix)
    (checkout / "models").symlink_to(ROOT / "models")
    key_files(checkout, "operator", "licensor", "requester")
    with chains.start() as chain:
        script = "".join(blocks(README, "sh")[1:]).replace("http://127.0.0.1:8545", chain.rpc_url)
        with following(script, checkout, chain) as started:
            yield started


def test_the_command_line_question_was_answered(followed: Followed) -> None:
    (answered,) = followed.oracle.events.Fulfilled.get_logs(from_block=0)
    assert answered["args"]["operator"] == followed.operator
    assert "0x" + answered["args"]["resultHash"].hex() in followed.printed
    (paid,) = followed.oracle.events.Withdrawn.get_logs(from_block=0)
    assert (paid["args"]["account"], paid["args"]["amount"]) == (followed.operator, 10**12)


def test_the_order_was_answered_and_paid_from_the_deposit(followed: Followed) -> None:
    (answered,) = followed.oracle.events.OrderFulfilled.get_logs(from_block=0)
    assert (answered["args"]["operator"], answered["args"]["fee"]) == (followed.operator, 10**12)
    assert "0x" + answered["args"]["output"].hex() in followed.printed
    requester, zero = answered["args"]["requester"], "0x" + "00" * 20
    assert followed.oracle.functions.deposits(zero, requester).call() == 0


def test_the_solidity_asks_and_is_answered(followed: Followed) -> None:
    web3, oracle = followed.web3, followed.oracle
    sender = Web3.to_checksum_address(chains.accounts()[5].address)
    assert "`themis/=contracts/src/`" in README
    (solidity,) = blocks(README, "solidity")
    chosen = (oracle.address, followed.model_id, followed.operator)
    watchlist = deployed(followed, compiled(solidity, "Watchlist"), sender, *chosen)
    ask = watchlist.functions.ask(oracle.address)
    receipt = web3.eth.wait_for_transaction_receipt(ask.transact({"from": sender, "value": Web3.to_wei(1, "szabo")}))
    fulfilled = oracle.events.Fulfilled
    (answer,) = until(lambda: list(fulfilled.get_logs(from_block=receipt["blockNumber"])), lambda answers: answers)
    assert not oracle.events.CallbackFailed.get_logs(from_block=receipt["blockNumber"])
    assert watchlist.functions.askedAbout(int(oracle.address, 16) % 2**64).call() == oracle.address
    assert watchlist.functions.riskBps(oracle.address).call() == report.decode(answer["args"]["output"]).worst_bps


def test_the_two_commands() -> None:
    demo, test = blocks(README, "sh")[0].split("\n")[:2]
    assert (demo, test) == ("make demo", "make test")
    shell = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    # test_demo.py runs `make demo`, and `make test` is what runs this test: here only that it would run pytest
    planned = subprocess.run(
        [*test.split(), "--dry-run"], cwd=ROOT, env=shell, stdout=subprocess.PIPE, text=True, check=True
    )
    assert " pytest --numprocesses" in planned.stdout


def test_only_known_kinds_of_blocks() -> None:
    assert set(re.findall(r"^```(\w+)$", README, re.MULTILINE)) == {"sh", "mermaid", "solidity"}
