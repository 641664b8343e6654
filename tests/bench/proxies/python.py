"""
The proxies of this Python environment: wsproxy and stock mitmdump.
"""

import itertools
import os
import re
import shutil
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import ClassVar

import psutil

import wsproxy
from tests.bench.programs import Program
from tests.bench.proxies.base import START_TIMEOUT, Proxy, Unavailable

_SCRIPTS = Path(__file__).parents[1] / "scripts"


class Wsproxy(Proxy):
    """`wsproxy dump`, which records every frame."""

    name = "wsproxy"
    settings: ClassVar[tuple[str, ...]] = ()
    script: ClassVar[str] = ""

    def version(self) -> str:
        return f"wsproxy {wsproxy.__version__}"

    def launch(self) -> tuple[Program, dict[str, int]]:
        for number in itertools.count():
            capture = self.folder / f"{number}.wsp"
            if not capture.exists():
                break
        command = [sys.executable, "-m", "wsproxy", "dump", "-q", "-p", "0", "-w", str(capture), "-k"]
        for setting in self.settings:
            command += ["--set", setting]
        if self.script:
            command += ["-s", str(_SCRIPTS / self.script)]
        program = Program(command, env={"WSPROXY_HOME": str(self.folder / "home")})
        port = program.line(_listening, START_TIMEOUT)
        return program, {"ws": port, "wss": port}

    def stop(self) -> None:
        super().stop()
        for path in self.folder.glob("*.wsp*"):
            path.unlink()


class WsproxyWithoutPayload(Wsproxy):
    """The same, keeping no more than 1 KiB of each frame and message."""

    name = "wsproxy-1k"
    settings = ("frame_limit=1k", "message_limit=1k")


class WsproxyWithoutRecording(Wsproxy):
    """The same, recording connections and no frames."""

    name = "wsproxy-off"
    settings = ("record=false",)


class WsproxyWithAddon(Wsproxy):
    """The same with an addon that changes every message."""

    name = "wsproxy-addon"
    special = True
    script = "rewrite.py"


class WsproxyWithScript(Wsproxy):
    """The same with the script that mitmdump is given."""

    name = "wsproxy-script"
    special = True
    script = "rewrite_mitmproxy.py"


class Mitmdump(Proxy):
    """mitmproxy without a display, as it comes."""

    name = "mitmdump"
    script: ClassVar[str] = ""

    def version(self) -> str:
        self._path()
        return f"mitmproxy {metadata.version('mitmproxy')}"

    def _path(self) -> str:
        beside = Path(sys.executable).parent / ("mitmdump.exe" if os.name == "nt" else "mitmdump")
        path = str(beside) if beside.exists() else shutil.which("mitmdump")
        if path is None:
            raise Unavailable("there is no mitmdump beside this Python or on PATH")
        return path

    def launch(self) -> tuple[Program, dict[str, int]]:
        command = [self._path(), "-q", "--listen-host", "127.0.0.1", "-p", "0"]
        command += ["--set", "ssl_insecure=true", "--set", f"confdir={self.folder}"]
        if self.script:
            command += ["-s", str(_SCRIPTS / self.script)]
        program = Program(command)
        port = _listening_port(program)
        return program, {"ws": port, "wss": port}


class MitmdumpWithScript(Mitmdump):
    """The same with a script that changes every message."""

    name = "mitmdump-script"
    special = True
    script = "rewrite_mitmproxy.py"


def _listening(line: str) -> int | None:
    found = re.search(r"listening on \S+:(\d+);", line)
    return int(found[1]) if found else None


def _listening_port(program: Program) -> int:
    """Where a program that says nothing listens."""
    deadline = time.monotonic() + START_TIMEOUT
    process = psutil.Process(program.pid)
    while time.monotonic() < deadline and program.process.poll() is None:
        for connection in process.net_connections("tcp4"):
            if connection.status == psutil.CONN_LISTEN:
                return int(connection.laddr.port)
        time.sleep(0.05)
    raise program.failed("does not listen")
