"""Contracts that the node does not package, compiled when they are asked for."""

from functools import cache
from typing import Any

from contracts import compile as compiler
from themis.chain.abi import Artifact


@cache
def compiled(name: str, source: str) -> Artifact:
    """One contract, its source named relative to `contracts/`, as the node would package it."""
    packaged: dict[str, Any] = compiler.artifact(compiler.Target(name, source), compiler.solc_binary())
    made = Artifact.__new__(Artifact)
    made.abi, made.creation_code = packaged["abi"], bytes.fromhex(packaged["bytecode"][2:])
    return made
