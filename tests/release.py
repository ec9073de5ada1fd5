"""`make release`: what others install, built twice from the newest commit, byte for byte the same, and tried.

Into dist/: the node's wheel and source, the npm package of the contracts, the versions of all that the node stands
on, as requirements and as a bill of materials (CycloneDX), where docker can be had the node's image, and checksums. The
wheel is installed into an environment with nothing else in it, and its node answers a request on a chain.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from benchmarks.track import SELFTEST, laid
from tests import docker, image
from tests.homes import ROOT, running, wait_until_ready
from themis import __version__
from themis.core.errors import Broken, Misconfigured, ThemisError

DIST: Final = ROOT / "dist"
SUMS: Final = "SHA256SUMS"
IMAGE: Final = "themis-node"
_PROGRAMS: Final = ROOT / ".venv/release/bin"
_PYTHON: Final = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")


def main() -> int:
    """Exit status 0 only if both builds are the same and the wheel's node has answered."""
    try:
        with _docker(), tempfile.TemporaryDirectory(prefix="themis-release-") as name:
            first, second = Path(name) / "first", Path(name) / "second/deeper"
            commit = _must(["git", "rev-parse", "HEAD"], ROOT).strip()  # once: it may go on meanwhile
            for place in (first, second):
                _build(place, commit)
            differing = different(first / "dist", second / "dist")
            if differing:
                raise Broken(f"two builds of one commit differ: {', '.join(differing)}")
            _try(first / "dist", Path(name))
            shutil.rmtree(DIST, ignore_errors=True)
            shutil.copytree(first / "dist", DIST)
    except ThemisError as error:
        sys.stderr.write(f"error[{error.code}]: {error}\n")
        return error.exit_status
    sys.stdout.write((DIST / SUMS).read_text())
    return 0


@contextmanager
def _docker() -> Iterator[None]:
    """With the base of the node's image, where there is docker, or can be."""
    with ExitStack() as running:
        try:
            running.enter_context(docker.daemon())
            docker.image(docker.BASE)
        except Misconfigured as error:
            sys.stderr.write(f"release: NOT BUILT, the node's image: {error}\n")
        yield


def different(one: Path, other: Path) -> list[str]:
    """Names of files that are not in both, or not the same."""
    found = [{file.name: file.read_bytes() for file in folder.iterdir()} for folder in (one, other)]
    return sorted(name for name in found[0].keys() | found[1].keys() if found[0].get(name) != found[1].get(name))


def pinned(name: str, pins: Mapping[str, str]) -> dict[str, str]:
    """All that a distribution stands on, itself left out, by name with the version it was tested with."""
    found: dict[str, str] = {}
    for needed in _needed(Requirement(name), set()):
        if needed != canonicalize_name(name):
            found[needed] = pins[needed]
    return dict(sorted(found.items()))


def pins_of(constraints: str) -> dict[str, str]:
    lines = (line.partition("==") for line in constraints.splitlines() if not line.startswith("#"))
    return {canonicalize_name(name): version for name, _, version in lines}


def _needed(requirement: Requirement, seen: set[str]) -> Iterator[str]:
    key = f"{canonicalize_name(requirement.name)}{sorted(requirement.extras)}"
    if key in seen:
        return
    seen.add(key)
    yield canonicalize_name(requirement.name)
    for inner in map(Requirement, distribution(requirement.name).requires or ()):
        extras = ["", *requirement.extras]
        if inner.marker is None or any(inner.marker.evaluate({"extra": extra}) for extra in extras):
            yield from _needed(inner, seen)


def _build(place: Path, commit: str) -> None:
    """The commit's files alone, as they are in git: nothing that lies about in the tree."""
    source, dist = place / "source", place / "dist"
    source.mkdir(parents=True)
    dist.mkdir()
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", source], input=archive, check=True)
    commit_s = _must(["git", "log", "-1", "--format=%ct", commit], ROOT).strip()
    stamped = {"SOURCE_DATE_EPOCH": commit_s}
    _must([_PROGRAMS / "python", "-m", "build", "--no-isolation", "--outdir", dist, source], source, stamped)
    _must(["npm", "pack", "--pack-destination", dist], source / "contracts/src", stamped)
    requirements = dist / "requirements.txt"
    pins = pinned("themis-oracle", pins_of((source / "constraints.txt").read_text()))
    requirements.write_text("".join(f"{name}=={version}\n" for name, version in pins.items()))
    bill = [str(_PROGRAMS / "cyclonedx-py"), "requirements", "--pyproject", "pyproject.toml", "--output-reproducible"]
    _must([*bill, "--output-file", str(dist / "sbom.cdx.json"), str(requirements)], source, stamped)
    if docker.answers():
        _image(source, dist / f"{IMAGE}-{__version__}.tar.gz", int(commit_s))
    sums = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in sorted(dist.iterdir())]
    (dist / SUMS).write_text("".join(sums))


def _image(source: Path, target: Path, stamp_s: int) -> None:
    """Built anew, with the network of this machine: what was built before is not to be compared with itself."""
    name = f"{IMAGE}:{__version__}"
    line = ["docker", "build", "--no-cache", "--network", "host", "--build-arg", f"SOURCE_DATE_EPOCH={stamp_s}"]
    docker.run([*line, "--file", "node/Dockerfile", "--target", "node", "--tag", name, "."], cwd=source)
    image.write(name, name, stamp_s, target)


def _try(dist: Path, place: Path) -> None:
    """Raises Broken where the wheel cannot be installed by itself, or its node gives no answer."""
    _must(["sha256sum", "--check", "--quiet", SUMS], dist)
    (wheel,) = dist.glob("*.whl")
    bare = place / "bare"
    _must([sys.executable, "-m", "venv", bare], place)
    _must([bare / "bin/pip", "install", "--quiet", "--requirement", dist / "requirements.txt", wheel], place)
    themis = str(bare / "bin/themis")
    said = _must([themis, "version"], place)
    if said.split()[:2] != ["themis", wheel.name.split("-")[1]]:
        raise Broken(f"the wheel's command says: {said}")
    where = _must([bare / "bin/python", "-c", "import themis; print(themis.__file__)"], place)
    if not where.startswith(str(bare)):
        raise Broken(f"the command that was installed runs {where}")
    with laid(SELFTEST, place) as track, running(track.home, [themis]) as process:
        wait_until_ready(track.home, process)
        _, took_s = track.one()
    sys.stderr.write(f"release: the node of {wheel.name} answered a request in {took_s:.2f} s\n")
    for file in dist.glob(f"{IMAGE}-*"):
        _try_image(file)


def _try_image(file: Path) -> None:
    """Raises Broken where what docker loads is not this version's command."""
    name = f"{IMAGE}:{__version__}"
    docker.run(["docker", "image", "rm", name])
    docker.run(["docker", "load", "--input", str(file)])
    said = docker.run(["docker", "run", "--rm", "--network", "none", name, "version"])
    if said.split()[:2] != ["themis", __version__]:
        raise Broken(f"the command in {file.name} says: {said}")
    sys.stderr.write(f"release: {file.name} is loaded and runs\n")


def _must(line: Sequence[str | Path], cwd: Path, more: Mapping[str, str] | None = None) -> str:
    """What a program says. Raises Broken with its last words."""
    environment = {key: value for key, value in os.environ.items() if key not in _PYTHON} | dict(more or {})
    try:
        done = subprocess.run(
            list(map(str, line)), cwd=cwd, env=environment, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise Misconfigured(f"{line[0]} cannot be started ({error.strerror}): run `make release`") from error
    if done.returncode:
        raise Broken(f"{line[0]} ended with {done.returncode}: {(done.stderr or done.stdout)[-2_000:]}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
