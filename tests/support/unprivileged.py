"""
Run a test without root's privilege to read and write everything, also where the tests run as root.
"""

import ctypes
import functools
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

_VERSION_3 = 0x20080522
"""Of the structures of capset(2)."""


def _drop_capabilities() -> None:
    """Leave this thread (on Linux capabilities are a thread's own) nothing but its user."""
    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capset(header, nothing) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def unprivileged(test: Callable[..., None]) -> Callable[..., None]:
    """A test function for which file permissions count."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        if sys.platform == "win32":
            pytest.skip("file permissions are another thing on Windows")
        if os.geteuid() != 0:
            test(*args, **kwargs)
            return
        failures: list[BaseException] = []

        def inside() -> None:
            _drop_capabilities()
            try:
                test(*args, **kwargs)
            except BaseException as e:
                failures.append(e)

        thread = threading.Thread(target=inside)
        thread.start()
        thread.join()
        if failures:
            raise failures[0]

    return run
