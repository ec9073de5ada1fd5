"""The node's pages in a real browser: what strangers wrote stays text, everybody can read them, on a phone too."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from playwright.sync_api import Browser, Page, expect

from tests import browser as browsers
from tests.scene import Scene
from themis.cli.node.front import Front
from themis.config import ApiConfig
from themis.core.requesters import HOUR_S
from themis.core.types import Address, Denial
from themis.daemon.chronicle import EVERY_S

pytestmark = pytest.mark.browser

TURNED: Final = "\u202esllup on"
NASTY: Final = '<img src=x onerror="document.title=1"><script>document.title=2</script>' + TURNED
SHOWN: Final = NASTY.replace("\u202e", r"\u202e")
EXPLORER: Final = "https://explorer.example/sepolia/"
LOOKS: Final[Mapping[str, tuple[Literal["light", "dark"], int]]] = {
    "light": ("light", 1_200),
    "dark": ("dark", 1_200),
    "phone": ("light", 390),
    "phone at night": ("dark", 390),
}


class Hostile(Scene):
    """Every text that a stranger can put on the chain tries to be markup."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, explorer_url=EXPLORER)
        bench = self.bench
        self.stranger = Address(b"\x67" * 20)
        bench.chain.denials[self.stranger] = Denial("AuthorizationRequired", NASTY)
        self.asked = bench.chain.ask(NASTY.encode(), terms_version=2)
        self.refused = bench.chain.ask(NASTY.encode(), requester=self.stranger)
        bench.engine.says = NASTY.encode()
        bench.chain.attribution = NASTY
        bench.work()
        bench.mine()
        bench.wait(EVERY_S)
        bench.settle.step()
        hour = int(bench.clock.now) // HOUR_S
        bench.store.record_hour(
            hour - 1, {"answers": 2, "refusals": 1, "answer_seconds": 7, "income ether": 3e15}, {"open": 5}
        )
        bench.store.record_hour(hour - 20, {"answers": 4, "gas_wei": 1e15, NASTY: 1}, {"open": 9})


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    made = Hostile(tmp_path_factory.mktemp("hostile") / "db")
    yield made
    made.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsers.started() as started:
        yield started


@contextmanager
def opened(scene: Scene, browser: Browser, path: str) -> Iterator[Page]:
    with browsers.opened(browser, scene.server.url + path, None) as page:
        yield page


def test_a_request_is_told_in_words(scene: Hostile, browser: Browser) -> None:
    with opened(scene, browser, f"/request?id=0x{scene.asked.hex()}") as page:
        expect(page.locator("#state")).to_have_text("done")
        expect(page).to_have_title(f"Themis: request 0x{scene.asked.hex()[:8]}")
        expect(page.locator("#question")).to_contain_text(SHOWN)
        expect(page.locator("#answer .words")).to_have_text(SHOWN)
        expect(page.locator("#answer dd").last).to_have_text(SHOWN)  # the attribution
        expect(page.locator("#asked")).to_contain_text("fake 1")
        expect(page.locator("#asked")).to_contain_text("0.001 ETH")
        expect(page.locator("#license")).to_contain_text("number 1")
        expect(page.locator("#license")).to_contain_text("10 %")
        rows = page.locator("#history tr")
        expect(rows).to_have_count(6)
        expect(rows.first).to_contain_text("Seen")
        expect(rows.last).to_contain_text("Finalized")
        job = scene.bench.job(scene.asked)
        assert job.mined_at is not None
        links = [link.get_attribute("href") for link in page.locator("main a").all()]
        base = EXPLORER.rstrip("/")
        assert f"{base}/tx/0x{job.mined_at.tx_hash.hex()}" in links
        assert f"{base}/block/{job.mined_at.block_number}" in links
        assert all(link and link.startswith(base) for link in links)
        assert page.locator("main img, main script").count() == 0


def test_a_refusal_says_why(scene: Hostile, browser: Browser) -> None:
    with opened(scene, browser, f"/request?id=0x{scene.refused.hex()}") as page:
        expect(page.locator("#state")).to_have_text("closed: unlicensed requester")
        expect(page.locator("#asked")).to_contain_text(f"AuthorizationRequired({SHOWN})")
        expect(page.locator("#answer")).to_contain_text("none yet")
        expect(page.get_by_role("button", name="Run it again and compare")).to_be_hidden()


def test_an_id_is_copied_whole(scene: Hostile, browser: Browser) -> None:
    with opened(scene, browser, f"/request?id=0x{scene.asked.hex()}") as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.get_by_role("button", name=f"Copy 0x{scene.asked.hex()}").click()
        assert page.evaluate("navigator.clipboard.readText()") == f"0x{scene.asked.hex()}"


def test_a_question_that_cannot_be_run_again_says_so(scene: Hostile, browser: Browser) -> None:
    with opened(scene, browser, f"/request?id=0x{scene.asked.hex()}") as page:
        page.get_by_role("button", name="Run it again and compare").click()
        expect(page.locator("#verified")).to_contain_text("did not answer")


@pytest.mark.parametrize("id_", ["", "0x12", "0x" + "00" * 32, "<script>", "../v1/status"])
def test_an_id_that_is_none_is_said(scene: Hostile, browser: Browser, id_: str) -> None:
    with opened(scene, browser, f"/request?id={id_}") as page:
        expect(page.locator("#alerts .alert")).to_have_count(1)
        expect(page.locator("#all")).to_be_hidden()


def test_the_first_page_leads_to_a_request_and_says_when_blocks_were(scene: Hostile, browser: Browser) -> None:
    with opened(scene, browser, "/") as page:
        row = page.locator("#jobs tr", has_text=scene.asked.hex()[-6:])
        expect(row).to_contain_text("01-01 00:16")  # by the fake clock, in 1970
        expect(row).to_contain_text("fake")
        expect(page.locator("#health")).to_contain_text("all read")
        row.get_by_role("link").click()
        expect(page.locator("#question")).to_contain_text(SHOWN)


def test_what_hours_and_days_brought_is_drawn_and_told(scene: Hostile, browser: Browser) -> None:
    with opened(scene, browser, "/") as page:
        drawn = page.locator("#charts svg")
        expect(drawn).to_have_count(4)
        requests, money, time, queue = (each.get_attribute("aria-label") for each in drawn.all())
        assert requests == "Answers and refusals: answers 9 in all; refusals 3 in all"
        assert money == "Income and gas: income 0.0054 ETH in all; gas 0.00124 ETH in all"
        assert time == "Time to the answer: average 3.50 s, the highest"
        assert queue == "Open requests: at most 9, the highest"
        assert drawn.first.locator("rect").count() == 5
        heights = [float(bar.get_attribute("height") or 0) for bar in drawn.first.locator("rect").all()]
        assert heights == [100, 50, 25, 75, 50]
        page.get_by_text("As a table").click()
        rows = page.locator("#numbers tr")
        expect(rows).to_have_count(3)
        expect(rows.nth(1)).to_contain_text("3.50 s")
        page.get_by_label("Show").select_option("30 days")
        expect(drawn.first).to_have_attribute("aria-label", "Answers and refusals: answers 9 in all; refusals 3 in all")
        expect(rows).to_have_count(2)


def test_the_api_is_described_for_people(scene: Hostile, browser: Browser) -> None:
    with opened(scene, browser, "/api") as page:
        card = page.locator("section", has_text="GET /v1/jobs/{job_id}/words")
        card.get_by_text("Words: A question and its answer").click()
        expect(card).to_contain_text("Name and version; null where it is not served.")
        assert page.locator("section").count() == scene.client.get("/v1/openapi.json").text.count('"responses"')


def test_who_tabs_through_a_page_is_not_thrown_back_when_it_is_read_again(scene: Hostile, browser: Browser) -> None:
    with opened(scene, browser, "/") as page:
        expect(page.locator("#all")).to_be_visible()  # what is hidden takes no focus
        link = page.locator("#jobs a").first
        link.focus()
        page.wait_for_timeout(2_500)
        assert link.evaluate("each => each === document.activeElement")


def test_the_focus_stays_on_a_request_that_changes_while_newer_ones_come(tmp_path: Path, browser: Browser) -> None:
    scene = Scene(tmp_path / "db")
    with opened(scene, browser, "/") as page:
        expect(page.locator("#all")).to_be_visible()
        row = page.locator("#jobs tr", has_text=scene.seen.hex()[-6:])
        link = row.get_by_role("link")
        link.focus()
        scene.bench.chain.ask(b"newer")
        scene.bench.work()
        scene.bench.mine()
        scene.bench.settle.step()
        expect(row).to_contain_text("done")
        expect(page.locator("#jobs tr")).to_have_count(4)
        assert link.evaluate("each => each === document.activeElement")
        page.get_by_label("State").select_option("closed")
        expect(page.locator("#jobs tr")).to_have_count(1)
        page.get_by_label("State").select_option("queued")
        expect(page.locator("#jobs")).to_have_text("None now.")
    scene.close()


def test_what_waits_to_be_withdrawn_is_shown_with_its_command(scene: Hostile, browser: Browser) -> None:
    token = "0x" + "12" * 20
    waiting = [(("0x" + "00" * 20), "1500000000000000000"), (token, "7"), ("0x" + "34" * 20, "0")]
    accounts = [{"token": each, "withdrawable": amount, "withdrawn": "0"} for each, amount in waiting]
    with opened(scene, browser, "/request?id=") as page:
        page.route(
            "**/v1/licensing/income?*",
            lambda route: route.fulfill(json={"accounts": accounts, "earnings": [], "royalties": []}),
        )
        page.goto(scene.server.url)
        expect(page.locator("#credit .row")).to_have_count(2)
        expect(page.locator("#credit")).to_contain_text("1.5 ETH")
        expect(page.get_by_role("button", name=f"Copy themis withdraw --token {token}")).to_be_visible()


def committee_of_strangers(page: Page) -> None:
    """As the API tells of one; its members wrote their endpoints themselves."""
    who = "0x" + "c0" * 20
    rules = {"committee": who, "threshold": 2, "max_royalty_bps": 0, "window_s": 300, "unbonding_s": 604_800}
    rules |= {"stake_wei": "5" + "0" * 18, "fine_wei": "1000"}
    member = {"owner": who, "stake_wei": "5" + "0" * 18, "release_at_s": 0, "answered": 7, "fined": 0, "outvoted": 0}
    members = [
        member | {"member": "0x" + "a1" * 20, "endpoint": NASTY, "signing": True, "slashed": False},
        member | {"member": "0x" + "a2" * 20, "endpoint": "", "signing": False, "slashed": True, "outvoted": 3},
    ]
    counts = {"signing": 1, "asked": 9, "answered": 7, "late": 2, "refunded": 1, "slashed": 1}
    seen = rules | counts | {"stake_behind_answer_wei": "10" + "0" * 18, "members": members}
    page.route("**/v1/committees", lambda route: route.fulfill(json=[rules]))
    page.route("**/v1/committees/*", lambda route: route.fulfill(json=seen))


def test_what_stands_behind_a_committee_is_told(scene: Hostile, browser: Browser) -> None:
    with opened(scene, browser, "/committees") as page:
        expect(page.locator("#committees")).to_contain_text("set committee.factory in config.toml")
        committee_of_strangers(page)
        page.reload()
        expect(page.locator("#state")).to_have_text("1 committee")
        expect(page.locator("#committees h2")).to_contain_text("2 of 1 must agree")
        facts = page.locator("#committees .facts")
        for words in ("10 ETH, 5 ETH of each member", "2, of which refunded 1", "7 d after its member has left"):
            expect(facts).to_contain_text(words)
        rows = page.locator("#committees tbody tr")
        expect(rows.first).to_contain_text(SHOWN)
        expect(rows.last).to_contain_text("slashed")
        expect(rows.last).to_contain_text("calls the others")
        assert page.locator("main img, main script").count() == 0


def covers_of_strangers(page: Page) -> None:
    """As the API tells of two; a bundle's publisher wrote its name."""
    who, ether = "0x" + "c0" * 20, "0" * 18
    cover = {"cover": "0x" + "ab" * 32, "guarantor": who, "operator": who, "model_id": "0x" + "cd" * 32, "answers": 3}
    cover |= {"bond_wei": f"2{ether}", "challenge_bond_wei": "1000", "free_wei": f"7{ether}", "bonded_wei": f"9{ether}"}
    cover |= {"leaving_wei": f"1{ether}", "window_s": 172_800, "dispute": who, "adaptor": who, "until_s": None}
    named = cover | {"model": NASTY, "proved": f"network, n-grams and report {NASTY}"}
    unknown = cover | {"model": None, "proved": "not known here", "until_s": 1_900_000_000, "answers": 0}
    page.route("**/v1/covers", lambda route: route.fulfill(json=[named, unknown]))


def test_what_is_covered_is_told(scene: Hostile, browser: Browser) -> None:
    with opened(scene, browser, "/covers") as page:
        expect(page.locator("#covers")).to_contain_text("an answer is as good as its operator")
        covers_of_strangers(page)
        page.reload()
        expect(page.locator("#state")).to_have_text("2 covers")
        unknown, named = page.locator("#covers section").all()
        expect(named.locator("h2")).to_contain_text(SHOWN)
        expect(named.locator(".words")).to_contain_text(SHOWN)
        for words in ("2 ETH", "until 2 d after the request's deadline", "its guarantor ends it", "1 ETH leaving"):
            expect(named.locator(".facts")).to_contain_text(words)
        expect(named.locator(".facts")).to_contain_text(
            "7 ETH free of 9 ETH: 3 answers can be wrong before it is spent"
        )
        expect(unknown.locator("h2")).to_contain_text("a model that this node does not hold")
        expect(unknown.locator(".facts")).to_contain_text("2030-03-17 17:46:40 UTC")
        assert page.locator("main img, main script").count() == 0


@pytest.mark.parametrize("path", ["/", "/request", "/api", "/licensing", "/committees", "/covers"])
def test_everybody_can_read_it(scene: Hostile, browser: Browser, path: str) -> None:
    at = f"?id=0x{scene.asked.hex()}" if path == "/request" else ""
    with opened(scene, browser, path + at) as page:
        if path == "/committees":
            committee_of_strangers(page)
            page.reload()
            expect(page.locator("#committees h2")).to_be_visible()
        elif path == "/covers":
            covers_of_strangers(page)
            page.reload()
            expect(page.locator("#covers h2").first).to_be_visible()
        elif path == "/licensing":
            expect(page.locator("#notices")).not_to_be_empty()  # nobody serves the chain here
        else:
            expect(page.locator("#all")).to_be_visible()
        readable(page)


def test_who_stands_by_says_so_to_everybody_and_shows_what_it_leads_as_soon_as_it_does(
    tmp_path: Path, browser: Browser
) -> None:
    leads = FastAPI()
    leads.get("/")(lambda: HTMLResponse("<title>It leads</title>"))
    leads.get("/readyz")(lambda: {"ready": True})
    with Front(tmp_path, ApiConfig(port=0), None) as front:
        front.stand_by()
        port = (tmp_path / "api.port").read_text().strip()
        with browsers.opened(browser, f"http://127.0.0.1:{port}", None) as page:
            expect(page.get_by_role("status")).to_have_text("standing by")
            readable(page)
            front.show(leads)
            expect(page).to_have_title("It leads")


def readable(page: Page) -> None:
    """By axe's rules, and no wider than the screen, however it is looked at."""
    for look, (scheme, width) in LOOKS.items():
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 844})
        found = Axe().run(page)
        assert found.violations_count == 0, f"{look}\n{found.generate_report()}"
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{look}: it is wider than the screen"
