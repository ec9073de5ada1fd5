"""Operator homes for a real chain, and node processes that run in them."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.error import URLError
from urllib.request import urlopen

from tests.forking import THEMIS
from tests.patience import PATIENCE_S, until
from tests.world import World
from themis.bundles.bundle import load
from themis.core.types import Hash32
from themis.keys.keystore import KeystoreSigner

ROOT: Final = Path(__file__).resolve().parents[1]
SELFTEST: Final = ROOT / "models/selftest-moe"
RISK: Final = ROOT / "models/evm-risk-moe"


def register(world: World, bundle: Path) -> Hash32:
    """Register a bundle's roots, under terms and served; see World.register."""
    loaded = load(bundle)
    return world.register(loaded.program_root, loaded.weights_root, loaded.manifest_hash)


def make_home(
    home: Path, world: World, models: Sequence[tuple[Path, Hash32]], *, poll_interval_s: float = 0.05
) -> Path:
    """A home of the world's operator, with a key file that opens quickly."""
    write_key(home / "keys", world.operator)
    write_config(home, world, models, poll_interval_s=poll_interval_s)
    return home


def write_config(
    home: Path,
    world: World,
    models: Sequence[tuple[Path, Hash32]],
    *,
    poll_interval_s: float = 0.05,
    port: int = 0,
    more: Sequence[str] = (),
) -> None:
    """Settings of a node; `more`: lines of other tables."""
    lines = [
        "[chain]",
        f'rpc_url = "{world.chain.rpc_url}"',
        f"chain_id = {world.client.chain_id}",
        f'oracle = "0x{world.client.oracle.hex()}"',
        f"start_block = {world.start_block}",
        f"poll_interval_s = {poll_interval_s}",
        "[api]",
        f"port = {port}",
        *more,
    ]
    for path, model_id in models:
        lines += ["[[models]]", f'path = "{path}"', f'model_id = "0x{model_id.hex()}"']
    (home / "config.toml").write_text("\n".join(lines) + "\n")


def write_key(keys: Path, signer: KeystoreSigner) -> None:
    """A v3 key file with two rounds of scrypt: tests have no time for 2^18."""
    password = "of a test"
    keys.mkdir(parents=True, exist_ok=True)
    for name, text in (
        ("default.json", json.dumps(signer.account.encrypt(password, iterations=2))),
        ("default.password", password),
    ):
        (keys / name).write_text(text)
        (keys / name).chmod(0o600)


@contextmanager
def running(home: Path, command: Sequence[str] = THEMIS) -> Iterator[subprocess.Popen[str]]:
    """`themis run` in a process of its own; killed at the end if it still lives. Its stderr goes to HOME/log."""
    with (home / "log").open("a") as log:
        process = subprocess.Popen([*command, "--home", str(home), "run"], stderr=log, stdout=log, text=True)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def wait_until_ready(home: Path, process: subprocess.Popen[str]) -> str:
    """URL of the API once the node answers on it. Raises AssertionError with the log where it does not."""

    def answering() -> str:
        assert process.poll() is None, f"the node did not start:\n{said(home)}"
        try:
            url = f"http://127.0.0.1:{(home / 'api.port').read_text().strip()}"
            with urlopen(f"{url}/livez", timeout=PATIENCE_S):  # noqa: S310 (our own loopback URL)
                return url
        except (OSError, URLError, ValueError):
            return ""

    return until(answering, lambda url: url, lambda: said(home))


def wait_for_log(home: Path, text: str) -> None:
    """Until the node has said something. Raises AssertionError where it does not."""
    until(lambda: said(home), lambda log: text in log)


def said(home: Path) -> str:
    """The log of the nodes that ran in a home."""
    return (home / "log").read_text()
