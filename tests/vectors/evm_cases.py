"""Write evm_cases.xz: the contracts of evm_cases/ (class__pattern), compiled with the optimizer off, on and via IR."""

from pathlib import Path
from typing import Final

from tests.vectors import evm_packed

HERE: Final = Path(__file__).parent
PACKED: Final = HERE / "evm_cases.xz"
SETTINGS: Final = {"off": (None, False), "on": (200, False), "ir": (200, True)}


def codes() -> dict[str, bytes]:
    """Runtime code by name and setting."""
    return evm_packed.read(PACKED)


def sources() -> dict[str, tuple[str, int | None, bool]]:
    """Each contract, runs of the optimizer and whether via IR, by name and setting."""
    return {
        f"{path.stem} {name}": (path.read_text(), *setting)
        for path in sorted((HERE / "evm_cases").glob("*.sol"))
        for name, setting in SETTINGS.items()
    }


if __name__ == "__main__":
    evm_packed.write(PACKED, sources())
