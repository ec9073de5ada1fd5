"""Endpoints are looked after: one that serves another chain, or no contract, is not asked until it is right again."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.fakes import FakeClock
from tests.liar import Asked, Reply, honest, lying
from themis.chain.rpc import Rpc
from themis.core.errors import Unavailable
from themis.core.types import Address
from themis.daemon.tend import Tend

ORACLE = Address(b"\x0a" * 20)


@dataclass(slots=True)
class Backend:
    """What an endpoint serves, which may change from call to call."""

    chain_id: int = 7
    code: str = "0x6001"
    head: int = 100
    foreign: list[bool] = field(default_factory=list)
    """For the next requests: whether they go to another chain."""

    def __call__(self, calls: Asked) -> Reply:
        other = bool(self.foreign) and self.foreign.pop(0)

        def say(method: str, _: Sequence[Any]) -> str:
            match method:
                case "eth_chainId":
                    return hex(1 if other else self.chain_id)
                case "eth_blockNumber":
                    return hex(self.head)
                case "eth_getCode":
                    return self.code
            raise ValueError(method)

        return honest(calls, say)


def test_another_chain_is_noticed_while_the_node_runs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    backend, clock = Backend(), FakeClock()
    with lying(backend) as liar:
        rpc = Rpc(liar.url)
        tend = Tend(rpc, 7, ORACLE, clock)
        tend.step()
        assert rpc.call("eth_blockNumber") == "0x64"
        backend.chain_id = 5
        tend.step()
        assert rpc.call("eth_blockNumber") == "0x64", "not looked at again so soon"
        clock.now += 10
        tend.step()
        with pytest.raises(Unavailable, match="serves chain 5, not 7: correct chain.rpc_url"):
            rpc.call("eth_blockNumber")
        assert [state.fit for state in rpc.states()] == [False]
        backend.chain_id = 7
        clock.now += 1
        tend.step()
        assert rpc.call("eth_blockNumber") == "0x64"
    assert "serves chain 5" in caplog.text
    assert "is right again" in caplog.text


def test_a_contract_that_is_gone_is_noticed() -> None:
    with lying(Backend(code="0x")) as without, lying(Backend(head=99)) as good:
        rpc = Rpc(without.url, good.url)
        Tend(rpc, 7, ORACLE, FakeClock()).step()
        assert rpc.call("eth_blockNumber") == "0x63"
        assert "has no contract at 0x0a0a" in rpc.states()[0].error
        assert rpc.states()[1].lag_blocks == 0, "what serves something else is no measure"


def test_one_call_to_another_chain_is_not_the_endpoint() -> None:
    with lying(Backend(foreign=[True, False])) as liar:
        rpc = Rpc(liar.url)
        Tend(rpc, 7, ORACLE, FakeClock()).step()
        assert rpc.call("eth_blockNumber") == "0x64"


def test_lag_is_measured_of_each() -> None:
    with lying(Backend(head=90)) as behind, lying(Backend()) as fresh:
        rpc = Rpc(behind.url, fresh.url)
        Tend(rpc, 7, ORACLE, FakeClock()).step()
        assert [state.lag_blocks for state in rpc.states()] == [10, 0]
        assert rpc.call("eth_blockNumber") == "0x64", "the fresh one is asked"
