"""
Run a program and be, to whoever started us, as it would be: its exit status, its signals.

Ctrl-C in a terminal reaches the program by itself, as it stays in the foreground with us. What is sent to us
alone is passed on to it.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

from wsproxy.errors import UsageError
from wsproxy.signals import woken

_PASSED_ON = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGBREAK")
_FROM_TERMINAL = ("SIGINT", "SIGQUIT", "SIGBREAK")


class NotFound(UsageError):
    """There is no such program; the exit code is that of shells and of env(1)."""

    exit_code = 127


class NotExecutable(UsageError):
    """It is there and cannot be run; likewise."""

    exit_code = 126


def run(
    command: Sequence[str], environment: Mapping[str, str], started: Callable[[int], None] = lambda pid: None
) -> int:
    """
    Run `command` to its end, with our own stdin, stdout and stderr.

    Args:
        command: the program and its arguments.
        environment: all of it.
        started: told the number of its process.

    Returns:
        Its exit status, or the negative number of the signal that ended it.

    Raises:
        NotFound, NotExecutable: it cannot be started.
    """
    with _passing_on() as relay, woken() as wait:
        relay.process = process = _start(command, environment)
        relay.deliver()
        started(process.pid)
        while (status := process.poll()) is None:
            wait()
        return status


def end_as(status: int) -> None:
    """
    End this process as the program ended, if a signal ended it; otherwise return.

    Args:
        status: what `run` returned.
    """
    if status >= 0 or os.name == "nt":
        return
    import resource

    number = -status
    sys.stdout.flush()
    sys.stderr.flush()
    # The program may have left a core; ours would tell nothing.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    with contextlib.suppress(OSError, ValueError):
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


class _Relay:
    """Takes signals, and passes them on once there is somebody to pass them to."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self._waiting: list[int] = []

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if signal.Signals(number).name in _FROM_TERMINAL and _in_foreground():
            return
        self._waiting.append(number)
        self.deliver()

    def deliver(self) -> None:
        while self.process is not None and self._waiting:
            self.process.send_signal(self._waiting.pop(0))


def look_up(command: Sequence[str], environment: Mapping[str, str]) -> None:
    """
    Look whether `command` can be started, as far as that can be seen without doing so.

    Raises:
        NotFound, NotExecutable: it cannot.
    """
    name = command[0]
    if shutil.which(name, path=environment.get("PATH")):
        return
    if os.path.dirname(name) and os.path.exists(name):
        reason = "is a directory" if os.path.isdir(name) else "permission denied"
        raise NotExecutable(f"cannot run {name}: {reason}")
    raise _not_found(name)


def _not_found(name: str) -> NotFound:
    return NotFound(
        f"there is no program {name!r}", "What only a shell knows needs one: `wsproxy exec -- sh -c '...'`"
    )


@contextmanager
def _passing_on() -> Iterator[_Relay]:
    relay = _Relay()
    numbers = [getattr(signal, name) for name in _PASSED_ON if hasattr(signal, name)]
    # What was ignored stays so, for the program as well: `nohup` means it.
    wanted = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, relay) for number in wanted}
    try:
        yield relay
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _in_foreground() -> bool:
    """Whether the terminal sends its signals to us and the program alike."""
    if os.name == "nt":
        # They are sent to everybody on the console.
        return True
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def _start(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    name = command[0]
    # Windows finds `npm.cmd` only if it is told.
    program = shutil.which(name, path=environment.get("PATH")) or name
    try:
        if os.name == "nt":
            return subprocess.Popen([program, *command[1:]], env=dict(environment))
        # It may look at the name it was called by.
        return subprocess.Popen(command, executable=program, env=dict(environment))
    except FileNotFoundError:
        if os.path.exists(program):
            raise NotExecutable(
                f"cannot run {name}: its interpreter is missing", "Look at its first line"
            ) from None
        raise _not_found(name) from None
    except OSError as error:
        raise NotExecutable(f"cannot run {name}: {(error.strerror or str(error)).lower()}") from None
