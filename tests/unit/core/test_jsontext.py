"""Hostile JSON: nesting is bounded, brackets in strings are none, and no text takes more than a look at each byte."""

import json

import pytest

from themis.core import jsontext


@pytest.mark.parametrize("text", ["[" * 65 + "]" * 65, '{"a":' * 65 + "1" + "}" * 65, "[" * 100_000])
def test_what_nests_too_deep_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="nested more than 64 deep"):
        jsontext.parse(text.encode())


@pytest.mark.parametrize("value", ["[" * 100, '\\"[' * 100, [[1]] * 100, {"a": ["{" * 99, '"']}])
def test_what_is_flat_is_read(value: object) -> None:
    assert jsontext.parse(json.dumps(value).encode()) == value


def test_quotes_without_end_take_no_more_time_than_reading_them() -> None:
    hostile = b"[" * 63 + b'"' + b'\\"' * 200_000 + b"{" * 2
    with pytest.raises(ValueError, match="Unterminated string"):  # 200,000 looks at 400,000 bytes take minutes
        jsontext.parse(hostile)
