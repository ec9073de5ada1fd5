"""What the demo says while it runs: short numbered acts, or nothing."""

from dataclasses import dataclass

from themis.core.spelling import shown


@dataclass(slots=True)
class Transcript:
    """Writes to stdout as things happen."""

    silent: bool
    acts: int = 0

    def act(self, title: str) -> None:
        """Begin the next part of the story."""
        self.acts += 1
        self._write(f"\n{self.acts}. {title}")

    def say(self, line: str) -> None:
        """Tell one thing that has happened."""
        self._write(f"   {line}")

    def _write(self, line: str) -> None:
        if not self.silent:
            print(line, flush=True)


def short(value: bytes) -> str:
    """Abbreviate an address (checksummed) or a hash for a reader."""
    text = shown(value)
    return f"{text[:8]}…{text[-4:]}"


def ether(wei: int) -> str:
    """Show an amount exactly, without trailing zeros."""
    whole, rest = divmod(wei, 10**18)
    return f"{whole}.{rest:018d}".rstrip("0").rstrip(".") + " ether"


def percent(bps: int) -> str:
    """Show basis points."""
    return f"{bps / 100:g} %"
