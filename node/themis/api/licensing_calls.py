"""What a licensor's wallet sends: each call is built and tried here first, and signed elsewhere."""

from dataclasses import astuple
from typing import Annotated

from fastapi import FastAPI, Query

from themis.api.licensing import Licensing
from themis.api.licensing_models import Call
from themis.api.licensing_queries import (
    LONGEST_WORDS,
    ActivateQuery,
    AddressText,
    HashText,
    PublishQuery,
    RoleText,
    address,
    hash32,
    role,
)

Account = Annotated[AddressText, Query()]
ModelId = Annotated[HashText, Query()]
RoleName = Annotated[RoleText, Query(alias="role")]


def install(app: FastAPI, licensing: Licensing) -> None:
    """Add the routes below /v1/licensing/calls, named as the commands of `themis license`."""
    _add_grants(app, licensing)
    _add_models(app, licensing)


def _add_grants(app: FastAPI, licensing: Licensing) -> None:
    @app.get("/v1/licensing/calls/activate")
    def activate(query: Annotated[ActivateQuery, Query()]) -> Call:
        return licensing.call(query.sender, "activate", astuple(query.grant()), bytes.fromhex(query.signature[2:]))

    @app.get("/v1/licensing/calls/refuse")
    def refuse(
        sender: Account,
        model_id: ModelId,
        licensee: Account,
        role_name: RoleName,
        reason: Annotated[str, Query(min_length=1, max_length=LONGEST_WORDS)],
    ) -> Call:
        arguments = (hash32(model_id), address(licensee), int(role(role_name)), reason)
        return licensing.call(sender, "refuseAuthorization", *arguments)

    @app.get("/v1/licensing/calls/revoke")
    def revoke(sender: Account, model_id: ModelId, licensee: Account, role_name: RoleName) -> Call:
        holder = (hash32(model_id), address(licensee), role(role_name))
        return licensing.call(sender, "revoke", *holder, licensing.licenses.next_seq(*holder))

    @app.get("/v1/licensing/calls/cancel")
    def cancel(sender: Account, nonce: Annotated[int, Query(ge=0, lt=2**256)]) -> Call:
        return licensing.call(sender, "cancel", nonce)


def _add_models(app: FastAPI, licensing: Licensing) -> None:
    @app.get("/v1/licensing/calls/publish")
    def publish(query: Annotated[PublishQuery, Query()]) -> Call:
        return licensing.call(query.sender, "publishTerms", *query.arguments())

    @app.get("/v1/licensing/calls/revoke-all")
    def revoke_all(sender: Account, model_id: ModelId) -> Call:
        return licensing.call(sender, "raiseEpoch", hash32(model_id))

    @app.get("/v1/licensing/calls/transfer")
    def transfer(sender: Account, model_id: ModelId, successor: Account) -> Call:
        return licensing.call(sender, "transferLicensor", hash32(model_id), address(successor))

    @app.get("/v1/licensing/calls/accept")
    def accept(sender: Account, model_id: ModelId) -> Call:
        return licensing.call(sender, "acceptLicensor", hash32(model_id))

    @app.get("/v1/licensing/calls/withdraw")
    def withdraw(sender: Account, token: Account, account: Account) -> Call:
        return licensing.withdrawal(sender, address(token), address(account))
