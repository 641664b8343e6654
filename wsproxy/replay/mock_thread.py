"""
A recorded server in a thread of its own, for a program that has another event loop to keep running.
"""

import asyncio
import threading
from collections.abc import Collection
from pathlib import Path

from wsproxy.errors import WsproxyError
from wsproxy.replay.acting import Acting, Tell
from wsproxy.replay.mock import MockServer
from wsproxy.store.reader import Reader

_START = 60
"""Seconds for the thread to listen; the index of a large capture takes time."""


class MockThread:
    """
    Listens on a free port of the loopback interface from the moment it is made until `stop()`.

    Args:
        path: the capture.
        acting: how.
        tell: told what happens, in the thread of the server.
        ignored_query: as `MockServer` has it.

    Attributes:
        port: where it listens.

    Raises:
        WsproxyError: the capture cannot be read, or it cannot listen.
    """

    def __init__(self, path: Path, acting: Acting, tell: Tell, ignored_query: Collection[str] = ()) -> None:
        self.port = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()
        self._failure: Exception | None = None
        self._server: MockServer | None = None
        ready = threading.Event()
        self._thread = threading.Thread(
            target=self._main, args=(path, acting, tell, ignored_query, ready), name="mock", daemon=True
        )
        self._thread.start()
        if not ready.wait(_START):
            raise WsproxyError(f"{path} could not be made ready in {_START} seconds")
        if self._failure is not None:
            raise self._failure

    def has(self, target: str, subprotocols: Collection[str] = ()) -> bool:
        """Whether a client that asks for this WebSocket would get an answer. May be asked from any thread."""
        server = self._server
        if server is None or server.polling.is_foreign(target):
            return False
        return server.polling.session(target) is not None or server.catalogue.has(target, subprotocols)

    def polls(self, target: str) -> bool:
        """The same of a request of long-polling."""
        return self._server is not None and self._server.polling.has(target)

    def stop(self) -> None:
        """End all its connections, and wait until it has."""
        loop = self._loop
        if loop is not None and self._thread.is_alive():
            loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(10)

    def _main(
        self, path: Path, acting: Acting, tell: Tell, ignored_query: Collection[str], ready: threading.Event
    ) -> None:
        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            with Reader(path) as reader:
                server = MockServer(reader, acting, tell, ignored_query=ignored_query)
                try:
                    _, self.port = await server.start()
                    self._server = server
                    ready.set()
                    await self._stopping.wait()
                finally:
                    await server.stop()

        try:
            # A selector loop on every system: it is asked when a socket can be read.
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                runner.run(serve())
        except Exception as error:
            self._failure = error
        finally:
            ready.set()
