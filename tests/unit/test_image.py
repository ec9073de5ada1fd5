"""The image's archive has the same bytes whenever its files are the same."""

import gzip
import io
import json
import tarfile
from collections.abc import Sequence

from tests import image

INSPECTED = {"Architecture": "amd64", "Os": "linux", "Config": {"Cmd": ["run"], "User": "themis", "Hostname": "random"}}
FILES = (("opt/b", b"two"), ("opt/a", b"one"), ("etc/hosts", b"of a machine"), ("dev/console", b""))


def exported(files: Sequence[tuple[str, bytes]], moment_s: int) -> io.BytesIO:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.mode, info.uid, info.uname = (
                len(content),
                moment_s,
                0o755,
                10_001,
                f"u{moment_s}",
            )
            tar.addfile(info, io.BytesIO(content))
        link = tarfile.TarInfo("opt/0-link")
        link.type, link.linkname, link.mtime = tarfile.LNKTYPE, "opt/b", moment_s
        tar.addfile(link)
    made.seek(0)
    return made


def test_times_and_order_leave_no_trace() -> None:
    one = image.layer_of(exported(FILES, 1), 7)
    other = image.layer_of(exported(FILES[::-1], 2), 7)
    assert one == other
    with tarfile.open(fileobj=io.BytesIO(one)) as tar:
        found = {each.name: (each.mtime, each.mode, each.uid) for each in tar if each.name != "opt/0-link"}
        assert found == {"opt/a": (7, 0o755, 10_001), "opt/b": (7, 0o755, 10_001)}
        linked = tar.extractfile("opt/0-link")
        assert linked is not None
        assert linked.read() == b"two"


def test_another_file_is_another_image() -> None:
    layers = [image.layer_of(exported(files, 1), 7) for files in (FILES, (("opt/b", b"2"), *FILES[1:]))]
    archives = [image.archive(layer, INSPECTED, "themis-node:1", 7) for layer in layers]
    assert archives[0] != archives[1]
    assert archives[0] == image.archive(layers[0], INSPECTED, "themis-node:1", 7)


def test_docker_reads_it() -> None:
    """By the names and hashes that `docker load` goes by; a random host name is left out."""
    layer = image.layer_of(exported(FILES, 1), 7)
    packed = image.archive(layer, INSPECTED, "themis-node:1", 7)
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(packed))) as tar:
        parts = {each.name: each for each in tar}
        (manifest,) = json.load(tar.extractfile("manifest.json") or io.BytesIO())
        config = json.load(tar.extractfile(manifest["Config"]) or io.BytesIO())
    assert manifest["RepoTags"] == ["themis-node:1"]
    assert set(parts) == {manifest["Config"], "layer.tar", "manifest.json"}
    assert config["config"] == {"Cmd": ["run"], "User": "themis"}
    assert config["created"] == "1970-01-01T00:00:07Z"
