"""What programs are said to do: each case is a few lines of assembly and the tokens they must leave."""

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from themis.evm.disassembly import disassemble
from themis.evm.encode import MAX_CODE_BYTES, encode
from themis.evm.limits import MAX_ROWS, WINDOW, NotKnown
from themis.evm.machine import Machine
from themis.evm.trace import Tracer
from themis.evm.vocabulary import NAMES

CALLER, ORIGIN, SLOAD, SSTORE, EQ, ISZERO, POP = "33", "32", "54", "55", "14", "15", "50"
CALL_CALLER_WITH_ALL_BALANCE = "5f5f5f5f" + "47" + CALLER + "5af1"


def tokens(code: str) -> list[str]:
    """Of the only function, without its entry token."""
    (trace,) = encode(bytes.fromhex(code)).functions
    return [NAMES[token] for token in trace.tokens[1:]]


def require(code: str) -> str:
    """Revert unless `code` leaves a true word. Program counters assume it is the first statement."""
    return f"{code}60{len(code) // 2 + 6:02x}575f5ffd5b"


def test_an_owner_check_is_authority_and_its_negation_is_told_apart() -> None:
    owner = f"5f54{CALLER}{EQ}"
    assert tokens(require(owner) + "00") == ["SLOAD.slot", "EQ.auth", "GUARD.auth", "STOP"]
    assert tokens(require(owner + ISZERO) + "00") == ["SLOAD.slot", "EQ.auth", "GUARD.not_auth", "STOP"]


def test_origin_as_authority_and_origin_against_the_caller() -> None:
    assert tokens(require(f"5f54{ORIGIN}{EQ}") + "00") == [
        "SLOAD.slot",
        "ORIGIN",
        "EQ.origin_auth",
        "GUARD.origin_auth",
        "STOP",
    ]
    assert tokens(require(f"{CALLER}{ORIGIN}{EQ}") + "00") == ["ORIGIN", "EQ.eoa", "GUARD.eoa", "STOP"]


def test_a_mapping_of_the_caller_is_keyed_and_a_bool_in_it_is_membership() -> None:
    member = f"{CALLER}5f5260016020526040" + "5f20" + SLOAD
    assert tokens(require(member) + "00") == ["SLOAD.caller", "GUARD.keyed", "STOP"]
    assert tokens(require(member + "60ff16") + "00") == ["SLOAD.caller", "GUARD.member", "STOP"]


def test_order_of_call_and_write_is_kept() -> None:
    write = f"5f5f{SSTORE}"
    call = CALL_CALLER_WITH_ALL_BALANCE + POP
    assert tokens(call + write + "00") == ["BALANCE", "CALL.caller.value", "DROPPED", "SSTORE.slot.zero.late", "STOP"]
    assert tokens(write + call + "00") == ["SSTORE.slot.zero", "BALANCE", "CALL.caller.value", "DROPPED", "STOP"]


def test_a_place_read_before_a_call_and_written_after_it_is_stale_if_not_written_before() -> None:
    read, write, call = f"5f{SLOAD}{POP}", f"600a5f{SSTORE}", CALL_CALLER_WITH_ALL_BALANCE + POP
    assert tokens(read + call + write + "00")[-2] == "SSTORE.slot.const.stale"
    assert tokens(read + write + call + write + "00")[-2] == "SSTORE.slot.const.late"
    other = f"600a6001{SSTORE}"
    assert tokens(read + call + other + "00")[-2] == "SSTORE.slot.const.late"
    known = "5f5f5f5f5f" + "6007" + SLOAD + "5af1" + POP
    assert tokens(read + known + write + "00")[-2] == "SSTORE.slot.const.trusted"


def test_a_shut_mutex_makes_later_writes_harmless() -> None:
    shut = require(f"5f{SLOAD}{ISZERO}") + f"60015f{SSTORE}"
    rest = f"6001{SLOAD}{POP}" + CALL_CALLER_WITH_ALL_BALANCE + POP + f"600a6001{SSTORE}"
    assert tokens(shut + rest + "00")[-2] == "SSTORE.slot.const.late"
    assert tokens(rest + "00")[-2] == "SSTORE.slot.const.stale"


def test_the_same_mapping_place_is_recognized() -> None:
    place = f"{CALLER}5f525f60205260405f20"
    code = place + SLOAD + POP + CALL_CALLER_WITH_ALL_BALANCE + POP + "5f" + place + SSTORE + "00"
    assert tokens(code)[-2] == "SSTORE.caller.zero.stale"
    foreign = code.replace(place + SSTORE, place.replace(CALLER, "600435", 1) + SSTORE)
    assert tokens(foreign)[-2] == "SSTORE.hash.zero.late"


def test_a_field_put_into_a_packed_word_is_named_by_the_field() -> None:
    cleared = "60ff19" + f"5f{SLOAD}" + "16"
    assert tokens(cleared + "6001" + "17" + f"5f{SSTORE}" + "00")[-2] == "SSTORE.slot.const"
    assert tokens(cleared + "5f" + "17" + f"5f{SSTORE}" + "00")[-2] == "SSTORE.slot.zero"
    assert tokens(cleared + "600435" + "17" + f"5f{SSTORE}" + "00")[-2] == "SSTORE.slot.data"


def test_a_tested_result_is_not_dropped_later() -> None:
    code = require(CALL_CALLER_WITH_ALL_BALANCE + "80") + POP + "00"
    assert tokens(code) == ["BALANCE", "CALL.caller.value", "GUARD.result", "STOP"]


def test_the_stipend_is_seen_through_the_multiplication_of_transfer() -> None:
    code = "5f5f5f5f" + "47" + CALLER + "47" + ISZERO + "6108fc02" + "f1" + POP + "00"
    assert "CALL.caller.value_stipend" in tokens(code)


def test_luck_from_the_block_and_a_deadline() -> None:
    assert tokens(require("600a4206" + ISZERO) + "00") == ["CLOCK", "MOD.block", "GUARD.random", "STOP"]
    assert tokens(require("5f544210") + "00") == ["SLOAD.slot", "CLOCK", "GUARD.clock", "STOP"]
    assert tokens("425f5260205f20" + "5f55" + "00") == ["CLOCK", "HASH.random", "SSTORE.slot.random", "STOP"]


def test_delegatecall_and_selfdestruct_name_their_target() -> None:
    assert tokens("5f5f5f5f" + "600435" + "5af4" + POP + "00") == ["DELEGATECALL.data.open", "DROPPED", "STOP"]
    assert tokens("5f5f5f5f" + "30" + "5af4" + POP + "00") == ["DELEGATECALL.self.open", "DROPPED", "STOP"]
    assert tokens(CALLER + "ff") == ["SELFDESTRUCT.caller.open"]
    assert tokens("5f54ff") == ["SLOAD.slot", "SELFDESTRUCT.stored.open"]


def test_what_a_path_got_past_is_told_with_what_it_reaches() -> None:
    owner, kept = f"5f54{CALLER}{EQ}", f"{CALLER}5f5260016020526040" + "5f20" + SLOAD
    assert tokens(require(owner) + CALLER + "ff")[-1] == "SELFDESTRUCT.caller.granted"
    assert tokens(require(owner + ISZERO) + CALLER + "ff")[-1] == "SELFDESTRUCT.caller.open"
    assert tokens(require(kept) + CALLER + "ff")[-1] == "SELFDESTRUCT.caller.keyed"
    assert tokens(require(kept + "60ff16") + CALLER + "ff")[-1] == "SELFDESTRUCT.caller.granted"


def test_a_guard_on_one_way_only_leaves_the_other_open() -> None:
    """if (caller == owner) log(); selfdestruct(caller), and if (caller == owner) selfdestruct(caller)."""
    looked = f"5f54{CALLER}{EQ}600a575b33ff5b5f5fa0600756"
    assert tokens(looked) == [
        *("SLOAD.slot", "EQ.auth", "IF.auth", "LOG", "SELFDESTRUCT.caller.granted", "SELFDESTRUCT.caller.open")
    ]
    assert tokens(f"5f54{CALLER}{EQ}600857005b33ff") == [
        *("SLOAD.slot", "EQ.auth", "IF.auth", "SELFDESTRUCT.caller.granted", "STOP")
    ]


def test_a_target_that_was_looked_up_is_vouched_for() -> None:
    listed = "6004355f5260016020526040" + "5f20" + SLOAD + "60ff16"
    run = "5f5f5f5f" + "600435" + "5af4" + POP + "00"
    assert "DELEGATECALL.data.granted" in tokens(require(listed) + run)
    assert "DELEGATECALL.data.open" in tokens(require(listed.replace("600435", "602435", 1)) + run)


def test_both_ways_out_of_a_short_circuit_are_followed_as_they_can_be() -> None:
    """require(caller == owner && flag): who is not the owner does not get past on the other way to the same check."""
    both = f"5f54{CALLER}{EQ}80{ISZERO}600d57{POP}6001{SLOAD}" + "5b601457" + "5f5ffd" + "5b33ff"
    assert tokens(both)[2:] == ["IF.auth", "SLOAD.slot", "GUARD.stored", "SELFDESTRUCT.caller.granted", "REVERT"]
    either = f"5f54{CALLER}{EQ}80600c57{POP}6001{SLOAD}" + "5b601357" + "5f5ffd" + "5b33ff"
    assert tokens(either)[2:] == [
        *("IF.auth", "SELFDESTRUCT.caller.granted", "SLOAD.slot", "GUARD.stored", "SELFDESTRUCT.caller.open")
    ]


def test_a_loop_joins_and_ends() -> None:
    assert tokens("5b5f5450345f5700") == ["SLOAD.slot", "IF.paid", "JOIN", "STOP"]


def test_what_only_reverts_is_undone() -> None:
    """selfdestruct would end well, so it is not; a loop without an end never ends well either."""
    run = "5f5f5f5f" + "600435" + "5af4" + POP
    assert tokens(run + "5f5ffd") == ["REVERT"]
    assert "DELEGATECALL.data.open" in tokens(run + "00")
    assert tokens(CALLER + "ff") == ["SELFDESTRUCT.caller.open"]
    assert tokens("5b5f54505f56") == []


@pytest.mark.parametrize("compare", ["14", "1815", "0315"], ids=["eq", "xor iszero", "sub iszero"])
def test_functions_are_found_behind_any_comparison(compare: str) -> None:
    code = bytes.fromhex("5f3560e01c63aabbccdd" + compare) + b"\x60"
    code += bytes([len(code) + 3]) + bytes.fromhex("5700") + bytes.fromhex("5b33ff")
    fallback, function = encode(code).functions
    assert function.selector == 0xAABBCCDD
    assert [NAMES[token] for token in function.tokens] == ["ENTRY.function", "SELFDESTRUCT.caller.open"]
    assert [NAMES[token] for token in fallback.tokens] == ["ENTRY.fallback", "STOP"]
    assert function.pcs[1] == len(code) - 1


def test_coverage_counts_instructions_that_some_path_reached() -> None:
    assert encode(bytes.fromhex("00fefefe")).coverage_bps == 10_000, "nothing reaches what is after STOP"
    assert encode(b"").coverage_bps == 0


def check(code: bytes) -> None:
    encoded = encode(code)
    assert len(encoded.functions) >= 1
    assert len(encoded.tokens) <= MAX_ROWS
    assert all(1 <= len(trace.tokens) == len(trace.pcs) <= WINDOW for trace in encoded.functions)
    assert 0 <= encoded.coverage_bps <= 10_000
    assert len(encoded.tokens) == len(encoded.grams) == len(encoded.starts) == len(encoded.pcs)
    assert all(0 <= earlier <= later for earlier, later in pairwise(encoded.starts))
    assert all(pc < max(1, len(code)) for pc in encoded.pcs)


@given(st.binary(max_size=600))
def test_any_bytes_encode(code: bytes) -> None:
    check(code)


LIVELY = [
    0x5B,
    0x57,
    0x56,
    0x60,
    0x61,
    0x80,
    0x81,
    0x90,
    0x54,
    0x55,
    0x14,
    0x15,
    0x35,
    0x33,
    0x51,
    0x52,
    0x20,
    0xF1,
    0xFD,
    0x16,
]


@settings(deadline=None)
@given(st.lists(st.sampled_from(LIVELY), max_size=800))
def test_any_lively_code_encodes(code: list[int]) -> None:
    check(bytes(code))


def test_hostile_code_takes_a_bounded_number_of_steps() -> None:
    """Every block jumps to two others with ever different return stacks: paths without end."""
    rng, blocks = Random(3), MAX_CODE_BYTES // 16  # noqa: S311 (a fixed shape, no secret)
    code = bytearray()
    for _ in range(blocks):
        there, back = rng.randrange(blocks) * 16, rng.randrange(blocks) * 16
        code += bytes([0x5B, 0x61, *back.to_bytes(2, "big"), 0x5F, 0x35, 0x61, *there.to_bytes(2, "big"), 0x57])
        code += bytes([0x60, 0x20, 0x51, 0x54, 0x55, 0x80])
    assert len(code) <= MAX_CODE_BYTES
    check(bytes(code))
    tracer = Tracer(disassemble(bytes(code)))
    tracer.run()
    assert -WINDOW <= tracer.left <= 0, "it would go on without end, and is stopped"
    assert NotKnown.STEPS_SPENT in tracer.told


def test_a_fork_knows_all_that_the_path_knew() -> None:
    m = Machine()
    for number, name in enumerate(Machine.__slots__):
        setattr(m, name, {"stack": [1], "memory": {0: 1}}.get(name, number))
    other = m.fork()
    assert {name: getattr(other, name) for name in Machine.__slots__} == {
        name: getattr(m, name) for name in Machine.__slots__
    }
    assert other.stack is not m.stack
    assert other.memory is not m.memory
