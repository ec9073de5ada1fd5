"""`themis` processes by fork: real ones (pid, signals, streams, exit status), whose imports a server has made before.

The interpreter of a node spends 1.5 s of processor time on imports. Under pytest `subprocess` starts without them what
`is_themis` knows; `INSTALLED`, and what a shell or make starts, has an interpreter of its own.
"""

import atexit
import ctypes
import gc
import json
import os
import pkgutil
import runpy
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Final

THEMIS: Final = (sys.executable, "-c", "from themis.cli import main; main()")
SCRIPT: Final = str(Path(sys.executable).with_name("themis"))
INSTALLED: Final = ("env", SCRIPT)
"""`themis` in an interpreter of its own, under pytest too; `env` becomes it."""
_ROOT: Final = Path(__file__).resolve().parents[1]
_IMPORTED_LATE: Final = (
    "anyio._backends._asyncio",
    "encodings.idna",
    "eth_abi.abi",
    "numpy.ma",
    "pydantic.v1",
    "uvicorn.loops.asyncio",
    "uvicorn.protocols.http.auto",
)
"""By a node that serves."""
_OF_EXTRAS: Final = {
    "themis.daemon.traces",
    "themis.engine.replica",
    "themis.store.postgres",
    "themis.store.postgres_faults",
}
"""What they stand on is not on every machine: psycopg wants libpq, and Ray is large."""
_PR_SET_CHILD_SUBREAPER: Final = 36
_MESSAGE_BYTES: Final = 2**20
_PIPES: Final = 6
_UNCHANGED: Final = (None, None, None, -1, False, -1)
"""gid, gids, uid, umask, start_new_session, process_group."""
_lock: Final = threading.Lock()
_execute_child: Final = subprocess.Popen._execute_child  # type: ignore[attr-defined]


def install() -> None:
    """From now on `subprocess` forks what it can."""
    subprocess.Popen._execute_child = _execute_or_fork  # type: ignore[attr-defined]


def is_themis(args: object) -> bool:
    """Whether a command line is `themis`, or a program of tests or demo that is `themis` with a fault."""
    if not isinstance(args, list | tuple):
        return False
    program, *rest = map(str, args)
    faulty = rest[:2] == ["-m", "demo.changed_weight"] or (rest and Path(rest[0]).parent == _ROOT / "tests/e2e")
    return program == SCRIPT or (program == sys.executable and (tuple(rest[:2]) == THEMIS[1:] or bool(faulty)))


def _execute_or_fork(process: Any, args: Any, *rest: Any) -> None:
    """In the place of `Popen._execute_child`."""
    executable, preexec_fn, _close_fds, pass_fds, cwd, env, _info, _flags, shell, *ends = rest
    pipes, changes = ends[:_PIPES], tuple(ends[_PIPES + 1 :])
    plain = (executable, preexec_fn, tuple(pass_fds), shell, changes) == (None, None, (), False, _UNCHANGED)
    if not (plain and is_themis(args)):
        _execute_child(process, args, *rest)
        return
    wanted = {
        "args": [str(each) for each in args],
        "cwd": os.fspath(cwd or Path.cwd()),
        "env": dict(os.environ if env is None else env),
    }
    streams = [own if given == -1 else given for own, given in enumerate((pipes[0], pipes[3], pipes[5]))]
    with _lock, _adopting():
        line = _server()
        socket.send_fds(line, [json.dumps(wanted).encode()], streams)
        process.pid = json.loads(line.recv(_MESSAGE_BYTES))
        line.recv(_MESSAGE_BYTES)  # its parent has ended: it is ours
    process._child_created = True
    process._close_pipe_fds(*pipes)


@cache
def _server() -> socket.socket:
    """The line to it. It ends with this process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        number = theirs.fileno()
        server = subprocess.Popen([sys.executable, "-m", "tests.forking", str(number)], pass_fds=[number], cwd=_ROOT)
    server.returncode = 0  # nobody waits for it
    atexit.register(ours.close)
    return ours


@contextmanager
def _adopting() -> Iterator[None]:
    """Grandchildren whose parents end meanwhile become this process's children."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    assert prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0, os.strerror(ctypes.get_errno())
    try:
        yield
    finally:
        prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def _serve(line: socket.socket) -> list[str]:
    """Fork whenever somebody asks for it. Returns in children alone: their command lines."""
    while True:
        message, streams, _, _ = socket.recv_fds(line, _MESSAGE_BYTES, 3)
        if not message:
            os._exit(0)
        if (between := os.fork()) == 0:
            if pid := os.fork():
                line.send(json.dumps(pid).encode())
                os._exit(0)
            line.close()
            return _become(json.loads(message), streams)
        os.waitpid(between, 0)
        for each in streams:
            os.close(each)
        line.send(b"yours")


def _become(wanted: dict[str, Any], streams: Sequence[int]) -> list[str]:
    for number, each in enumerate(streams):
        os.dup2(each, number)
        os.close(each)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 (as long as the process lives)
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False, errors="backslashreplace")  # noqa: SIM115
    os.chdir(wanted["cwd"])
    os.environ.clear()
    os.environ.update(wanted["env"])
    tempfile.tempdir = None
    arguments: list[str] = wanted["args"]
    return arguments


def _execute(program: str, *args: str) -> None:
    """What an interpreter does with its command line."""
    match args:
        case "-c", code, *rest if program == sys.executable:
            sys.argv, module = ["-c", *rest], ModuleType("__main__")
            sys.modules["__main__"] = module
            exec(code, module.__dict__)  # noqa: S102 (what `-c` is for)
        case "-m", name, *rest if program == sys.executable:
            sys.argv = [name, *rest]
            runpy.run_module(name, run_name="__main__", alter_sys=True)
        case _:
            sys.argv = list(args if program == sys.executable else (program, *args))
            runpy.run_path(sys.argv[0], run_name="__main__")


def _load() -> None:
    """All that a command may import, before anybody asks."""
    package = import_module("themis")
    for module in pkgutil.walk_packages(package.__path__, "themis."):
        if module.name not in _OF_EXTRAS:
            import_module(module.name)
    for name in _IMPORTED_LATE:
        import_module(name)
    import_module("themis.chain.transport").trust()
    import_module("themis.bundles.bundle").load(_ROOT / "models/selftest-moe")  # the first one is dear
    gc.freeze()  # its pages stay shared


if __name__ == "__main__":
    _load()
    _execute(*_serve(socket.socket(fileno=int(sys.argv[1]))))
