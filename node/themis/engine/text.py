"""Text as token ids and back, by a bundle's tokenizer.json, which is other people's program and treated as one.

A tokenizer runs inside this process and cannot be interrupted. So only parts whose cost is known are let in: no script
that puts long text in the place of short, and only regular expressions whose time is bounded.
"""

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Final

from themis.bundles.patterns import objections
from themis.core import jsontext
from themis.core.errors import Misconfigured, Reason, Refused

MAX_INSERTED: Final = 16
"""Characters that a normalizer or decoder may put in the place of one match."""
MAX_DEPTH: Final = 4
"""Sequences in sequences."""
KINDS: Final = {
    "model": ("BPE", "WordPiece", "Unigram", "WordLevel"),
    "normalizer": (
        "Sequence", "NFC", "NFD", "NFKC", "NFKD", "Lowercase", "Strip", "StripAccents", "BertNormalizer", "Replace",
        "Prepend",
    ),
    "pre_tokenizer": (
        "Sequence", "ByteLevel", "Whitespace", "WhitespaceSplit", "BertPreTokenizer", "Metaspace", "Digits",
        "Punctuation", "Split",
    ),
    "post_processor": ("Sequence", "ByteLevel", "TemplateProcessing", "BertProcessing", "RobertaProcessing"),
    "decoder": (
        "Sequence", "ByteLevel", "WordPiece", "Metaspace", "ByteFallback", "Fuse", "Strip", "Replace", "BPEDecoder",
    ),
}  # fmt: skip
"""What each part of tokenizer.json may be."""


class Text:
    """One tokenizer."""

    def __init__(self, content: bytes, where: str) -> None:
        """Check and load a tokenizer.json. Raises Misconfigured naming `where`."""
        try:
            from tokenizers import Tokenizer  # noqa: PLC0415 (an extra: most operators serve no text)
        except ImportError as error:
            raise Misconfigured(f"{where} needs the tokenizers package: install `themis-oracle[text]`") from error
        if reason := next(_reasons(content), None):
            raise Misconfigured(f"{where} is not run: {reason}. Ask its publisher for another version.")
        with _Guarded(
            lambda said: Misconfigured(f"{where} is no tokenizer: {said}. Restore the bundle from its publisher.")
        ):
            self._tokenizer, self._plain = (Tokenizer.from_str(content.decode()) for _ in range(2))
        for each in (self._tokenizer, self._plain):
            each.no_truncation()
            each.no_padding()
        self._plain.encode_special_tokens = True

    def ids(self, text: bytes) -> list[int]:
        """Token ids of UTF-8 text, with those that the tokenizer puts around it. Raises Refused(INVALID_INPUT)."""
        plain = decoded(text)
        with _Guarded(lambda said: Refused(Reason.INVALID_INPUT, f"the tokenizer cannot read the input: {said}")):
            return list(self._tokenizer.encode(plain).ids)

    def chat_ids(self, text: bytes, before: str, after: str) -> list[int]:
        """Token ids of a request between its template's parts, which alone may hold tokens of control.

        Raises Refused(INVALID_INPUT).
        """
        plain = decoded(text)
        with _Guarded(lambda said: Refused(Reason.INVALID_INPUT, f"the tokenizer cannot read the input: {said}")):
            first, last = (self._tokenizer.encode(part, add_special_tokens=False).ids for part in (before, after))
            middle = self._plain.encode(plain, add_special_tokens=False).ids
        return [*first, *middle, *last]

    def text(self, ids: list[int]) -> str:
        """What token ids say, special tokens left out. Raises Refused(INVALID_INPUT) for ids it does not know."""
        with _Guarded(lambda said: Refused(Reason.INVALID_INPUT, f"the tokenizer cannot read the ids: {said}")):
            return str(self._tokenizer.decode(ids, skip_special_tokens=True))


def decoded(text: bytes) -> str:
    """A request's text. Raises Refused(INVALID_INPUT) for one that is empty or not UTF-8."""
    if not text:
        raise Refused(Reason.INVALID_INPUT, "the input is empty")
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise Refused(Reason.INVALID_INPUT, f"the input is not UTF-8: {error}") from error


class _Guarded:
    """Around calls into Rust, whose panics arrive as a BaseException of a type that cannot be imported."""

    def __init__(self, translate: Callable[[str], Exception]) -> None:
        self._translate = translate

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if isinstance(error, Exception) or (kind is not None and kind.__name__ == "PanicException"):
            raise self._translate(str(error)) from error


def _reasons(content: bytes) -> Iterator[str]:
    """Why a tokenizer.json is not loaded."""
    try:
        parts = jsontext.parse(content)
    except ValueError as error:
        yield f"it is not JSON: {error}"
        return
    if not isinstance(parts, dict):
        yield "it is no object"
        return
    for name in KINDS:
        part = parts.get(name)
        if name == "model" and not isinstance(part, dict):
            yield "it has no model"
        elif part is not None:
            yield from (f"{name}: {reason}" for reason in _part(name, part, MAX_DEPTH))


def _part(name: str, part: Any, depth: int) -> Iterator[str]:
    if not isinstance(part, dict) or depth == 0:
        yield "is no object, or too deep"
        return
    kind = part.get("type", "BPE" if name == "model" else None)
    if kind not in KINDS[name]:
        yield f"{kind!r} is not known"
    for key in ("content", "prepend", "replacement", "str_rep"):
        if isinstance(text := part.get(key), str) and len(text) > MAX_INSERTED:
            yield f"{key} inserts {len(text)} characters, limit {MAX_INSERTED}"
    pattern = part.get("pattern")
    if isinstance(pattern, dict):
        yield from objections(str(pattern.get("Regex", "")))
    for inner in ("normalizers", "pretokenizers", "processors", "decoders"):
        for each in part.get(inner) or ():
            yield from _part(name, each, depth - 1)
