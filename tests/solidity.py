"""Contracts that only tests need, compiled when they are asked for."""

from functools import cache
from typing import Any

from contracts import compile as compiler
from themis.chain.abi import Artifact


@cache
def compiled(name: str, source: str) -> Artifact:
    """One contract of `contracts/test/support`, as the node would package it."""
    packaged: dict[str, Any] = compiler.artifact(
        compiler.Target(name, f"test/support/{source}"), compiler.solc_binary()
    )
    made = Artifact.__new__(Artifact)
    made.abi, made.creation_code = packaged["abi"], bytes.fromhex(packaged["bytecode"][2:])
    return made
