"""Runs a request on a model that nobody has tuned, and nothing of it is kept."""

from collections.abc import Sequence
from contextlib import closing

from themis.bundles.bundle import Bundle
from themis.bundles.manifest import GENERIC
from themis.chain.client import OracleClient
from themis.chain.rpc import BlockTag, RpcError
from themis.config import EngineConfig
from themis.core.errors import Misconfigured, Reason, Refused, Unavailable
from themis.core.keccak import keccak
from themis.core.spelling import shown
from themis.core.types import BlockId, CodeRef, Hash32
from themis.engine import preprocess
from themis.engine.apart import Limits
from themis.engine.engine import OnnxEngine
from themis.engine.tuning import DEFAULTS


def limits_of(engine: EngineConfig) -> Limits:
    """What a stranger's model may take here: in the node, and where its answers are run again."""
    return Limits(engine.request_seconds, engine.request_memory_mib * 1_024**2)


def require_exact(bundle: Bundle) -> None:
    """Raises Misconfigured for a model of which unequal answers prove nothing."""
    if not bundle.manifest.exact:
        raise Misconfigured(
            f"{bundle.name} is not exact: honest machines may differ about its answers, so an answer of its cannot be "
            "verified by running it again; ask for that a model that is exact"
        )


def answers(
    client: OracleClient,
    bundle: Bundle,
    model_id: Hash32,
    inputs: Sequence[bytes],
    *,
    asked_at: BlockId | None,
    limits: Limits,
) -> list[bytes]:
    """What the model says to each of some inputs that were asked at a block, or would be now.

    Raises Refused where an honest node gives no answer either, Misconfigured for a model that does not run here as its
    publisher's did, Unavailable where the code that was asked about cannot be had.
    """
    with closing(OnnxEngine({model_id: bundle}, DEFAULTS.threads, limits=limits)) as engine:
        refs = [engine.code_needed(model_id, input_) for input_ in inputs]
        codes = [None if ref is None else _code(client, ref, asked_at) for ref in refs]
        return [engine.infer(model_id, [work])[0] for work in zip(inputs, codes, strict=True)]


def code_asked_about(client: OracleClient, bundle: Bundle, input_: bytes, asked_at: BlockId) -> bytes | None:
    """The code that an input refers to, if it does. Raises as `answers`."""
    if bundle.manifest.preprocessing in GENERIC:
        return None
    ref = preprocess.find(bundle.manifest.preprocessing).code_needed(input_)
    return None if ref is None else _code(client, ref, asked_at)


def is_gone(client: OracleClient, bundle: Bundle, input_: bytes, code: bytes) -> bool:
    """Whether the contract that an input names has other code than this by now."""
    ref = preprocess.find(bundle.manifest.preprocessing).code_needed(input_)
    return ref is not None and _code_at(client, ref, "latest") != code


def _code(client: OracleClient, ref: CodeRef, asked_at: BlockId | None) -> bytes:
    """The code that an input names by its hash. Whatever has that hash is that code, wherever it comes from."""
    found = _code_at(client, ref, "latest" if asked_at is None else client.rpc.at(asked_at))
    if isinstance(found, RpcError) and asked_at is not None:
        later = _code_at(client, ref, "latest")
        if isinstance(later, bytes) and keccak(later) == ref.code_hash:
            return later
    if isinstance(found, RpcError):
        raise Unavailable(
            f"the code of {shown(ref.address)} as it was when it was asked about cannot be had ({found}): use an "
            "endpoint that keeps the state of old blocks"
        )
    if not found:
        raise Refused(Reason.NO_CODE, "there is no code at the target")
    if keccak(found) != ref.code_hash:
        raise Refused(Reason.CODE_CHANGED, "the target's code is not the code that was asked about")
    return found


def _code_at(client: OracleClient, ref: CodeRef, block: BlockTag) -> bytes | RpcError:
    (said,) = client.rpc.agreed([("eth_getCode", [shown(ref.address), block])])
    return said if isinstance(said, RpcError) else bytes.fromhex(said[2:])
