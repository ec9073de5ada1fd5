"""The fault table's requester: what Anvil keeps back is freed, whatever is asked meanwhile."""

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.chaos.stage import FEES, KEPT_BACK_S, Stage
from themis.core.types import Hash32


def test_what_is_kept_back_is_replaced_while_more_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []

    def batch(calls: Any) -> list[str]:
        sent.extend(int(call["nonce"], 16) for _, (call,) in calls)
        return ["0x"]

    chain = SimpleNamespace(rpc=lambda *_: "0x0")
    world = SimpleNamespace(requester=SimpleNamespace(address=bytes(20)), chain=chain)
    stage = Stage(cast("Any", world), Hash32(bytes(32)), cast("Any", SimpleNamespace(batch=batch)), Path())
    for second in range(int(KEPT_BACK_S) + 2):
        monkeypatch.setattr(time, "monotonic", lambda now_s=float(second): now_s)
        stage.send([dict.fromkeys(FEES, "0xa")])
        stage.unmined()
    assert sent.count(0) == 2
    assert stage.sent[0][FEES[0]] == hex(13)
