"""What a licensor decides about a whole model, in a browser on a real chain: terms, every grant, the role itself."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from itertools import count
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from eth_utils.crypto import keccak
from playwright.sync_api import Browser, Locator, Page, expect

from demo import chains
from tests import browser as browsers
from tests.api_kit import VERIFIER
from tests.browser import Wallet
from tests.daemon_kit import Bench
from tests.world import DAY_S, FEES, GRANT_COMMERCIAL, World
from themis.api.access import LOOPBACK_NAMES
from themis.api.app import create
from themis.api.licensing import Licensing
from themis.api.reading import Reading
from themis.api.server import Server
from themis.chain.client import ContractDenied
from themis.cli.license import vouchers
from themis.config import ApiConfig
from themis.core.conditions import Conditions
from themis.core.types import ETHER, Address, Hash32, Role, UseClass
from themis.keys.keystore import KeystoreSigner
from themis.licensing.licenses import Licenses

pytestmark = pytest.mark.browser

COMMERCIAL = 1 << UseClass.COMMERCIAL
ROOTS = count(1)


@dataclass(frozen=True, slots=True)
class Scene:
    """An oracle, a page that shows it, and a browser. Each test brings its own model."""

    world: World
    url: str
    browser: Browser

    def model(self) -> Hash32:
        return self.world.register(*(Hash32(next(ROOTS).to_bytes(32, "big")) for _ in range(3)))

    @contextmanager
    def opened(self, signer: KeystoreSigner | None = None) -> Iterator[tuple[Page, Wallet]]:
        """The page, with the wallet of the licensor (or of `signer`) connected."""
        chain, who = self.world.chain, signer or self.world.licensor
        wallet = Wallet(chain, who.account.address.lower(), chain.chain_id)
        with browsers.opened(self.browser, self.url + "/licensing", wallet) as page:
            page.get_by_role("button", name="Connect wallet").click()
            expect(page.locator("#account")).not_to_be_empty()
            yield page, wallet


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with chains.start() as chain, browsers.started() as browser:
        world, bench = World.build(chain), Bench(tmp_path_factory.mktemp("node") / "db")
        server = Server(ApiConfig(port=0))
        licensing = Licensing(world.client, world.start_block, {})
        server.start(create(Reading(bench.node, {}, {}, 0.0), licensing, VERIFIER, hosts=LOOPBACK_NAMES, token=None))
        yield Scene(world, server.url, browser)
        server.stop()
        bench.store.close()


def test_every_grant_ends_at_once_after_it_was_said_how_many(scene: Scene) -> None:
    world, model_id = scene.world, scene.model()
    world.license(model_id)
    with scene.opened() as (page, wallet):
        _card(page, model_id).get_by_role("button", name="Revoke all…").click()
        expect(page.locator("#decide-text")).to_contain_text("All 2 grants that stand now and every voucher")
        page.locator("#decide").get_by_role("button", name="Cancel").click()
        expect(page.locator("#decide")).to_be_hidden()
        assert wallet.sent == []
        for width in (1_200, 390):
            page.set_viewport_size({"width": width, "height": 844})
            found = Axe().run(page)
            assert found.violations_count == 0, found.generate_report()
        page.set_viewport_size({"width": 1_200, "height": 900})
        _card(page, model_id).get_by_role("button", name="Revoke all…").click()
        page.get_by_role("button", name="Revoke all", exact=True).click()
        expect(page.locator("#notices")).to_contain_text("is revoked.")
        expect(page.locator("#grants tr", has_text=_short(model_id)).first).to_contain_text("outdated")
    assert world.client.read("epochOf", model_id) == (1,)
    with pytest.raises(ContractDenied, match="GrantOutdated"):
        world.ask(model_id, b"in")


def test_a_voucher_is_canceled_by_its_file(scene: Scene, tmp_path: Path) -> None:
    world, model_id, nonce = scene.world, scene.model(), 2**255 + 3
    client = world.client
    conditions = Conditions(days=1, nonce=nonce)
    who = (model_id, world.requester.address, Role.REQUESTER, COMMERCIAL)
    grant = Licenses(client, world.start_block).draft(*who, conditions)
    signature = vouchers.sign(grant, world.licensor, client.chain_id, client.registry)
    voucher, at = vouchers.voucher(grant, signature, client.chain_id, client.registry), tmp_path / "voucher.json"
    text = json.dumps(voucher)
    with scene.opened() as (page, wallet):
        page.get_by_role("button", name="Cancel a voucher…").click()
        for spoiled, said in (
            ("{", "is not a voucher"),
            ("null", "is not a voucher"),
            (text.replace('"chainId": ', '"chainId": 1'), "for another chain or registry"),
            (text.replace(f"0x{grant.licensor.hex()}", "0x" + "71" * 20), "who signed this voucher, can cancel it"),
        ):
            at.write_text(spoiled)
            page.get_by_label("The voucher").set_input_files(at)
            page.get_by_role("button", name="Cancel the voucher").click()
            expect(page.locator("#decide-error")).to_contain_text(said)
        assert wallet.sent == []
        at.write_text(text)
        page.get_by_label("The voucher").set_input_files(at)
        page.get_by_role("button", name="Cancel the voucher").click()
        expect(page.locator("#notices")).to_contain_text("The voucher of voucher.json is canceled.")
    assert client.read("isCanceled", world.licensor.address, nonce) == (True,)
    with pytest.raises(ContractDenied, match="VoucherCanceled"):
        client.transact(world.requester, FEES, "activate", astuple(grant), signature)


def test_a_voucher_in_force_is_not_canceled(scene: Scene, tmp_path: Path) -> None:
    world, model_id, at = scene.world, scene.model(), tmp_path / "voucher.json"
    client, who = world.client, (world.requester.address, Role.REQUESTER)
    grant = Licenses(client, world.start_block).draft(model_id, *who, COMMERCIAL, Conditions(days=1))
    signature = vouchers.sign(grant, world.licensor, client.chain_id, client.registry)
    vouchers.write_voucher(at, vouchers.voucher(grant, signature, client.chain_id, client.registry))
    client.transact(world.requester, FEES, "activate", astuple(grant), signature)
    with scene.opened() as (page, wallet):
        page.get_by_role("button", name="Cancel a voucher…").click()
        page.get_by_label("The voucher").set_input_files(at)
        page.get_by_role("button", name="Cancel the voucher").click()
        expect(page.locator("#decide-error")).to_contain_text("Number 1 of this licensee is active")
        assert wallet.sent == []


def test_terms_are_published_with_notice_and_their_text_stays_here(scene: Scene, tmp_path: Path) -> None:
    world, model_id, text = scene.world, scene.model(), tmp_path / "terms-2.txt"
    text.write_bytes("Commercial use: ask first. © 2026\n".encode() * 50)
    (notice_s,) = world.client.read("NOTICE_PERIOD")
    with scene.opened() as (page, wallet):
        form = page.locator("#publish-form")
        _card(page, model_id).get_by_role("button", name="Publish terms…").click()
        expect(form.get_by_label("Requester, commercial")).to_have_value("grant")
        form.get_by_label("Requester, commercial").select_option("closed")
        form.get_by_label("Text of the terms").set_input_files(text)
        form.get_by_label("Where the text").fill("ipfs://terms-2")
        form.get_by_label("Attribution").fill("Built with the second version")
        in_time = form.get_by_label("In force from").input_value()
        form.get_by_label("In force from").fill("2026-01-01T00:00")
        form.get_by_role("button", name="Review…").click()
        page.get_by_role("button", name="Publish", exact=True).click()
        expect(page.locator("#decide-error")).to_contain_text("NoticeTooShort")
        page.locator("#decide").get_by_role("button", name="Cancel").click()
        assert wallet.sent == []
        form.get_by_label("In force from").fill(in_time)
        form.get_by_role("button", name="Review…").click()
        said = page.locator("#decide-text")
        hash_ = f"0x{keccak(text.read_bytes()).hex()}"
        for words in (in_time.replace("T", " "), hash_, "commercial use closed", "14 days"):
            expect(said).to_contain_text(words)
        page.get_by_role("button", name="Publish", exact=True).click()
        expect(page.locator("#notices")).to_contain_text("The terms are published.")
        expect(_card(page, model_id)).to_contain_text("Built with the second version")
        expect(form).to_be_hidden()
    (_, second) = Licenses(world.client, world.start_block).terms(model_id)
    assert second.policy == GRANT_COMMERCIAL & ~(0b11 << 4)
    assert (second.terms_hash, second.uri) == (keccak(text.read_bytes()), "ipfs://terms-2")
    assert 0 < second.effective_at_s - second.published_at_s - notice_s < DAY_S


def test_first_terms_hold_at_once(scene: Scene, tmp_path: Path) -> None:
    world, text = scene.world, tmp_path / "terms.txt"
    text.write_bytes(b"")
    _, logs = world.client.transact(world.licensor, FEES, "registerModel", *(bytes([9]) * 32,) * 3, "")
    model_id = Hash32(logs[0].values["modelId"])
    with scene.opened() as (page, _):
        card = _card(page, model_id)
        expect(card).to_contain_text("every use is closed")
        card.get_by_role("button", name="Publish terms…").click()
        page.get_by_label("Operator, commercial").select_option("open")
        page.get_by_label("Text of the terms").set_input_files(text)
        page.get_by_role("button", name="Review…").click()
        page.get_by_role("button", name="Publish", exact=True).click()
        expect(card).to_contain_text("in force")
    assert world.client.read("termsInForce", model_id) == (1, 1 << 10)
    assert Licenses(world.client, world.start_block).terms(model_id)[0].terms_hash == keccak(b"")


def test_the_licensors_role_moves_in_two_steps(scene: Scene) -> None:
    world, model_id = scene.world, scene.model()
    heir = world.requester.account.address
    with scene.opened() as (page, wallet):
        card = _card(page, model_id)
        card.get_by_role("button", name="Hand over…").click()
        expect(page.locator("#decide-text")).to_contain_text("You stay its licensor until that account accepts.")
        page.get_by_label("Next licensor").fill(heir)
        page.get_by_role("button", name="Offer it").click()
        expect(card).to_contain_text(f"{heir} becomes its licensor on accepting that.")
        card.get_by_role("button", name="Keep the model…").click()
        page.get_by_role("button", name="Keep it").click()
        expect(card.get_by_role("button", name="Hand over…")).to_be_visible()
        assert world.client.read("successorOf", model_id) == ("0x" + ETHER.hex(),)
        card.get_by_role("button", name="Hand over…").click()
        page.get_by_label("Next licensor").fill(heir)
        page.get_by_role("button", name="Offer it").click()
        expect(card).to_contain_text(heir)
        assert len(wallet.sent) == 3
    with scene.opened(world.requester) as (page, _):
        card = _card(page, model_id)
        expect(card.get_by_role("button")).to_have_text(["Become the licensor…"])
        card.get_by_role("button", name="Become the licensor…").click()
        expect(page.locator("#decide-text")).to_contain_text(f"in the place of {world.licensor.account.address}")
        page.get_by_role("button", name="Accept", exact=True).click()
        expect(page.locator("#notices")).to_contain_text("You are the licensor")
        expect(card).to_contain_text("licensed by you")
    assert _licensor(world, model_id) == world.requester.address


def test_a_wallet_that_says_no_moves_nothing(scene: Scene) -> None:
    world, model_id = scene.world, scene.model()
    with scene.opened() as (page, wallet):
        _card(page, model_id).get_by_role("button", name="Revoke all…").click()
        wallet.rejects = True
        page.get_by_role("button", name="Revoke all", exact=True).click()
        expect(page.locator("#decide-error")).to_contain_text("User rejected the request.")
    assert world.client.read("epochOf", model_id) == (0,)


def test_somebody_else_is_offered_no_decision(scene: Scene) -> None:
    model_id = scene.model()
    with scene.opened(scene.world.operator) as (page, _):
        expect(_card(page, model_id)).to_contain_text("licensed by 0x")
        expect(_card(page, model_id).get_by_role("button")).to_have_count(0)
        expect(page.get_by_role("button", name="Cancel a voucher…")).to_be_hidden()


def _card(page: Page, model_id: Hash32) -> Locator:
    return page.locator("#models .card", has_text=_short(model_id))


def _short(model_id: Hash32) -> str:
    """As the page shows a model that it knows no name of."""
    return f"0x{model_id.hex()[:8]}…{model_id.hex()[-6:]}"


def _licensor(world: World, model_id: Hash32) -> Address:
    (text,) = world.client.read("licensorOf", model_id)
    return Address(bytes.fromhex(text[2:]))
