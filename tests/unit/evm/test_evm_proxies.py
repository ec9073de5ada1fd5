"""Code that runs other code from storage is called a proxy, in the same words wherever an answer is shown (ADR 72)."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.evm.proxies import PROXIES
from themis.cli.request.answers import risk_report
from themis.engine import words
from themis.evm import report
from themis.evm.encode import PREPROCESSING, encode
from themis.evm.limits import NotKnown

ROOT = Path(__file__).parents[3]
EVM: Any = SimpleNamespace(preprocessing=PREPROCESSING, generation=None)
SAID = "calls go on to other code, which was not read"


@pytest.mark.parametrize("name", PROXIES)
def test_a_proxy_is_called_one_on_every_surface(name: str) -> None:
    encoded = encode(PROXIES[name])
    assert (encoded.not_known, encoded.implementation) == (NotKnown.PROXY, None)
    output = report.pack([[0] * 7] * len(encoded.tokens), encoded)
    assert report.unpack(output).words == [SAID]
    assert dict(words.of_answer(EVM, output))["not known"] == SAID
    assert (risk_report(output) or {})["not_known"] == [SAID]


def test_all_that_is_not_known_has_one_name_and_the_same_words_everywhere() -> None:
    solidity = (ROOT / "contracts/src/libraries/RiskReport.sol").read_text()
    enum = re.search(r"enum NotKnown \{(.*?)\}", solidity, re.DOTALL)
    assert enum
    rows = [line.strip().partition(" // ") for line in enum[1].strip().splitlines()]
    assert [name.rstrip(",") for name, _, _ in rows] == [bit.name for bit in NotKnown]
    typescript = (ROOT / "models/evm-risk-moe/preprocess/src/limits.ts").read_text()
    found = dict(re.findall(r"^  (\w+) = (\d+),$", typescript, re.MULTILINE))
    named = {bit.name.title().replace("_", ""): str(int(bit)) for bit in NotKnown if bit.name}
    assert found == named
    page = (ROOT / "docs/risk-report.md").read_text()
    for (_, _, meant), said in zip(rows, report.WORDS.values(), strict=True):
        assert f"| {said.partition(':')[0]} |" in page or f"| {said} |" in page
        assert meant.replace(" (EIP-7702)", "") in said
