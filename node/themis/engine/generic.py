"""Runs any graph for one request at a time: tensors, token ids or text in; tensors or generated token ids out."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np

from themis.bundles.bundle import TOKENIZER, Bundle
from themis.bundles.manifest import TENSORS, TEXT, GenerationSchema
from themis.core.errors import Misconfigured, Reason, Refused
from themis.core.keccak import keccak
from themis.core.types import CodeRef, Draft
from themis.engine import decoder, tensors
from themis.engine.reach import Reach
from themis.engine.text import Text, decoded

MAX_OUTPUT_BYTES: Final = 1_024
"""The oracle takes no longer result."""
ID: Final = np.dtype(">u4")
"""A token id, in requests and results."""
MAX_ID: Final = 2**31 - 1
HASH_BYTES: Final = 32
"""Of the token ids, before an answer's text."""
IDS, MASK, TYPES, POSITIONS = "input_ids", "attention_mask", "token_type_ids", "position_ids"
"""Inputs of graphs that read tokens and answer in one run; the first must be there."""

Hear = Callable[[Draft], None]


def unheard(_: Draft) -> None:
    """Where nobody reads along."""


class Heard:
    """Reads along, and knows how much work an answer was."""

    def __init__(self, input_: bytes, hear: Hear = unheard) -> None:
        self.input = input_
        # Four bytes are about a token, and a decoder reads eight of them in the time in which it writes one.
        self.tokens = 1 + len(input_) // 32
        self._hear, self._written = hear, 0

    def __call__(self, draft: Draft) -> None:
        self._hear(draft)
        self.tokens += len(draft.tokens) - self._written
        self._written = len(draft.tokens)


class Generic:
    """A bundle of generic preprocessing and what reads its requests. Safe to share between threads."""

    def __init__(self, bundle: Bundle, piece: int = 0) -> None:
        """`piece` as a tuning says it. Raises Misconfigured where the manifest and the graph cannot work together."""
        self._bundle = bundle
        self._manifest = bundle.manifest
        if self._manifest.preprocessing == TEXT and bundle.tokenizer is None:
            raise Misconfigured(f"{bundle.path} has no {TOKENIZER}, which {TEXT} needs")
        if self._manifest.preprocessing != TENSORS:
            self._require_known_inputs()
        self._reach = Reach(self._manifest.inputs, bundle.declared, piece)
        if self._manifest.exact and self._manifest.generation:
            self._require_proof(self._manifest.generation)

    def open(self) -> None:
        """Load what reads text. Raises Misconfigured for a tokenizer that nodes do not run."""
        _ = self._text

    @cached_property
    def _text(self) -> Text | None:
        """A stranger's program: loaded where requests are answered, and not where they are only checked."""
        if self._bundle.tokenizer is None or self._manifest.preprocessing != TEXT:
            return None
        return Text(self._bundle.tokenizer, str(self._bundle.path / TOKENIZER))

    def check(self, input_: bytes) -> None:
        """Raises Refused(INVALID_INPUT) for what is certainly no request."""
        if self._manifest.preprocessing == TENSORS:
            tensors.decode(input_, self._manifest.inputs, self._bundle.declared)
        elif self._manifest.preprocessing == TEXT:
            decoded(input_)
        else:
            self.ids(input_)

    def code_needed(self, input_: bytes) -> CodeRef | None:
        """As `Preprocessing`: no request names code. Raises as `check`."""
        self.check(input_)
        return None

    def ids(self, input_: bytes) -> list[int]:
        """The token ids of a request. Raises Refused(INVALID_INPUT)."""
        if self._text is not None:
            chat = self._manifest.generation and self._manifest.generation.chat
            ids = self._text.chat_ids(input_, *chat) if chat else self._text.ids(input_)
        elif len(input_) % ID.itemsize:
            raise Refused(Reason.INVALID_INPUT, f"{len(input_)} bytes are no token ids of {ID.itemsize} bytes each")
        else:
            ids = np.frombuffer(input_, ID).tolist()
        if not ids or max(ids) > MAX_ID:
            raise Refused(Reason.INVALID_INPUT, "the input has no tokens, or one beyond every vocabulary")
        return ids

    def answer(self, session: decoder.Session, input_: bytes, hear: Hear = unheard) -> bytes:
        """Result bytes. Raises Refused, and what the session raises."""
        if self._manifest.generation:
            output = self.written(self.generate(session, input_, hear).tokens)
        else:
            outputs = session.run([tensor.name for tensor in self._manifest.outputs], self.feed(input_))
            output = tensors.encode(outputs, self._manifest.outputs)
        if len(output) > MAX_OUTPUT_BYTES:
            raise Refused(
                Reason.ENGINE_REFUSED, f"the answer has {len(output)} bytes; the oracle takes {MAX_OUTPUT_BYTES}"
            )
        return output

    def generate(self, session: decoder.Session, input_: bytes, hear: Hear = unheard) -> decoder.Answer:
        """What a decoder writes, as far as the oracle takes it, and how sure it was. Raises as `decoder.steps`."""

        def keep(tokens: list[int]) -> bool:
            if len(self.written(tokens)) > MAX_OUTPUT_BYTES:
                return False
            hear(Draft(tuple(tokens), self._text.text(tokens) if self._text else ""))
            return True

        return decoder.generate(
            session, self._generation(), self._manifest.inputs, self.ids(input_), self._reach, keep=keep
        )

    def steps(self, session: decoder.Session, input_: bytes) -> Iterator[decoder.Step]:
        """The same, token by token."""
        return decoder.steps(session, self._generation(), self._manifest.inputs, self.ids(input_), self._reach)

    def pieces(self, input_: bytes) -> list[list[int]]:
        """What a decoder reads of a request in each run. Raises Refused."""
        return decoder.pieces(self._generation(), self.ids(input_), self._reach)

    def _generation(self) -> GenerationSchema:
        if self._manifest.generation is None:
            raise Misconfigured(f"{self._bundle.name} does not generate: its manifest has no [generation]")
        return self._manifest.generation

    def written(self, tokens: Sequence[int]) -> bytes:
        """A decoder's result."""
        ids = np.array(tokens, ID).tobytes()
        if self._generation().answer is None or self._text is None:
            return ids
        return keccak(ids) + self._text.text(list(tokens)).encode()

    def agrees(self, golden: bytes, found: bytes) -> bool:
        """Whether an answer is the golden one, for a tolerant model but for one step of its grid in each place."""
        if self._manifest.exact or self._manifest.generation or len(golden) != len(found):
            return golden == found
        schemas = self._manifest.outputs
        sizes = tensors.SIZE.itemsize * len(tensors.told(schemas))
        if golden[:sizes] != found[:sizes]:
            return False
        places = zip(schemas, tensors.split(golden, schemas), tensors.split(found, schemas), strict=True)
        return all(
            np.array_equal(theirs, ours)
            or (schema.steps_per_unit and np.abs(np.subtract(theirs, ours, dtype=np.int64)).max() <= 1)
            for schema, theirs, ours in places
        )

    def told(self, output: bytes) -> dict[str, Any]:
        """A result as people read it: text, with tokens or their hash, or numbers by output. Raises ValueError."""
        if self._manifest.generation is None:
            return dict(tensors.as_json(output, self._manifest.outputs))
        if self._manifest.generation.answer:
            if len(output) < HASH_BYTES:
                raise ValueError(f"{len(output)} bytes; an answer with text begins with {HASH_BYTES} of a hash")
            return {"tokens_hash": "0x" + output[:HASH_BYTES].hex(), "text": output[HASH_BYTES:].decode()}
        ids: list[int] = np.frombuffer(output, ID).tolist()
        said: dict[str, Any] = {"tokens": ids}
        return said | ({"text": self._text.text(ids)} if self._text else {})

    def feed(self, input_: bytes) -> tensors.Feed:
        """The graph's inputs for a request that is answered in one run. Raises Refused(INVALID_INPUT)."""
        if self._manifest.preprocessing == TENSORS:
            return tensors.decode(input_, self._manifest.inputs, self._bundle.declared)
        ids = self.ids(input_)
        known = {IDS: ids, MASK: [1] * len(ids), TYPES: [0] * len(ids), POSITIONS: list(range(len(ids)))}
        feed = {tensor.name: np.array([known[tensor.name]], tensor.dtype) for tensor in self._manifest.inputs}
        sizes = {
            size: len(ids) for tensor in self._manifest.inputs for size in tensor.shape[1:] if isinstance(size, str)
        }
        tensors.check(feed, self._bundle.declared, sizes)
        return feed

    def _require_proof(self, schema: GenerationSchema) -> None:
        """An exact decoder's context lies within what its graph is proven for."""
        covered = self._reach.context(schema)
        if covered is not None and schema.context > covered:
            raise Misconfigured(
                f"{self._bundle.path}: its manifest promises a context of {schema.context} tokens, and its graph is "
                f"proven exact for {covered}. Ask its publisher for another version."
            )

    def _require_known_inputs(self) -> None:
        """A decoder's manifest names its inputs; others are known by theirs."""
        schema, found = self._manifest.generation, {tensor.name for tensor in self._manifest.inputs}
        if schema:
            asked = {schema.tokens, *(pair[0] for pair in schema.cache)}
            strange = found ^ (asked | {name for name in (schema.mask, schema.positions) if name})
            outputs = {tensor.name for tensor in self._manifest.outputs}
            strange |= {schema.logits, *(pair[1] for pair in schema.cache)} - outputs
        else:
            strange = found - {IDS, MASK, TYPES, POSITIONS} | ({IDS} - found)
        if strange:
            raise Misconfigured(
                f"{self._bundle.path}: graph and manifest disagree about {', '.join(sorted(strange))}. "
                "Restore the bundle from its publisher."
            )
