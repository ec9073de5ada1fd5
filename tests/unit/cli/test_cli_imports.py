"""Commands load what they need and no more: the command line must not keep a person waiting."""

import subprocess
import sys

import pytest

SLOW = ("web3", "eth_account", "eth_abi", "eth_utils", "pydantic_settings", "requests", "urllib3", "aiohttp", "rich")
SERVING = ("fastapi", "uvicorn")
RUNNING = ("onnx", "onnxruntime")
FORBIDDEN = {
    "": (*SLOW, *SERVING, *RUNNING, "pydantic", "numpy", "asyncio", "sqlite3"),
    "--help": (*SLOW, *SERVING, *RUNNING, "pydantic", "numpy", "asyncio", "sqlite3"),
    "version": (*SLOW, *SERVING, *RUNNING, "pydantic", "numpy", "asyncio", "sqlite3"),
    "version --json": (*SLOW, *SERVING, *RUNNING, "numpy", "asyncio", "sqlite3"),
    "keys --help": (*SERVING, *RUNNING, "numpy", "sqlite3"),
    "license --help": (*SERVING, *RUNNING, "sqlite3"),
    "init --help": (*SERVING, *RUNNING, "sqlite3"),
    "withdraw --help": (*SERVING, *RUNNING, "sqlite3"),
    "status --help": (*SERVING, *RUNNING),
}
"""Command lines, and what they must not import. Typer itself takes pydantic to read options."""
PROGRAM = """
import sys
from themis.cli.program import invoke
status = invoke(sys.argv[2:])
print(*(set(sys.argv[1].split()) & set(sys.modules)))
sys.exit(status)
"""


@pytest.mark.parametrize("line", FORBIDDEN)
def test_a_command_does_not_load_what_it_does_not_need(line: str) -> None:
    started = [sys.executable, "-c", PROGRAM, " ".join(FORBIDDEN[line]), *line.split()]
    done = subprocess.run(started, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == ""
