"""The development chains start as they are asked to, and stop."""

import os
import tempfile
import time
from pathlib import Path
from urllib.error import URLError

import pytest

from demo import chains, programs
from demo.chains import Kind, Settings
from tests.fakes import ORACLE_ADDRESS, FakeChain
from tests.patience import until
from themis.core.errors import Misconfigured, Unavailable
from themis.core.fees import Fees
from themis.core.order import order_typed_data
from themis.core.transaction import Transaction
from themis.core.types import Address
from themis.keys.external import ExternalSigner
from themis.keys.external import Kind as External
from themis.keys.keystore import KeystoreSigner

LATER_S = 2_000_000_000


@pytest.fixture(params=list(Kind))
def kind(request: pytest.FixtureRequest) -> Kind:
    return Kind(request.param)


def test_a_block_for_each_transaction(kind: Kind) -> None:
    with chains.start(kind) as chain:
        _send(chain)
        assert _height(chain, 1) == 1
        assert abs(_block(chain, "latest")["timestamp"] - time.time()) < 60


def test_accounts_are_funded_and_known(kind: Kind) -> None:
    with chains.start(kind) as chain:
        assert [address.lower() for address in chain.rpc("eth_accounts")] == [
            account.address.lower() for account in chain.accounts
        ]
        balances = {int(chain.rpc("eth_getBalance", account.address, "latest"), 16) for account in chain.accounts}
        assert balances == {10_000 * 10**18}
        if kind is not Kind.HARDHAT:  # it signs nothing for others
            _sign(chain, typed_data=kind is Kind.GANACHE)


def _sign(chain: chains.RunningChain, *, typed_data: bool) -> None:
    """What others wrote signs what we ask web3signer for, and gives the bytes that the key itself would."""
    address, key = (bytes.fromhex(each[2:]) for each in (chain.accounts[0].address, chain.accounts[0].private_key))
    elsewhere, own = ExternalSigner(chain.rpc_url, External.WEB3SIGNER, Address(address)), KeystoreSigner(key)
    for fees, to in ((Fees(30, 2), ORACLE_ADDRESS), (Fees(30, 30, typed=False), None)):
        transaction = Transaction(chain.chain_id, 7, to, b"\x60", 90_000, fees, 5)
        assert elsewhere.sign(transaction) == own.sign(transaction)
    if typed_data:
        message = order_typed_data(FakeChain().order(), chain.chain_id, ORACLE_ADDRESS)
        assert elsewhere.sign_typed(message) == own.sign_typed(message)


def test_settings_are_kept(kind: Kind) -> None:
    port = chains.free_port()
    with chains.start(kind, Settings(chain_id=4_242, timestamp_s=LATER_S, hardfork="shanghai", port=port)) as chain:
        assert chain.rpc_url.endswith(f":{port}")
        assert int(chain.rpc("eth_chainId"), 16) == chain.chain_id == 4_242
        _send(chain)
        _height(chain, 1)
        assert 0 <= _block(chain, "latest")["timestamp"] - LATER_S < 60


def test_blocks_on_a_clock(kind: Kind) -> None:
    with chains.start(kind, Settings(block_time_s=1)) as chain:
        hashes = [_send(chain) for _ in range(20)]
        receipts = until(
            lambda: [chain.rpc("eth_getTransactionReceipt", tx_hash) for tx_hash in hashes],
            lambda found: None not in found,
        )
        assert len({receipt["blockNumber"] for receipt in receipts}) < len(hashes), "no block was mined for each"
        _height(chain, _height(chain, 0) + 1)


def test_blocks_on_demand(kind: Kind) -> None:
    with chains.start(kind, Settings(automine=False)) as chain:
        _send(chain)
        assert _height(chain, 0) == 0
        chain.rpc("evm_mine")
        assert _height(chain, 1) == 1


def test_the_chain_ends_with_the_block(kind: Kind) -> None:
    with chains.start(kind) as chain:
        os.kill(chain.pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(chain.pid, 0)
    with pytest.raises(URLError):  # nor has it left a child behind that answers
        chain.rpc("eth_chainId")


def test_states_on_disk_end_with_the_chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anvil keeps them in the home of whoever runs it, 100 kB a block, and takes none away."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    with chains.start() as chain:
        chain.rpc("anvil_mine", hex(1_000))
        assert list(tmp_path.rglob("*.json"))
    assert [left for left in tmp_path.rglob("*") if left.is_file()] == []


def test_more_switches() -> None:
    with chains.start(Kind.ANVIL, Settings(extra=("--slots-in-an-epoch", "1"))) as chain:
        for _ in range(3):
            chain.rpc("evm_mine")
        assert _block(chain, "finalized")["number"] > 0


def test_a_refused_call_says_why() -> None:
    with chains.start() as chain, pytest.raises(RuntimeError, match="no_such_method"):
        chain.rpc("no_such_method")


def test_a_taken_port_is_told() -> None:
    with chains.start() as first:
        port = int(first.rpc_url.rsplit(":", 1)[1])
        with pytest.raises(Unavailable, match="is taken"), chains.start(settings=Settings(port=port)):
            pass


def test_a_chain_that_does_not_start_is_quoted() -> None:
    settings = Settings(extra=("--no-such-switch",))
    with pytest.raises(Unavailable, match="no-such-switch"), chains.start(Kind.ANVIL, settings):
        pass


def test_a_missing_chain_names_the_command(kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "ROOT", tmp_path)
    with pytest.raises(Misconfigured, match="npm ci"), chains.start(kind):
        pass


def _send(chain: chains.RunningChain) -> str:
    sender, receiver = (account.address for account in chain.accounts[:2])
    tx_hash: str = chain.rpc("eth_sendTransaction", {"from": sender, "to": receiver, "value": "0x1"})
    return tx_hash


def _block(chain: chains.RunningChain, tag: str) -> dict[str, int]:
    block = chain.rpc("eth_getBlockByNumber", tag, False)  # noqa: FBT003 (the RPC's parameter)
    return {field: int(block[field], 16) for field in ("number", "timestamp")}


def _height(chain: chains.RunningChain, at_least: int) -> int:
    """Height of the chain, once it is `at_least` this high."""
    return until(lambda: int(chain.rpc("eth_blockNumber"), 16), lambda height: height >= at_least)
