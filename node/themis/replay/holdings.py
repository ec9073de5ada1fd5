"""Which of the bundles on this machine is the model that the chain means."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from themis.bundles import bundle
from themis.bundles.bundle import MANIFEST, MAX_MANIFEST_BYTES, Bundle
from themis.bundles.known import known
from themis.chain.client import OracleClient
from themis.config import Config
from themis.core.errors import Misconfigured
from themis.core.keccak import keccak
from themis.core.spelling import shown
from themis.core.types import Hash32


@dataclass(frozen=True, slots=True)
class Holdings:
    """Bundles that may be asked about. A model is told by its roots, never by its name."""

    client: OracleClient
    start_block: int
    places: tuple[Path, ...]
    models: Path
    """Where more of them can be put."""

    def find(self, model_id: Hash32) -> Bundle:
        """The model's bundle, its digests and roots recomputed. Raises Misconfigured where it is not held."""
        registered = self.client.logs("ModelRegistered", self.start_block, model_id)
        if not registered:
            raise Misconfigured(f"no model {shown(model_id)} was registered since block {self.start_block}: correct it")
        said = registered[0].values
        for place in self.places:
            if keccak(_manifest(place)) == said["manifestHash"]:
                found = bundle.load(place)
                roots = found.program_root, found.weights_root, found.manifest_hash
                if roots == (said["programRoot"], said["weightsRoot"], said["manifestHash"]):
                    return found
        raise Misconfigured(
            f"the model {shown(model_id)}{_name(said['manifestHash'])} is not held here: give its bundle with "
            f"--bundle DIR, or put it below {self.models}; it was registered with {said['uri'] or 'no URI'}"
        )


def of_home(client: OracleClient, home: Path, config: Config, more: Iterable[Path] = ()) -> Holdings:
    """The bundles of a home: those it serves, those below HOME/models, and more."""
    models = home / "models"
    served = (home / model.path for model in config.models)
    places = dict.fromkeys([*more, *served, *sorted(file.parent for file in models.glob(f"*/{MANIFEST}"))])
    return Holdings(client, config.chain.start_block, tuple(places), models)


def _manifest(place: Path) -> bytes:
    return bundle.read(place, MANIFEST, MAX_MANIFEST_BYTES)


def _name(manifest_hash: bytes) -> str:
    names = [f" ({each.name} {each.version})" for each in known() if each.manifest_hash == manifest_hash]
    return "".join(names[:1])
