"""
`python -m wsproxy` without the time it takes to start: forked from a process that has imported it all.

Most of what an end-to-end test costs is the import of mitmproxy, a second of CPU for each proxy. So every
worker of pytest keeps one process that has imported the program and runs nothing. Where a test starts
`sys.executable -m wsproxy ...`, by `subprocess` or `asyncio`, that is forked instead of Python being started.
What comes of it is the program itself: the same `__main__` in a process of its own, a child of the test's
like any other, with the streams, environment, folder, umask and session asked for. It ends as Python ends.

Python is started all the same where a fork could not do what was asked for: with a variable that is read
while Python starts or modules are imported (`HARMLESS` are the others), with a function to be called before,
in a process group of its own, on a system that is not Linux. With `WSPROXY_TEST_SPAWN=exec` it always is;
the fixture `started_anew` sets that for tests about starting, ending and dying.

What a fork cannot show is that a module is not imported that should have been: `tests/test_imports.py` and
the tests that are `started_anew` do.
"""

import ctypes
import gc
import importlib
import inspect
import io
import json
import os
import pkgutil
import runpy
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

SPAWN = "WSPROXY_TEST_SPAWN"
"""`fork` or `exec`."""

HARMLESS = ("COLUMNS", "HOME", "LINES", "NO_COLOR", "PATH", "PYTEST_", "TERM", "TZ", "WSPROXY_", "XDG_")
"""What variables begin with that are not looked at before the program runs."""

_LONGEST = 1 << 18
"""Bytes of a request."""
_SET_CHILD_SUBREAPER = 36
"""Of prctl(2): orphans among our descendants become our children."""
_start_python = subprocess.Popen._execute_child  # type: ignore[attr-defined]
_WORDS = tuple(inspect.signature(_start_python).parameters)[1:]
_asking = threading.Lock()
_server: "_Server | None" = None


def install() -> None:
    """Fork where a test of this process starts `python -m wsproxy`."""
    if sys.platform == "linux":
        subprocess.Popen._execute_child = _execute_child  # type: ignore[attr-defined]


def start() -> None:
    """Begin to import what is forked later, so that nobody has to wait for it; not needed."""
    global _server
    with _asking:
        if _server is None and sys.platform == "linux" and os.environ.get(SPAWN) != "exec":
            _server = _Server()


def stop() -> None:
    """Undo both of them."""
    global _server
    subprocess.Popen._execute_child = _start_python  # type: ignore[attr-defined]
    with _asking:
        if _server is not None:
            _server.stop()
            _server = None


def _execute_child(process: "subprocess.Popen[Any]", *given: Any) -> None:
    """In place of `Popen`'s own. It has to leave `pid` behind, and no end of a pipe that is the child's."""
    asked = dict(zip(_WORDS, given, strict=True))
    if not _can_be_forked(asked):
        _start_python(process, *given)
        return
    start()
    with _asking:
        assert _server is not None
        process.pid = _server.fork(asked)
    process._child_created = True  # type: ignore[attr-defined]
    pipes = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
    process._close_pipe_fds(*(asked[pipe] for pipe in pipes))  # type: ignore[attr-defined]


def _can_be_forked(asked: Mapping[str, Any]) -> bool:
    args, env = asked["args"], asked["env"]
    return (
        isinstance(args, list | tuple)
        and list(args[:3]) == [sys.executable, "-m", "wsproxy"]
        and os.environ.get(SPAWN) != "exec"
        and asked["process_group"] == -1
        and not any(asked[word] for word in ("executable", "preexec_fn", "pass_fds", "shell"))
        and all(asked[word] is None for word in ("gid", "gids", "uid"))
        and (asked["cwd"] is None or os.path.isdir(asked["cwd"]))
        and (env is None or all(isinstance(word, str) for pair in env.items() for word in pair))
        and _looks_the_same(os.environ if env is None else env)
    )


def _looks_the_same(env: Mapping[str, str]) -> bool:
    """Whether Python would have started, and imported, in this environment as it did in ours."""
    before = _server.env if _server is not None else dict(os.environ)
    different = {name for name in env.keys() | before.keys() if env.get(name) != before.get(name)}
    return all(name.startswith(HARMLESS) for name in different)


class _Server:
    """The process that is forked, seen from the tests'."""

    def __init__(self) -> None:
        self.env = dict(os.environ)
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )

    def fork(self, asked: Mapping[str, Any]) -> int:
        """The id of a new child of ours."""
        umask = asked["umask"]
        if umask < 0:
            umask = os.umask(0o077)
            os.umask(umask)
        request = {
            "args": [os.fspath(word) for word in asked["args"][3:]],
            "cwd": os.path.abspath(asked["cwd"] or "."),
            "env": dict(os.environ if asked["env"] is None else asked["env"]),
            "umask": umask,
            "session": asked["start_new_session"],
        }
        wanted = asked["p2cread"], asked["c2pwrite"], asked["errwrite"]
        streams = [own if given == -1 else given for own, given in enumerate(wanted)]
        _adopt_orphans(True)
        try:
            socket.send_fds(self._control, [json.dumps(request).encode()], streams)
            answer = self._control.recv(_LONGEST)
        finally:
            _adopt_orphans(False)
        assert answer, f"the process to be forked has ended with {self._process.wait()}"
        return int(answer)

    def stop(self) -> None:
        self._control.close()
        self._process.wait()


def _adopt_orphans(yes: bool) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_SET_CHILD_SUBREAPER, int(yes), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


# What follows runs in the process that is forked, and in its forks.


def _serve(control: socket.socket) -> dict[str, Any]:
    """Fork for each request; returns it, in the fork. Ends with the other end of `control`."""
    _import_everything()
    # What is not looked at by the collector is not copied into each fork.
    gc.collect()
    gc.freeze()
    assert len(os.listdir("/proc/self/task")) == 1, "an import has started a thread: it would not be forked"
    while True:
        data, streams, *_ = socket.recv_fds(control, _LONGEST, 3)
        if not data:
            os._exit(0)
        reader, writer = os.pipe()
        # Twice: a child that has lost its parent goes to the process that adopts orphans, who asked for it.
        parent = os.fork()
        if parent == 0:
            try:
                parent = os.getpid()
                pid = os.fork()
                if pid != 0:
                    os.write(writer, str(pid).encode())
            except BaseException:
                os._exit(1)
            if pid != 0:
                os._exit(0)
            for of_the_server in (reader, writer, control.detach()):
                os.close(of_the_server)
            while os.getppid() == parent:
                time.sleep(0.0005)
            return {**json.loads(data), "streams": streams}
        os.waitpid(parent, 0)
        control.send(os.read(reader, 32))
        for done in (reader, writer, *streams):
            os.close(done)


def _import_everything() -> None:
    """All that a proxy and its commands import sooner or later; not what draws on a terminal."""
    import wsproxy

    for module in pkgutil.walk_packages(wsproxy.__path__, "wsproxy."):
        if not module.name.startswith("wsproxy.tui") and not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def _become(request: dict[str, Any]) -> None:
    """Give the process what the one that asked for it has asked for."""
    if request["session"]:
        os.setsid()
    os.umask(request["umask"])
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    for number, stream in enumerate(request["streams"]):
        os.dup2(stream, number)
        os.close(stream)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        old = getattr(sys, name)
        is_buffered = isinstance(old.buffer, io.BufferedIOBase)
        raw = open(number, "wb" if number else "rb", buffering=-1 if is_buffered else 0, closefd=False)  # noqa: SIM115
        getattr(raw, "raw", raw).name = f"<{name}>"
        new = io.TextIOWrapper(
            raw,
            encoding=old.encoding,
            errors=old.errors,
            newline="\n",
            line_buffering=old.line_buffering or os.isatty(number),
            write_through=old.write_through,
        )
        setattr(sys, name, new)
        setattr(sys, f"__{name}__", new)
    sys.argv[1:] = request["args"]
    sys.path[0] = os.getcwd()


if __name__ == "__main__":
    # As `python -m` has it.
    sys.path[0] = os.getcwd()
    _become(_serve(socket.socket(fileno=int(sys.argv[1]))))
    runpy.run_module("wsproxy", run_name="__main__", alter_sys=True)
