"""A running browser: its group of processes and its profile, which end together unless that is kept."""

import contextlib
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from wsproxy import throwaway
from wsproxy.browsers import leavings
from wsproxy.browsers.guardian import GRACE, Guardian
from wsproxy.errors import WsproxyError

_LAST_WORDS = 8192
"""Bytes kept of what the browser wrote to stderr."""


class Browser:
    """
    A browser process group with a fresh profile of mode 0700, removed at the end, or one that is kept.

    Use it as a context manager, or call `close`. Methods are for one thread.

    Args:
        command: the program and its arguments, given the folder of the profile.
        variables: what is added to its environment, likewise.
        made: folders that it makes outside of the profile in passing, outer ones first. They are removed when
            it has ended, unless something is in them.
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
        made: Sequence[Path] = (),
        parent: Path | None = None,
        kept: Path | None = None,
        show_output: bool = False,
    ) -> None:
        self._is_kept = kept is not None
        self._made = made
        leavings.sweep(parent)
        try:
            if kept:
                kept.mkdir(mode=0o700, parents=True, exist_ok=True)
            note = {leavings.MADE: list(map(str, made))}
            self.profile = kept or throwaway.make(leavings.PREFIX, parent, **note)
        except OSError as error:
            raise WsproxyError(f"cannot make a profile for the browser: {error}") from error
        try:
            self._guardian = Guardian(self.profile, self._is_kept, made)
        except OSError as error:
            self._remove_profile()
            raise WsproxyError(f"cannot start a process: {error}") from error
        try:
            arguments = command(self.profile)
            self._process = _start(arguments, {**os.environ, **variables(self.profile)}, show_output)
        except OSError as error:
            self._clear_up()
            reason = (error.strerror or str(error)).lower()
            raise WsproxyError(
                f"cannot start {arguments[0]}: {reason}", "Name another browser with --browser."
            ) from error
        except BaseException:
            self._clear_up()
            raise
        self._guardian.watch(self.pid)
        if not self._is_kept:
            throwaway.used_too(self.profile, self.pid)
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
                self._process.wait(GRACE)
            self._end_group()
            self._process.wait()
        self._clear_up()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _clear_up(self) -> None:
        self._remove_profile()
        self._guardian.dismiss()

    def _remove_profile(self) -> None:
        if not self._is_kept:
            leavings.remove_profile(self.profile)

    def _end_group(self) -> None:
        # Once only: later the number could belong to somebody else's processes.
        if not self._ended:
            self._ended = True
            leavings.kill_group(self.pid)
            self._reader.join(GRACE)
            leavings.remove_outside(self.profile, self._made)

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
