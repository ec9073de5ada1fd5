"""How far a decoder's proof of exactness reaches: how many tokens in one run, and how many in all."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from numpy.typing import NDArray

from themis.bundles.manifest import GenerationSchema, TensorSchema
from themis.core.errors import Reason, Refused
from themis.engine import tensors
from themis.exact.declare import Declarations


@dataclass(frozen=True, slots=True)
class Reach:
    """What a graph declares about its inputs, asked as a decoder's loop asks."""

    inputs: Sequence[TensorSchema]
    declared: Declarations
    most: int = 0
    """New tokens that whoever runs it wants in one run; 0: as many as the proof covers."""

    def context(self, schema: GenerationSchema) -> int | None:
        """Tokens of question and answer together that the proof covers; None: it sets no limit."""
        limits = list(self._extents(pair[0] for pair in schema.cache))
        context = min(limits) + 1 if limits else None  # the last token is written and not read
        limits = [] if context is None else [context]
        limits += self._extents(name for name in (schema.mask,) if name)
        positions = self.declared.ranges.get(schema.positions or "")
        limits += [] if positions is None else [positions.high + 1]
        return min(limits, default=None)

    def piece(self, schema: GenerationSchema) -> int | None:
        """New tokens that one run may take; None: as many as there are."""
        wanted = [self.most] if self.most else []
        return min([*wanted, *self._extents([schema.tokens])], default=None)

    def require_known(self, schema: GenerationSchema, question: Sequence[int]) -> None:
        """Raises Refused(INVALID_INPUT) naming a token outside the vocabulary, where the graph declares one."""
        known = self.declared.ranges.get(schema.tokens)
        strange = [token for token in question if known and not known.low <= token <= known.high]
        if known and strange:
            raise Refused(Reason.INVALID_INPUT, f"token {strange[0]} is outside the vocabulary, 0 to {known.high}")

    def check(self, feed: Mapping[str, NDArray[Any]]) -> None:
        """Raises Refused(INVALID_INPUT) for a step that the proof does not cover."""
        sizes: dict[str, int] = {}
        for tensor in self.inputs:
            for name, size in zip(tensor.shape, feed[tensor.name].shape, strict=True):
                if isinstance(name, str):
                    sizes[name] = max(size, sizes.get(name, 0))
        tensors.check(feed, self.declared, sizes)

    def _extents(self, names: Iterable[str]) -> list[int]:
        """Of the named sizes of these inputs but the first, which counts requests."""
        wanted = set(names)
        sizes = [size for tensor in self.inputs if tensor.name in wanted for size in tensor.shape[1:]]
        return [self.declared.extents[str(size)] for size in sizes if size in self.declared.extents]


ENDLESS: Final = Reach((), Declarations({}, {}))
"""Of a graph that proves nothing."""
