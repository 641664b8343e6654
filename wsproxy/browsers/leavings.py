"""What is left of a browser when it ends or is ended: processes, a profile, and more outside of that."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from wsproxy import throwaway
from wsproxy.errors import WsproxyError

PREFIX = "wsproxy-browser-"
"""Of the names of throw-away profiles."""
MADE = "made"
"""In a profile's note: folders that the browser makes elsewhere in passing, outer ones first."""

_REMOVING = 5.0
"""Seconds until a profile that cannot be removed is given up."""


def kill_group(pid: int) -> None:
    """End what runs of a browser with this main process, at once."""
    if sys.platform == "win32":
        subprocess.run(
            ["taskkill", "/F", "/T", "/PID", str(pid)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    else:
        # macOS answers EPERM for a group of which only zombies are left.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def remove_outside(profile: Path, made: Sequence[Path]) -> None:
    """
    Remove what an ended browser left outside of its profile.

    Args:
        profile: still there.
        made: folders that it makes in passing, outer ones first; those with something in them stay.
    """
    _remove_meeting_point(profile)
    _remove_empty(made)


def remove_profile(profile: Path) -> None:
    """
    Remove a throw-away profile.

    Raises:
        WsproxyError: it cannot be removed.
    """
    # Processes that were just killed may still be making files for a moment.
    deadline = time.monotonic() + _REMOVING
    while profile.exists():
        shutil.rmtree(profile, ignore_errors=True)
        if time.monotonic() > deadline:
            raise WsproxyError(
                f"cannot remove the throw-away profile {profile}", "It may hold cookies: remove it by hand."
            )
        if profile.exists():
            time.sleep(0.05)


def sweep(parent: Path | None) -> None:
    """
    Remove what is left of browsers after which nobody will clear up.

    Args:
        parent: where their profiles are; the usual place if None.
    """
    for profile in throwaway.abandoned(PREFIX, parent):
        made = throwaway.noted(profile).get(MADE)
        remove_outside(profile, [Path(str(folder)) for folder in made] if isinstance(made, list) else [])
        shutil.rmtree(profile, ignore_errors=True)


def _remove_meeting_point(profile: Path) -> None:
    """
    Remove the folder of a socket, among the temporary files, by which a second Chromium finds the first.

    A link to it stands in the profile. Who is ended by a signal does not always remove it.
    """
    try:
        folder = Path(os.readlink(profile / "SingletonSocket")).parent
        for name in ("SingletonSocket", "SingletonCookie"):
            (folder / name).unlink(missing_ok=True)
        folder.rmdir()
    except OSError:
        # There is none, or something else is in it.
        return


def _remove_empty(folders: Sequence[Path]) -> None:
    for folder in reversed(folders):
        with contextlib.suppress(OSError):
            # Firefox's.
            log = folder / "crash_helper_server.log"
            if log.exists() and not log.stat().st_size:
                log.unlink()
            folder.rmdir()
