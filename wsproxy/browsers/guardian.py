"""
Clears up after a browser whose owner was killed.

A small process waits at the other end of a pipe for the end of this one, however it comes: the system closes
the pipe. Then it ends the browser, and removes what that leaves behind. It is in a session of its own, out of
reach of what is done to this one and to its terminal.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from wsproxy.browsers import leavings
from wsproxy.children import own
from wsproxy.errors import WsproxyError
from wsproxy.store.processes import born, is_alive

GRACE = 5.0
"""Seconds between asking a browser to end and ending it."""


class Guardian:
    """
    The process that waits.

    Args:
        profile: of the browser.
        is_kept: whether that stays.
        made: as in `leavings.remove_outside`.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, profile: Path, is_kept: bool, made: Sequence[Path]) -> None:
        if sys.platform == "win32":
            flags, session = subprocess.CREATE_NEW_PROCESS_GROUP, False
        else:
            flags, session = 0, True
        self._process = subprocess.Popen(
            own("wsproxy.browsers.guardian"),
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=session,
            creationflags=flags,
        )
        self._tell(str(profile), is_kept, list(map(str, made)))

    def watch(self, pid: int) -> None:
        """Tell it of the main process of the browser, as soon as there is one."""
        self._tell(pid, born(pid))

    def dismiss(self) -> None:
        """There is nothing left to clear up."""
        self._process.kill()
        self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()

    def _tell(self, *words: object) -> None:
        # It may be gone; there is nothing to be done about that.
        with contextlib.suppress(OSError):
            if self._process.stdin:
                self._process.stdin.write(json.dumps(words).encode() + b"\n")


def _main() -> None:
    """The other process."""
    told = [json.loads(line) for line in sys.stdin.buffer.read().splitlines()]
    if not told:
        return
    profile, is_kept, made = told[0]
    if len(told) > 1:
        pid, began = told[1]
        # Where the main process is gone its number is not given away as long as its group has members.
        if not is_alive(pid) or born(pid) == began:
            if is_kept:
                _ask_to_end(pid)
            leavings.kill_group(pid)
    leavings.remove_outside(Path(profile), [Path(folder) for folder in made])
    if not is_kept:
        with contextlib.suppress(WsproxyError):
            leavings.remove_profile(Path(profile))


def _ask_to_end(pid: int) -> None:
    """Let it save what is to be kept."""
    if sys.platform == "win32":
        return
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + GRACE
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)


if __name__ == "__main__":
    _main()
