"""Runs a development chain (Anvil, Ganache, Hardhat's node) in a process of its own on a loopback port."""

import json
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from urllib.error import URLError
from urllib.request import Request, urlopen

from eth_account import Account as EthAccount

from demo.patience import PATIENCE_S
from demo.programs import ACCOUNTS, MNEMONIC, ROOT, Kind, Settings, command, environment
from themis.core.errors import Unavailable

__all__ = ["Account", "Kind", "RunningChain", "Settings", "accounts", "free_port", "start"]

STOP_TIMEOUT_S: Final = 10
RPC_TIMEOUT_S: Final = 30


@dataclass(frozen=True, slots=True)
class Account:
    """A funded account. Both as 0x-hex: the address checksummed, the key 32 bytes."""

    address: str
    private_key: str


@dataclass(frozen=True, slots=True)
class RunningChain:
    """A chain that answers."""

    kind: Kind
    rpc_url: str
    chain_id: int
    accounts: tuple[Account, ...]
    pid: int

    def rpc(self, method: str, *params: Any) -> Any:
        """Call one RPC method; its result. Raises RuntimeError with the chain's own words if it refuses."""
        return _call(self.rpc_url, method, params)


@contextmanager
def start(kind: Kind = Kind.ANVIL, settings: Settings | None = None) -> Iterator[RunningChain]:
    """Run a chain until the block ends.

    Raises Misconfigured if it is not installed, Unavailable if it does not come up.
    """
    settings = settings or Settings()
    port = free_port(settings.port or 0)
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryFile() as log, tempfile.TemporaryDirectory(prefix="themis-chain-") as states:
        process = subprocess.Popen(
            command(kind, settings, port, states),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=ROOT / "demo",  # where Hardhat looks for its settings
            env=environment(settings),
        )
        try:
            if trouble := _trouble_starting(process, url, settings.chain_id):
                log.seek(0)
                said = log.read().decode(errors="replace")[-2_000:]
                raise Unavailable(f"{kind} did not start: {trouble}. It said:\n{said}")
            if kind is Kind.GANACHE and not settings.automine:
                _call(url, "miner_stop", ())  # it has no switch for this
            yield RunningChain(kind, url, settings.chain_id, accounts(), process.pid)
        finally:
            _stop(process)


def free_port(wanted: int = 0) -> int:
    """Find a loopback port nobody listens on now, or check one. Raises Unavailable if somebody does."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that are winding down do not count
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError as error:
            raise Unavailable(f"port {wanted} is taken: stop what listens there, or choose another") from error
        port: int = probe.getsockname()[1]
        return port


@cache
def accounts() -> tuple[Account, ...]:
    """Derive the funded accounts of `MNEMONIC`, m/44'/60'/0'/0/0 and on: the same on every chain."""
    EthAccount.enable_unaudited_hdwallet_features()
    paths = (f"m/44'/60'/0'/0/{index}" for index in range(ACCOUNTS))
    derived = (EthAccount.from_mnemonic(MNEMONIC, account_path=path) for path in paths)
    return tuple(Account(account.address, "0x" + bytes(account.key).hex()) for account in derived)


def _trouble_starting(process: subprocess.Popen[bytes], url: str, chain_id: int) -> str | None:
    """Wait until the chain answers; say why if it will not."""
    give_up_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up_s:
        if process.poll() is not None:
            return f"exit status {process.returncode}"
        try:
            answered = int(_call(url, "eth_chainId", ()), 16)
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(0.02)
            continue
        if answered != chain_id:
            return f"{url} answers for chain {answered}, not {chain_id}: another process has the port"
        return None
    return f"no answer in {PATIENCE_S} s"


def _call(url: str, method: str, params: Sequence[Any]) -> Any:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}).encode()
    request = Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 (our own loopback URL)
    with urlopen(request, timeout=RPC_TIMEOUT_S) as response:  # noqa: S310
        answer = json.load(response)
    if "error" in answer:
        raise RuntimeError(f"{method}: {answer['error'].get('message', answer['error'])}")
    return answer["result"]


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
