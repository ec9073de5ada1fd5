"""Golden vectors of the preprocessing, and its limits."""

from random import Random

import numpy as np
import pytest

from tests.vectors import evm_encode as golden
from themis.engine.grams import grams
from themis.evm.arithmetic import power
from themis.evm.encode import BUCKETS, MAX_CODE_BYTES, ORDERS, buckets, encode
from themis.evm.vocabulary import NAMES


def test_encoding_has_not_changed() -> None:
    """A change here is a new preprocessing id and a new model."""
    assert (golden.HERE / "evm_encode.json").read_text() == golden.document()


def test_vocabulary_fits_a_byte_and_names_are_unique() -> None:
    assert len(NAMES) == len(set(NAMES)) <= 256


def test_buckets_depend_on_the_last_tokens_only_and_orders_do_not_mix() -> None:
    long, short = list(buckets((9, 8, 7, 6, 5, 4))), list(buckets((1, 8, 7, 6, 5, 4)))
    assert long[5] == short[5]
    assert long[4][:3] == short[4][:3]
    assert long[4][3] != short[4][3]
    for row in long:
        assert [bucket // BUCKETS for bucket in row] == list(range(len(ORDERS)))


def test_numpy_gives_the_same_buckets() -> None:
    rng = Random(5)  # noqa: S311 (seeded, no secret)
    functions = [rng.randbytes(length) for length in (1, 2, 3, 4, 5, 6, 50)]
    lengths = np.array([*map(len, functions)])
    found = grams(np.frombuffer(b"".join(functions), np.uint8), np.repeat(np.cumsum(lengths) - lengths, lengths))
    assert found.tolist() == [list(row) for function in functions for row in buckets(tuple(function))]


def test_powers_are_powers() -> None:
    rng = Random(6)  # noqa: S311 (seeded, no secret)
    numbers = [*range(4), 255, 256, 2**32 - 1, 2**32, 2**256 - 1, *(rng.getrandbits(256) for _ in range(12))]
    pairs = [(base, exponent) for base in numbers for exponent in numbers]
    assert [power(*pair) for pair in pairs] == [pow(*pair, 1 << 256) for pair in pairs]


def test_code_no_chain_deploys_is_refused() -> None:
    encode(bytes(MAX_CODE_BYTES))
    with pytest.raises(ValueError, match="EIP-170"):
        encode(bytes(MAX_CODE_BYTES + 1))
