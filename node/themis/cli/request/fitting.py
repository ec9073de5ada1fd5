"""Whether a question is one that its model reads, as far as can be known here, before it is paid for."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from themis.cli.wallet import Wallet
from themis.core import canonical
from themis.core.errors import Misconfigured
from themis.core.spelling import reads_as_text
from themis.core.types import Address, Hash32

HOW: Final = {
    "code": "--target CONTRACT, or bytecode with --input-hex or --input-file",
    "text": "--text, or UTF-8 with --input-file",
    "tensors": "--input-hex or --input-file (docs/models.md says how tensors are packed)",
    "tokens": "--input-hex or --input-file (a uint32 for each token)",
    "bytes": "--input-hex or --input-file",
}
"""How each kind is asked. What is not listed there is not asked at all."""


@dataclass(frozen=True, slots=True)
class Reads:
    """What a model takes."""

    name: str
    reads: str
    max_input_bytes: int


def of_model(here: Wallet, home: Path, model_id: Hash32, path: Path | None) -> Reads | None:
    """By the bundle that was named, one in this home, or one that comes with Themis. None where it is none of these."""
    from themis.bundles import bundle, known
    from themis.bundles import manifest as schema

    for served in here.config.models:
        if path is None and served.model_id == model_id:
            path = home / served.path
    if path is not None:
        text = bundle.read(path, bundle.MANIFEST, bundle.MAX_MANIFEST_BYTES)
        found = schema.parse(text, str(path / bundle.MANIFEST))
        return Reads(found.name, found.reads, found.max_input_bytes)
    (registrant,) = here.client.read("registrantOf", model_id)
    licensor = Address(bytes.fromhex(registrant[2:]))
    for each in known.known():
        roots = (each.program_root, each.weights_root, each.manifest_hash)
        if canonical.model_id(licensor, *roots, here.client.chain_id, here.client.registry) == model_id:
            return Reads(each.name, each.reads, each.max_input_bytes)
    return None


def require(model: Reads, data: bytes, *, is_target: bool, is_text: bool) -> None:
    """Raises Misconfigured for a question of another kind than the model reads, or a longer one."""
    from themis.bundles.manifest import CODE, TEXT_READ

    is_text |= model.reads == CODE and not is_target and reads_as_text(data)
    if (is_text and model.reads != TEXT_READ) or (is_target and model.reads != CODE):
        raise Misconfigured(
            f"{model.name} reads {model.reads}, not {'text' if is_text else 'the code of a contract'}: "
            f"ask it with {HOW[model.reads]}"
        )
    if model.reads == TEXT_READ:
        try:
            data.decode()
        except UnicodeDecodeError as error:
            raise Misconfigured(f"{model.name} reads text, and this is not UTF-8: {error}") from error
    if not 0 < len(data) <= model.max_input_bytes:
        raise Misconfigured(f"{model.name} takes 1 to {model.max_input_bytes} bytes; this has {len(data)}")
