"""Command-line values: what is accepted, what is not."""

import pytest

from themis.cli import fields
from themis.core import modes
from themis.core.types import Role, UseClass


def test_classes_are_a_bit_set() -> None:
    assert fields.class_bits("commercial") == 4
    assert fields.class_bits("personal, research,commercial") == 7
    with pytest.raises(ValueError, match="'none' is not personal, research or commercial"):
        fields.class_bits("commercial,none")


def test_roles_and_times() -> None:
    assert fields.role("operator") is Role.OPERATOR
    with pytest.raises(ValueError, match="is not requester or operator"):
        fields.role("owner")
    assert fields.moment("1800000000") == fields.moment("2027-01-15T08:00:00Z") == 1_800_000_000
    with pytest.raises(ValueError, match="has no time zone"):
        fields.moment("2027-01-15T08:00:00")
    with pytest.raises(ValueError, match="past what the contract can hold"):
        fields.moment(str(2**40))


def test_a_policy_packs_as_the_contract_reads_it() -> None:
    """Bits 2 * (3 * role + useClass), Policies.sol."""
    parsed = modes.parse_modes("personal=open,research=open,commercial=grant")
    assert modes.pack(parsed, parsed) == 0b10_01_01_10_01_01
    assert modes.pack({UseClass.RESEARCH: 2}, {UseClass.PERSONAL: 1}) == 2 << 2 | 1 << 6


def test_what_is_not_named_stays_closed() -> None:
    packed = modes.pack(modes.parse_modes("research=open"), {})
    closed = {"personal": "closed", "research": "closed", "commercial": "closed"}
    assert modes.policy_words(packed) == {"requester": closed | {"research": "open"}, "operator": closed}
    assert modes.policy_words(0b11)["requester"]["personal"] == "closed"


@pytest.mark.parametrize("text", ["personal", "personal=maybe", "everybody=open", ""])
def test_a_bad_mode_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is not CLASS=MODE"):
        modes.parse_modes(text)
