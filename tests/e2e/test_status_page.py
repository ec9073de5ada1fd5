"""The node's page in a real browser: what a decoder writes stands there while it writes it, token of the API or not."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests import browser as browsers
from tests.api_kit import UNREACHABLE
from tests.daemon_kit import Bench
from themis.api.access import LOOPBACK_NAMES
from themis.api.app import create
from themis.api.reading import Reading
from themis.api.server import Server
from themis.config import ApiConfig
from themis.core.types import Draft
from themis.daemon.infer import InferApart
from themis.daemon.supervisor import Health

pytestmark = pytest.mark.browser


def test_an_answer_is_read_while_it_is_written(tmp_path: Path) -> None:
    bench, token = Bench(tmp_path / "db"), "t" * 16
    bench.engine.batched = False
    id_ = bench.chain.ask(b"the answer")
    bench.see()
    while bench.judge.step():
        pass
    (info,) = bench.engine.models().values()
    server = Server(ApiConfig(port=0))
    health = {name: Health(bench.clock.now) for name in ("watch", "settle")}
    server.start(create(Reading(bench.node, health, {}, 0.0), *UNREACHABLE, hosts=LOOPBACK_NAMES, token=token))
    with browsers.started() as browser, browsers.opened(browser, server.url, None) as page:
        page.get_by_placeholder("API token").fill(token)
        page.get_by_role("button", name="Show").click()
        cell = page.locator("#jobs tr", has_text=id_.hex()[-6:]).locator("td").last
        for text in ("An", "An answer", "<b>An answer</b> \u202efor"):
            bench.node.live.hear(id_, Draft((1,) * len(text), text))
            expect(cell).to_have_text(text.replace("\u202e", r"\u202e"))
        assert InferApart(bench.node, info).step()
        expect(cell).to_have_text("the answer")
        expect(page.locator("#jobs")).to_contain_text("computed")
        expect(cell).to_have_text("the answer")
    server.stop()
    bench.store.close()
