"""
Temporary folders that say whose they are.

Who makes one removes it. Where that one was killed, the next who makes one of the kind does, once none of the
processes that used it is left.
"""

import contextlib
import json
import os
import platform
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wsproxy.store.processes import born, is_alive

NOTE = ".wsproxy-users.json"
"""In the folder: the processes that use it."""

_LARGEST = 64 * 1024
"""Bytes of a note that are read."""
_MAKING = 60.0
"""Seconds: nobody needs this long between making a folder and writing the note."""


@contextmanager
def folder(prefix: str) -> Iterator[Path]:
    """
    A folder for the time of the block, among the system's temporary files.

    Those of its kind that nobody uses any more are removed as well.

    Args:
        prefix: as in `make`.

    Raises:
        OSError: it cannot be made.
    """
    for left in abandoned(prefix):
        shutil.rmtree(left, ignore_errors=True)
    made = make(prefix)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def make(prefix: str, parent: Path | None = None, **more: Any) -> Path:
    """
    Make a folder of mode 0700, used by this process.

    Args:
        prefix: of its name, the same for all of a kind.
        parent: where; the system's folder for temporary files if None.
        more: what to note for who removes it, in JSON's types.

    Raises:
        OSError: it cannot be made.
    """
    made = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        _write(made, {**more, "host": _host(), "users": [_user(os.getpid())]})
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return made


def used_too(made: Path, pid: int) -> None:
    """Note another process that uses a folder, if it can be written."""
    note = noted(made)
    with contextlib.suppress(OSError):
        _write(made, {**note, "users": [*note.get("users", ()), _user(pid)]})


def noted(made: Path) -> dict[str, Any]:
    """What was noted in a folder; nothing where there is no note that can be understood."""
    try:
        with open(made / NOTE, "rb") as file:
            note = json.loads(file.read(_LARGEST))
    except (OSError, ValueError, RecursionError):
        return {}
    return note if isinstance(note, dict) else {}


def abandoned(prefix: str, parent: Path | None = None) -> Iterator[Path]:
    """
    Folders of a kind, made by this user on this machine, that nobody uses any more.

    Args:
        prefix, parent: as they were made.
    """
    place = parent or Path(tempfile.gettempdir())
    try:
        found = [path for path in place.iterdir() if path.name.startswith(prefix)]
    except OSError:
        return
    for path in found:
        with contextlib.suppress(OSError):
            status = path.lstat()
            if stat.S_ISDIR(status.st_mode) and _is_ours(status) and _is_abandoned(path, status):
                yield path


def _is_ours(status: os.stat_result) -> bool:
    return os.name == "nt" or status.st_uid == os.geteuid()


def _is_abandoned(made: Path, status: os.stat_result) -> bool:
    note = noted(made)
    try:
        users = [(int(pid), str(began)) for pid, began in note["users"]]
    except (KeyError, TypeError, ValueError):
        # Its maker was ended before it could write any; or this is somebody else's.
        return time.time() - status.st_mtime > _MAKING and not os.listdir(made)
    if note.get("host") != _host():
        return False
    return not any(is_alive(pid) and (not began or born(pid) == began) for pid, began in users)


def _user(pid: int) -> tuple[int, str]:
    return pid, born(pid)


def _host() -> str:
    """The machine, and the container, whose processes are counted."""
    try:
        return f"{platform.node()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return platform.node()


def _write(made: Path, note: dict[str, Any]) -> None:
    # Who only looks has no use for what comes with it.
    from wsproxy.certs import files

    files.publish(made / NOTE, json.dumps(note).encode(), files.SECRET)
