"""The operator's node: `themis run` in a process of its own, asked over its own API."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from demo import chains
from demo.actors import THEMIS, Actor
from themis.core.errors import Broken

READY_TIMEOUT_S: Final = 120
SETTLE_TIMEOUT_S: Final = 60
STOP_TIMEOUT_S: Final = 60


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
        """Ask the API; the JSON it answers."""
        with urlopen(self.url + path, timeout=READY_TIMEOUT_S) as response:  # noqa: S310 (our own loopback URL)
            return json.load(response)

    def wait_ready(self) -> None:
        """Wait until it can answer requests. Raises Broken with its own words if it does not get there."""
        give_up_s = time.monotonic() + READY_TIMEOUT_S
        while self.process.poll() is None and time.monotonic() < give_up_s:
            try:
                if self.get("/readyz")["ready"]:
                    return
            except (HTTPError, URLError, ConnectionError, TimeoutError):
                time.sleep(0.05)
        raise Broken(f"the node did not get ready. It said:\n{self.said()}")

    def settled_job(self, job_id: str) -> Any:
        """A job's details, once the node has seen its answer become final."""
        give_up_s = time.monotonic() + SETTLE_TIMEOUT_S
        while (job := self.get(f"/v1/jobs/{job_id}"))["state"] != "done":
            if time.monotonic() > give_up_s:
                raise Broken(f"job {job_id} is {job['state']} {SETTLE_TIMEOUT_S} s after its answer, not done")
            time.sleep(0.05)
        return job

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
        if (status := process.wait(STOP_TIMEOUT_S)) != 0:
            raise Broken(f"the node ended with {status}. It said:\n{node.said()}")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
