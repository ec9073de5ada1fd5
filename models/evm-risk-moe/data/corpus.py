"""Real Solidity from npm packages: fetched, license-checked file by file with all imports, split by project."""

import hashlib
import json
import re
import shutil
import subprocess
import tarfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
SOLC_VERSIONS: Final = (
    "0.4.24",
    "0.4.26",
    "0.5.9",
    "0.5.17",
    "0.6.12",
    "0.7.6",
    "0.8.4",
    "0.8.9",
    "0.8.13",
    "0.8.15",
    "0.8.17",
    "0.8.19",
    "0.8.20",
    "0.8.22",
    "0.8.24",
    "0.8.26",
    "0.8.28",
    "0.8.30",
)
PERMISSIVE: Final = frozenset(
    [
        "MIT",
        "Apache-2.0",
        "Apache-2",
        "Apache",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "ISC",
        "Unlicense",
        "CC0-1.0",
        "0BSD",
        "MIT-0",
        "BSL-1.0",
        "Zlib",
    ]
)
"""SPDX identifiers (and two usual misspellings of Apache-2.0) whose text may be learnt from freely."""
VALIDATION_FAMILIES: Final = frozenset(
    ["solmate", "lukso", "api3", "synthetixio", "streamr", "ensdomains", "erc725", "semaphore-protocol"]
)
TEST_FAMILIES: Final = frozenset(
    [
        "zoralabs",
        "axelar-network",
        "1inch",
        "oceanprotocol",
        "solarity",
        "requestnetwork",
        "imtbl",
        "airswap",
        "connext",
        "latticexyz",
        "scroll-tech",
        "unlock-protocol",
        "solvprotocol",
    ]
)
_SPDX: Final = re.compile(r"SPDX-License-Identifier:\s*([^\s*]+(?:\s+(?:OR|AND)\s+[^\s*]+)*)")
_IMPORT: Final = re.compile(r"""^\s*import\s+(?:[^'";]*?\sfrom\s+)?["']([^"']+)["']""", re.MULTILINE)
_PRAGMA: Final = re.compile(r"pragma\s+solidity\s+([^;]+);")
_EXCLUDED: Final = re.compile(
    r"(^|/)(?i:tests?|mocks?|examples?|scripts?|foundry|forge|harness|certora|node_modules)/"
    r"|(Test|Mock|Attack|Malicious|Harness)[^/]*$|\.[ts]\.sol$"
)
_CONTRACT: Final = re.compile(r"(?:^|\n)\s*contract\s+\w+")


@dataclass(frozen=True, slots=True)
class Entry:
    """One Solidity file with everything it imports. Every file of it is permissively licensed."""

    package: str
    family: str
    path: str
    sources: dict[str, str]
    versions: tuple[str, ...]
    """Compilers that satisfy every pragma."""

    @property
    def split(self) -> str:
        if self.family in TEST_FAMILIES:
            return "test"
        return "validation" if self.family in VALIDATION_FAMILIES else "train"


def package_list() -> list[str]:
    return (HERE / "packages.txt").read_text().split()


def fetch(folder: Path, packages: Sequence[str]) -> None:
    """Unpack every package below `folder`; those already there are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    for package in packages:
        target = folder / package.replace("/", "+")
        if target.exists():
            continue
        done = subprocess.run(
            ["npm", "pack", "--silent", package], cwd=folder, capture_output=True, text=True, check=True
        )
        archive = folder / done.stdout.strip().splitlines()[-1]
        partial = target.with_suffix(".part")
        shutil.rmtree(partial, ignore_errors=True)
        with tarfile.open(archive) as tar:
            tar.extractall(partial, filter="data")
        next(path for path in partial.iterdir() if path.is_dir()).rename(target)
        shutil.rmtree(partial)
        archive.unlink()


def fetch_compilers(folder: Path) -> None:
    """Install each npm `solc` of SOLC_VERSIONS under an alias."""
    missing = [version for version in SOLC_VERSIONS if not (folder / "node_modules" / f"solc-{version}").exists()]
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true}\n')
        aliases = [f"solc-{version}@npm:solc@{version}" for version in missing]
        subprocess.run(
            ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", *aliases], cwd=folder, check=True
        )


def family_of(package: str) -> str:
    name = package.rsplit("@", 1)[0]
    family = re.split("[/+]", name)[0].lstrip("@")
    return {"openzeppelin-solidity": "openzeppelin"}.get(family, family)


class Corpus:
    """All packages; resolves imports between them."""

    def __init__(self, folder: Path) -> None:
        self.report: Counter[str] = Counter()
        """Why files were kept or dropped."""
        self._roots: dict[str, list[Path]] = {}
        self._declared: dict[Path, str] = {}
        for package in package_list():
            root = folder / package.replace("/", "+")
            self._roots.setdefault(package.rsplit("@", 1)[0], []).append(root)
            self._declared[root] = str(json.loads((root / "package.json").read_text()).get("license", ""))

    def entries(self, per_package: int, seed: str = "corpus") -> Iterator[Entry]:
        """Up to `per_package` files of each package, chosen by hash; content seen before is skipped."""
        seen: set[bytes] = set()
        for name, roots in sorted(self._roots.items()):
            for root in roots:
                taken = 0
                for path in self._candidates(root, seed):
                    if taken >= per_package:
                        break
                    entry = self._entry(name, root, path)
                    digest = hashlib.sha256(entry.sources[entry.path].encode()).digest() if entry else b""
                    if entry and digest not in seen:
                        seen.add(digest)
                        taken += 1
                        yield entry

    def _candidates(self, root: Path, seed: str) -> list[Path]:
        files = [
            path for path in root.rglob("*.sol") if path.is_file() and not _EXCLUDED.search(str(path.relative_to(root)))
        ]
        return sorted(files, key=lambda path: hashlib.sha256(f"{seed}{path.relative_to(root)}".encode()).digest())

    def _entry(self, name: str, root: Path, path: Path) -> Entry | None:
        unit = f"{name}/{path.relative_to(root).as_posix()}"
        text = path.read_text(errors="replace")
        if not _CONTRACT.search(text):
            return None
        sources: dict[str, str] = {}
        if not self._collect(unit, name, root, sources):
            return None
        versions = tuple(v for v in SOLC_VERSIONS if all(_allows(text, v) for text in sources.values()))
        if not versions:
            self.report["no compiler"] += 1
            return None
        self.report["kept"] += 1
        return Entry(root.name.replace("+", "/"), family_of(root.name), unit, sources, versions)

    def _collect(self, unit: str, package: str, root: Path, sources: dict[str, str]) -> bool:
        """Read a unit and its imports into `sources`; False if one is missing or not permissive."""
        if unit in sources:
            return True
        path = self._locate(unit, package, root)
        if path is None:
            self.report["import outside the packages"] += 1
            return False
        text = path[1].read_text(errors="replace")
        if not self._permissive(text, path[0]):
            return False
        sources[unit] = text
        for target in _IMPORT.findall(_without_comments(text)):
            following = _join(unit, target) if target.startswith(".") else target
            if not self._collect(following, package, root, sources):
                return False
        return len(sources) <= 120

    def _locate(self, unit: str, package: str, root: Path) -> tuple[Path, Path] | None:
        if unit.startswith(package + "/"):
            path = root / unit[len(package) + 1 :]
            return (root, path) if path.is_file() else None
        for name, roots in self._roots.items():
            if unit.startswith(name + "/"):
                wanted = self._wanted_major(root, name)
                ordered = sorted(roots, key=lambda other: (f"@{wanted}." not in other.name, other.name))
                for other in ordered:
                    path = other / unit[len(name) + 1 :]
                    if path.is_file():
                        return other, path
        return None

    def _wanted_major(self, root: Path, name: str) -> str:
        manifest = json.loads((root / "package.json").read_text())
        for section in ("dependencies", "peerDependencies", "devDependencies"):
            found = re.search(r"\d+", str(manifest.get(section, {}).get(name, "")))
            if found:
                return found.group()
        return "4"

    def _permissive(self, text: str, root: Path) -> bool:
        found = _SPDX.search(text)
        license_ = found.group(1).strip("()") if found else self._declared[root]
        fine = all(part in PERMISSIVE for part in license_.split(" AND ")) or any(
            part in PERMISSIVE for part in license_.split(" OR ")
        )
        if fine and not found and re.search(r"\bGPL|General Public License|Business Source", text):
            fine = False
        if not fine:
            self.report[f"license {license_ or 'none'}"] += 1
        return fine


def _without_comments(text: str) -> str:
    return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)


def _join(unit: str, target: str) -> str:
    parts = unit.split("/")[:-1]
    for part in target.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def _allows(text: str, version: str) -> bool:
    """True if every `pragma solidity` of the text admits the version (the subset of npm's ranges in use)."""
    number = tuple(map(int, version.split(".")))
    return all(any(_within(part, number) for part in pragma.split("||")) for pragma in _PRAGMA.findall(text))


def _within(range_: str, version: tuple[int, ...]) -> bool:
    for operator, text in re.findall(r"([\^~]|[<>]=?|=)?\s*v?(\d+(?:\.[\dx*]+)*)", range_):
        bound = tuple(int(part) if part.isdigit() else 0 for part in [*text.split("."), "0", "0"][:3])
        upper = (0, bound[1] + 1, 0) if bound[0] == 0 else (bound[0] + 1, 0, 0)
        fits = {
            "^": bound <= version < upper,
            "~": bound <= version < (bound[0], bound[1] + 1, 0),
            "<": version < bound,
            "<=": version <= bound,
            ">": version > bound,
            ">=": version >= bound,
        }.get(operator, version == bound)
        if not fits:
            return False
    return True
