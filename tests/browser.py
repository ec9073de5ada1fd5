"""A headless Chromium with a wallet in it: an EIP-1193 provider for one of Anvil's own accounts."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from playwright.sync_api import Browser, ConsoleMessage, Page, ViewportSize, expect, sync_playwright

from demo.chains import RunningChain
from tests.patience import PATIENCE_S
from themis.core.errors import Misconfigured

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
_MISSING: Final = (
    "the pages are tested in Chromium, and none was found: `make browser` installs Debian's, as root; or put one on "
    "PATH, or its path into THEMIS_CHROMIUM; or leave these tests out on purpose: `pytest -m 'not browser'`"
)
_SWITCHES: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_PROVIDER: Final = """
window.ethereum = {
  heard: {},
  on(event, listener) { this.heard[event] = listener },
  tell(event, value) { this.heard[event]?.(value) },
  async request({ method, params }) {
    const { result, error } = await window.walletAsked(method, JSON.stringify(params ?? []));
    if (error) throw new Error(error);
    if (method === "wallet_switchEthereumChain") this.tell("chainChanged", params[0].chainId);
    return result;
  },
};
"""


@dataclass(slots=True)
class Wallet:
    """What MetaMask would be: it shows an account once it is connected, signs and sends. Anvil holds the key."""

    chain: RunningChain
    account: str
    """Lower case, as wallets give it."""
    chain_id: int
    connected: bool = False
    rejects: bool = False
    """Its owner says no to the next question."""
    signed: list[dict[str, Any]] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, method: str, text: str) -> dict[str, Any]:
        """Answer a request of the page: {"result": ...} or {"error": message}."""
        params = json.loads(text)
        try:
            return {"result": self._result(method, params)}
        except (RuntimeError, PermissionError) as error:
            return {"error": str(error)}

    def _result(self, method: str, params: list[Any]) -> Any:
        match method:
            case "eth_chainId":
                return hex(self.chain_id)
            case "eth_accounts" | "eth_requestAccounts":
                if method == "eth_requestAccounts":
                    self._consent()
                    self.connected = True
                return [self.account] if self.connected else []
            case "wallet_switchEthereumChain":
                self.chain_id = int(params[0]["chainId"], 16)
                return None
            case "eth_signTypedData_v4":
                return self._signed(*params)
            case "eth_sendTransaction":
                self._consent()
                assert params[0]["from"] == self.account
                self.sent.append(params[0])
        if method not in {"eth_sendTransaction", "eth_getTransactionReceipt"}:
            raise RuntimeError(f"the page must not ask for {method}")
        return self.chain.rpc(method, *params)

    def _signed(self, account: str, text: str) -> str:
        """As wallets do: takes JSON text, for the connected account and the chain it is on."""
        self._consent()
        typed = json.loads(text)
        assert (account, typed["domain"]["chainId"]) == (self.account, self.chain_id)
        self.signed.append(typed)
        signature: str = self.chain.rpc("eth_signTypedData_v4", account, typed)
        return signature

    def _consent(self) -> None:
        if self.rejects:
            self.rejects = False
            raise PermissionError("User rejected the request.")


def chromium() -> str:
    """Path of a Chromium. Raises Misconfigured, saying how to get one: these tests are never skipped silently."""
    found = os.environ.get("THEMIS_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        raise Misconfigured(_MISSING)
    return found


@contextmanager
def started() -> Iterator[Browser]:
    """A browser that fetches nothing from elsewhere."""
    path = chromium()
    expect.set_options(timeout=PATIENCE_S * 1_000)
    with tempfile.TemporaryDirectory() as downloads, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_SWITCHES, downloads_path=downloads)
        yield browser
        browser.close()


@contextmanager
def opened(
    browser: Browser,
    url: str,
    wallet: Wallet | None,
    *,
    width: int = 1_200,
    height: int = 900,
    dark: bool = False,
) -> Iterator[Page]:
    """A page with the wallet in it. Anything it writes to the console as an error fails the test."""
    size = ViewportSize(width=width, height=height)
    context = browser.new_context(viewport=size, color_scheme="dark" if dark else "light", accept_downloads=True)
    context.set_default_timeout(PATIENCE_S * 1_000)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if _is_error(message) else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    if wallet is not None:
        page.expose_function("walletAsked", lambda method, params: wallet.answer(method, params))  # noqa: PLW0108 (it is marked)
        page.add_init_script(_PROVIDER)
    page.goto(url)
    try:
        yield page
    finally:
        context.close()
    assert said == []


def _is_error(message: ConsoleMessage) -> bool:
    """What the page or its content policy complains of; that the API refuses something is not the page's fault."""
    return message.type == "error" and not message.text.startswith("Failed to load resource")
