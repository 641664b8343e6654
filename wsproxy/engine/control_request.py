"""
One request to the control API: who may ask, and what the answer looks like.

No web page may reach this, not even one whose host name was made to point here (DNS rebinding): `Host`
must be a loopback name with our port, `Origin` must be absent, and there is no CORS. Then the token is
compared, before anything of the body is read. Whoever does not have it learns nothing.
"""

import json
from collections.abc import Awaitable
from hmac import compare_digest
from types import TracebackType
from typing import TYPE_CHECKING, Any

from tornado.httputil import HTTPServerRequest
from tornado.web import Application, HTTPError, RequestHandler, stream_request_body

from wsproxy.errors import MissingError, UsageError, WsproxyError
from wsproxy.store.jsontext import dumps

if TYPE_CHECKING:
    from wsproxy.engine.control_events import Feed
    from wsproxy.engine.conversation import Conversation
    from wsproxy.engine.desk import Held
    from wsproxy.engine.master import Engine

JSON_LIMIT = 64 * 1024
"""Bytes of a body that is JSON."""


class GoneError(MissingError):
    """It was there."""


class TooLargeError(UsageError):
    """More bytes than are taken."""


@stream_request_body
class ControlRequest(RequestHandler):
    """
    Args, as keywords of the route:
        engine: the proxy.
        token: that a request must bring.
        port: of the control API.
        feed: of what happens.
    """

    def __init__(self, application: Application, request: HTTPServerRequest, **kwargs: Any) -> None:
        self._body: list[bytes] = []
        self._length = 0
        self._is_allowed = False
        super().__init__(application, request, **kwargs)

    def initialize(self, engine: "Engine", token: str, port: int, feed: "Feed") -> None:
        """Called by tornado with the keyword arguments of the route."""
        self.engine = engine
        self.feed = feed
        self._token = token
        self._port = port

    def set_default_headers(self) -> None:
        """Called by tornado."""
        # What answers here is nobody's business.
        self.clear_header("Server")
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")

    def prepare(self) -> Awaitable[None] | None:
        """Called by tornado when the head is here."""
        headers = self.request.headers
        hosts = (f"127.0.0.1:{self._port}", f"localhost:{self._port}")
        given = headers.get_list("Authorization")
        expected = f"Bearer {self._token}".encode()
        if headers.get_list("Host") not in ([hosts[0]], [hosts[1]]) or "Origin" in headers:
            self._refuse(403, "forbidden")
        elif len(given) != 1 or not compare_digest(given[0].encode("utf-8", "replace"), expected):
            self.set_header("WWW-Authenticate", "Bearer")
            self._refuse(401, "unauthorized")
        else:
            self._is_allowed = True
            # What is too much is read and forgotten, so that the answer can be heard.
            self.request.connection.set_max_body_size(1 << 40)  # type: ignore[union-attr]
        return None

    def data_received(self, chunk: bytes) -> None:
        """Called by tornado with every part of the body."""
        self._length += len(chunk)
        if self._length <= self.limit():
            self._body.append(chunk)
        else:
            self._body.clear()

    def limit(self) -> int:
        """Bytes of the body that are taken."""
        return JSON_LIMIT

    def content(self) -> bytes:
        """The body. Raises TooLargeError."""
        if self._length > self.limit():
            raise TooLargeError(f"{self._length:,} bytes are too many; {self.limit():,} are the most")
        return b"".join(self._body)

    def told(self, **kinds: type | tuple[type, ...]) -> dict[str, Any]:
        """
        The JSON object in the body.

        Args:
            kinds: the types of its keys. All but `None` in a tuple must be there; others must not.

        Raises:
            UsageError: it is something else.
        """
        try:
            value = json.loads(self.content() or b"{}")
        except (ValueError, RecursionError):
            raise UsageError("the body is not JSON") from None
        if not isinstance(value, dict):
            raise UsageError("the body is not a JSON object")
        for key in value:
            if key not in kinds:
                raise UsageError(f"there is no {key!r} here", f"There is {', '.join(kinds) or 'nothing'}")
        for key, kind in kinds.items():
            allowed = kind if isinstance(kind, tuple) else (kind,)
            if key not in value:
                continue
            # To Python, True is a number.
            right = type(value[key]) in allowed
            if not right:
                names = " or ".join("null" if one is type(None) else _JSON_NAMES[one] for one in allowed)
                raise UsageError(f"{key!r} is not {names}")
        return value

    def query(self, name: str, default: str = "") -> str:
        """A parameter in the address."""
        return self.get_query_argument(name, default) or ""

    def flag(self, name: str) -> bool:
        """`true` or `false` in the address. Raises UsageError."""
        value = self.query(name, "false")
        if value not in ("true", "false"):
            raise UsageError(f"{name} is true or false, not {value!r}")
        return value == "true"

    def number(self, name: str, default: int) -> int:
        """A number in the address. Raises UsageError."""
        value = self.query(name, str(default))
        if not (value.isascii() and value.isdigit() and len(value) < 19):
            raise UsageError(f"{name} is a number, not {value!r}")
        return int(value)

    def answer(self, value: Any, status: int = 200) -> None:
        """The end of it: one object as JSON."""
        self.set_status(status)
        self.finish(dumps(value) + "\n")

    def conversation(self, number: str) -> "Conversation":
        """An open connection. Raises MissingError, and says whether there was one."""
        sockets = self.engine.sockets
        found = sockets.get(int(number))
        if found:
            return found
        if 0 < int(number) <= sockets.recorder.last_connection:
            raise GoneError(f"connection {number} is closed")
        raise MissingError(
            f"there is no connection {number}", "`wsproxy ctl connections` lists the open ones"
        )

    def held(self, number: str) -> "Held":
        """A held message. Raises MissingError."""
        found = self.engine.desk.held.get(int(number))
        if not found:
            raise MissingError(
                f"there is no held message {number}, or no more", "`wsproxy ctl held` lists them"
            )
        return found

    # Failures.

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Called by tornado for whatever was raised."""
        error = kwargs.get("exc_info", (None, None))[1]
        if not self._is_allowed:
            # A method that nobody knows is refused before anybody is asked for the token.
            self._refuse(401, "unauthorized")
        elif isinstance(error, WsproxyError):
            self.set_status(
                409
                if isinstance(error, GoneError)
                else 413
                if isinstance(error, TooLargeError)
                else 404
                if isinstance(error, MissingError)
                else 400
                if isinstance(error, UsageError)
                else 500
            )
            self.finish(dumps({"error": error.message, "hint": error.hint}) + "\n")
        elif isinstance(error, HTTPError) and status_code in (404, 405):
            said = "there is nothing at this address" if status_code == 404 else "this cannot be done here"
            self.finish(dumps({"error": said, "hint": "`wsproxy help control` lists what there is"}) + "\n")
        else:
            self.finish(dumps({"error": "something unexpected went wrong", "hint": ""}) + "\n")

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Called by tornado: only what nobody expected is worth a line."""
        if not isinstance(value, WsproxyError | HTTPError):
            super().log_exception(typ, value, tb)

    def _refuse(self, status: int, why: str) -> None:
        self.set_status(status)
        self.set_header("Connection", "close")
        self.finish(dumps({"error": why, "hint": ""}) + "\n")


_JSON_NAMES: dict[type, str] = {str: "a string", bool: "true or false", int: "a whole number", list: "a list"}


class Nowhere(ControlRequest):
    """For all other addresses."""

    def get(self) -> None:
        """Nothing is here, whatever the method."""
        raise HTTPError(404)

    post = put = patch = delete = head = options = get
