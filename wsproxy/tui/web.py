"""
The terminal UI in a web page, on loopback, for whoever has the token.

textual-serve runs the app and speaks to the page; that nobody else gets in is seen to here. The token comes
with the first address, goes into a cookie that no script can read, and disappears from the address. A page
of another site can neither read the cookie nor send it along (SameSite), nor get past the check of the
`Host` and `Origin` of a request.
"""

import asyncio
import contextlib
import secrets
import signal
import socket
from collections.abc import Awaitable, Callable

from aiohttp import web
from textual_serve.server import Server

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HOST = "127.0.0.1"


class WebView(Server):
    """
    One app in a web page.

    Args:
        command: of the shell, that runs the app.
        port: to listen on; 0 takes a free one.
        title: of the page.

    Raises:
        OSError: the port is taken.
    """

    def __init__(self, command: str, port: int, title: str) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((HOST, port))
        super().__init__(command, HOST, self._socket.getsockname()[1], title)
        self.token = secrets.token_urlsafe(32)
        self._cookie = f"wsproxy-{self.port}"

    @property
    def url(self) -> str:
        """The address to open: it has the token."""
        return f"{self.public_url}/?token={self.token}"

    async def run(self, ready: Callable[[], None]) -> None:
        """
        Serve until SIGINT or SIGTERM.

        Args:
            ready: called once it can be opened.
        """
        over = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):
                loop.add_signal_handler(number, over.set)
        runner = web.AppRunner(await self._make_app(), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.SockSite(runner, self._socket).start()
            ready()
            await over.wait()
        finally:
            await runner.cleanup()

    async def on_startup(self, app: web.Application) -> None:
        """As of every server, but saying nothing: the command does."""

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self._guard)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let in who knows the token."""
        own = f"{HOST}:{self.port}"
        if request.host != own or request.headers.get("Origin", f"http://{own}") != f"http://{own}":
            raise web.HTTPForbidden(text=f"Open it as http://{own}\n")
        given = request.query.get("token")
        if request.path == "/" and given is not None and self._is_token(given):
            answer = web.HTTPFound("/")
            answer.set_cookie(self._cookie, self.token, httponly=True, samesite="Strict", path="/")
            raise answer
        if not self._is_token(request.cookies.get(self._cookie, "")):
            raise web.HTTPForbidden(text="Open the address that `wsproxy view --web` has printed.\n")
        response = await handler(request)
        if not response.prepared:
            response.headers["X-Frame-Options"] = "DENY"
            response.headers["Referrer-Policy"] = "no-referrer"
        return response

    def _is_token(self, given: str) -> bool:
        return secrets.compare_digest(given.encode(), self.token.encode())
