"""The node's image as a file for `docker load`: what is in it, and no time but the commit's, in one layer.

Two builds of one commit on one base give the same bytes. Docker's own archives name the moment of each step and keep
that of each file. What stays open is the base image (a tag moves: give its digest as the build argument BASE).
"""

import gzip
import hashlib
import io
import json
import subprocess
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

from tests import docker

_OF_THE_MACHINE: Final = frozenset({".dockerenv", "etc/hostname", "etc/hosts", "etc/resolv.conf", "etc/mtab"})
"""Docker puts them into every container."""
_OUTSIDE: Final = ("dev/", "proc/", "sys/")
_KEPT: Final = (
    "Env",
    "Cmd",
    "Entrypoint",
    "User",
    "WorkingDir",
    "Volumes",
    "Healthcheck",
    "StopSignal",
    "ExposedPorts",
)


def write(name: str, tag: str, stamp_s: int, target: Path) -> None:
    """The image `name` as `target`, to be loaded as `tag`. Raises Broken."""
    (inspected,) = json.loads(docker.run(["docker", "image", "inspect", name]))
    container = docker.run(["docker", "create", name]).strip()
    try:
        with subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE) as exported:
            assert exported.stdout is not None
            layer = layer_of(exported.stdout, stamp_s)
    finally:
        docker.run(["docker", "rm", "--volumes", container])
    target.write_bytes(archive(layer, inspected, tag, stamp_s))


def layer_of(exported: IO[bytes], stamp_s: int) -> bytes:
    """A tar of the same files, sorted, all of one moment. A hard link may now come before its file, and is a copy."""
    found: list[tuple[tarfile.TarInfo, bytes]] = []
    contents: dict[str, bytes] = {}
    with tarfile.open(fileobj=exported, mode="r|") as tar:
        for each in tar:
            if each.isreg():
                file = tar.extractfile(each)
                assert file is not None
                contents[each.name] = file.read()
            elif each.islnk():
                contents[each.name] = contents[each.linkname]
                each.type, each.linkname = tarfile.REGTYPE, ""
            if each.name not in _OF_THE_MACHINE and not each.name.startswith(_OUTSIDE):
                found.append((each, contents.get(each.name, b"")))
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for each, content in sorted(found, key=lambda one: one[0].name):
            each.mtime, each.size, each.uname, each.gname, each.pax_headers = stamp_s, len(content), "", "", {}
            tar.addfile(each, io.BytesIO(content))
    return made.getvalue()


def archive(layer: bytes, inspected: Any, tag: str, stamp_s: int) -> bytes:
    """What `docker load` reads, compressed."""
    settings = {key: inspected["Config"][key] for key in _KEPT if inspected["Config"].get(key)}
    described = {
        "architecture": inspected["Architecture"],
        "os": inspected["Os"],
        "created": datetime.fromtimestamp(stamp_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "config": settings,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    config = json.dumps(described, sort_keys=True).encode()
    name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = json.dumps([{"Config": name, "RepoTags": [tag], "Layers": ["layer.tar"]}]).encode()
    packed = io.BytesIO()
    with (
        gzip.GzipFile(filename="", fileobj=packed, mode="wb", mtime=0, compresslevel=6) as small,
        tarfile.open(fileobj=small, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        for part, content in ((name, config), ("layer.tar", layer), ("manifest.json", manifest)):
            info = tarfile.TarInfo(part)
            info.size, info.mtime = len(content), stamp_s
            tar.addfile(info, io.BytesIO(content))
    return packed.getvalue()
