"""
Intercepting proxies of the Node world, each with callbacks for every message.

Their packages are installed on first use, into `tests/bench/node/node_modules`.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import ClassVar

from tests.bench.programs import Program
from tests.bench.proxies.base import START_TIMEOUT, Proxy, Unavailable

FOLDER = Path(__file__).resolve().parents[1] / "node"


class NodeProxy(Proxy):
    """One script in that folder, which prints its port."""

    package: ClassVar[str]

    def version(self) -> str:
        node = shutil.which("node")
        if node is None:
            raise Unavailable("there is no node on PATH")
        _install()
        manifest = json.loads((FOLDER / "node_modules" / self.package / "package.json").read_text())
        runtime = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
        return f"{self.package} {manifest['version']}, Node {runtime.stdout.strip()}"

    def launch(self) -> tuple[Program, dict[str, int]]:
        node = shutil.which("node")
        assert node is not None
        # In its own folder, since one of them makes its authority where it stands.
        program = Program(
            [node, str(FOLDER / f"{self.name}.js"), str(self.folder)],
            cwd=self.folder,
            env={"NODE_PATH": str(FOLDER / "node_modules"), "NODE_NO_WARNINGS": "1"},
        )
        port = program.line(_port, START_TIMEOUT)
        return program, {"ws": port, "wss": port}


class Mockttp(NodeProxy):
    """What HTTP Toolkit is built on."""

    name = "mockttp"
    package = "mockttp"


class HttpMitmProxy(NodeProxy):
    """The proxy module most scripts use."""

    name = "http-mitm-proxy"
    package = "http-mitm-proxy"


def _port(line: str) -> int | None:
    return int(line.removeprefix("port ")) if line.startswith("port ") else None


def _install() -> None:
    wanted = json.loads((FOLDER / "package.json").read_text())["dependencies"]
    for name, version in wanted.items():
        manifest = FOLDER / "node_modules" / name / "package.json"
        if not manifest.exists() or json.loads(manifest.read_text())["version"] != version:
            break
    else:
        return
    npm = shutil.which("npm")
    if npm is None:
        raise Unavailable("there is no npm on PATH to install its package with")
    command = [npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]
    done = subprocess.run(
        command, cwd=FOLDER, capture_output=True, text=True, env={**os.environ, "NO_UPDATE_NOTIFIER": "1"}
    )
    if done.returncode:
        raise Unavailable(f"npm install failed in {FOLDER}: {(done.stderr or done.stdout).strip()[-300:]}")
