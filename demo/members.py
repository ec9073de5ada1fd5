"""Members of a committee: people with a home, a stake and a node that can be started, killed and started again."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from demo import chains
from demo.actors import THEMIS, Actor
from demo.node import Node
from demo.patience import PATIENCE_S, exhausted
from themis.core.errors import Broken
from themis.core.types import Address


@dataclass(slots=True)
class Member:
    """One of them."""

    actor: Actor
    address: Address
    honest: bool = True
    port: int = field(default_factory=chains.free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where its node listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def node(self) -> Node:
        """Its node, running. Raises Broken where it is not."""
        if self._process is None:
            raise Broken(f"the node of {self.actor.name} does not run")
        return Node(self.url, self._process, self.actor.home / "node.log")

    def start(self) -> None:
        """Start its node; the liar's is another program."""
        line = [str(THEMIS)] if self.honest else [sys.executable, "-m", "demo.changed_weight"]
        with (self.actor.home / "node.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*line, "--home", str(self.actor.home), "run"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(os.environ) | {"THEMIS_API__PORT": str(self.port), "THEMIS_COMMITTEE__TURN_S": "2"},
            )

    def kill(self) -> None:
        """SIGKILL."""
        process = self.node.process
        process.kill()
        process.wait()
        self._process = None

    def stop(self) -> None:
        """SIGTERM; it must end by itself, with exit status 0."""
        if self._process is None:
            return
        running, self._process = self.node, None
        running.process.send_signal(signal.SIGTERM)
        try:
            status = running.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired as error:
            raise exhausted("the node to stop") from error
        if status != 0:
            raise Broken(f"the node ended with {status}. It said:\n{running.said()}")

    def end(self) -> None:
        """Kill it, whatever has happened."""
        if self._process is not None:
            self.kill()

    def themis_json(self, *arguments: str) -> Any:
        """Run one command in its home."""
        return self.actor.themis_json(*arguments)


def addresses(members: Sequence[Member]) -> list[str]:
    """Of these, as 0x-hex."""
    return ["0x" + member.address.hex() for member in members]
