"""What a person at a terminal may try after the story."""

from typing import Final

from demo.transcript import Transcript

NEXT_STEPS: Final = (
    ("the command line", ". .venv/bin/activate, then `themis --help`"),
    ("a chain and node of your own", "README.md, On your own chain; there `themis run` shows a page on"),
    ("", "http://127.0.0.1:8553, and one for licensors at /licensing;"),
    ("", "`themis status` says the same in the terminal"),
    ("your own contract", "README.md, Your contract asks; contracts/src/consumers/TimelockGuard.sol"),
    ("", "is the guard of this story"),
    ("your own model", "docs/models.md"),
    ("this story elsewhere", "`make demo CHAIN=ganache`, `make demo CHAIN=hardhat`; JSON=1 for the figures"),
)
"""Each thing and how; a line without a thing goes on with the one before it."""


def suggest(out: Transcript) -> None:
    """End the story with them."""
    out.act("What to try next")
    for thing, how in NEXT_STEPS:
        out.say(f"{thing:<29} {how}")
