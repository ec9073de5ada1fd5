"""The licensor's page in a real browser, on a real chain, beside a real node: a wallet decides, the chain obeys."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from playwright.sync_api import Browser, Locator, Page, expect

from demo import chains
from demo.chains import RunningChain
from tests import browser as browsers
from tests.api_kit import VERIFIER
from tests.browser import Wallet
from tests.daemon_kit import Bench
from tests.homes import SELFTEST, make_home, register, running, wait_until_ready
from tests.world import FEES, World
from themis.api.access import LOOPBACK_NAMES
from themis.api.app import create
from themis.api.licensing import Licensing
from themis.api.reading import Reading
from themis.api.server import Server
from themis.chain.client import ContractDenied
from themis.cli.license import vouchers
from themis.config import ApiConfig
from themis.core.types import ETHER, Hash32, Role, UseClass
from themis.keys.keystore import KeystoreSigner
from themis.licensing.licenses import Licenses

pytestmark = pytest.mark.browser

COMMERCIAL = 1 << UseClass.COMMERCIAL
INPUT: bytes = bytes.fromhex(json.loads((SELFTEST / "golden.json").read_text())[0]["input"][2:])
NASTY = '<img src=x onerror="document.title=1"><b>Score our vaults</b>'
TURNED = "not \u202esllup on"
"""Shown as it stands it would read otherwise."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A world whose operator runs a node, and a browser that looks at it. Each test brings its own licensee."""

    world: World
    model_id: Hash32
    url: str
    browser: Browser

    def wallet(self, signer: KeystoreSigner | None = None, *, chain_id: int | None = None) -> Wallet:
        chain = self.world.chain
        account = (signer or self.world.licensor).account.address.lower()
        return Wallet(chain, account, chain_id or chain.chain_id)

    def licensee(self, purpose: str = "", uri: str = "") -> "Licensee":
        """Somebody new, with money; with a purpose, somebody who has asked."""
        signer = KeystoreSigner(Account.create().key)
        self.world.chain.rpc("anvil_setBalance", signer.account.address, hex(10**20))
        made = Licensee(replace(self.world, requester=signer), self.model_id)
        if purpose:
            made.transact("requestAuthorization", self.model_id, int(Role.REQUESTER), COMMERCIAL, purpose, uri)
        return made


@dataclass(frozen=True, slots=True)
class Licensee:
    """The requester of a world of its own, where all else is shared."""

    world: World
    model_id: Hash32

    @property
    def address(self) -> str:
        return self.world.requester.account.address

    @property
    def short(self) -> str:
        """As tables show it."""
        return f"{self.address[:10]}…{self.address[-6:]}"

    def transact(self, function: str, *arguments: Any) -> None:
        self.world.client.transact(self.world.requester, FEES, function, *arguments)

    def grant(self) -> None:
        self.world.grant(self.model_id, self.world.requester.address, Role.REQUESTER)

    def ask(self, fee_wei: int = 10**9, lane: int = 0) -> Hash32:
        """A request for commercial use."""
        return self.world.ask(self.model_id, INPUT, fee_wei=fee_wei, lane=lane)

    def granted(self, role: Role = Role.REQUESTER) -> Any:
        """`GrantState`, as decoded."""
        return self.world.client.read("grantOf", self.model_id, self.world.requester.address, int(role))[0]

    def card(self, page: Page) -> Locator:
        return page.locator("#asks .card", has_text=self.address)

    def row(self, page: Page) -> Locator:
        return page.locator("#grants tr", has_text=self.short)

    def answered(self, page: Page) -> Locator:
        return page.locator("#answered tr", has_text=self.short)


@pytest.fixture(scope="module")
def chain() -> Iterator[RunningChain]:
    with chains.start() as started:
        yield started


@pytest.fixture(scope="module")
def scene(chain: RunningChain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    world = World.build(chain)
    model_id = register(world, SELFTEST)
    world.grant(model_id, world.operator.address, Role.OPERATOR)
    home = make_home(tmp_path_factory.mktemp("operator"), world, [(SELFTEST, model_id)])
    with browsers.started() as browser, running(home) as process:
        yield Scene(world, model_id, wait_until_ready(home, process) + "/licensing", browser)


def test_an_ask_is_approved_and_the_refused_request_goes_through(scene: Scene) -> None:
    wallet, licensee = scene.wallet(), scene.licensee(NASTY + TURNED, "javascript:alert(1)")
    with pytest.raises(ContractDenied, match="AuthorizationRequired"):
        licensee.ask()
    with _opened(scene, wallet) as page:
        card = licensee.card(page)
        expect(card).to_contain_text(NASTY)
        expect(card).to_contain_text(r"not \u202esllup on")
        expect(card).to_contain_text("javascript:alert(1)")
        expect(page).to_have_title("Themis: licensing")
        assert page.locator("#asks img, #asks a").count() == 0
        card.get_by_role("button", name="Approve…").click()
        _decide(page, days=10, royalty="12.5", quota=2, price_floor="0.000000001")
        page.get_by_role("button", name="Sign in wallet").click()
        page.get_by_role("button", name="Activate now").click()
        expect(page.locator("#notices")).to_contain_text("The grant is in force.")
        expect(card).to_have_count(0)
        expect(licensee.answered(page)).to_contain_text("granted")
        for text in ("active", "12.5 %", "2 of 2", "1000000000 wei"):
            expect(licensee.row(page)).to_contain_text(text)

        state = licensee.granted()
        assert (state[0], state[2], state[6], state[11], state[13]) == (1, COMMERCIAL, 2, 1_250, 10**9)
        assert licensee.world.wait_for_answers({licensee.ask(fee_wei=10**12)})
        page.reload()
        expect(licensee.row(page)).to_contain_text("1 of 2")
        _withdraw(scene, page, licensee, expected_wei=10**12 // 8 + 10**12 // 10)
    assert len(wallet.signed) == 1
    assert len(wallet.sent) == 2


def _withdraw(scene: Scene, page: Page, licensee: Licensee, expected_wei: int) -> None:
    """Both royalties: 12.5 % of the requester's grant, 10 % of the operator's."""
    client = scene.world.client
    assert client.read("tillOf", ETHER, scene.model_id, scene.world.operator.address)[1] == expected_wei
    (earned,) = page.locator("#earnings tr").all()
    for text in ("selftest-moe", f"{expected_wei} wei"):
        expect(earned).to_contain_text(text)
    (month,) = page.locator("#months tr").all()
    expect(month).to_contain_text(f"{expected_wei} wei")
    (user,) = page.locator("#users tr").all()
    for text in (licensee.short, "selftest-moe", "0.000001 ETH"):
        expect(user).to_contain_text(text)
    expect(page.locator("#ending")).to_contain_text("operator of selftest-moe")
    page.get_by_text("The newest royalties, request by request").click()
    expect(page.locator("#paid tr")).to_have_count(2)
    expect(page.locator("#paid")).to_contain_text("royalty of the operator's grant")
    income = page.locator("#income .card")
    expect(income).to_contain_text(f"{expected_wei} wei")
    income.get_by_role("button", name="Withdraw").click()
    expect(page.locator("#notices")).to_contain_text("Withdrawn.")
    expect(income.get_by_role("button", name="Withdraw")).to_be_disabled()
    expect(income).to_contain_text(f"withdrawn so far: {expected_wei} wei")
    assert client.read("credits", ETHER, scene.world.licensor.address) == (0,)


def test_a_voucher_is_handed_out_as_a_file_that_anyone_activates(scene: Scene, tmp_path: Path) -> None:
    world, client = scene.world, scene.world.client
    licensee, file = scene.licensee("Score our vaults"), tmp_path / "voucher.json"
    with _opened(scene, scene.wallet()) as page:
        licensee.card(page).get_by_role("button", name="Approve…").click()
        _decide(page, days=30, royalty="1", price_floor="1.000000000000000001")
        page.get_by_role("button", name="Sign in wallet").click()
        with page.expect_download() as download:
            page.get_by_role("button", name="Download voucher").click()
        download.value.save_as(file)
    assert licensee.granted()[0] == 0, "signing puts nothing into force"
    grant, signature = vouchers.read_voucher(file, client.chain_id, client.registry)
    assert grant.price_floor == 10**18 + 1, "more digits than a JavaScript number has"
    assert json.loads(file.read_text()) == vouchers.voucher(grant, signature, client.chain_id, client.registry)
    assert vouchers.sign(grant, world.licensor, client.chain_id, client.registry) == signature, (
        "page and CLI sign the same"
    )
    (digest,) = client.read("hashGrant", astuple(grant))
    assert "0x" + digest.hex() == json.loads(file.read_text())["grant_hash"]
    client.transact(world.operator, FEES, "activate", astuple(grant), signature)
    licensee.ask(fee_wei=10**18 + 1)


def test_an_ask_is_refused_with_a_reason(scene: Scene) -> None:
    licensee = scene.licensee("Sell your answers. " * 500)
    with _opened(scene, scene.wallet()) as page:
        box = licensee.card(page).bounding_box()
        assert box is not None
        assert box["height"] < 400, "nobody's words push the others away"
        licensee.card(page).get_by_role("button", name="Refuse…").click()
        page.get_by_label("Reason").fill("We do not license resale.")
        page.get_by_role("button", name="Refuse", exact=True).click()
        expect(page.locator("#notices")).to_contain_text("The ask is refused.")
        expect(licensee.answered(page)).to_contain_text("refused: We do not license resale.")
    asks = Licenses(scene.world.client, scene.world.start_block).asks(scene.model_id)
    (found,) = (ask for ask in asks if ask.licensee == licensee.world.requester.address)
    assert (found.status, found.reason) == ("refused", "We do not license resale.")


def test_a_grant_is_revoked(scene: Scene) -> None:
    licensee = scene.licensee()
    licensee.grant()
    licensee.ask()
    with _opened(scene, scene.wallet()) as page:
        row = licensee.row(page)
        row.get_by_role("button", name="Revoke…").click()
        page.get_by_role("button", name="Revoke", exact=True).click()
        expect(row).to_contain_text("revoked")
        expect(row.get_by_role("button")).to_have_count(0)
    with pytest.raises(ContractDenied, match="GrantIsRevoked"):
        licensee.ask(lane=1)


def test_a_grant_without_an_ask(scene: Scene) -> None:
    licensee = scene.licensee()
    with _opened(scene, scene.wallet()) as page:
        page.get_by_role("button", name="New grant…").click()
        page.get_by_label("Licensee").fill(licensee.address)
        page.get_by_label("Role").select_option("operator")
        page.get_by_text("Price floor and payee").click()
        expect(page.get_by_label("Least fee")).to_be_disabled()
        page.get_by_role("checkbox", name="commercial").uncheck()
        page.get_by_role("button", name="Sign in wallet").click()
        expect(page.locator("#grant-error")).to_have_text("Choose at least one use.")
        page.get_by_role("checkbox", name="research").check()
        page.locator("#grant").get_by_label("Terms").select_option("1")
        page.get_by_role("button", name="Sign in wallet").click()
        page.get_by_role("button", name="Activate now").click()
        expect(licensee.row(page)).to_contain_text("research")
    state = licensee.granted(Role.OPERATOR)
    assert (state[0], state[2], state[3]) == (1, 1 << UseClass.RESEARCH, 1)


def test_a_wallet_that_says_no_changes_nothing(scene: Scene) -> None:
    wallet, licensee = scene.wallet(), scene.licensee("Score our vaults")
    with _opened(scene, wallet) as page:
        licensee.card(page).get_by_role("button", name="Approve…").click()
        wallet.rejects = True
        page.get_by_role("button", name="Sign in wallet").click()
        expect(page.locator("#grant-error")).to_contain_text("User rejected the request.")
        page.get_by_role("button", name="Sign in wallet").click()
        activate = page.get_by_role("button", name="Activate now")
        expect(activate).to_be_visible()
        wallet.rejects = True
        activate.click()
        expect(page.locator("#signed-error")).to_contain_text("User rejected the request.")
    assert licensee.granted()[0] == 0


def test_the_contracts_reason_is_shown_before_anything_is_sent(scene: Scene) -> None:
    """The licensor's role moves on while a decision is open."""
    world, wallet, licensee = scene.world, scene.wallet(), scene.licensee()
    licensee.grant()
    with _opened(scene, wallet) as page:
        licensee.row(page).get_by_role("button", name="Revoke…").click()
        _transfer(scene, world.licensor, world.operator)
        page.get_by_role("button", name="Revoke", exact=True).click()
        expect(page.locator("#decide-error")).to_contain_text("the oracle refuses: NotLicensor")
    _transfer(scene, world.operator, world.licensor)
    assert wallet.sent == []


def test_a_wallet_on_another_chain_is_told_and_switched(scene: Scene) -> None:
    licensee = scene.licensee("Score our vaults")
    with _opened(scene, scene.wallet(chain_id=1)) as page:
        expect(page.locator("#notices")).to_contain_text("The wallet is on chain 1, this oracle on chain 31337.")
        expect(licensee.card(page).get_by_role("button", name="Approve…")).to_be_disabled()
        page.get_by_role("button", name="Switch the wallet to chain 31337").click()
        expect(licensee.card(page).get_by_role("button", name="Approve…")).to_be_enabled()
        expect(page.locator("#notices")).to_be_empty()


def test_a_wallet_that_does_not_answer_hides_nothing(scene: Scene) -> None:
    class Dead(Wallet):
        def answer(self, method: str, text: str) -> dict[str, Any]:
            return {"error": "The wallet is disconnected."}

    wallet = scene.wallet()
    with browsers.opened(scene.browser, scene.url, Dead(wallet.chain, wallet.account, wallet.chain_id)) as page:
        expect(page.locator("#models .card")).to_contain_text("Version 1")
        expect(page.locator("#notices")).to_contain_text("The wallet is disconnected.")


def test_who_is_not_the_licensor_can_only_read(scene: Scene) -> None:
    licensee = scene.licensee("Score our vaults")
    with _opened(scene, scene.wallet(scene.world.requester)) as page:
        expect(page.locator("#notices")).to_contain_text("This account licenses no model here")
        expect(licensee.card(page)).to_contain_text(f"for {scene.world.licensor.account.address} to answer")
        expect(page.get_by_role("button", name="Approve…")).to_have_count(0)
        expect(page.get_by_role("button", name="Revoke…")).to_have_count(0)


def test_without_a_wallet_everything_can_be_read(scene: Scene) -> None:
    with browsers.opened(scene.browser, scene.url.removesuffix("/licensing"), None) as page:
        page.get_by_role("link", name="Licensing").click()
        expect(page.locator("#notices")).to_contain_text("No wallet in this browser")
        expect(page.locator("#models .card")).to_contain_text("Version 1")
        expect(page.locator("#models .card")).to_contain_text("Built with the test model")
        expect(page.get_by_role("button", name="Connect wallet")).to_be_hidden()


def test_the_status_page_shows_requests_and_the_operators_license(scene: Scene) -> None:
    licensee = scene.licensee()
    licensee.grant()
    asked = licensee.ask(fee_wei=10**15)
    licensee.world.wait_for_answers({asked})
    with browsers.opened(scene.browser, scene.url.removesuffix("/licensing"), None) as page:
        expect(page.locator("#state")).to_have_text("running")
        row = page.locator("#jobs tr", has_text=asked.hex()[-6:])
        expect(row).to_contain_text("done")
        expect(row).to_contain_text("0.001 ETH")
        expect(page.locator("#models .card")).to_contain_text("licensed until")


def test_a_node_behind_a_token_asks_for_it_once(scene: Scene, tmp_path: Path) -> None:
    token, bench, world = "t" * 16, Bench(tmp_path / "db"), scene.world
    licensing = Licensing(world.client, world.start_block, {})
    server = Server(ApiConfig(port=0))
    server.start(create(Reading(bench.node, {}, {}, 0.0), licensing, VERIFIER, hosts=LOOPBACK_NAMES, token=token))
    with browsers.opened(scene.browser, server.url + "/licensing", scene.wallet()) as page:
        expect(page.locator("#notices")).to_have_text("Locked: this node asks for its API token.")
        expect(page.locator("#all")).to_be_hidden()
        page.get_by_placeholder("API token").fill(token)
        page.get_by_role("button", name="Show").click()
        expect(page.locator("#models .card")).to_contain_text("Version 1")
        page.reload()
        expect(page.locator("#models .card")).to_contain_text("Version 1")
    server.stop()
    bench.store.close()


@contextmanager
def _opened(scene: Scene, wallet: Wallet) -> Iterator[Page]:
    """The page with the wallet connected."""
    with browsers.opened(scene.browser, scene.url, wallet) as page:
        page.get_by_role("button", name="Connect wallet").click()
        expect(page.locator("#account")).not_to_be_empty()
        yield page


def _transfer(scene: Scene, old: KeystoreSigner, new: KeystoreSigner) -> None:
    scene.world.client.transact(old, FEES, "transferLicensor", scene.model_id, new.address)
    scene.world.client.transact(new, FEES, "acceptLicensor", scene.model_id)


def _decide(page: Page, *, days: int, royalty: str, quota: int | None = None, price_floor: str) -> None:
    page.get_by_label("Valid for, days").fill(str(days))
    page.get_by_label("Royalty, %").fill(royalty)
    if quota:
        page.get_by_label("Uses in all").fill(str(quota))
    page.get_by_text("Price floor and payee").click()
    page.get_by_label("Least fee").fill(price_floor)
