"""What a licensor's page and its wallet need: licenses to read, grants to sign, calls to send. Holds no key."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import FastAPI, HTTPException, Query

from themis.api import licensing_models as models
from themis.api import licensing_views as views
from themis.api.licensing_queries import AddressText, GrantQuery, HashText, address, hash32, role
from themis.chain import contracts
from themis.chain.abi import address as decoded_address
from themis.chain.client import ContractDenied, OracleClient
from themis.chain.rpc import RpcError
from themis.core import canonical
from themis.core.errors import Misconfigured
from themis.core.spelling import shown
from themis.core.types import Address, Hash32
from themis.licensing.income import Income
from themis.licensing.licenses import Licenses

_ROYALTIES_SHOWN: Final = 50

ModelId = Annotated[HashText, Query()]


@dataclass(frozen=True, slots=True)
class Licensing:
    """One oracle as its licensors see it. Every answer is read from the chain when it is asked for."""

    client: OracleClient
    start_block: int
    names: dict[Hash32, str]
    """Of models that are known by name."""
    committee: Address | None = None
    """The one that this node is a member of."""
    factory: Address | None = None
    """Whose committees are listed."""
    warranty: Address | None = None
    """Whose covers are listed."""
    income: Income = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "income", Income(self.client, self.start_block, kept=_ROYALTIES_SHOWN))

    @property
    def licenses(self) -> Licenses:
        return Licenses(self.client, self.start_block)

    def place(self) -> models.Place:
        client = self.client
        (notice_s,) = client.read("NOTICE_PERIOD")
        return models.Place(
            chain_id=client.chain_id,
            oracle=shown(client.oracle),
            registry=shown(client.registry),
            now_s=client.now_s(),
            notice_s=notice_s,
        )

    def registered(self) -> list[models.LicensedModel]:
        """Every registered model, newest first."""
        client, licenses = self.client, self.licenses
        ids = [Hash32(log.values["modelId"]) for log in client.logs("ModelRegistered", self.start_block)][::-1]
        licensors = client.read_all([("licensorOf", (each,)) for each in ids])
        successors = client.read_all([("successorOf", (each,)) for each in ids])
        epochs = client.read_all([("epochOf", (each,)) for each in ids])
        now_s = client.now_s()
        return [
            views.model(
                each,
                name=self.names.get(each),
                licensor=decoded_address(licensor),
                successor=decoded_address(successor),
                epoch=epoch,
                terms=licenses.terms(each),
                now_s=now_s,
            )
            for each, (licensor,), (successor,), (epoch,) in zip(ids, licensors, successors, epochs, strict=True)
        ]

    def draft(self, query: GrantQuery) -> models.Draft:
        """Complete a grant from the chain, for the model's licensor to sign. Raises HTTPException (404)."""
        holder = (hash32(query.model_id), address(query.licensee), role(query.role))
        try:
            grant = self.licenses.draft(*holder, query.class_bits(), query.conditions())
        except Misconfigured as unknown:
            raise HTTPException(HTTPStatus.NOT_FOUND, str(unknown)) from unknown
        at = (self.client.chain_id, self.client.registry)
        return models.Draft(
            grant_hash=shown(canonical.grant_digest(grant, *at)), typed_data=canonical.grant_typed_data(grant, *at)
        )

    def withdrawal(self, sender: str, token: Address, account: Address) -> models.Call:
        """The transaction that pays an account all it has, tills and credit. Raises Denied where that is nothing."""
        return self.call(sender, *self.income.of(account).withdrawal(token, account))

    def call(self, sender: str, function: str, *arguments: Any) -> models.Call:
        """Try a transaction as `sender`. Raises ContractDenied with the contract's reason if it would revert."""
        client = self.client
        place, data = client.call(function, *arguments)
        call = {"to": "0x" + place.hex(), "data": "0x" + data.hex()}
        try:
            client.rpc.call("eth_call", call | {"from": sender}, "latest")
        except RpcError as error:
            raise (ContractDenied(contracts.denial(error.data)) if error.data else error) from error
        return models.Call(chain_id=client.chain_id, to=shown(place), data=call["data"])


def install(app: FastAPI, licensing: Licensing) -> None:
    """Add the routes below /v1/licensing that read; `licensing_calls` has those that a wallet sends from."""

    @app.get("/v1/licensing")
    def place() -> models.Place:
        return licensing.place()

    @app.get("/v1/licensing/models")
    def registered() -> list[models.LicensedModel]:
        return licensing.registered()

    @app.get("/v1/licensing/grants")
    def grants(model_id: ModelId | None = None) -> list[models.Grant]:
        return [views.grant(row) for row in licensing.licenses.grants(hash32(model_id) if model_id else None)]

    @app.get("/v1/licensing/asks")
    def asks(model_id: ModelId | None = None) -> list[models.Ask]:
        return [views.ask(row) for row in licensing.licenses.asks(hash32(model_id) if model_id else None)]

    @app.get("/v1/licensing/income")
    def income(account: Annotated[AddressText, Query()]) -> models.Income:
        return views.income(licensing.income.of(address(account)))

    @app.get("/v1/licensing/draft")
    def draft(query: Annotated[GrantQuery, Query()]) -> models.Draft:
        return licensing.draft(query)
