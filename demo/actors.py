"""The people of the story. Each has a home directory and a key of its own and acts through the `themis` command."""

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from demo.patience import PATIENCE_S, exhausted
from themis.core.errors import Broken
from themis.core.types import Address

THEMIS: Final = Path(sys.executable).with_name("themis")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Actor:
    """One role in the story."""

    name: str
    home: Path

    def make_key(self) -> Address:
        """Make a new key, encrypted in the actor's home; its account."""
        made = self.themis_json("keys", "new")
        return Address(bytes.fromhex(made["address"][2:]))

    def themis(self, *arguments: str) -> str:
        """Run one `themis` command in this home; its stdout.

        Raises Broken with what it said if it fails, Unavailable if it takes too long.
        """
        line = [str(THEMIS), "--home", str(self.home), *arguments]
        try:
            done = subprocess.run(
                line, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise exhausted(f"the {self.name}'s `themis {' '.join(arguments)}`") from error
        if done.returncode != 0:
            said = f"{self.name}: `themis {' '.join(arguments)}` ended with {done.returncode}"
            raise Broken(f"{said}: {done.stderr.strip()}")
        return done.stdout

    def themis_json(self, *arguments: str) -> Any:
        """Run one command with `--json`; what it printed, parsed."""
        return json.loads(self.themis(*arguments, "--json"))


def at_once(*deeds: Callable[[], T]) -> list[T]:
    """Let people who do not wait for each other act side by side; their results in order.

    At most one of the deeds may send a transaction: Ganache 7.9.2 can hang while it estimates gas for one sender
    and mines for another.
    """
    with ThreadPoolExecutor(len(deeds)) as hands:
        return [begun.result() for begun in [hands.submit(deed) for deed in deeds]]
