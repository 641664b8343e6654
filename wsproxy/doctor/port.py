"""The port of the proxy: free, or a proxy of ours listens there."""

import errno
import os
import socket

from wsproxy.control import runfile
from wsproxy.control.runfile import RunFile
from wsproxy.doctor.check import Check
from wsproxy.errors import ControlError


def running_on(port: int) -> RunFile | None:
    """The proxy of this user's that listens there."""
    try:
        return next((run for run in runfile.running() if run.listens_on(port)), None)
    except ControlError:
        return None


def check(host: str, port: int) -> Check:
    """
    Whether a proxy can listen there, or does.

    Args:
        host: an address of this machine.
        port: from 1 on.
    """
    if run := running_on(port):
        return Check("port", "ok", f"wsproxy listens on {' and '.join(run.listen)} (process {run.pid})")
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        advice = {
            errno.EADDRINUSE: "Choose another with -p, or end the program that has it",
            errno.EACCES: "Choose a port from 1024 on with -p",
            errno.EADDRNOTAVAIL: "Choose an address of this machine with --listen-host",
        }.get(error.errno or 0, "Choose another port with -p, or another address with --listen-host")
        taken = "another program" if error.errno == errno.EADDRINUSE else ""
        why = os.strerror(error.errno).lower() if error.errno else str(error)
        found = f"{where} is taken by {taken}" if taken else f"nobody can listen on {where}: {why}"
        return Check("port", "wrong", found, advice)
    return Check("port", "ok", f"{where} is free")
