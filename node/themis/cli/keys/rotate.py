"""`themis keys rotate`: an operator's offers move to another key; the old one answers what was asked of it."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from themis.cli import wallet
from themis.cli.fields import Json
from themis.cli.home import Home, home_of
from themis.cli.naming import NAMES_FILE
from themis.cli.output import print_record, say
from themis.cli.wallet import Wallet
from themis.core.errors import Misconfigured
from themis.core.fees import ANSWER_GAS, LOW_BALANCE_ANSWERS
from themis.core.spelling import shown
from themis.core.types import Address, Hash32

if TYPE_CHECKING:
    from themis.config import Config
    from themis.licensing.licenses import Offer

_ANSWERS: Final = 2 * LOW_BALANCE_ANSWERS
"""For so many answers the new key is funded, where it has less."""


def rotate(
    context: typer.Context,
    *,
    new_home: Annotated[Path, typer.Argument(metavar="NEWHOME", help="Home of the new key; made where it is not.")],
    fund_wei: Annotated[
        int | None, typer.Option(min=0, max=2**96 - 1, help="What the new key must hold; the old one sends the rest.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Move this home's offers to a new key. Nothing is lost that was asked of the old one: its node goes on."""
    home = home_of(context)
    there = Home(new_home.expanduser().absolute(), {})
    config = home.config()
    if not there.config_file.exists():
        _prepare(home, config, there)
    _require_other(home, config, there)
    old, new = wallet.open_wallet(home), wallet.open_wallet(there)
    moved = _Move(old, new)
    moved.fund(fund_wei)
    moved.share_grants()
    offers = list(moved.offers())
    print_record(
        {
            "old_key": shown(old.signer.address),
            "new_key": shown(new.signer.address),
            "home": str(there.path),
            "offers": [{"model_id": shown(model_id), "token": shown(offer.token)} for model_id, offer in offers],
        },
        as_json=as_json,
    )
    say(f"start the new node: `themis --home {there.path} run` (with --set api.port=0 while both run here)")
    say(
        "keep the old one running until `themis jobs` shows nothing open; then stop it and `themis withdraw`. Keep its "
        "key: the grants are still its own, until the licensor grants them to the new one"
    )


def _prepare(home: Home, config: "Config", there: Home) -> None:
    """A home like this one, with a key of its own. Raises Misconfigured where that cannot be guessed."""
    from themis.cli import configfile
    from themis.config import CONFIG_FILE, text_of
    from themis.keys import keystore

    key = config.key
    if key.signer_url is not None or key.keystore.is_absolute() or key.password_file.is_absolute():
        raise Misconfigured(
            f"this home's key is not in it: copy its {CONFIG_FILE} to {there.path} yourself, with the new key in [key]"
        )
    there.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = keystore.create(there.path / key.keystore, there.path / key.password_file, None)
    say(f"made the key {shown(made)}: back up {there.path / key.keystore} and {there.path / key.password_file}")
    if (names := home.path / NAMES_FILE).exists():
        shutil.copy(names, there.path / NAMES_FILE)
    fresh = there.path / f"{CONFIG_FILE}.new"
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text_of(home.config_file))
    for model in config.models:
        configfile.add_model(fresh, str((home.path / model.path).absolute()), shown(model.model_id))
    fresh.replace(there.config_file)


def _require_other(home: Home, config: "Config", there: Home) -> None:
    """Another key at the same oracle. Raises Misconfigured."""
    found = there.config()
    if (found.chain.chain_id, found.oracle()) != (config.chain.chain_id, config.oracle()):
        raise Misconfigured(f"{there.path} is for another chain or oracle: choose another home")
    if wallet.own_address(there, found) == wallet.own_address(home, config):
        raise Misconfigured(f"{there.path} has this very key: choose another home, or make a key in it")


@dataclass(frozen=True, slots=True)
class _Move:
    """Each step looks at the chain first: repeated, the command goes on where it was."""

    old: Wallet
    new: Wallet

    def fund(self, wanted_wei: int | None) -> None:
        """The new key pays for its own transactions."""
        from themis.chain import gas
        from themis.chain.transact import transact

        client, fees = self.old.client, self.old.config.fees.limits()
        price_wei = fees.quote(gas.market(client.rpc)).max_fee_wei
        wanted = _ANSWERS * ANSWER_GAS * price_wei if wanted_wei is None else wanted_wei
        held = int(client.rpc.call("eth_getBalance", shown(self.new.signer.address), "latest"), 16)
        if held < wanted:
            whole = (client.rpc, client.chain_id, self.old.signer, fees, self.new.signer.address, b"", wanted - held)
            transact(*whole, outbox=self.old.outbox)
            say(f"sent {wanted - held} wei to the new key")

    def share_grants(self) -> None:
        """The new key uses the old one's grants: its licensor need not do anything for that."""
        old, new = self.old.signer.address, self.new.signer.address
        holder = self._principal(old)
        if holder != old:
            say(f"the grants are those of {shown(holder)}: there, run `themis license delegate {shown(new)}`")
        elif self._principal(new) != old:
            self.old.transact("delegate", new, True)  # noqa: FBT003 (ABI)
        if self._principal(new) != holder:
            self.new.transact("actFor", holder)

    def offers(self) -> "Iterator[tuple[Hash32, Offer]]":
        """Made under the new key before they are withdrawn under the old one."""
        for model in self.old.config.models:
            for offer in self.old.licenses.offers(model.model_id, self.old.signer.address):
                if offer not in self.new.licenses.offers(model.model_id, self.new.signer.address):
                    terms = (model.model_id, offer.token, offer.min_fee, offer.max_callback_gas)
                    self.new.transact("serve", *terms)
                self.old.transact("stopServing", model.model_id, offer.token)
                yield model.model_id, offer

    def _principal(self, account: Address) -> Address:
        from themis.chain.abi import address

        (text,) = self.old.client.read("principalOf", account)
        return address(text)
