"""A running browser: its group of processes and its profile, which end together unless that is kept."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from wsproxy.errors import WsproxyError

_GRACE = 5.0
"""Seconds between asking a browser to end and ending it."""
_LAST_WORDS = 8192
"""Bytes kept of what the browser wrote to stderr."""


class Browser:
    """
    A browser process group with a fresh profile of mode 0700, removed at the end, or one that is kept.

    Use it as a context manager, or call `close`. Methods are for one thread.

    Args:
        command: the program and its arguments, given the folder of the profile.
        variables: what is added to its environment, likewise.
        afterwards: called when it has ended, likewise: removes what it leaves outside of the profile.
        parent: where the profile is made; the system's temporary folder if None.
        kept: the profile instead, made if it is not there, and not removed.
        show_output: pass the browser's stderr on instead of keeping its end for `last_words`.

    Raises:
        WsproxyError: the profile cannot be made, or the program cannot be started.
    """

    def __init__(
        self,
        command: Callable[[Path], Sequence[str]],
        *,
        variables: Callable[[Path], Mapping[str, str]] = lambda profile: {},
        afterwards: Callable[[Path], None] = lambda profile: None,
        parent: Path | None = None,
        kept: Path | None = None,
        show_output: bool = False,
    ) -> None:
        self._is_kept = kept is not None
        self._afterwards = afterwards
        try:
            self.profile = kept or Path(tempfile.mkdtemp(prefix="wsproxy-browser-", dir=parent))
            if kept:
                kept.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise WsproxyError(f"cannot make a profile for the browser: {error}") from error
        try:
            arguments = command(self.profile)
        except BaseException:
            self._remove_profile()
            raise
        try:
            self._process = _start(arguments, {**os.environ, **variables(self.profile)}, show_output)
        except OSError as error:
            self._remove_profile()
            reason = (error.strerror or str(error)).lower()
            raise WsproxyError(
                f"cannot start {arguments[0]}: {reason}", "Name another browser with --browser."
            ) from error
        self._ended = False
        self._tail = b""
        self._reader = threading.Thread(target=self._read_output, name="browser-stderr", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The main process; on POSIX also the number of its process group."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether its main process has not ended."""
        return self._process.poll() is None

    @property
    def last_words(self) -> str:
        """The end of what the browser wrote to stderr, as it wrote it; complete once it has ended."""
        return self._tail.decode("utf-8", "replace")

    def wait(self, timeout: float | None = None) -> int:
        """
        Wait until the browser was closed; whatever is left of its processes is then ended.

        Args:
            timeout: seconds.

        Returns:
            The exit code of its main process, negative for a signal.

        Raises:
            TimeoutError: it still runs.
        """
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"the browser still runs after {timeout} seconds") from None
        self._end_group()
        return code

    def failure(self, name: str, code: int) -> WsproxyError:
        """
        Why it ended by itself, in words.

        Args:
            name: what to call the browser.
            code: its exit code, other than 0; below that the number of a signal.
        """
        # Complaints about the desktop's message bus are always there, and never the reason.
        lines = [line for line in self.last_words.splitlines() if line.strip() and "dbus" not in line]
        # What it wrote can quote a page. In front stand process numbers, time and line of source.
        last = re.sub(r"^\[[^]]*\]\s*", "", lines[-1]).strip(" .") if lines else ""
        last = "".join(c if c.isprintable() else "?" for c in last)
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        hint = "`wsproxy browser -v` tells more."
        if sys.platform.startswith("linux") and not {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys():
            hint = "There is no display here: `wsproxy browser --headless` needs none."
        return WsproxyError(f"{name} {how}" + (f": {last}" if last else ""), hint)

    def close(self) -> None:
        """End the browser, politely at first, and remove a throw-away profile. Can be called again."""
        if not self._ended:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_GRACE)
            self._end_group()
            self._process.wait()
        self._remove_profile()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _remove_profile(self) -> None:
        if not self._is_kept:
            _remove(self.profile)

    def _end_group(self) -> None:
        # Once only: later the number could belong to somebody else's processes.
        if not self._ended:
            self._ended = True
            _kill_group(self._process)
            self._reader.join(_GRACE)
            self._afterwards(self.profile)

    def _read_output(self) -> None:
        # Unread, the pipe would fill up and stop the browser.
        stream = self._process.stderr
        if stream is None:
            return
        with stream:
            while chunk := stream.read(4096):
                self._tail = (self._tail + chunk)[-_LAST_WORDS:]


def _start(
    arguments: Sequence[str], environment: Mapping[str, str], show_output: bool
) -> subprocess.Popen[bytes]:
    # A group of its own: ended as a whole, and out of reach of Ctrl-C in the terminal, which is
    # for us to answer.
    if sys.platform == "win32":
        flags, session = subprocess.CREATE_NEW_PROCESS_GROUP, False
    else:
        flags, session = 0, True
    return subprocess.Popen(
        arguments,
        bufsize=0,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=None if show_output else subprocess.PIPE,
        start_new_session=session,
        creationflags=flags,
    )


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        subprocess.run(
            ["taskkill", "/F", "/T", "/PID", str(process.pid)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    else:
        # macOS answers EPERM for a group of which only zombies are left.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def _remove(profile: Path) -> None:
    # Processes that were just killed may still be making files for a moment.
    deadline = time.monotonic() + _GRACE
    while profile.exists():
        shutil.rmtree(profile, ignore_errors=True)
        if time.monotonic() > deadline:
            raise WsproxyError(
                f"cannot remove the throw-away profile {profile}", "It may hold cookies: remove it by hand."
            )
        if profile.exists():
            time.sleep(0.05)
