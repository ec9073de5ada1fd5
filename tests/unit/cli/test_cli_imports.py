"""Commands load what they need and no more: the command line must not keep a person waiting."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.homes import write_key
from themis.cli.manual import COMMANDS
from themis.keys.keystore import KeystoreSigner

SLOW = ("web3", "eth_account", "eth_abi", "eth_utils", "pydantic_settings", "requests", "urllib3", "aiohttp", "rich")
SERVING = ("fastapi", "uvicorn", "websockets", "prometheus_client", "asyncio")
RUNNING = ("onnx", "onnxruntime", "numpy", "sqlite3", "coincurve")
ANY = (*SLOW, *SERVING, *RUNNING)
LINES = {
    "": (*ANY, "pydantic"),
    "--help": (*ANY, "pydantic"),
    "version": (*ANY, "pydantic"),
    "version --json": ANY,
    "; ".join(f"{command} --help" for command in COMMANDS): ANY,
}
"""Command lines, and what they must not import. Typer itself takes pydantic to read options."""
PROGRAM = """
import sys
from themis.cli.program import invoke
for line in sys.argv[2].split(";"):
    assert invoke(line.split()) == 0
print(*(set(sys.argv[1].split()) & set(sys.modules)))
"""


@pytest.mark.parametrize("lines", LINES)
def test_a_command_does_not_load_what_it_does_not_need(lines: str) -> None:
    started = [sys.executable, "-c", PROGRAM, " ".join(LINES[lines]), lines]
    done = subprocess.run(started, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == ""


SIGNING = """
import sys
from pathlib import Path
import themis.cli.wallet
from themis.config import load
from themis.core.transaction import Transaction
from themis.core.fees import Fees
from themis.keys import opened
home = Path(sys.argv[1])
opened.opened(home, load(home).key).sign(Transaction(1, 0, None, b"", 21_000, Fees(2, 1)))
print(*({"eth_account", "eth_keyfile", "py_ecc", "web3"} & set(sys.modules)))
"""


def test_a_key_opens_and_signs_without_the_curves_of_other_formats(tmp_path: Path) -> None:
    """eth_account brings eth_keyfile, which brings py_ecc: most of a second, and another recursion limit."""
    write_key(tmp_path / "keys", KeystoreSigner(b"\x01" * 32))
    (tmp_path / "config.toml").write_text('[chain]\nrpc_url = "http://127.0.0.1:9"\nchain_id = 31337\n')
    done = subprocess.run([sys.executable, "-c", SIGNING, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
