"""
The proxy as a child that outlives its parent: in a session of its own, it hears neither Ctrl-C nor the end
of the terminal, and goes on recording if the UI dies.
"""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence

from wsproxy.children import own
from wsproxy.control import runfile
from wsproxy.control.runfile import RunFile

_LOOK = 0.02
"""Seconds between two looks whether it runs."""
_PATIENCE = 60.0
"""Seconds it may take to start: a loaded machine is slow, not broken."""
_SAID = 64 * 1024
"""Bytes of what it said that are kept in mind."""


class EngineProcess:
    """
    A proxy that was started here.

    Args:
        capture: where it records to.
        words: options of `wsproxy dump`.
    """

    def __init__(self, capture: str, words: Sequence[str]) -> None:
        # A file without a name: what the proxy says can be read, is nobody else's, and leaves nothing.
        self._said = tempfile.TemporaryFile()  # noqa: SIM115
        command = own("wsproxy", "dump", "-q", "-w", capture, *words)
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._said,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def started(self) -> RunFile | None:
        """
        Wait until it listens.

        Returns:
            Where it is; None if it has ended, or does not come.
        """
        deadline = time.monotonic() + _PATIENCE
        while self._process.poll() is None and time.monotonic() < deadline:
            for run in runfile.running():
                if run.pid == self.pid:
                    return run
            time.sleep(_LOOK)
        return None

    def said(self) -> str:
        """What it has said on its stderr, the end of it."""
        size = os.fstat(self._said.fileno()).st_size
        # It writes at the same offset: reading must not move that.
        data = os.pread(self._said.fileno(), _SAID, max(size - _SAID, 0))
        return data.decode(errors="replace")

    def stop(self, patience: float = 20.0) -> int | None:
        """
        Stop it in order.

        Returns:
            Its exit code; None if it has not stopped within `patience` seconds.
        """
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(patience)
        except subprocess.TimeoutExpired:
            return None
        finally:
            self._said.close()

    def leave(self) -> None:
        """Let it go on alone."""
        self._said.close()
        # It is nobody's child any more: that it still runs is meant.
        self._process.returncode = 0
