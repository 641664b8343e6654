"""
`/socket.io/`: a chat over Socket.IO 5 on Engine.IO 4, as the JavaScript and Python libraries speak it.

The default namespace:

    say TEXT              -> said {name, text} to all; acknowledged with {ok, heard}
    join ROOM, leave ROOM -> acknowledged with {ok, room, members}
    whisper ROOM, TEXT    -> whispered {room, name, text} to the room; acknowledged with {ok}
    upload BYTES          -> reversed BYTES (a binary event); acknowledged with {ok, length}
    ask                   -> question TEXT, which the client acknowledges; then answered {answer}
    and without being asked: welcome {name}, joined {name}, left {name}, announced {text}

The namespace `/admin`:

    stats                 -> acknowledged with {clients, admins}
    announce TEXT         -> announced {text} to all of the default namespace
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import socketio
from engineio.packet import NOOP, Packet

from wsproxy.demo.handler import DemoSocket, Site

ADMIN = "/admin"
MAX_TEXT = 2000
"""Characters; what is longer is cut."""
MAX_ROOM = 40
"""Characters of a room's name."""

logger = logging.getLogger(__name__)
# The library reports as errors what clients do wrong, such as polling once too often. Here only its
# own failures are news, and those come with a traceback.
logger.addFilter(lambda record: record.exc_info is not None)

_REFUSED = {"ok": False, "reason": "the arguments are not what this event takes"}


class SocketIOChat:
    """The Socket.IO server of one origin."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._names: dict[str, str] = {}
        self._guests = 0
        self._admins: set[str] = set()
        self._server = socketio.AsyncServer(
            async_mode="tornado",
            # One event after the other, so that what a client sends in order is heard in order.
            async_handlers=False,
            # The welcome must not come before the packet that opens the namespace.
            always_connect=True,
            # Checked in the handler, for every request and by the rule of all endpoints. The
            # library's own check takes every request for `http`.
            cors_allowed_origins=[],
            # Polling answers are to be read in the proxy as they are.
            http_compression=False,
            logger=logger,
            engineio_logger=logger,
        )
        self._server.eio.start_background_task = self._start
        self._register()

    def handler(self) -> type[DemoSocket]:
        """The tornado handler to route `/socket.io/` to."""
        site, server = self._site, self._server
        base: Any = socketio.get_tornado_handler(server)

        class Handler(DemoSocket, base):  # type: ignore[misc]
            """Polling requests and WebSockets of Engine.IO."""

            def prepare(self) -> None:
                super().prepare()
                origin = self.request.headers.get("Origin")
                if origin is not None and not self.check_origin(origin):
                    self.set_status(403)
                    self.finish({"error": "refused", "reason": "a page of another origin"})

            async def post(self, *args: str, **kwargs: str) -> None:
                engine_socket = server.eio.sockets.get(self.get_query_argument("sid", ""))
                await base.post(self, *args, **kwargs)
                if engine_socket is not None and engine_socket.closed:
                    # The client said goodbye; the library would keep its waiting poll for half a
                    # minute more.
                    await engine_socket.queue.put(Packet(NOOP))

            async def open(self, *args: str, **kwargs: str) -> None:
                site.tasks.spawn(server.handle_request(self))

            def on_close(self) -> None:
                DemoSocket.on_close(self)
                base.on_close(self)

        return Handler

    async def close(self) -> None:
        """Tell every client that the server goes, and end the polling requests that wait."""
        for engine_socket in tuple(self._server.eio.sockets.values()):
            await engine_socket.close(wait=False)

    def _start(self, target: Callable[..., Coroutine[Any, Any, Any]], *args: Any, **kwargs: Any) -> Any:
        """In place of the library's own: it would leave its tasks running."""
        task: asyncio.Task[Any] = self._site.tasks.spawn(target(*args, **kwargs))
        return task

    def _register(self) -> None:
        on = self._server.on
        on("connect", self._connect)
        on("disconnect", self._disconnect)
        on("say", self._say)
        on("join", self._join)
        on("leave", self._leave)
        on("whisper", self._whisper)
        on("upload", self._upload)
        on("ask", self._ask)
        on("connect", self._admin_connect, namespace=ADMIN)
        on("disconnect", self._admin_disconnect, namespace=ADMIN)
        on("stats", self._stats, namespace=ADMIN)
        on("announce", self._announce, namespace=ADMIN)

    async def _connect(self, sid: str, environ: dict[str, Any], *auth: Any) -> None:
        self._guests += 1
        name = self._names[sid] = f"guest-{self._guests}"
        await self._server.emit("welcome", {"name": name}, to=sid)
        await self._server.emit("joined", {"name": name}, skip_sid=sid)

    async def _disconnect(self, sid: str, *reason: Any) -> None:
        name = self._names.pop(sid, "nobody")
        await self._server.emit("left", {"name": name}, skip_sid=sid)

    async def _say(self, sid: str, *args: Any) -> dict[str, Any]:
        match args:
            case [str(text)]:
                said = {"name": self._names[sid], "text": text[:MAX_TEXT]}
                await self._server.emit("said", said)
                return {"ok": True, "heard": len(self._names)}
        return _REFUSED

    def _members(self, room: str) -> int:
        return sum(1 for _ in self._server.manager.get_participants("/", room))

    async def _join(self, sid: str, *args: Any) -> dict[str, Any]:
        match args:
            case [str(room)] if 0 < len(room) <= MAX_ROOM:
                await self._server.enter_room(sid, room)
                return {"ok": True, "room": room, "members": self._members(room)}
        return _REFUSED

    async def _leave(self, sid: str, *args: Any) -> dict[str, Any]:
        match args:
            case [str(room)] if room in self._server.rooms(sid):
                members = self._members(room)
                await self._server.leave_room(sid, room)
                return {"ok": True, "room": room, "members": members - 1}
        return _REFUSED

    async def _whisper(self, sid: str, *args: Any) -> dict[str, Any]:
        match args:
            case [str(room), str(text)] if room in self._server.rooms(sid):
                whisper = {"room": room, "name": self._names[sid], "text": text[:MAX_TEXT]}
                await self._server.emit("whispered", whisper, room=room)
                return {"ok": True}
        return _REFUSED

    async def _upload(self, sid: str, *args: Any) -> dict[str, Any]:
        match args:
            case [bytes(data)]:
                await self._server.emit("reversed", data[::-1], to=sid)
                return {"ok": True, "length": len(data)}
        return _REFUSED

    async def _ask(self, sid: str, *args: Any) -> None:
        async def answered(*answer: Any) -> None:
            await self._server.emit("answered", {"answer": list(answer)}, to=sid)

        await self._server.emit("question", "what do you hear?", to=sid, callback=answered)

    async def _admin_connect(self, sid: str, environ: dict[str, Any], *auth: Any) -> None:
        self._admins.add(sid)

    async def _admin_disconnect(self, sid: str, *reason: Any) -> None:
        self._admins.discard(sid)

    async def _stats(self, sid: str, *args: Any) -> dict[str, int]:
        return {"clients": len(self._names), "admins": len(self._admins)}

    async def _announce(self, sid: str, *args: Any) -> dict[str, Any]:
        match args:
            case [str(text)]:
                await self._server.emit("announced", {"text": text[:MAX_TEXT]})
                return {"ok": True}
        return _REFUSED
