"""Contracts that only tests need, compiled when they are asked for."""

from demo import compiled as demo
from themis.chain.abi import Artifact


def compiled(name: str, source: str) -> Artifact:
    """One contract of `contracts/test/support`, as the node would package it."""
    return demo.compiled(name, f"test/support/{source}")
