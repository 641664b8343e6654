"""
Files that appear whole or not at all.

Everything is written to a temporary file beside its place (mode 0600 from the first byte) and
then given its name in one step. A crash can leave such a temporary file behind, never half a file
under the real name; `sweep` removes what crashes left.
"""

import contextlib
import errno
import os
import sys
import tempfile
import time
from pathlib import Path

SECRET = 0o600
PUBLIC = 0o644

_PREFIX = ".wsproxy-"
_SUFFIX = ".tmp"
_LEFT_BEHIND = 60.0
"""Seconds: no writer needs this long between making its temporary file and naming it."""


def publish(path: Path, data: bytes, mode: int) -> None:
    """
    Give `path` the content `data`, replacing what was there.

    Args:
        path: in an existing folder.
        data: the whole content.
        mode: permission bits; without meaning on Windows, where the folder's own rights hold.

    Raises:
        OSError: the folder cannot be written.
    """
    temporary = _write(path.parent, data, mode)
    try:
        os.replace(temporary, path)
    except BaseException:
        _remove(temporary)
        raise


def publish_new(path: Path, data: bytes, mode: int) -> bool:
    """
    Give `path` the content `data` unless it exists; among several processes exactly one succeeds.

    Args:
        path: in an existing folder.
        data: the whole content.
        mode: permission bits; without meaning on Windows.

    Returns:
        Whether this call made the file. If not, the file is there and complete.

    Raises:
        OSError: the folder cannot be written.
    """
    temporary = _write(path.parent, data, mode)
    try:
        return _name_once(temporary, path)
    finally:
        _remove(temporary)


def sweep(directory: Path) -> None:
    """Remove temporary files that a crashed writer left in `directory` more than a minute ago."""
    for leftover in directory.glob(f"{_PREFIX}*{_SUFFIX}"):
        with contextlib.suppress(OSError):
            if time.time() - leftover.stat().st_mtime > _LEFT_BEHIND:
                leftover.unlink()


def _write(directory: Path, data: bytes, mode: int) -> Path:
    descriptor, name = tempfile.mkstemp(prefix=_PREFIX, suffix=_SUFFIX, dir=directory)
    temporary = Path(name)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            # Otherwise a power cut after the renaming can leave a named, empty file.
            os.fsync(file.fileno())
        # Also where it is what it was made with: a umask may have taken more away.
        temporary.chmod(mode)
    except BaseException:
        _remove(temporary)
        raise
    return temporary


def _name_once(temporary: Path, path: Path) -> bool:
    if sys.platform == "win32":
        try:
            # On Windows renaming refuses to replace.
            os.rename(temporary, path)
        except FileExistsError:
            return False
        return True
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError as error:
        # FAT, some network and some container file systems have no hard links.
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
            raise
        return _name_once_under_lock(temporary, path)
    return True


def _name_once_under_lock(temporary: Path, path: Path) -> bool:
    if sys.platform == "win32":
        raise NotImplementedError("renaming does not replace on Windows, so no lock is needed")
    import fcntl

    # The system lets go of the lock if we die, so a crash blocks nobody.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        if os.path.lexists(path):
            return False
        os.rename(temporary, path)
        return True
    finally:
        os.close(folder)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
