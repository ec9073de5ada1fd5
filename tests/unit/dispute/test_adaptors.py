"""What adaptors rule on inputs and answers: nobody honest is convicted, and what can be told from a lie is told."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from tests import adaptor_kit
from tests.adaptor_kit import CODES, Desk, of_bytes, of_code, of_tensors
from tests.vectors import links
from themis.core.types import Hash32
from themis.dispute.adaptors import traced
from themis.dispute.adaptors.links import NOTHING, Accused
from themis.evm import encode
from themis.evm.report import RiskClass
from themis.evm.vocabulary import ID, NAMES


@pytest.fixture(scope="module")
def contract() -> Desk:
    return adaptor_kit.contract()


def test_no_accusation_of_an_honest_run_holds() -> None:
    for desk in adaptor_kit.desks():
        for accused, output in desk.accusations():
            assert not desk.ruling(desk.sight(), accused, output=output), (desk.name, accused)
        assert desk.adaptor.output_fault(desk.sight()) is None, desk.name
        assert desk.adaptor.refusal(desk.sight()) is None, desk.name


@pytest.mark.parametrize("make", [lambda: of_bytes(b"themis"), lambda: of_tensors(3, 40)], ids=["bytes", "tensors"])
def test_every_element_and_shape_of_inputs_and_answers_is_decided(make: Callable[[], Desk]) -> None:
    desk = make()
    for word in desk.prover.program.inputs:
        for element in range(desk.honest[word].size):
            other = desk.honest[word].copy()
            other.flat[element] += 1
            assert desk.ruling(desk.sight(desk.honest | {word: other}), Accused(word, element), output=False)
        for changed in (desk.honest[word][None], desk.honest[word].astype(np.int32)):
            assert desk.ruling(desk.sight(desk.honest | {word: changed}), Accused(word), output=False)
    for place in range(len(desk.asked.output)):
        output = bytearray(desk.asked.output)
        output[place] ^= 1
        assert desk.adaptor.output_fault(desk.sight(asked=replace(desk.asked, output=bytes(output)))) is not None


def test_what_a_model_of_tensors_refuses_is_convicted() -> None:
    desk = of_tensors(3, 40)
    good = desk.asked.input
    sizes, x, t = good[:8], good[8:20], good[20:]
    for input_ in (
        b"",
        good[:-1],
        good + b"\x00",
        bytes(4) + good[4:],
        (9).to_bytes(4, "big") + (40).to_bytes(4, "big") + bytes(36) + t,
        sizes + b"\xfb" + x[1:] + t,
        sizes + x + b"\xff" * 8 + t[8:],
        sizes + x + (7).to_bytes(8, "big") + t[8:],
    ):
        sight = desk.sight({}, replace(desk.asked, input=input_))
        accused = desk.adaptor.refusal(sight)
        assert accused is not None, input_
        assert desk.ruling(sight, accused, output=False)


def _with(desk: Desk, name: str, element: int, value: int) -> dict[int, np.ndarray]:
    word = desk.sight().word(name)
    other = desk.honest[word].copy()
    other.flat[element] = value
    return dict(desk.honest) | {word: other}


def test_cheap_checks_of_tokens(contract: Desk) -> None:
    tokens = contract.sight().word("tokens")
    absent = ID["SELFDESTRUCT.caller.open"]
    for row, value in ((0, ID["STOP"]), (5, 0), (5, -1), (5, len(NAMES)), (5, ID["ENTRY.fallback"]), (5, absent)):
        sight = contract.sight(_with(contract, "tokens", row, value))
        assert contract.ruling(sight, Accused(tokens, row), output=False), (row, value)
    inside = next(row for row in range(1, 80) if contract.honest[contract.sight().word("first")][row] != row)
    sight = contract.sight(_with(contract, "tokens", inside, ID["ENTRY.function"]))
    assert contract.ruling(sight, Accused(tokens, inside), output=False)
    believed = contract.sight(_with(contract, "tokens", inside, ID["REVERT"]))
    assert contract.ruling(believed, Accused(tokens, inside), output=False) is False


def test_windows_and_grams_are_decided(contract: Desk) -> None:
    first, grams = (contract.sight().word(name) for name in ("first", "grams"))
    for row, value in ((0, 1), (9, 8), (9, -1), (9, 10)):
        sight = contract.sight(_with(contract, "first", row, value))
        assert contract.ruling(sight, Accused(first, row), output=False), (row, value)
    for element in range(contract.honest[grams].size):
        sight = contract.sight(_with(contract, "grams", element, int(contract.honest[grams].flat[element]) ^ 1))
        assert contract.ruling(sight, Accused(grams, element), output=False), element


@pytest.mark.parametrize("lane", RiskClass)
def test_each_score_of_a_report_is_decided(contract: Desk, lane: RiskClass) -> None:
    """Whatever rows the guarantor names."""
    output = bytearray(contract.asked.output)
    right = int.from_bytes(output[2 * lane : 2 * lane + 2], "big")
    wrong = [score for score in (right - 1, right + 1) if 0 <= score <= 10_000]
    assert wrong
    for score, witness in product(wrong, (contract.asked.witness, NOTHING, Hash32(b"\xff" * 32))):
        output[2 * lane : 2 * lane + 2] = score.to_bytes(2, "big")
        asked = replace(contract.asked, output=bytes(output), witness=witness)
        assert contract.adaptor.output_fault(contract.sight(asked=asked)) is not None, (score, witness)


def test_a_program_counter_lies_on_an_instruction_of_its_kind(contract: Desk) -> None:
    output = bytearray(contract.asked.output)
    right = int.from_bytes(output[16:18], "big")
    code, row = contract.asked.input, int.from_bytes(contract.asked.witness[14:16], "big")
    token = int(contract.honest[contract.sight().word("tokens")][row])
    decided = 0
    for counter in range(len(code) + 2):
        output[16:18] = counter.to_bytes(2, "big")
        fault = contract.adaptor.output_fault(contract.sight(asked=replace(contract.asked, output=bytes(output))))
        assert counter != right or fault is None
        decided += fault is not None
    others = sum(each in traced.giving(token) for each in traced._places(code).values())
    assert decided == len(code) + 2 - others


@pytest.mark.parametrize("name", ["delegation", "no program"])
def test_code_that_is_no_program_has_one_report(name: str) -> None:
    desk = of_code(name, CODES[name])
    for place in range(12, 32):
        output = bytearray(desk.asked.output)
        output[place] ^= 1
        assert desk.adaptor.output_fault(desk.sight(asked=replace(desk.asked, output=bytes(output)))) is not None, place


def test_a_proxy_has_a_delegatecall() -> None:
    desk = of_code("caller is paid", CODES["caller is paid"])
    output = desk.asked.output[:-1] + bytes([desk.asked.output[-1] | 0x20])
    assert desk.adaptor.output_fault(desk.sight(asked=replace(desk.asked, output=output))) is not None


def test_each_token_but_entries_has_its_instructions() -> None:
    ones = {NAMES[token].partition(".")[0] for token in range(1, len(NAMES))}
    assert ones - {"ENTRY"} == traced.KINDS.keys()


def test_tokens_come_from_the_instructions_that_are_said(contract: Desk) -> None:
    """Of real code and of noise: no honest token fails its check."""
    rng = np.random.default_rng(5)
    codes = [contract.asked.input, *(rng.integers(256, size=300, dtype=np.uint8).tobytes() for _ in range(150))]
    kinds = [0x54, 0x55, 0xF1, 0xF4, 0xFF, 0x42, 0x32, 0x33, 0x14, 0x57, 0x5B, 0x06, 0x01, 0x50, 0x60, 0x35, 0x20, 0x03]
    codes += [bytes(rng.choice(kinds, size=200).tolist()) for _ in range(150)]
    seen = set()
    for code in codes:
        found = encode.encode(code)
        places = traced._places(code)
        for token, pc in zip(found.tokens, found.pcs, strict=True):
            assert token == ID["ENTRY.fallback"] or code[:1] == b"\xef" or places[pc] in traced.giving(token)
            seen.add(NAMES[token].partition(".")[0])
    assert len(seen) > 15, seen


def test_the_vectors_are_what_the_specification_says() -> None:
    assert links.FILE.read_text() == links.text(), "run `python -m tests.vectors.links`"
