"""Pictures of the pages for docs/images/, of a real node that has answered on Anvil: python -m tests.screenshots."""

import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from playwright.sync_api import Browser

from demo import chains
from tests import browser as browsers
from tests.homes import RISK, ROOT, SELFTEST, make_home, register, running, wait_until_ready
from tests.world import World
from themis.cli.home import PORT_FILE
from themis.cli.node.front import Front
from themis.config import ApiConfig
from themis.core.keccak import keccak
from themis.daemon.chronicle import EVERY_S

IMAGES: Final = ROOT / "docs" / "images"
PHONE: Final = 390
_LOOKS: Final = {"light": (False, 1_200), "dark": (True, 1_200), "phone": (False, PHONE)}
_HIGH, _LOW = 900, 300
_FEE_WEI: Final = 3 * 10**15


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder, chains.start() as chain:
        world = World.build(chain)
        models = [(path, register(world, path)) for path in (RISK, SELFTEST)]
        (_, risk), (_, selftest) = models
        for _, model_id in models:
            world.license(model_id)
        home = make_home(Path(folder) / "home", world, models)
        with running(home) as process:
            url = wait_until_ready(home, process)
            asked = [world.ask(selftest, b"a picture"), world.ask(risk, b"no address", lane=1, fee_wei=_FEE_WEI)]
            codes = [bytes.fromhex(code) for code in json.loads((RISK / "golden_codes.json").read_text())]
            for at, code in enumerate(reversed(codes)):
                place = bytes(12) + bytes([at + 1]) * 20
                chain.rpc("anvil_setCode", "0x" + place[12:].hex(), "0x" + code.hex())
                asked.append(world.ask(risk, place + keccak(code), lane=2 + at, fee_wei=_FEE_WEI))
            assert world.wait_for_answers({asked[0], *asked[2:]})
            time.sleep(EVERY_S + 2)  # until the charts have them
            with browsers.started() as browser, Front(Path(folder), ApiConfig(port=0), None) as front:
                front.stand_by()
                standby = f"http://127.0.0.1:{(Path(folder) / PORT_FILE).read_text().strip()}"
                _take(browser, "status", url, "#all")
                _take(browser, "request", f"{url}/request?id=0x{asked[-1].hex()}", "#all")
                _take(browser, "standby", standby, "main")


def _take(browser: Browser, name: str, url: str, shown: str) -> None:
    for look, (dark, width) in _LOOKS.items():
        height = _HIGH if shown == "#all" else _LOW
        with browsers.opened(browser, url, None, width=width, height=height, dark=dark) as page:
            page.locator(shown).wait_for()
            page.wait_for_load_state("networkidle")
            page.screenshot(path=IMAGES / f"{name}-{look}.png", full_page=True)


if __name__ == "__main__":
    main()
