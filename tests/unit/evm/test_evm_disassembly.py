"""Metadata is cut where solc put it and nowhere else; every byte string is a program."""

from hypothesis import given
from hypothesis import strategies as st

from themis.evm.disassembly import disassemble, strip_metadata
from themis.evm.opcodes import EFFECTS, ENDING

CBOR = bytes.fromhex("a264697066735822") + b"\x12\x20" + bytes(32) + bytes.fromhex("64736f6c634300081e")


def test_metadata_is_cut() -> None:
    code = bytes.fromhex("6080604052")
    assert strip_metadata(code + CBOR + len(CBOR).to_bytes(2, "big")) == code


def test_what_only_looks_like_metadata_stays() -> None:
    for tail in (CBOR + b"\x00\x01", CBOR + b"\xff\xff", bytes(33) + b"\x00\x20", b"\xa1" + bytes(31) + b"\x00\x20"):
        assert strip_metadata(b"\x00" + tail) == b"\x00" + tail


def test_a_push_takes_its_bytes_and_hides_a_jumpdest() -> None:
    program = disassemble(bytes.fromhex("605b5b61aa"))
    assert program.pcs == (0, 2, 3)
    assert program.values == (0x5B, 0, 0xAA00)
    assert program.jumpdests == {2: 1}


def test_stack_effects_are_those_of_the_yellow_paper() -> None:
    assert EFFECTS[0xF1] == (7, 1)
    assert EFFECTS[0xA4] == (6, 0)
    assert EFFECTS[0x5B] == (0, 0)
    assert 0x0C in ENDING
    assert 0xFF in ENDING
    assert 0x60 not in ENDING


@given(st.binary(max_size=300))
def test_instructions_tile_the_code(code: bytes) -> None:
    program = disassemble(code)
    widths = [op - 0x5F if 0x60 <= op <= 0x7F else 0 for op in program.ops]
    at = 0
    for pc, width in zip(program.pcs, widths, strict=True):
        assert pc == at
        at += 1 + width
    assert len(code) <= at <= len(code) + 32
