"""The operator's node: `themis run` in a process of its own, asked over its own API."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from demo import chains
from demo.actors import THEMIS, Actor
from demo.patience import PATIENCE_S, exhausted, until
from themis.core.errors import Broken, Unavailable


@dataclass(frozen=True, slots=True)
class Node:
    """A node that has been started."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """Its process."""
        return self.process.pid

    def get(self, path: str) -> Any:
        """Ask the API; the JSON it answers. Raises Unavailable where it says nothing."""
        return self._ask(path, None)

    def post(self, path: str, body: Any) -> Any:
        """Give the API something; the JSON it answers. Raises as `get`."""
        return self._ask(path, json.dumps(body).encode())

    def _ask(self, path: str, body: bytes | None) -> Any:
        try:
            with urlopen(self.url + path, body, timeout=PATIENCE_S) as response:  # noqa: S310 (our own loopback URL)
                return json.load(response)
        except TimeoutError as error:
            raise exhausted(f"the node to answer {path}") from error
        except OSError as error:
            raise Unavailable(f"the node does not answer {path} ({error})") from error

    def wait_ready(self) -> None:
        """Wait until it can answer requests. Raises Broken with its own words if it ends before it gets there."""
        until(self._ready, bool, "the node to get ready")

    def settled_job(self, job_id: str) -> Any:
        """A job's details, once the node has seen its answer become final."""
        path = f"/v1/jobs/{job_id}"
        return until(lambda: self.get(path), lambda job: job["state"] == "done", f"the node to finish job {job_id}")

    def _ready(self) -> bool:
        if self.process.poll() is not None:
            raise Broken(f"the node did not get ready. It said:\n{self.said()}")
        try:
            ready: bool = self.get("/readyz")["ready"]
        except Unavailable:
            return False
        return ready

    def said(self) -> str:
        """Read the end of its log."""
        return self.log.read_text()[-3_000:]


@contextmanager
def running(operator: Actor) -> Iterator[Node]:
    """Run the operator's node until the block ends; it must stop by itself, with exit status 0, when asked to."""
    port = chains.free_port()
    log_path = operator.home / "node.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [str(THEMIS), "--home", str(operator.home), "run"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(os.environ) | {"THEMIS_API__PORT": str(port)},
        )
    node = Node(f"http://127.0.0.1:{port}", process, log_path)
    try:
        yield node
        process.terminate()
        try:
            status = process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired as error:
            raise exhausted("the node to stop") from error
        if status != 0:
            raise Broken(f"the node ended with {status}. It said:\n{node.said()}")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
