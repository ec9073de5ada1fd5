"""Where each value of the configuration comes from."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from themis.cli.home import Home


@dataclass(frozen=True, slots=True)
class Value:
    """One value, fit to be shown."""

    key: str
    value: str | None
    origin: str
    """cli, env, file or default."""


def values(home: Home) -> list[Value]:
    """Every value of a home's configuration. RPC URLs lose their paths and queries, which carry API keys.

    Raises Misconfigured like `config.load`.
    """
    from themis import config

    effective = home.config().model_dump(mode="json")
    sources = {
        "cli": dict(_flat(home.overrides)),
        "env": dict(_flat(config.environment())),
        "file": dict(_flat(tomllib.loads(config.text_of(home.config_file)))),
    }
    return [
        Value(key, _shown(key, value), next((name for name, found in sources.items() if key in found), "default"))
        for key, value in _flat(effective)
    ]


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    match value:
        case Mapping():
            for name, item in value.items():
                yield from _flat(item, f"{key}.{name}" if key else str(name))
        case list():
            for index, item in enumerate(value):
                yield from _flat(item, f"{key}[{index}]")
        case _:
            yield key, value


def _shown(key: str, value: Any) -> str | None:
    from themis.chain.rpc import redacted

    if value is None:
        return None
    if not key.startswith(("chain.rpc_url", "chain.ws_url", "key.signer_url", "store.url", "traces.url")):
        return str(value)
    short = redacted(str(value))
    return short if short == str(value).rstrip("/") else f"{short}/***"
