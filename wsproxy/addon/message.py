"""A text or binary message on its way, as one addon sees it."""

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

from wsproxy.addon import checks
from wsproxy.addon.connection import Connection
from wsproxy.addon.frame import Frame
from wsproxy.addon.matching import matches
from wsproxy.addon.owner import Owner, TooLate, record_as
from wsproxy.wire import frames
from wsproxy.wire.frames import Opcode
from wsproxy.wire.transit import Transit

if TYPE_CHECKING:
    from wsproxy.filters.nodes import Filter


class Message:
    """
    One message: whole, inflated, and not yet sent.

    Whatever is decided here holds for this message alone. Too late is `TooLate`: a message goes on
    when all hooks have been called, unless somebody holds it.
    """

    def __init__(self, connection: Connection, transit: Transit, owner: Owner) -> None:
        self.connection = connection
        self._transit = transit
        self._owner = owner
        self._holds = 0
        """How often this addon holds it."""
        self._delays = 0
        """How many of those end by themselves."""

    # What it is.

    @property
    def from_client(self) -> bool:
        """It goes to the server."""
        return self._transit.from_client

    @property
    def type(self) -> checks.Type:
        """`text` or `binary`."""
        return "text" if self._transit.sent_opcode == Opcode.TEXT else "binary"

    @property
    def time(self) -> float:
        """When its last byte came, seconds since the epoch."""
        return self._transit.arrived / 1e9

    @property
    def original(self) -> bytes:
        """The content as it arrived, whatever was changed since."""
        return self._transit.original

    @cached_property
    def frames(self) -> tuple[Frame, ...]:
        """The frames it came in, payloads as on the wire: of a compressed message compressed."""
        return tuple(
            Frame(self.connection, self._transit, self._owner, frame)
            for frame in frames.Frame.parse(self._transit.wire)
        )

    @property
    def is_dropped(self) -> bool:
        """It will not be sent."""
        return self._transit.is_dropped

    @property
    def is_held(self) -> bool:
        """Somebody holds it."""
        return self._transit.is_held

    # What it says.

    @property
    def content(self) -> bytes:
        """What will be sent. Set it to send something else; of a text message it must be UTF-8."""
        return self._transit.content

    @content.setter
    def content(self, content: str | bytes) -> None:
        self.replace(content)

    @property
    def text(self) -> str:
        """
        The content as text; bytes that are not UTF-8 as surrogates, which become those bytes again.

        Set it to send something else.
        """
        return self._transit.content.decode("utf-8", "surrogateescape")

    @text.setter
    def text(self, text: str) -> None:
        if not isinstance(text, str):
            raise ValueError(f"text must be str, not {type(text).__name__}; set_json() takes values")
        self.replace(text)

    def json(self) -> Any:
        """
        The content as JSON.

        Raises:
            ValueError: it is not JSON.
        """
        try:
            return _decode(self._transit.content.decode())
        except RecursionError:
            raise ValueError("the JSON is nested too deeply") from None

    def set_json(self, value: Any) -> None:
        """
        Send a value as JSON, written as browsers do.

        Raises:
            ValueError, TypeError: JSON has no such value.
        """
        self.replace(_encode(value))

    # What can be done with it.

    def replace(self, content: str | bytes, type: checks.Type | None = None, *, force: bool = False) -> None:
        """
        Send something in its place. A message that was dropped is sent after all.

        Args:
            content: text as str, or bytes; any number of them.
            type: `text` or `binary`; as it is by default.
            force: allow text that is not UTF-8.

        Raises:
            ValueError: that cannot be sent.
            TooLate: it has been sent.
        """
        opcode, data = checks.content_of(content, type, self._transit.sent_opcode, force)
        self._in_time(self._transit.replace(data, self._owner.by, opcode))

    def drop(self) -> None:
        """Do not send it. The addons behind this one do not see it."""
        self._in_time(self._transit.drop(self._owner.by))

    def hold(self) -> None:
        """
        Keep it until `release()`, and with it all that comes behind it in its direction.

        Pings and pongs pass. The proxy lets go by itself when too much waits.
        """
        self._in_time(self._transit.hold(self._owner.by))
        self._holds += 1

    def release(self) -> None:
        """Let go of it, once for each `hold()`. Nothing happens where this addon does not hold it."""
        if self._holds:
            self._holds -= 1
            self._transit.release(self._owner.by)

    def delay(self, seconds: float) -> None:
        """
        Hold it for some time. What comes behind it in its direction waits too.

        Args:
            seconds: 0 or more.
        """
        if not 0 <= seconds < float("inf"):
            raise ValueError(f"{seconds!r} is no time to wait")
        if not seconds:
            return
        later = self.connection._link().later
        self.hold()
        self._delays += 1

        def due() -> None:
            if self._delays:
                self._delays -= 1
                self.release()

        later(seconds, due)

    def record_as(self, content: str | bytes) -> None:
        """
        Let the capture keep something else than what was said; what is sent is not changed.

        The addon must have `redacts = True`, in its module or object: then nothing of a message is
        written before the addon has seen it. If its hook raises, the capture keeps nothing of that message.
        The hook cannot be async: writing does not wait.

        Raises:
            TooLate: it is not called from a hook, so the message is written already.
            RuntimeError: the addon has no `redacts = True`.
        """
        record_as(self._transit, self._owner, content)

    def matches(self, wanted: "Filter") -> bool:
        """Whether a filter (`addon.parse_filter`) is about it, as it is now."""
        return matches(self.connection._facts, self._transit, wanted)

    def __repr__(self) -> str:
        to = "server" if self.from_client else "client"
        return f"<Message to {to}, {self.type}, {len(self.content)} bytes>"

    def _in_time(self, done: bool) -> None:
        if not done:
            raise TooLate("the message has been sent")

    def _let_go(self) -> None:
        """For the manager: take back every hold."""
        self._delays = 0
        while self._holds:
            self.release()


def _no_constant(name: str) -> None:
    """Python would read NaN and the infinities, which nobody else does."""
    raise ValueError(f"{name} is not JSON")


# json.loads and json.dumps would make these anew for every message.
_decode = json.JSONDecoder(parse_constant=_no_constant).decode
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
