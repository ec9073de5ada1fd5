"""The log says what became of each request, once, and when something that was gone is back."""

import logging
from pathlib import Path

import pytest

from tests.daemon_kit import GWEI, Bench
from tests.fakes import GAS_USED
from themis.core.errors import Unavailable
from themis.core.pricing import Pricing, Rule
from themis.core.spelling import ether
from themis.core.types import Address, Denial
from themis.daemon.supervisor import Supervisor

NOBODY = Address(b"\x66" * 20)


def lines(caplog: pytest.LogCaptureFixture, word: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.getMessage().startswith(word)]


def test_an_answer_and_a_refusal_are_a_line_each(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "themis")
    bench = Bench(tmp_path / "db")
    bench.chain.denials[NOBODY] = Denial("AuthorizationRequired", "version=1")
    done, refused = bench.chain.ask(), bench.chain.ask(requester=NOBODY)
    bench.work()
    bench.mine()
    bench.settle.step()
    bench.settle.step()
    job = bench.store.job(done)
    assert job is not None
    assert job.mined_at is not None
    (answered,) = lines(caplog, "answered ")
    assert answered.startswith(f"answered 0x{done.hex()}: model ")
    assert f"fee {ether(job.request.fee)}, gas {GAS_USED}, latency " in answered
    assert answered.endswith(f" s, transaction 0x{job.mined_at.tx_hash.hex()}")
    (closed,) = lines(caplog, "closed ")
    assert closed.startswith(f"closed 0x{refused.hex()}: unlicensed_requester AuthorizationRequired(version=1); model ")


def test_an_answer_is_told_without_its_gas_while_the_endpoint_is_away(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "themis")
    bench = Bench(tmp_path / "db")
    bench.chain.ask()
    bench.work()

    def away(_: object) -> None:
        raise Unavailable("away")

    monkeypatch.setattr(bench.chain, "receipts", away)
    bench.mine()
    bench.settle._finalize()
    (answered,) = lines(caplog, "answered ")
    assert "gas unknown" in answered


def test_what_comes_back_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "themis")
    bench = Bench(tmp_path / "db")
    steps = iter((Unavailable("the endpoint is away"), Unavailable("the endpoint is away"), None, None))

    class Loop:
        name = "judge"

        def step(self) -> bool:
            said = next(steps, supervisor)
            if isinstance(said, Unavailable):
                raise said
            if said is supervisor:
                supervisor.stop()
            return True

    supervisor = Supervisor(bench.node, (Loop(),), poll_interval_s=0.01)
    supervisor.run()
    assert lines(caplog, "judge ") == [
        "judge waits: the endpoint is away",
        "judge goes on: what it waited for is back",
    ]


def test_a_request_that_waits_for_its_fee_is_a_line_with_what_to_do(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One line, however often gas gets dearer again: a node was once silent about it for ever."""
    caplog.set_level(logging.INFO, "themis")
    bench = Bench(tmp_path / "db", pricing=Pricing(Rule.WAIT, margin_percent=10))
    id_ = bench.chain.ask(fee=10**14)
    bench.work()
    bench.chain.base_fee_wei = 0
    bench.mine()
    bench.chain.base_fee_wei = 50 * GWEI
    bench.mine()
    bench.mine()
    (waits,) = lines(caplog, "waits ")
    assert waits.startswith(
        f"waits 0x{id_.hex()}: its fee is worth 90000000000000 wei to the operator, the answer costs"
    )
    assert "it is answered if gas gets that cheap before its deadline 2027-01-15T08:16:40Z" in waits
    assert "the requester can ask again with a higher fee" in waits
    assert 'the operator can lower fees.margin_percent, or set fees.policy = "free"' in waits


def test_a_request_that_leaves_the_chain_is_a_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "themis")
    bench = Bench(tmp_path / "db")
    id_ = bench.chain.ask()
    bench.work()
    bench.chain.reorg(1, keep_requests=False, keep_answers=False)
    bench.work()
    (closed,) = lines(caplog, "closed ")
    assert closed.startswith(f"closed 0x{id_.hex()}: reorged its block left the chain; it is taken up again when")
