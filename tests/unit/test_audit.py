"""What Slither finds is explained, once, and nothing else is: the file is whole, and each way to be wrong is told."""

import re

from contracts.audit import BY_HAND, CALLS, FINDINGS, Explained, Finding, plain
from contracts.compile import DEPLOYED

FOUND = Finding("calls-loop", "Lens.termsAt")
TEXT = """
[everywhere]
timestamp = "seconds are meant"
[[finding]]
check = "calls-loop"
at = "Lens.termsAt"
why = "a view"
"""


def test_what_is_explained_is_no_problem() -> None:
    found = [FOUND, Finding("timestamp", "Anything.at")]
    assert Explained.read(TEXT).problems(found) == []


def test_what_is_new_is_told() -> None:
    found = [FOUND, Finding("timestamp", "Anything.at"), Finding("calls-loop", "Other.place")]
    told = ["calls-loop at Other.place: mend it, or explain it in findings.toml"]
    assert Explained.read(TEXT).problems(found) == told


def test_what_is_gone_is_told() -> None:
    assert Explained.read(TEXT).problems([]) == [
        "calls-loop at Lens.termsAt is explained and not found: take it out",
        "timestamp is explained and found nowhere: take it out",
    ]


def test_each_explanation_says_why_and_names_what_there_is() -> None:
    explained = Explained.read(FINDINGS.read_text())
    files = [file for place in DEPLOYED for file in (FINDINGS.parent / place).rglob("*.sol")]
    sources = " ".join(file.read_text() for file in (*files, FINDINGS.parent / CALLS))
    assert len(explained.findings) > 20
    for finding, why in explained.findings.items():
        assert len(why) > 5, finding
        assert all(name in sources for name in finding.at.split(".")), finding


def test_slither_reads_no_call_in_assembly() -> None:
    """What calls by hand is given to it as the compiler would call, and nothing else calls by hand."""
    called = re.compile(r":= (static|delegate)?call\(|iszero\(staticcall\(")
    names = []
    for file in sorted((FINDINGS.parent / "src").rglob("*.sol")):
        source = file.read_text()
        if called.search(source):
            names.append(file.stem)
            assert not called.search(plain(file.stem, source))
    assert names == sorted(BY_HAND)
