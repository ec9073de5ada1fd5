"""Makes the traces of answers: what whoever gave them would have to show."""

from dataclasses import dataclass
from pathlib import Path

from themis.bundles import disputable
from themis.bundles.bundle import MODEL, Bundle, size_of
from themis.core.errors import Misconfigured
from themis.engine.sandbox import confined
from themis.engine.traced import traced
from themis.exact.trace import Trace
from themis.replay import rerun
from themis.replay.history import Exchange
from themis.replay.verdict import Verifier


@dataclass(frozen=True, slots=True)
class Traced:
    """One request with the trace of its model's own answer."""

    exchange: Exchange
    bundle: Bundle
    trace: Trace
    output: bytes
    """The model's answer, which may be another than the one on the chain."""

    @property
    def equal(self) -> bool:
        return self.output == self.exchange.fulfilled.output


def trace(verifier: Verifier, said: str) -> list[Traced]:
    """Traces of what a transaction or a request's id names.

    Raises as `Verifier.verify`, Refused where the model says nothing to an input, and Misconfigured for a model whose
    traces nobody can referee.
    """
    return [of_exchange(verifier, exchange) for exchange in verifier.history.called(said)]


def of_exchange(verifier: Verifier, exchange: Exchange, file: Path | None = None) -> Traced:
    """As `trace`; with a file, it is kept there."""
    asked = exchange.requested
    if asked.request.items:
        raise Misconfigured("it is the answer to a list, which has a trace for each input: trace them one by one")
    bundle = verifier.holdings.find(asked.request.model_id)
    if reason := next(disputable.untraceable(bundle), None):
        raise Misconfigured(f"{bundle.name} has no traces that could be refereed: {reason}; see `themis models check`")
    code = rerun.code_asked_about(verifier.client, bundle, asked.input, asked.at.block)
    work = (bundle, asked.input, code, file)
    found, output = confined(traced, *work, file=bundle.path, size_bytes=size_of(bundle.path, MODEL))
    return Traced(exchange, bundle, found, output)
