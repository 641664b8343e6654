"""
Where tests write: into memory where there is enough of it.

A capture is a database, which waits for the disk when it is made and when it is closed: a few milliseconds of
work, and fifty to a hundred of waiting, in nearly every test. None of them takes the power away, which is all
that a disk would survive and memory does not; slow disks and full ones are acted (`test_slow_disks`,
`test_store_disks`).
"""

import os
import sys
from pathlib import Path

ROOT = "PYTEST_DEBUG_TEMPROOT"
"""Where pytest has its folders for tests; whoever sets it decides."""

_MEMORY = Path("/dev/shm")
_ROOM = 4 << 30
"""Bytes: the largest captures together, and as much again."""


def in_memory() -> None:
    """Let `tmp_path` be there, unless something stands against it."""
    if ROOT not in os.environ and _will_do(_MEMORY):
        os.environ[ROOT] = str(_MEMORY)


def _will_do(folder: Path) -> bool:
    if sys.platform != "linux" or not os.access(folder, os.W_OK | os.X_OK):
        return False
    found = os.statvfs(folder)
    # Tests write programs and start them.
    return not found.f_flag & os.ST_NOEXEC and found.f_bavail * found.f_frsize >= _ROOM
