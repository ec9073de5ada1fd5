"""A home directory as commands use it: its configuration, its key and its oracle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from themis.core.errors import Misconfigured

if TYPE_CHECKING:
    from themis.config import Config

PORT_FILE: Final = "api.port"
"""Where a running node leaves its API's port, for `status` and `jobs`."""


@dataclass(frozen=True, slots=True)
class Home:
    """One role's directory, and what the command line overrides in its configuration."""

    path: Path
    overrides: Mapping[str, Any]

    def config(self) -> "Config":
        """Raises Misconfigured, naming each bad key."""
        from themis import config

        return config.load(self.path, **self.overrides)

    def overridden(self, section: str, name: str, value: str) -> "Home":
        """The same with one more value from the command line."""
        changed = {**self.overrides.get(section, {}), name: value}
        return Home(self.path, {**self.overrides, section: changed})

    @property
    def config_file(self) -> Path:
        from themis import config

        return self.path / config.CONFIG_FILE

    def keystore(self, name: str) -> tuple[Path, Path]:
        """Where a key and its password are kept."""
        return self.path / "keys" / f"{name}.json", self.path / "keys" / f"{name}.password"


def home_of(context: typer.Context) -> Home:
    """The home that the global options chose."""
    home: Home = context.find_root().obj
    return home


def parse_overrides(pairs: Sequence[str]) -> dict[str, Any]:
    """`["api.port=0"]` as {"api": {"port": "0"}}. Raises Misconfigured."""
    parsed: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        section, dot, name = key.partition(".")
        if not (equals and dot and section and name):
            raise Misconfigured(f"--set {pair}: write it as section.key=value")
        parsed.setdefault(section, {})[name] = value
    return parsed
