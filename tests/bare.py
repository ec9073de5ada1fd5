"""`make bare`: both commands of the README, from a clean clone, on a Debian 12 with what they ask for and nothing else.

Once as root, once as an ordinary user; prints times and disk. Needs root, for debootstrap and chroot. Whatever this
machine sets for pip, npm and apt holds in there too; nothing of it is written anywhere else.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from themis.core.errors import Broken, Misconfigured, ThemisError

ROOT: Final = Path(__file__).resolve().parents[1]
SUITE: Final = "bookworm"
PACKAGES: Final = ("python3", "python3-venv", "git", "make", "ca-certificates")
COMMANDS: Final = ("make demo", "make test")
ACCOUNTS: Final = ("root", "user")
SHOWN_LINES: Final = 40
SHOWN_LINES_OF_A_FAILURE: Final = 400
_USER_ID: Final = 1_000
_SETTINGS: Final = re.compile(r"^(pip|npm_config)_|_proxy$|^ssl_|ca_certs$|(ca_bundle|cert|cainfo)$", re.IGNORECASE)
"""Variables that say how packages are fetched."""
_COPIED: Final = ("etc/apt/sources.list", "etc/apt/sources.list.d", "etc/apt/apt.conf.d", "etc/apt/trusted.gpg.d")
_COPIED_TOO: Final = ("etc/pip.conf", "etc/npmrc", "etc/resolv.conf", "etc/hosts")
_PROGRAMS: Final = tuple(("/", name) for name in ("usr", "bin", "sbin", "lib", "lib64"))
_HOME: Final = (".npmrc", ".config/pip", ".pip")
_ENTER: Final = """set -eu
root=$1 id=$2; shift 2
mount -t proc proc $root/proc; mount --rbind /dev $root/dev
for seen in $SEEN; do mkdir -p $root$seen; mount --bind --options ro $seen $root$seen; done
exec chroot --userspec=$id:$id --groups= $root "$@"
"""
"""Runs in namespaces of its own: what it mounts is gone when it ends, and what it started ends with it."""
_APART: Final = ("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child")


@dataclass(frozen=True, slots=True)
class Ran:
    """One command of one account."""

    account: str
    command: str
    status: int
    seconds: float
    disk_mb: int


def main() -> int:
    """Exit status 0 only if every command passed."""
    parser = argparse.ArgumentParser(prog="make bare", description=__doc__)
    parser.add_argument("--commands", nargs="+", default=list(COMMANDS), metavar="LINE")
    parser.add_argument("--accounts", nargs="+", default=list(ACCOUNTS), choices=ACCOUNTS)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # the root is removed on the way out
    try:
        ran = list(_run_all(options.accounts, options.commands))
    except ThemisError as error:
        _say(f"error[{error.code}]: {error}")
        return error.exit_status or 1
    for each in ran:
        _say(f"{each.account:<5} {each.command:<12} exit {each.status}  {each.seconds:7.0f} s  {each.disk_mb:>6} MB")
    return 0 if all(each.status == 0 for each in ran) else 1


def mirror(said: str) -> str:
    """Where this machine's apt gets Debian 12: from lines of URI and release. Raises Misconfigured."""
    for line in said.splitlines():
        uri, _, release = line.rpartition(" ")
        if release == SUITE:
            return uri
    raise Misconfigured(f"apt on this machine knows no mirror of {SUITE}: add one to its sources")


def settings(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that say how packages are fetched."""
    return {name: value for name, value in environment.items() if _SETTINGS.search(name)}


def named_folders(texts: Sequence[str]) -> list[str]:
    """Folders of this machine that pip's and npm's settings name, their topmost ones. None that holds programs.

    An index in a file:// URL keeps its files beside it.
    """
    named = {Path(path) for text in texts for path in re.findall(r"(?:^|[\s=:])(/[\w./+-]+)", text, re.MULTILINE)}
    named |= {Path(path).parent for text in texts for path in re.findall(r"file://(/[\w./+-]+)", text)}
    folders = {path if path.is_dir() else path.parent for path in named if path.exists()}
    kept = {folder for folder in folders if folder.parts[:2] not in _PROGRAMS and len(folder.parts) > 2}
    return [str(folder) for folder in sorted(kept) if not any(parent in kept for parent in folder.parents)]


def _run_all(accounts: Sequence[str], commands: Sequence[str]) -> Iterator[Ran]:
    if os.geteuid() != 0:
        raise Misconfigured("it builds a root with debootstrap: run `make bare` as root")
    if shutil.which("debootstrap") is None:
        _say("bare: debootstrap, from Debian's packages")
        _must(["apt-get", "install", "--yes", "--no-install-recommends", "debootstrap"])
    with tempfile.TemporaryDirectory(prefix="themis-bare-", dir="/var/tmp", ignore_cleanup_errors=True) as folder:
        clean = Path(folder) / "clean"
        _say(f"bare: {SUITE} with {', '.join(PACKAGES)}")
        build(clean, PACKAGES)
        _must(["chroot", str(clean), "useradd", "--create-home", "--uid", str(_USER_ID), "user"])
        for account in accounts:
            root = Path(folder) / account
            _must(["cp", "--archive", str(clean), str(root)])
            yield from _run_as(account, root, commands)
            shutil.rmtree(root)


def build(root: Path, packages: Sequence[str]) -> None:
    """A root of Debian 12 with these packages, which fetches others as this machine does. Raises Broken."""
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"]
    uri = mirror(_must(asked))
    _must(["debootstrap", "--variant=minbase", f"--include={','.join(packages)}", SUITE, str(root), uri])
    for name in (*_COPIED, *_COPIED_TOO):
        copy(Path("/") / name, root / name)


def _run_as(account: str, root: Path, commands: Sequence[str]) -> Iterator[Ran]:
    home = Path("/root") if account == "root" else Path("/home/user")
    user_id = 0 if account == "root" else _USER_ID
    inside = root / home.relative_to("/")
    for name in _HOME:
        copy(Path.home() / name, inside / name)
    clone = inside / "themis"
    _must(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone)])
    _must(["chown", "--recursive", f"{user_id}:{user_id}", str(inside)])
    variables = settings(os.environ)
    configured = [file.read_text() for file in _files(inside / name for name in _HOME)]
    seen = named_folders(
        [*variables.values(), *configured, *(file.read_text() for file in _files([root / "etc/pip.conf"]))]
    )
    environment = variables | {
        "HOME": str(home),
        "USER": account,
        "LANG": "C.UTF-8",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "SEEN": " ".join(seen),
    }
    for command in commands:
        _say(f"bare: {account}: {command}")
        line = [*_APART, "sh", "-c", _ENTER, "sh", str(root), str(user_id)]
        started_s = time.monotonic()
        with tempfile.TemporaryFile() as log:
            done = subprocess.run(
                [*line, "sh", "-c", f"cd {home}/themis && {command}"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            )
            seconds = time.monotonic() - started_s
            log.seek(0)
            lines = log.read().decode(errors="replace").splitlines()
        for told in lines[-(SHOWN_LINES_OF_A_FAILURE if done.returncode else SHOWN_LINES) :]:
            _say(f"    {told}")
        yield Ran(account, command, done.returncode, seconds, _size_mb(clone))


def _files(paths: Iterator[Path] | Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_file():
            yield path
        elif path.is_dir():
            yield from (file for file in path.rglob("*") if file.is_file())


def copy(source: Path, target: Path) -> None:
    """A file or a folder of this machine, if there is one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    elif source.exists():
        shutil.copy(source, target)


def _size_mb(folder: Path) -> int:
    return int(_must(["du", "--summarize", "--block-size=1M", str(folder)]).split()[0])


def _must(line: Sequence[str]) -> str:
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Broken(
            f"`{' '.join(line)}` ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-2_000:]}"
        )
    return done.stdout


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
