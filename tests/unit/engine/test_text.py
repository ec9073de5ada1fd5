"""tokenizer.json is other people's program: what it may be, and that it cannot stop a node."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from themis.adopt import probes
from themis.core.errors import Misconfigured, Reason, Refused
from themis.engine.text import Text

FILE: Final = Path(__file__).parents[3] / "models/olmoe-tiny/tokenizer.json"
PARTS: Final[dict[str, Any]] = json.loads(FILE.read_bytes())
TOKENIZER: Final = Text(FILE.read_bytes(), "tokenizer.json")
KNOWN: Final = {
    "GPT-2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "Llama 3, Qwen": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+",
    "gpt-oss": r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll"
    r"|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
}


def changed(**parts: Any) -> bytes:
    return json.dumps(PARTS | parts).encode()


def split(pattern: str) -> dict[str, Any]:
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


@given(text=st.text(min_size=1, max_size=200))
def test_text_comes_back(text: str) -> None:
    ids = TOKENIZER.ids(text.encode())
    assert TOKENIZER.text(ids) == text.replace("<|end|>", "")
    assert max(ids, default=0) < 512


def test_no_text_is_refused() -> None:
    with pytest.raises(Refused, match="the input is empty"):
        TOKENIZER.ids(b"")


def test_special_tokens_are_read_and_not_shown() -> None:
    ids = TOKENIZER.ids(b"a<|end|>")
    assert ids[-1] == 0
    assert TOKENIZER.text(ids) == "a"


def test_no_model_hub_is_in_it() -> None:
    """The package brings a client of one along; nothing here loads it."""
    assert "huggingface_hub" not in sys.modules


def test_what_is_not_utf8_is_refused() -> None:
    with pytest.raises(Refused, match="the input is not UTF-8") as caught:
        TOKENIZER.ids(b"\xff")
    assert caught.value.reason == Reason.INVALID_INPUT


def test_nothing_is_cut_off_and_nothing_is_added() -> None:
    truncation = {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0}
    padding = {
        "strategy": {"Fixed": 64},
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "<|end|>",
    }
    text = Text(changed(truncation=truncation, padding=padding), "x")
    assert text.ids(b"themis themis") == TOKENIZER.ids(b"themis themis")


@pytest.mark.parametrize("pattern", KNOWN.values(), ids=KNOWN)
def test_patterns_in_use_are_taken_and_fast_enough(pattern: str) -> None:
    text = Text(changed(pre_tokenizer={"type": "Sequence", "pretokenizers": [split(pattern)]}), "x")
    for longest in probes.longest(2_048):
        text.ids(longest)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "is no object"),
        (b"\xff\xfe", "is not JSON"),
        (b"{}", "it has no model"),
        (changed(model={"type": "Neural"}), "model: 'Neural' is not known"),
        (changed(pre_tokenizer={"type": "Python"}), "pre_tokenizer: 'Python' is not known"),
        (changed(normalizer={"type": "Prepend", "prepend": "x" * 17}), "prepend inserts 17 characters, limit 16"),
        (
            changed(normalizer={"type": "Replace", "pattern": {"String": "a"}, "content": "b" * 10_000}),
            "content inserts 10000 characters",
        ),
        (
            changed(pre_tokenizer={"type": "Sequence", "pretokenizers": [split("(a+)+b")]}),
            "a pattern repeats a group",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_hostile_tokenizers_are_not_run(content: bytes, reason: str) -> None:
    with pytest.raises(Misconfigured, match=f"somewhere is not run: .*{reason}"):
        Text(content, "somewhere")


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(a+)+b", "repeats a group"),
        ("(?:a|a)*b", "repeats a group"),
        ("(a{2}){9,}b", "repeats a group"),
        ("(a){10}", "repeats a group"),
        (r"(a)\1", "refers back"),
        (r"(?<x>a)\k<x>", "refers back"),
        ("(a*b)", "inside a group"),
        (r"a(?=.*b)", "inside a group"),
        ("a*a*b", "that something follows"),
        (r"\w*\w*(?=[!?])", "that something follows"),
        (r"\w*[)]\w*(x)", "that something follows"),
        ("a{0,99}a*b", "that something follows"),
        ("a*a*a*", "that something follows"),
        ("a+?a+?$", "that something follows"),
        ("|".join(["a*b"] * 17), "more than 16 repetitions"),
        ("a" * 1_025, "has 1025 characters"),
    ],
)
def test_patterns_that_could_take_long_are_not_run(pattern: str, reason: str) -> None:
    with pytest.raises(Misconfigured, match=reason):
        Text(changed(pre_tokenizer=split(pattern)), "x")


def test_sequences_may_not_nest_without_end() -> None:
    part: dict[str, Any] = {"type": "NFC"}
    for _ in range(5):
        part = {"type": "Sequence", "normalizers": [part]}
    with pytest.raises(Misconfigured, match="too deep"):
        Text(changed(normalizer=part), "x")


@pytest.mark.parametrize(
    "content",
    [
        changed(model={"type": "BPE", "vocab": {"a": 0}, "merges": [["a", "b"]]}),
        changed(model={"type": "Unigram", "unk_id": 9, "vocab": [["a", 0.0]], "byte_fallback": False}),
        changed(added_tokens=5),
    ],
    ids=["merge of nothing", "unknown id", "no tokens"],
)
def test_what_the_library_does_not_load_is_an_error(content: bytes) -> None:
    with pytest.raises(Misconfigured, match="somewhere is no tokenizer: .*Restore"):
        Text(content, "somewhere")


def test_ids_that_it_does_not_know_are_no_text() -> None:
    assert TOKENIZER.text([2**31 - 1]) == ""
    with pytest.raises(Refused, match="cannot read the ids"):
        TOKENIZER.text([2**40])


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_mangled_tokenizer_is_an_error_or_a_tokenizer(data: st.DataObject) -> None:
    content = bytearray(json.dumps(PARTS | {"model": PARTS["model"] | {"vocab": {"a": 0}, "merges": []}}).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    outcome: Callable[[], object] = lambda: Text(bytes(content), "x").ids(b"a themis \n")  # noqa: E731
    try:
        outcome()
    except (Misconfigured, Refused):
        return
