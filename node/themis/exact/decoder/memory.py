"""Whether a conversion fits this machine, and a file: said before it starts, for a kernel that ends it says nothing."""

import resource
from pathlib import Path

from themis.core.errors import Misconfigured
from themis.exact.decoder.architecture import Architecture

PER_WEIGHT = 2
"""Bytes: the integers, and the file that is made of them."""
PER_ELEMENT = 24
"""Bytes of the largest matrix, while it is rounded: its floats in 4 bytes, and in 8 twice over."""


def require(arch: Architecture, free_bytes: int, file_bytes: int) -> None:
    """Raises Misconfigured where a conversion certainly takes more than there is, or makes more than nodes load."""
    if arch.weights > file_bytes:
        raise Misconfigured(
            f"too large: {arch.weights:,} weights make a file of {arch.weights >> 20} MiB, and an exact model is one "
            f"file of at most {file_bytes >> 20} MiB. Take a smaller checkpoint."
        )
    largest = max(arch.vocabulary, 2 * (arch.experts.inner if arch.experts else arch.inner)) * arch.width
    needed = PER_WEIGHT * arch.weights + PER_ELEMENT * largest
    if needed > free_bytes:
        raise Misconfigured(
            f"too little memory: converting {arch.weights:,} weights takes at least {needed >> 20} MiB, and "
            f"{free_bytes >> 20} MiB are free. Close what else runs, or use a larger machine."
        )


def free() -> int:
    """Bytes that this process may still take: what the machine has, and what its limit leaves."""
    told = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    most = int(told["MemAvailable"].split()[0]) * 1_024
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return most
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    return max(0, min(most, limit - used))
