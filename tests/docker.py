"""Docker for `make compose-test` and `make release`: a daemon, and images or what takes their place.

Where no image can be pulled, a root that debootstrap makes takes the place of the base image under its name, and one
with Debian's package the place of Prometheus. Nothing takes Grafana's place: Debian has none.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests import bare
from themis.core.errors import Broken, Misconfigured

BASE: Final = "python:3.11-slim"
_BASE_PACKAGES: Final = ("python3", "python3-venv", "ca-certificates")
_PROMETHEUS: Final = "prom/prometheus:"
_STARTS_IN_S: Final = 30
_PULLED_IN_S: Final = 600


def run(line: Sequence[str], *, cwd: Path | None = None, more: Mapping[str, str] | None = None) -> str:
    """What a program says. Raises Broken with its last words."""
    environment = os.environ | (more or {})
    done = subprocess.run(line, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Broken(f"`{' '.join(line)}` ended with {done.returncode}: {(done.stdout + done.stderr)[-3_000:]}")
    return done.stdout


@contextmanager
def daemon() -> Iterator[None]:
    """Docker answers. Raises Misconfigured where it cannot be had."""
    if shutil.which("docker") is None:
        raise Misconfigured("there is no docker: install Debian's packages docker.io and docker-compose")
    if answers():
        yield
        return
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        raise Misconfigured("docker does not answer: start its daemon, or run this as root where dockerd is installed")
    with TemporaryDirectory(prefix="themis-docker-", dir="/var/tmp", ignore_cleanup_errors=True) as folder:
        yield from _own_daemon(Path(folder))


def image(name: str) -> bool:
    """Whether there is such an image, pulled or put in its place."""
    if _passes("docker", "image", "inspect", name) or _passes("docker", "pull", "--quiet", name):
        return True
    if name == BASE:
        _debian(name, _BASE_PACKAGES, ["CMD python3"])
    elif name.startswith(_PROMETHEUS):
        _debian(name, ("prometheus",), ['ENTRYPOINT ["/usr/bin/prometheus"]', "USER nobody", "VOLUME /prometheus"])
    else:
        return False
    return True


def _own_daemon(folder: Path) -> Iterator[None]:
    """Without rules of a firewall: what is built reaches the network as this machine does (--network host)."""
    address = f"unix://{folder}/docker.sock"
    places = [
        "--data-root",
        str(folder / "data"),
        "--exec-root",
        str(folder / "exec"),
        "--pidfile",
        str(folder / "pid"),
    ]
    with (folder / "log").open("w") as log:
        line = ["dockerd", "--iptables=false", "--host", address, *places]
        process = subprocess.Popen(line, stdout=log, stderr=log)
    before = os.environ.get("DOCKER_HOST")
    os.environ["DOCKER_HOST"] = address
    try:
        give_up = time.monotonic() + _STARTS_IN_S
        while not answers():
            if process.poll() is not None or time.monotonic() > give_up:
                raise Misconfigured(f"dockerd does not start: {(folder / 'log').read_text()[-2_000:]}")
            time.sleep(0.2)
        yield
    finally:
        process.terminate()
        process.wait()
        os.environ.pop("DOCKER_HOST")
        if before is not None:
            os.environ["DOCKER_HOST"] = before


def _debian(name: str, packages: Sequence[str], changes: Sequence[str]) -> None:
    sys.stderr.write(f"docker: {name} cannot be pulled: Debian with {', '.join(packages)} takes its place\n")
    variables = [f"ENV {key}={value}" for key, value in bare.settings(os.environ).items() if Path(value).is_file()]
    with TemporaryDirectory(prefix="themis-root-") as folder:
        root = Path(folder) / "root"
        bare.build(root, packages)
        for file in {Path(line.partition("=")[2]) for line in variables}:
            bare.copy(file, root / file.relative_to("/"))
        shutil.rmtree(root / "var/cache/apt/archives")
        shutil.rmtree(root / "var/lib/apt/lists")
        if "prometheus" in packages:
            (root / "prometheus").mkdir()
            shutil.chown(root / "prometheus", 65_534, 65_534)
        options = [word for change in (*variables, *changes) for word in ("--change", change)]
        with subprocess.Popen(["tar", "--directory", str(root), "--create", "."], stdout=subprocess.PIPE) as tar:
            line = ["docker", "import", *options, "-", name]
            subprocess.run(line, stdin=tar.stdout, check=True, stdout=subprocess.DEVNULL)


def answers() -> bool:
    """Whether a daemon does."""
    return _passes("docker", "version")


def _passes(*line: str) -> bool:
    try:
        return subprocess.run(line, capture_output=True, timeout=_PULLED_IN_S, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
