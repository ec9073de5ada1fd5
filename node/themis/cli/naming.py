"""Models as people call them: by name, by the beginning of an id, or by the whole id.

A name is what this home says it is, never what a stranger wrote on the chain. It comes from `names.toml` in the home
(`models register`, `add` and `serve` write it, and a person may), from the bundles of config.toml, and from bundles
below HOME/models whose manifest's hash is the registered one.
"""

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from themis.cli.home import Home
from themis.cli.references import ID_DIGITS, LEAST_DIGITS, NAME, PREFIX, only, prefix
from themis.core.errors import Misconfigured
from themis.core.keccak import keccak
from themis.core.spelling import hash32, shown
from themis.core.types import Hash32

if TYPE_CHECKING:
    from themis.chain.client import OracleClient
    from themis.config import Config

NAMES_FILE: Final = "names.toml"
_MANIFEST: Final = "manifest.toml"


@dataclass(frozen=True, slots=True)
class Registration:
    """What the chain says about a model."""

    model_id: Hash32
    manifest_hash: bytes


@dataclass(frozen=True, slots=True)
class Models:
    """The models of an oracle, under the names of a home."""

    home: Home
    config: "Config"
    client: "OracleClient"

    def names(self) -> dict[Hash32, str]:
        """Each model that has a name here."""
        bound = bound_names(self.home, self.config)
        loose = {keccak(manifest): name for manifest, name in _below(self.home.path / "models")}
        if not loose:
            return bound
        taken = set(bound.values())
        found = {each.model_id: loose.get(each.manifest_hash) for each in self.registered()}
        return {id_: name for id_, name in found.items() if name is not None and name not in taken} | bound

    def registered(self) -> list[Registration]:
        logs = self.client.logs("ModelRegistered", self.config.chain.start_block)
        return [Registration(Hash32(log.values["modelId"]), log.values["manifestHash"]) for log in logs]

    def called(self, said: str) -> Hash32:
        """The id of a model that somebody names. Raises Misconfigured, with the candidates where there are several."""
        if said.startswith("0x") and len(said) == len("0x") + ID_DIGITS:
            return hash32(said)
        see = "see `themis models list`"
        if said.startswith("0x"):
            ids = [shown(each.model_id) for each in self.registered()]
            return hash32(only(said, "model", [id_ for id_ in ids if id_.startswith(said)], see))
        name, _, licensor = said.partition("@")
        names = self.names()
        found = [id_ for id_, known in names.items() if known == name]
        if licensor or len(found) > 1:
            return self._of_licensor(said, name, prefix(licensor) if licensor else "", found)
        if not found and PREFIX.fullmatch(said) and len(said) >= LEAST_DIGITS:
            return self.called(prefix(said))
        close = f"; this home knows {', '.join(sorted(set(names.values())))}" if names else ""
        return hash32(only(said, "model", [shown(id_) for id_ in found], f"{see}, or give its id{close}"))

    def _of_licensor(self, said: str, name: str, licensor: str, found: Sequence[Hash32]) -> Hash32:
        from themis.chain import abi

        replies = self.client.read_all([("licensorOf", (id_,)) for id_ in found])
        full = {f"{name}@{shown(abi.address(text))}": id_ for id_, (text,) in zip(found, replies, strict=True)}
        if len(full) < len(found):
            full = {f"{shown(id_)} ({name})": id_ for id_ in found}
        fitting = [each for each in full if each.lower().startswith(f"{name}@{licensor}") or not licensor]
        return full[only(said, "model", fitting, "see `themis models list`")]


def bound_names(home: Home, config: "Config") -> dict[Hash32, str]:
    """Names that this home gives to ids, without a look at the chain."""
    found = {}
    for model in config.models:
        if (name := _name_in(home.path / model.path / _MANIFEST)) is not None:
            found[model.model_id] = name
    return found | _remembered(home.path / NAMES_FILE)


def remember(home: Home, model_id: Hash32, name: str) -> None:
    """Write a name into the home, unless the id has one already."""
    file = home.path / NAMES_FILE
    if model_id in _remembered(file):
        return
    fresh = "" if file.exists() else "# What this home calls models; a line may be added or changed.\n"
    try:
        with file.open("a", encoding="utf-8") as names:
            names.write(f"{fresh}{json.dumps(shown(model_id))} = {json.dumps(name)}\n")
    except OSError as error:
        raise Misconfigured(f"{file} cannot be written ({error.strerror}): fix its owner or mode") from error


def _remembered(file: Path) -> dict[Hash32, str]:
    try:
        found: Mapping[str, Any] = tomllib.loads(file.read_text(encoding="utf-8-sig"))
        return {hash32(id_): _name(name) for id_, name in found.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise Misconfigured(f'{file} cannot be used ({error}): each line is "0xID" = "name"') from error


def _name(value: Any) -> str:
    if not isinstance(value, str) or not NAME.fullmatch(value) or value[:2] in {"0x", "0X"}:
        raise ValueError(f"{value!r} is no name")
    return value


def _below(folder: Path) -> Iterator[tuple[bytes, str]]:
    """Manifests of the bundles in a directory, with their names."""
    for file in sorted(folder.glob(f"*/{_MANIFEST}")):
        if (name := _name_in(file)) is not None:
            yield file.read_bytes(), name


def _name_in(manifest: Path) -> str | None:
    """None where there is no manifest, or none with a name: `check` says so, a list goes without."""
    try:
        return _name(tomllib.loads(manifest.read_text(encoding="utf-8"))["name"])
    except (OSError, ValueError, KeyError):
        return None
