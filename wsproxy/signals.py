"""Wait in such a way that no signal is missed."""

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def woken() -> Iterator[Callable[[], None]]:
    """
    A function that waits until a signal comes for which there is a handler, or a child of ours ends.

    One that came since the last call, or since this was entered, ends the wait at once. That is more than
    waiting in a system call gives: none is interrupted by a signal that comes just before it blocks, or that
    another thread takes, and its handler would run only after the call. To be entered in the main thread.
    """
    if os.name == "nt":
        yield lambda: time.sleep(0.05)
        return
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)

    def wait() -> None:
        select.select([read], [], [])
        with contextlib.suppress(BlockingIOError):
            os.read(read, 4096)

    # Only what has a handler is written to the descriptor.
    children = signal.signal(signal.SIGCHLD, lambda *_: None)
    before = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    try:
        yield wait
    finally:
        signal.set_wakeup_fd(before)
        signal.signal(signal.SIGCHLD, children)
        os.close(read)
        os.close(write)
