"""What a licensor's page and its wallet need: licenses to read, grants to sign, calls to send. Holds no key."""

from dataclasses import astuple, dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import FastAPI, HTTPException, Query

from themis.api import licensing_models as models
from themis.api import licensing_views as views
from themis.api.licensing_queries import (
    ActivateQuery,
    AddressText,
    GrantQuery,
    HashText,
    RoleText,
    address,
    hash32,
    role,
)
from themis.core import canonical
from themis.core.errors import Misconfigured
from themis.core.spelling import shown
from themis.core.types import Hash32
from themis.edge.abi import address as decoded_address
from themis.edge.client import ContractDenied, OracleClient
from themis.edge.contracts import ORACLE
from themis.edge.licenses import Licenses
from themis.edge.rpc import RpcError

_LONGEST_REASON: Final = 1_000
"""Characters. It travels in a URL here, and in a log whose gas the licensor pays."""

Sender = Annotated[AddressText, Query()]
ModelId = Annotated[HashText, Query()]
RoleName = Annotated[RoleText, Query()]


@dataclass(frozen=True, slots=True)
class Licensing:
    """One oracle as its licensors see it. Every answer is read from the chain when it is asked for."""

    client: OracleClient
    start_block: int
    names: dict[Hash32, str]
    """Of models that are known by name."""

    @property
    def licenses(self) -> Licenses:
        return Licenses(self.client, self.start_block)

    def place(self) -> models.Place:
        client = self.client
        oracle = shown(client.oracle)
        return models.Place(chain_id=client.chain_id, oracle=oracle, now_s=client.now_s())

    def registered(self) -> list[models.LicensedModel]:
        """Every registered model, newest first."""
        client, licenses = self.client, self.licenses
        ids = [Hash32(log.values["modelId"]) for log in client.logs("ModelRegistered", self.start_block)][::-1]
        licensors = client.read_all([("licensorOf", (each,)) for each in ids])
        epochs = client.read_all([("epochOf", (each,)) for each in ids])
        now_s = client.now_s()
        return [
            views.model(
                each,
                name=self.names.get(each),
                licensor=decoded_address(licensor),
                epoch=epoch,
                terms=licenses.terms(each),
                now_s=now_s,
            )
            for each, (licensor,), (epoch,) in zip(ids, licensors, epochs, strict=True)
        ]

    def draft(self, query: GrantQuery) -> models.Draft:
        """Complete a grant from the chain, for the model's licensor to sign. Raises HTTPException (404)."""
        holder = (hash32(query.model_id), address(query.licensee), role(query.role))
        try:
            grant = self.licenses.draft(*holder, query.class_bits(), query.conditions())
        except Misconfigured as unknown:
            raise HTTPException(HTTPStatus.NOT_FOUND, str(unknown)) from unknown
        at = (self.client.chain_id, self.client.oracle)
        return models.Draft(
            grant_hash=shown(canonical.grant_digest(grant, *at)), typed_data=canonical.grant_typed_data(grant, *at)
        )

    def call(self, sender: str, function: str, *arguments: Any) -> models.Call:
        """Try a transaction as `sender`. Raises ContractDenied with the contract's reason if it would revert."""
        client = self.client
        call = {"to": "0x" + client.oracle.hex(), "data": "0x" + ORACLE.call(function, *arguments).hex()}
        try:
            client.rpc.call("eth_call", call | {"from": sender}, "latest")
        except RpcError as error:
            raise (ContractDenied(ORACLE.denial(error.data)) if error.data else error) from error
        return models.Call(chain_id=client.chain_id, to=shown(client.oracle), data=call["data"])


def install(app: FastAPI, licensing: Licensing) -> None:
    """Add the routes below /v1/licensing."""
    _add_reads(app, licensing)
    _add_calls(app, licensing)


def _add_reads(app: FastAPI, licensing: Licensing) -> None:
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
    def income(account: Annotated[AddressText, Query()]) -> list[models.Income]:
        licenses, who = licensing.licenses, address(account)
        return views.income(licenses.income(who), licenses.withdrawn(who))

    @app.get("/v1/licensing/draft")
    def draft(query: Annotated[GrantQuery, Query()]) -> models.Draft:
        return licensing.draft(query)


def _add_calls(app: FastAPI, licensing: Licensing) -> None:
    @app.get("/v1/licensing/calls/activate")
    def activate(query: Annotated[ActivateQuery, Query()]) -> models.Call:
        return licensing.call(query.sender, "activate", astuple(query.grant()), bytes.fromhex(query.signature[2:]))

    @app.get("/v1/licensing/calls/refuse")
    def refuse(
        sender: Sender,
        model_id: ModelId,
        licensee: Annotated[AddressText, Query()],
        role_name: Annotated[RoleText, Query(alias="role")],
        reason: Annotated[str, Query(min_length=1, max_length=_LONGEST_REASON)],
    ) -> models.Call:
        arguments = (hash32(model_id), address(licensee), int(role(role_name)), reason)
        return licensing.call(sender, "refuseAuthorization", *arguments)

    @app.get("/v1/licensing/calls/revoke")
    def revoke(
        sender: Sender,
        model_id: ModelId,
        licensee: Annotated[AddressText, Query()],
        role_name: Annotated[RoleText, Query(alias="role")],
    ) -> models.Call:
        holder = (hash32(model_id), address(licensee), role(role_name))
        return licensing.call(sender, "revoke", *holder, max(1, licensing.licenses.current_seq(*holder)))

    @app.get("/v1/licensing/calls/withdraw")
    def withdraw(
        sender: Sender, token: Annotated[AddressText, Query()], account: Annotated[AddressText, Query()]
    ) -> models.Call:
        return licensing.call(sender, "withdraw", address(token), address(account))
