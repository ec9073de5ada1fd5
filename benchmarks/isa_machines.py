"""Other processors and other versions of ONNX Runtime to run a kit on: qemu-user, a Debian sysroot, spare environments.

Nothing needs root: Debian packages are downloaded by `apt-get` and unpacked under `.venv/isa`.
"""

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from themis.core.errors import Unavailable
from themis.exact.session import LEVELS

ROOT: Final = Path(__file__).parents[1]
CACHE: Final = Path(sys.prefix) / "isa"
GUEST: Final = Path(__file__).with_name("isa_guest.py")
VERSIONS: Final = ("1.20.1", "1.23.2")
"""The oldest ONNX Runtime that manifests allow, and one with the int64 bug of 1.21-1.31."""
X86: Final = {"Nehalem": "SSE4.2", "SandyBridge": "AVX", "Haswell": "AVX2", "max": "AVX2, all that qemu has"}
ARM: Final = {
    "cortex-a72": ("NEON", "0x41", "0xd08", ""),
    "neoverse-n1": ("dot product", "0x41", "0xd0c", " atomics fphp asimdhp asimdrdm lrcpc dcpop asimddp"),
    "a64fx": ("SVE", "0x46", "0x001", " atomics fphp asimdhp asimdrdm fcma dcpop sve"),
    "max": (
        "SVE2, I8MM, SME",
        "0x41",
        "0xd40",
        " atomics fphp asimdhp asimdrdm lrcpc dcpop asimddp sve sve2 i8mm bf16 sme",
    ),
}
"""Features, and what /proc/cpuinfo of such a processor says."""
GUESTS: Final = (
    "onnxruntime", "numpy", "onnx", "ml_dtypes", "protobuf", "typing_extensions", "pydantic", "pydantic_core",
    "annotated-types", "typing-inspection", "mypy_extensions", "tokenizers", "safe-pysha3", "coincurve", "eth-abi",
    "eth-utils", "eth-typing", "eth-hash", "cytoolz", "toolz", "parsimonious", "regex",
)  # fmt: skip
"""Packages of a sysroot, in this environment's versions: the first two run models, all of them build one."""
TIMEOUT_S: Final = 3_600


@dataclass(frozen=True, slots=True)
class Machine:
    """A way to run the guest."""

    name: str
    command: tuple[str, ...]
    threads: int = 1
    level: str = "none"
    environment: Mapping[str, str] = field(default_factory=dict)
    cpuinfo: str | None = None
    """What the sysroot's /proc/cpuinfo must say."""

    def run(self, kit: Path, guest: Path = GUEST) -> dict[str, Any]:
        """{onnxruntime, digests}, as the guest says. Raises Unavailable with the last line the guest said."""
        if self.cpuinfo is not None:
            (CACHE / "arm64" / "proc").mkdir(exist_ok=True)
            (CACHE / "arm64" / "proc" / "cpuinfo").write_text(self.cpuinfo)
        arguments = [*self.command, str(guest), str(kit), str(self.threads), self.level]
        environment = {**os.environ, **self.environment}
        try:
            found = subprocess.run(arguments, env=environment, capture_output=True, timeout=TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired as error:
            raise Unavailable(
                f"{self.name} took more than {TIMEOUT_S} s: run it on a machine with less to do"
            ) from error
        if found.returncode:
            last = found.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise Unavailable(f"{self.name} ended with status {found.returncode}: {' '.join(last)}")
        answer: dict[str, Any] = json.loads(found.stdout)
        return answer


def native() -> Iterator[Machine]:
    """This processor: threads and levels that must not matter."""
    for threads in (1, 2):
        for level in LEVELS:
            yield Machine(f"native, {threads} threads, optimization {level}", (sys.executable,), threads, level)


def versions() -> Iterator[Machine]:
    """This processor with other versions of ONNX Runtime, each in an environment of its own."""
    numpy = importlib.metadata.version("numpy")
    for version in VERSIONS:
        home = CACHE / f"onnxruntime-{version}"
        python = home / "bin" / "python"
        if not (home / "ready").exists():
            _call(sys.executable, "-m", "venv", "--clear", str(home))
            _call(str(python), "-m", "pip", "install", "--quiet", f"onnxruntime=={version}", f"numpy=={numpy}")
            (home / "ready").touch()
        for threads, level in ((1, "none"), (2, "none"), (1, "all"), (2, "all")):
            name = f"native, onnxruntime {version}, {threads} threads, optimization {level}"
            yield Machine(name, (str(python),), threads, level)


def x86(*cpus: str) -> Iterator[Machine]:
    """Emulated x86-64 processors. NumPy's OpenBLAS, which the guest does not use, is told not to look for AVX."""
    qemu = _qemu("x86_64")
    for cpu in cpus or X86:
        command = (qemu, "-cpu", cpu, sys.executable)
        yield Machine(f"x86-64 {cpu} ({X86[cpu]})", command, environment={"OPENBLAS_CORETYPE": "Nehalem"})


def arm() -> Iterator[Machine]:
    """Emulated aarch64 processors."""
    qemu, sysroot = _qemu("aarch64"), CACHE / "arm64"
    packages = [f"{name}=={importlib.metadata.version(name)}" for name in GUESTS]
    if not (ready := sysroot / "ready").exists() or ready.read_text().split() != packages:
        shutil.rmtree(sysroot, ignore_errors=True)
        _make_sysroot(sysroot, packages)
        ready.write_text("\n".join(packages))
    python = _guest_python(sysroot)
    for cpu, (features, implementer, part, more) in ARM.items():
        command = (qemu, "-cpu", cpu, "-L", str(sysroot), str(python), "-S", "-s")
        cpuinfo = "".join(
            f"processor\t: {core}\nFeatures\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid{more}\n"
            f"CPU implementer\t: {implementer}\nCPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: {part}\n"
            "CPU revision\t: 0\n\n"
            for core in range(2)
        )
        environment = {"PYTHONPATH": str(sysroot / "site")}
        yield Machine(f"aarch64 {cpu} ({features})", command, environment=environment, cpuinfo=cpuinfo)


def _qemu(target: str) -> str:
    """Path of the emulator: the system's, or Debian's static build unpacked here."""
    if found := shutil.which(f"qemu-{target}") or shutil.which(f"qemu-{target}-static"):
        return found
    unpacked = CACHE / "qemu"
    binary = unpacked / "usr" / "bin" / f"qemu-{target}-static"
    if not binary.exists():
        _unpack(_debian(unpacked / "apt", "native", "qemu-user-static"), unpacked)
    return str(binary)


def _make_sysroot(sysroot: Path, packages: list[str]) -> None:
    """Debian's Python for arm64, the wheels of these packages, and the few system files they read."""
    _unpack(_debian(sysroot / "apt", "arm64", "python3", "libstdc++6"), sysroot)
    version = _guest_python(sysroot).name.removeprefix("python")
    wheels = sysroot / "wheels"
    platforms = [f"--platform=manylinux_2_{minor}_aarch64" for minor in (17, 26, 27, 28, 34)]
    fetch = (
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
        "--dest",
        str(wheels),
    )
    _call(*fetch, f"--python-version={version}", "--implementation=cp", *platforms, *packages)
    for wheel in wheels.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(sysroot / "site")
    cpus = sysroot / "sys" / "devices" / "system" / "cpu"
    cpus.mkdir(parents=True, exist_ok=True)
    for name in ("possible", "present", "online"):
        (cpus / name).write_text("0-1\n")
    (cpus / "kernel_max").write_text("1\n")


def _guest_python(sysroot: Path) -> Path:
    (python,) = (
        path for path in (sysroot / "usr" / "bin").glob("python3.*") if path.suffix.removeprefix(".").isdigit()
    )
    return python


def _debian(state: Path, architecture: str, *packages: str) -> list[Path]:
    """Download packages with all they depend on, as for an empty system of that architecture."""
    if shutil.which("apt-get") is None:
        raise Unavailable("no apt-get here: run `make isa` on Debian or Ubuntu, or install qemu-user")
    for folder in ("state/lists/partial", "cache/archives/partial"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    (state / "status").touch()
    options: dict[str, Path | str] = {
        "Dir::State": state / "state",
        "Dir::State::status": state / "status",
        "Dir::Cache": state / "cache",
    }
    if architecture != "native":
        options |= {"APT::Architecture": architecture, "APT::Architectures": architecture}
    apt = ("apt-get", "--quiet=2", *(f"--option={key}={value}" for key, value in options.items()))
    _call(*apt, "--option=Debug::NoLocking=1", "update")
    _call(
        *apt, "--option=Debug::NoLocking=1", "--no-install-recommends", "--download-only", "--yes", "install", *packages
    )
    return sorted((state / "cache" / "archives").glob("*.deb"))


def _unpack(packages: list[Path], target: Path) -> None:
    for package in packages:
        _call("dpkg", "--extract", str(package), str(target))


def _call(*command: str) -> None:
    found = subprocess.run(command, capture_output=True, check=False)
    if found.returncode:
        raise Unavailable(
            f"`{' '.join(command[:6])} ...` failed: {found.stderr.decode(errors='replace').strip()[-300:]}"
        )
