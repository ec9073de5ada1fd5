"""A home's wallet at the oracle: one key, one contract, transactions that are waited for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from themis.cli.home import Home
from themis.cli.naming import Models
from themis.cli.output import progress, say
from themis.core.types import Address, Hash32

if TYPE_CHECKING:
    from themis.chain.abi import Log
    from themis.chain.client import OracleClient
    from themis.chain.outbox import Outbox
    from themis.config import Config
    from themis.licensing.licenses import Licenses
    from themis.ports import Signer


@dataclass(frozen=True, slots=True)
class Done:
    """A transaction that took effect."""

    receipt: Mapping[str, Any]
    logs: "list[Log]"

    @property
    def sender(self) -> Address:
        """Who sent it."""
        from themis.chain.abi import address

        return address(self.receipt["from"])

    @property
    def facts(self) -> dict[str, Any]:
        """What every command says about its transaction."""
        return {
            "tx_hash": self.receipt["transactionHash"],
            "block": int(self.receipt["blockNumber"], 16),
            "gas_used": int(self.receipt["gasUsed"], 16),
        }

    def values(self, event: str) -> dict[str, Any]:
        """The values of an event that this transaction logged."""
        return next(log.values for log in self.logs if log.event == event)


@dataclass(frozen=True, slots=True)
class Wallet:
    """Reads and transactions of a home's key."""

    home: Home
    config: "Config"
    client: "OracleClient"
    signer: "Signer"
    outbox: "Outbox"

    def model(self, said: str) -> Hash32:
        """The model that somebody names. Raises Misconfigured, with the candidates where there are several."""
        return Models(self.home, self.config, self.client).called(said)

    @property
    def licenses(self) -> "Licenses":
        from themis.licensing.licenses import Licenses

        return Licenses(self.client, self.config.chain.start_block)

    def transact(self, function: str, *arguments: Any, value_wei: int = 0, intent: bytes | None = None) -> Done:
        """Send a transaction to the oracle and wait for it. Raises ContractDenied before it costs anything.

        Repeated after a failure, it goes on with the one that was sent. See `themis.chain.transact` for `intent`.
        """
        call = (self.signer, self.config.fees.limits(), function, *arguments)
        return Done(*self.client.transact(*call, value_wei=value_wei, outbox=self.outbox, intent=intent))


def connect(config: "Config") -> "OracleClient":
    """The configured oracle, once chain and contract have proved to be the right ones.

    Raises Misconfigured, or Unavailable while the RPC is down.
    """
    from themis.chain.client import OracleClient, require_chain, require_oracle
    from themis.chain.rpc import Rpc

    client = OracleClient(
        Rpc(*config.chain.urls, quorum=config.chain.quorum), config.chain.chain_id, config.oracle(), progress
    )
    require_chain(client.rpc, client.chain_id)
    require_oracle(client)
    return client


def licenses(config: "Config") -> "Licenses":
    """What the configured oracle says about licenses. Raises as `connect` does."""
    from themis.licensing.licenses import Licenses

    return Licenses(connect(config), config.chain.start_block)


def open_wallet(home: Home) -> Wallet:
    """Unlock the home's key and connect. The chain is asked first: unlocking takes a second."""
    config = home.config()
    client = connect(config)
    return Wallet(home, config, client, unlock(home, config), outbox(home))


def outbox(home: Home) -> "Outbox":
    """Where a home keeps what its commands have sent and not seen to the end."""
    from themis.chain.outbox import Outbox

    return Outbox(home.path / "outbox", say)


def unlock(home: Home, config: "Config") -> "Signer":
    """The home's key. Raises Misconfigured, saying what to do."""
    from themis.keys import opened

    return opened.opened(home.path, config.key)


def own_address(home: Home, config: "Config") -> Address:
    """The address of the home's key, which needs no password."""
    from themis.keys import opened

    return opened.address(home.path, config.key)
