"""Where the password of a key file comes from: a file, a descriptor that the caller opened, or a prompt."""

import getpass
import os
import sys
from pathlib import Path
from typing import Final

from themis.core.errors import Misconfigured
from themis.keys.keystore import read_password

FILE: Final = "file"
PROMPT: Final = "prompt"
DESCRIPTOR: Final = "fd:"


def read(source: str, file: Path) -> str:
    """The password; `source` is `file`, `prompt` or `fd:N`. Raises Misconfigured, saying what to do."""
    if source == PROMPT:
        return ask("password: ")
    if source.startswith(DESCRIPTOR):
        return _from_descriptor(int(source.removeprefix(DESCRIPTOR)))
    return read_password(file)


def ask(prompt: str) -> str:
    """Ask at the terminal, unseen. Raises Misconfigured where there is none."""
    if not sys.stdin.isatty():
        raise Misconfigured("there is no terminal to ask for the password at: set key.password_from to file or fd:N")
    return getpass.getpass(prompt)


def _from_descriptor(number: int) -> str:
    """All of it, once: the descriptor is closed."""
    try:
        with os.fdopen(number) as stream:
            found = stream.read().rstrip("\r\n")
    except (OSError, ValueError) as error:
        raise Misconfigured(
            f"descriptor {number} of key.password_from cannot be read ({error}): open it, as in `{number}< FILE`"
        ) from error
    if not found:
        raise Misconfigured(f"descriptor {number} of key.password_from gave no password")
    return found
