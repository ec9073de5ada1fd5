"""What Slither finds is explained, once, and nothing else is: the file is whole, and each way to be wrong is told."""

from contracts.audit import FINDINGS, Explained, Finding

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
    sources = " ".join(file.read_text() for file in (FINDINGS.parent / "src").rglob("*.sol"))
    assert len(explained.findings) > 20
    for finding, why in explained.findings.items():
        assert len(why) > 5, finding
        assert all(name in sources for name in finding.at.split(".")), finding
