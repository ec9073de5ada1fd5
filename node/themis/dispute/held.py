"""Models whose covers this machine can play for: the bundle, what opens it, and how it reads and writes."""

from dataclasses import dataclass

import onnx

from themis.bundles.bundle import Bundle
from themis.core.errors import Misconfigured
from themis.dispute import adaptors
from themis.dispute.adaptors import links
from themis.dispute.adaptors.links import Accused, Adaptor, Asked, Link, Sight
from themis.dispute.claim import Claimed
from themis.exact.referee.case import Arrays, Claim
from themis.exact.referee.proof import Prover

NO_TRACE = Arrays({})


@dataclass(frozen=True, slots=True)
class Held:
    """One of them."""

    bundle: Bundle
    prover: Prover
    adaptor: Adaptor

    @classmethod
    def of(cls, bundle: Bundle) -> "Held":
        """Raises Misconfigured for a bundle that no adaptor reads."""
        adaptor = adaptors.KNOWN.get(bundle.manifest.preprocessing)
        if adaptor is None:
            raise Misconfigured(f"{bundle.name} reads {bundle.manifest.preprocessing}, and there is no adaptor for it")
        return cls(bundle, Prover(onnx.load_from_string(bundle.model)), adaptor)

    def sight(self, claim: Claim, asked: Asked) -> Sight:
        """A trace of which nothing was looked at yet."""
        return Sight(self.prover.program, self.prover.declared, claim, asked)

    def of_input(self, claimed: Claimed, asked: Asked, accused: Accused) -> Link:
        """What shows that an input is wrong. Raises AssertionError where it is not."""
        sight = self.sight(claimed, asked)
        if not self.adaptor.refutes_input(sight, accused):
            raise AssertionError(f"the input that {accused} names is right")
        return links.shown(self.prover, sight, claimed, accused)

    def of_output(self, claimed: Claimed, asked: Asked, accused: Accused) -> Link:
        """What shows that the answer is wrong. Raises AssertionError where it is not."""
        sight = self.sight(claimed, asked)
        if not self.adaptor.refutes_output(sight, accused):
            raise AssertionError(f"the answer is as {accused} has it")
        return links.shown(self.prover, sight, claimed, accused)

    def of_request(self, asked: Asked) -> Link | None:
        """What shows that the model answers no such request; None where nothing does."""
        sight = self.sight(NO_TRACE, asked)
        accused = self.adaptor.refusal(sight)
        return None if accused is None else links.shown(self.prover, sight, None, accused)
