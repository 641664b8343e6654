"""The running proxy as screens see it: asked and told in threads, so that the screen never waits."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from wsproxy.control.client import Client
from wsproxy.control.messages import Event
from wsproxy.control.runfile import RunFile
from wsproxy.errors import ControlError
from wsproxy.store.processes import is_alive

T = TypeVar("T")


class EngineLink:
    """
    One running proxy.

    Args:
        run: where it is.
    """

    def __init__(self, run: RunFile) -> None:
        self.run = run
        self._client = Client(run)
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="engine")

    @property
    def alive(self) -> bool:
        """Whether its process is still there."""
        return not self.run.is_stale

    @property
    def address(self) -> str:
        """Where it listens, in words."""
        return ", ".join(self.run.listen) or "nothing"

    async def call(self, question: Callable[[Client], T]) -> T:
        """
        Ask or tell the proxy.

        Raises:
            WsproxyError: what `wsproxy.control.client.Client` raises.
        """
        return await asyncio.get_running_loop().run_in_executor(self._pool, question, self._client)

    def watch(self, heard: Callable[[Event], None]) -> None:
        """
        Hear of events until the proxy stops, on a thread that nothing waits for.

        Args:
            heard: called in that thread.
        """

        def listen() -> None:
            try:
                for event in self._client.events():
                    heard(event)
            except ControlError:
                # It is gone; the capture says so.
                return

        threading.Thread(target=listen, name="engine-events", daemon=True).start()

    def stop(self) -> None:
        """Stop the proxy in order, as Ctrl-C does."""
        if self.alive:
            os.kill(self.run.pid, signal.SIGTERM)

    async def stopped(self, patience: float = 10.0) -> bool:
        """Wait for it to stop; whether it has within `patience` seconds."""
        for _ in range(int(patience / 0.05)):
            if not is_alive(self.run.pid):
                return True
            await asyncio.sleep(0.05)
        return not self.alive

    def close(self) -> None:
        """Ask nothing any more; the proxy goes on."""
        self._pool.shutdown(wait=False, cancel_futures=True)
