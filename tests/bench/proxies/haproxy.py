"""
haproxy as a blind relay: what moving bytes costs, for whoever does not look at them.

Reverse, since it knows no CONNECT. TCP to TCP, and TLS to TLS, decrypted and encrypted again.
"""

import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

from tests.bench.programs import Program
from tests.bench.proxies.base import START_TIMEOUT, Proxy, Unavailable

_CONFIG = """\
global
    maxconn 8000
    stats socket {folder}/control mode 600
defaults
    mode tcp
    timeout connect 30s
    timeout client 1h
    timeout server 1h
listen plain
    bind fd@{plain}
    server origin 127.0.0.1:{ws}
listen secure
    bind fd@{secure} ssl crt {certificate}
    server origin 127.0.0.1:{wss} ssl verify none
"""


class Haproxy(Proxy):
    """In the foreground, with its own number of threads."""

    name = "haproxy"
    intercepts = False
    tunnel = False

    def version(self) -> str:
        path = self._path()
        said = subprocess.run([path, "-v"], capture_output=True, text=True, check=True).stdout
        found = re.search(r"version (\S+)", said)
        return f"haproxy {found[1] if found else 'of unknown version'}"

    def _path(self) -> str:
        # Debian puts it where only root looks.
        path = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")
        if path is None:
            raise Unavailable("there is no haproxy on PATH (Debian: apt-get install haproxy)")
        return path

    def launch(self) -> tuple[Program, dict[str, int]]:
        with socket.socket() as plain, socket.socket() as secure:
            for listener in (plain, secure):
                listener.bind(("127.0.0.1", 0))
                listener.listen(1024)
            config = self.folder / "haproxy.cfg"
            config.write_text(
                _CONFIG.format(
                    folder=self.folder,
                    plain=plain.fileno(),
                    secure=secure.fileno(),
                    certificate=self.certificate,
                    **self.origin,
                )
            )
            program = Program(
                [self._path(), "-db", "-f", str(config)], pass_fds=(plain.fileno(), secure.fileno())
            )
            ports = {"ws": plain.getsockname()[1], "wss": secure.getsockname()[1]}
        _answers(self.folder / "control", program)
        return program, ports


def _answers(control: Path, program: Program) -> None:
    """Return once it has read its configuration."""
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and program.process.poll() is None:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(control))
                return
        except OSError:
            time.sleep(0.02)
    raise program.failed("does not start")
