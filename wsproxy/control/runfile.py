"""
Run files: how other programs of the same user find a running proxy, and prove who they are.

Every engine writes one as soon as it listens, and removes it when it stops. It holds the token that its
control API wants, so it is readable by its owner alone (0600 in a folder of 0700). What an engine left
that did not stop in order is recognised by its process, and cleaned up by whoever looks next.
"""

import contextlib
import json
import os
import platform
import stat
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from wsproxy import config
from wsproxy.errors import ControlError
from wsproxy.store.processes import born, is_alive

_SUFFIX = ".json"
_LARGEST = 64 * 1024
"""Bytes of a run file that are read."""


@dataclass(frozen=True, slots=True)
class RunFile:
    """One running engine."""

    port: int
    """Of its control API, on 127.0.0.1."""
    token: str = field(repr=False)
    """To be sent as `Authorization: Bearer TOKEN`."""
    listen: tuple[str, ...]
    """Where the proxy listens, `host:port`."""
    capture: str
    """The file it writes."""
    started: int
    """When, ns since the epoch."""
    pid: int = field(default_factory=os.getpid)
    born: str = field(default_factory=lambda: born(os.getpid()))
    """When the process began (`wsproxy.store.processes.born`)."""
    host: str = field(default_factory=platform.node)
    """The machine or container whose processes `pid` counts."""

    @property
    def name(self) -> str:
        """Of the file."""
        return f"{self.pid}-{self.port}{_SUFFIX}"

    @property
    def is_stale(self) -> bool:
        """Its process is gone; another one may have got its number."""
        return not is_alive(self.pid) or (bool(self.born) and born(self.pid) != self.born)

    def listens_on(self, port: int) -> bool:
        """Whether the proxy, or its control API, has that port."""
        return port == self.port or any(address.endswith(f":{port}") for address in self.listen)


def write(run: RunFile) -> Path:
    """
    Say that an engine runs.

    Returns:
        The file, to be removed with `remove` when it stops.

    Raises:
        ControlError: that cannot be said safely.
    """
    # Who only looks has no use for what comes with it.
    from wsproxy.certs.files import SECRET, publish_new, sweep

    try:
        folder = config.private_dir(config.runtime_dir())
        _make_private(folder)
        sweep(folder)
        _runs(folder)
        path = folder / run.name
        made = publish_new(path, json.dumps(asdict(run)).encode(), SECRET)
    except OSError as error:
        raise ControlError(
            f"no run file could be written: {error.strerror or error}: {error.filename}"
        ) from None
    if not made:
        raise ControlError(f"no run file could be written: {path} is in the way")
    return path


def remove(path: Path) -> None:
    """The engine stops."""
    with contextlib.suppress(OSError):
        path.unlink()


def running() -> list[RunFile]:
    """
    The engines of this user on this machine, in the order they were started.

    Raises:
        ControlError: the place where they say so is not safe.
    """
    try:
        folder = config.runtime_dir()
        if not os.path.lexists(folder):
            return []
        _make_private(folder)
        found = _runs(folder)
    except OSError as error:
        raise ControlError(
            f"cannot look for running proxies: {error.strerror or error}: {error.filename}"
        ) from None
    return sorted(found, key=lambda run: run.started)


def _make_private(folder: Path) -> None:
    """
    See to it that nobody else can put files into `folder`, or put another in its place.

    Raises:
        ControlError: somebody else can.
    """
    if os.name == "nt":
        # The user's own folders are private there.
        return
    for place in (folder, folder.parent):
        status = place.lstat() if place is folder else place.stat()
        if not stat.S_ISDIR(status.st_mode):
            what = "is a symbolic link" if stat.S_ISLNK(status.st_mode) else "is not a folder"
            raise ControlError(f"{place} {what}; it must be a folder of yours", "Remove it")
        ours = (os.geteuid(),) if place is folder else (os.geteuid(), 0)
        if status.st_uid not in ours:
            raise ControlError(f"{place} belongs to somebody else", "Set WSPROXY_HOME to a folder of yours")
        if place is not folder and status.st_mode & 0o002 and not status.st_mode & stat.S_ISVTX:
            raise ControlError(f"everybody may write in {place}", f"Forbid that: `chmod o-w {place}`")
    if folder.lstat().st_mode & 0o077:
        folder.chmod(0o700)


def _runs(folder: Path) -> list[RunFile]:
    """What is in the folder; what is stale is removed."""
    found = []
    for path in folder.glob(f"*{_SUFFIX}"):
        run = _read(path)
        if run is None or run.host != platform.node() or run.name != path.name:
            continue
        if run.is_stale:
            remove(path)
        else:
            found.append(run)
    return found


def _read(path: Path) -> RunFile | None:
    """None for what is not a run file of this user's, or is being removed."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags)
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return None
        if os.name != "nt" and (status.st_uid != os.geteuid() or status.st_mode & 0o077):
            return None
        data = os.read(descriptor, _LARGEST)
    finally:
        os.close(descriptor)
    try:
        values: dict[str, Any] = json.loads(data)
        return RunFile(
            port=int(values["port"]),
            token=str(values["token"]),
            listen=tuple(map(str, values["listen"])),
            capture=str(values["capture"]),
            started=int(values["started"]),
            pid=int(values["pid"]),
            born=str(values["born"]),
            host=str(values["host"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
