"""
The control API: what other programs of the same user may ask of a running proxy, and tell it.

HTTP on 127.0.0.1 and a random port, on the engine's own event loop, so that every answer is of one
moment and nothing needs a lock. In return no request may take long: answers come in pages, contents as
plain bytes. `wsproxy.control` is the other end; `wsproxy/docs/control.md` says it all.
"""

import asyncio
import contextlib
import secrets
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from tornado.httpserver import HTTPServer
from tornado.web import Application

from wsproxy.control import runfile
from wsproxy.control.runfile import RunFile
from wsproxy.engine.control_connections import Close, Connection, Connections, Cut, Send
from wsproxy.engine.control_events import Events, Feed
from wsproxy.engine.control_held import Edit, HeldBytes, HeldMessage, HeldMessages, LetGo
from wsproxy.engine.control_options import OneOption, Options
from wsproxy.engine.control_request import JSON_LIMIT, ControlRequest, Nowhere
from wsproxy.engine.control_rules import OneRule, Rules
from wsproxy.engine.control_status import Addons, Status

if TYPE_CHECKING:
    from wsproxy.engine.master import Engine

_NUMBER = r"(\d{1,18})"

ROUTES: tuple[tuple[str, type[ControlRequest]], ...] = (
    ("/status", Status),
    ("/connections", Connections),
    (f"/connections/{_NUMBER}", Connection),
    (f"/connections/{_NUMBER}/send", Send),
    (f"/connections/{_NUMBER}/close", Close),
    (f"/connections/{_NUMBER}/cut", Cut),
    ("/held", HeldMessages),
    ("/held/(release|drop)", LetGo),
    (f"/held/{_NUMBER}", HeldMessage),
    (f"/held/{_NUMBER}/content", HeldBytes),
    (f"/held/{_NUMBER}/edit", Edit),
    ("/rules", Rules),
    (f"/rules/{_NUMBER}", OneRule),
    ("/options", Options),
    ("/options/([a-z0-9_]{1,100})", OneOption),
    ("/addons", Addons),
    ("/events", Events),
)

_IDLE = 60
"""Seconds after which a connection is closed on which nothing is asked."""
_GRACE = 0.5
"""Seconds that watchers have to take what they were not told yet, when the proxy stops."""
_SLOW = 30
"""Seconds that a request may take to arrive."""


class ControlServer:
    """
    Args:
        engine: the proxy.

    Attributes:
        port: where it listens, once started.
        feed: of what happens.
    """

    def __init__(self, engine: "Engine") -> None:
        self.port = 0
        self.feed = Feed()
        self._engine = engine
        self._server: HTTPServer | None = None
        self._run_file: Path | None = None

    async def start(self) -> None:
        """
        Listen, and say where in a run file.

        Raises:
            ControlError: the run file cannot be written safely.
            OSError: it cannot listen.
        """
        # Not for others, whatever the machine calls localhost.
        listener = socket.create_server(("127.0.0.1", 0))
        try:
            listener.setblocking(False)
            self.port = listener.getsockname()[1]
            token = secrets.token_urlsafe(32)
            engine = self._engine
            self._run_file = runfile.write(
                RunFile(
                    port=self.port,
                    token=token,
                    listen=tuple(engine.listening),
                    capture=str(engine.options.capture.absolute()),
                    started=engine.started,
                )
            )
        except BaseException:
            listener.close()
            raise
        shared = {"engine": engine, "token": token, "port": self.port, "feed": self.feed}
        application = Application(
            [(path, handler, shared) for path, handler in ROUTES],
            default_handler_class=Nowhere,
            default_handler_args=shared,
            log_function=lambda handler: None,
        )
        self._server = HTTPServer(
            application,
            idle_connection_timeout=_IDLE,
            body_timeout=_SLOW,
            max_header_size=16 * 1024,
            max_body_size=JSON_LIMIT,
        )
        self._server.add_socket(listener)

    async def stop(self) -> None:
        """Tell nobody any more, and end what is being said."""
        if self._run_file:
            runfile.remove(self._run_file)
        if self._server:
            self._server.stop()
            self.feed.end()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_GRACE):
                    while len(self.feed):
                        await asyncio.sleep(0.01)
            await self._server.close_all_connections()
        self._server = self._run_file = None
