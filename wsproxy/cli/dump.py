"""
`wsproxy dump`: run the proxy, print one line per frame as it happens, keep everything in a capture.

The proxy runs in this process; the lines are printed by a viewer in a process of its own, which
follows the capture like any other viewer. However slow the terminal is, no frame waits for it.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wsproxy.cli.running import capture_target, engine_options, run_engine, tell

if TYPE_CHECKING:
    from wsproxy.engine.master import Engine


@click.command()
@engine_options
@click.option(
    "-w", "--write", metavar="FILE", help="Capture to FILE (+FILE appends). [default: a new file in your captures]"
)
@click.option("-q", "--quiet", is_flag=True, help="Record without printing frames.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True)
def dump(write: str | None, quiet: bool, as_json: bool, color: str, **listen: Any) -> None:
    """
    Run the proxy and print every WebSocket frame, one line each.

    Set it as the proxy of a browser or program (127.0.0.1:8080), or let `wsproxy browser` start
    one that is set up already. Everything is kept in a capture file, whose name is said at start;
    `wsproxy log`, `info` and others read it, also while it grows. Ctrl-C ends it.

    \b
    Examples:
      wsproxy dump
      wsproxy dump -p 9000 -w session.wsp
      wsproxy dump --only 'example\\.com:443$'
      wsproxy dump -m reverse:https://example.com --json | jq .text
    """
    from wsproxy.engine.master import EngineOptions

    path, append = capture_target(write)
    options = EngineOptions(capture=path, append=append, **listening(listen))
    viewer: list[subprocess.Popen[bytes]] = []

    def ready(engine: "Engine") -> None:
        announce(engine, path, quiet=quiet, as_json=as_json)
        if not quiet:
            viewer.append(start_viewer(path, engine, as_json=as_json, color=color))

    try:
        run_engine(options, ready)
    finally:
        for process in viewer:
            process.wait()
    tell(f"captured in {path}; `wsproxy log {path}` shows it again")


def listening(options: dict[str, Any]) -> dict[str, Any]:
    """The engine's options from those of the command line."""
    modes = options["modes"] or ("regular",)
    return {**options, "modes": tuple(modes)}


def announce(engine: "Engine", path: Path, *, quiet: bool, as_json: bool) -> None:
    """Say where the proxy listens and where it records to."""
    addresses = [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in engine.addresses]
    if as_json and not quiet:
        print(json.dumps({"event": "start", "listen": addresses, "capture": str(path)}), flush=True)
    tell(f"listening on {', '.join(addresses) or 'nothing'}; recording to {path}")
    exposed = [host for host, _ in engine.addresses if not _is_loopback(host)]
    if exposed:
        tell(f"anyone who reaches {', '.join(exposed)} can use this proxy, and their traffic is recorded")


def start_viewer(
    path: Path, engine: "Engine", *, as_json: bool = False, color: str = "auto"
) -> "subprocess.Popen[bytes]":
    """
    Print the capture as it grows, in a process of its own.

    When the viewer ends by itself (its reader went away, as with `| head`) the proxy ends too.
    """
    import threading

    command = [sys.executable, "-m", "wsproxy", "log", str(path), "--follow", "--until-closed"]
    command += ["--color", color, *(["--json"] if as_json else [])]
    process = subprocess.Popen(command, env={**os.environ})

    def watch() -> None:
        process.wait()
        engine.stop()

    threading.Thread(target=watch, name="viewer", daemon=True).start()
    return process


def _is_loopback(host: str) -> bool:
    import ipaddress

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
