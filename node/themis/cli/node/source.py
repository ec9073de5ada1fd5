"""Where `status` and `jobs` come from: the API of the node that runs in a home, or its store where none runs."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

from pydantic import TypeAdapter

from themis.api import models, views
from themis.api.access import token_of
from themis.api.reading import stored
from themis.cli import wallet
from themis.cli.home import PORT_FILE, Home
from themis.config import Config
from themis.core.errors import Misconfigured, Unavailable
from themis.core.job import State
from themis.core.spelling import shown
from themis.core.types import Address
from themis.ports import Store
from themis.store.location import Location, is_there
from themis.store.store import SqlStore

_TIMEOUT_S: Final = 10
_ANY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (compared with, not bound to)
_OPENER: Final = build_opener(ProxyHandler({}))
"""Our own node is never behind a proxy, whatever http_proxy says."""
_SUMMARIES: Final = TypeAdapter(list[models.JobSummary])
_HOURS: Final = TypeAdapter(list[models.Hour])


class Source(Protocol):
    """A node's memory."""

    def status(self) -> models.Status: ...

    def jobs(self, state: State | None, limit: int) -> Sequence[models.JobSummary]:
        """The newest jobs, newest first."""
        ...

    def hours(self, count: int) -> Sequence[models.Hour]:
        """The newest, this one included, oldest first."""
        ...

    def job(self, beginning: str) -> models.JobDetail:
        """The only job whose id begins so. Raises Misconfigured where there is none, or several."""
        ...


def of_home(home: Home) -> Source:
    """The running node, if there is one; else the store. Raises Misconfigured."""
    config = home.config()
    operator = wallet.own_address(home, config)
    running = _running(home, config)
    if running is not None:
        found = running.status()
        if (found.operator, found.oracle) == (shown(operator), shown(config.oracle())):
            return running
    return _Stored(config, operator, _store(config.store_of(home.path), config, operator))


def is_running(home: Home) -> bool:
    """Whether a node of this home answers."""
    return _running(home, home.config()) is not None


@dataclass(frozen=True, slots=True)
class _Running:
    url: str
    token: str | None

    def status(self) -> models.Status:
        return models.Status.model_validate(self.get("/v1/status"))

    def jobs(self, state: State | None, limit: int) -> Sequence[models.JobSummary]:
        query = {"limit": limit} | ({"state": str(state)} if state else {})
        return _SUMMARIES.validate_python(self.get(f"/v1/jobs?{urlencode(query)}"))

    def hours(self, count: int) -> Sequence[models.Hour]:
        return _HOURS.validate_python(self.get(f"/v1/hours?count={count}"))

    def job(self, beginning: str) -> models.JobDetail:
        return models.JobDetail.model_validate(self.get(f"/v1/jobs/{beginning}"))

    def get(self, path: str) -> Any:
        """Raises Unavailable where the API does not answer, Misconfigured where it says no."""
        headers = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        try:
            with _OPENER.open(Request(self.url + path, headers=headers), timeout=_TIMEOUT_S) as response:  # noqa: S310
                return json.load(response)
        except HTTPError as error:
            raise Misconfigured(f"the node's API says: {_said(error)}") from error
        except (URLError, OSError, ValueError) as error:
            raise Unavailable(f"the node's API at {self.url} does not answer: see the node's log") from error


@dataclass(frozen=True, slots=True)
class _Stored:
    config: Config
    operator: Address
    store: Store

    def status(self) -> models.Status:
        return models.Status(
            running=False,
            started_at_s=None,
            chain_id=self.config.chain.chain_id,
            oracle=shown(self.config.oracle()),
            operator=shown(self.operator),
            head=None,
            balance_wei=None,
            rpc_calls=None,
            endpoints=[],
            fees=None,
            requesters=None,
            explorer_url=self.config.chain.explorer_url,
            models=[],
            loops=[],
            alerts=["the node does not run: start it with `themis run`"],
            **stored(self.store),
        )

    def jobs(self, state: State | None, limit: int) -> Sequence[models.JobSummary]:
        found = self.store.jobs(state, limit=limit, newest_first=True)
        return [views.job_summary(job, self.store.history(job.id)) for job in found]

    def hours(self, count: int) -> Sequence[models.Hour]:
        return views.hours(self.store, time.time(), count)

    def job(self, beginning: str) -> models.JobDetail:
        found = views.job_beginning(self.store, beginning)
        if isinstance(found, str):
            raise Misconfigured(found)
        return found


def _running(home: Home, config: Config) -> _Running | None:
    """The API that a node of this home left its port of; None where nobody listens there."""
    try:
        port = int((home.path / PORT_FILE).read_text())
    except (OSError, ValueError):
        return None
    host = _ANY_ADDRESS.get(config.api.host, config.api.host)
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    try:
        with _OPENER.open(f"{url}/livez", timeout=_TIMEOUT_S):
            return _Running(url, token_of(home.path, config.api))
    except (URLError, OSError):
        return None


def _said(error: HTTPError) -> str:
    """The detail of a problem; the status where something else answered."""
    try:
        return str(json.load(error)["detail"])
    except (ValueError, KeyError, TypeError):
        return str(error)


def _store(location: Location, config: Config, operator: Address) -> Store:
    """The home's store, or an empty one where no node ever ran: reading must not make a file."""
    location = location if is_there(location) else Path(":memory:")
    return SqlStore(location, chain_id=config.chain.chain_id, oracle=config.oracle(), operator=operator)
