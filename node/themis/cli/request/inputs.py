"""Inputs from the command line: one, from exactly one source, or a list of them in a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from themis.core.abi import encode
from themis.core.errors import Misconfigured, Reason, Refused
from themis.core.keccak import keccak
from themis.core.spelling import address, hex_bytes, shown
from themis.core.types import Address

if TYPE_CHECKING:
    from themis.chain.rpc import Rpc

_ADDRESS_DIGITS: Final = 40

Target = Annotated[Any, typer.Option(parser=address, metavar="ADDRESS", help="Ask about a contract's code.")]
Text = Annotated[str | None, typer.Option(help="Ask a model that reads text.")]
InputHex = Annotated[Any, typer.Option(parser=hex_bytes, metavar="HEX", help="Ask about these bytes.")]
InputFile = Annotated[Path | None, typer.Option(help="Ask about the bytes of this file.")]
ListFile = Annotated[
    Path | None,
    typer.Option(
        "--list",
        metavar="FILE",
        help="Ask about 1 to 255 inputs in one order: a line each, the address of a contract or the input in hex.",
    ),
]


def input_bytes(rpc: "Rpc", target: Address | None, text: str | None, data: bytes | None, file: Path | None) -> bytes:
    """The bytes to ask about, from exactly one source. Raises Misconfigured, or Refused for a target without code."""
    if sum(source is not None for source in (target, text, data, file)) != 1:
        raise Misconfigured("give exactly one of --target, --text, --input-hex and --input-file")
    if text is not None:
        return text.encode()
    if target is not None:
        return _code_reference(rpc, target)
    return data if data is not None else of_file(file)


def of_file(file: Path | None) -> bytes:
    """The bytes of a file. Raises Misconfigured."""
    try:
        return Path(file or "").read_bytes()
    except OSError as error:
        raise Misconfigured(f"{file} cannot be read: correct --input-file") from error


def of_list(rpc: "Rpc", file: Path) -> list[bytes]:
    """The inputs of a list. An address (20 bytes in hex) is asked about as `--target` is. Raises as `input_bytes`."""
    from themis.core.order import MAX_ITEMS

    try:
        lines = [line.strip() for line in file.read_text().splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{file} cannot be read ({error}): correct --list") from error
    if not 1 <= len(lines) <= MAX_ITEMS:
        raise Misconfigured(f"{file} has {len(lines)} inputs, and an order takes 1 to {MAX_ITEMS}: split it")
    return [_line(rpc, file, number, line) for number, line in enumerate(lines, start=1)]


def _line(rpc: "Rpc", file: Path, number: int, line: str) -> bytes:
    try:
        if len(line.removeprefix("0x")) == _ADDRESS_DIGITS:
            return _code_reference(rpc, address(line))
        return hex_bytes(line)
    except ValueError as error:
        raise Misconfigured(f"line {number} of {file}: {error}") from error


def _code_reference(rpc: "Rpc", target: Address) -> bytes:
    """What a code-reading model takes: the contract's address and the hash of its code."""
    code = bytes.fromhex(rpc.call("eth_getCode", shown(target), "latest")[2:])
    if not code:
        raise Refused(Reason.NO_CODE, f"{shown(target)} has no code: give --target the address of a contract")
    return encode(["address", "bytes32"], [target, keccak(code)])
