"""Writes and edits config.toml in place, so that an operator's comments survive."""

import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any, Final

from themis import config
from themis.core.errors import Misconfigured

_TEMPLATE: Final = """\
# Themis: one role on one chain. `themis config show` lists every value and where it comes from.

[chain]
rpc_url = {rpc_url}
chain_id = {chain_id}
{oracle}
start_block = {start_block}     # the block the registry was deployed in
# confirmations = 1    # blocks after which an answer counts as final
# poll_interval_s = 0.5
# rpc_urls = []        # more endpoints: they take over when the first fails, and get every answer
{ws_url}   # a WebSocket of the same chain, which wakes the node for a new block
# quorum = 1           # so many endpoints must agree about money and licenses
# reread_blocks = 12   # how far the backends of an endpoint may lie apart

[fees]
# max_fee_gwei = 200   # cap of the fee per gas
# priority_fee_gwei = 1
# min_fee_wei = "0"    # requests below it are not answered
# policy = "wait"      # what becomes of requests that do not pay for their gas: "free", "wait" or "refuse"
# max_spend_wei_per_day = "0"

[api]
# host = "127.0.0.1"
# port = 8553

[log]
# level = "info"       # debug, info, warning or error
# format = "text"      # or "json": an object a line
"""


def create(
    path: Path, *, rpc_url: str, ws_url: str | None, chain_id: int, oracle: str | None, start_block: int
) -> None:
    """Write a new file, mode 600: RPC URLs carry API keys. Raises Misconfigured rather than overwrite one."""
    if path.exists():
        raise Misconfigured(f"{path} exists: edit it, or choose another --home")
    text = _TEMPLATE.format(
        rpc_url=_value(rpc_url),
        ws_url=f"ws_url = {_value(ws_url)}" if ws_url else '# ws_url = ""       ',
        chain_id=chain_id,
        oracle=f"oracle = {_value(oracle)}" if oracle else "# oracle = none yet: `themis deploy` writes it here",
        start_block=start_block,
    )
    _write(path, text)


def set_oracle(path: Path, oracle: str, start_block: int) -> None:
    """Set chain.oracle and chain.start_block. Raises Misconfigured where the file is written in another style."""
    text = _set(_set(config.text_of(path), "oracle", oracle), "start_block", start_block)
    found = _parsed(path, text).get("chain", {})
    if (found.get("oracle"), found.get("start_block")) != (oracle, start_block):
        raise Misconfigured(f"{path} cannot be edited: set chain.oracle = {_value(oracle)} in it")
    _write(path, text)


def add_model(path: Path, bundle: str, model_id: str) -> None:
    """Append a [[models]] section, or correct the path of the one that has this id. Raises Misconfigured."""
    text = config.text_of(path)
    known = {model.get("model_id"): model.get("path") for model in _parsed(path, text).get("models", [])}
    if known.get(model_id) == bundle:
        return
    wanted = known | {model_id: bundle}
    if model_id in known:
        text = text.replace(f"path = {_value(known[model_id])}", f"path = {_value(bundle)}")
    else:
        text = f"{text.rstrip()}\n\n[[models]]\npath = {_value(bundle)}\nmodel_id = {_value(model_id)}\n"
    found = {model.get("model_id"): model.get("path") for model in _parsed(path, text).get("models", [])}
    if found != wanted:
        raise Misconfigured(f"{path} cannot be edited: put model {model_id} with path {_value(bundle)} into it")
    _write(path, text)


def set_address(path: Path, section: str, key: str, address: str | list[str]) -> None:
    """Set an address of a section, or several. Raises Misconfigured where the file is written in another style."""
    text = config.text_of(path)
    if section not in _parsed(path, text):
        text = f"{text.rstrip()}\n\n[{section}]\n"
    text = _set(text, key, address, section)
    if _parsed(path, text).get(section, {}).get(key) != address:
        raise Misconfigured(f"{path} cannot be edited: set {section}.{key} = {_value(address)} in it")
    _write(path, text)


def _set(text: str, key: str, value: Any, section: str = "chain") -> str:
    """Set a key of a section: its line, commented out or not, or a new one below the heading."""
    line = f"{key} = {_value(value)}"
    heading = re.search(rf"^\[{section}\].*$", text, re.MULTILINE)
    if heading is None:
        return text
    rest = text[heading.end() :]
    end = re.search(r"^\[", rest, re.MULTILINE)
    body, after = (rest, "") if end is None else (rest[: end.start()], rest[end.start() :])
    edited, count = re.subn(rf"^#? ?{key} =[^\n]*$", lambda _: line, body, count=1, flags=re.MULTILINE)
    return text[: heading.end()] + (edited if count else f"\n{line}{body}") + after


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"{path} is not TOML, or cannot be edited ({error}): edit it by hand") from error


def _value(value: Any) -> str:
    """Write a TOML value: JSON's strings and integers are TOML's."""
    return json.dumps(value, ensure_ascii=False)


def _write(path: Path, text: str) -> None:
    """Replace the file at once: a crash leaves the old one or the new one."""
    fresh = path.with_suffix(".new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise Misconfigured(f"{path} cannot be written ({error.strerror}): choose another --home") from error
