"""One frame, as one addon sees it."""

from typing import TYPE_CHECKING

from wsproxy.addon import checks
from wsproxy.addon.connection import Connection
from wsproxy.addon.matching import matches
from wsproxy.addon.owner import Owner, TooLate, record_as
from wsproxy.wire import frames
from wsproxy.wire.frames import OPCODE_NAMES, Opcode
from wsproxy.wire.transit import Transit

if TYPE_CHECKING:
    from wsproxy.filters.nodes import Filter


class Frame:
    """
    One frame as it arrived. A control frame can be dropped, or get another payload.

    The frames of a message can only be looked at: `ws_message` changes the message.
    """

    def __init__(self, connection: Connection, transit: Transit, owner: Owner, frame: frames.Frame) -> None:
        self.connection = connection
        self._transit = transit
        self._owner = owner
        self._frame = frame

    @property
    def from_client(self) -> bool:
        """It goes to the server."""
        return self._transit.from_client

    @property
    def opcode(self) -> int:
        """0 to 15."""
        return self._frame.opcode

    @property
    def name(self) -> str:
        """Of its opcode: `text`, `binary`, `continuation`, `close`, `ping`, `pong`, `0x3`, ..."""
        return OPCODE_NAMES[self._frame.opcode]

    @property
    def fin(self) -> bool:
        """The message ends with it."""
        return self._frame.fin

    @property
    def rsv(self) -> int:
        """The reserved bits, 0 to 7; RSV1, which is 4, marks a compressed message."""
        return self._frame.rsv

    @property
    def masked(self) -> bool:
        """Its payload was masked, as a client's must be."""
        return bool(self._frame.mask)

    @property
    def payload(self) -> bytes:
        """Unmasked; compressed if the message is. Of a control frame what will be sent."""
        return self._transit.content if self.is_control else self._frame.data

    @property
    def is_control(self) -> bool:
        """Close, ping, pong and the reserved opcodes from 8 on."""
        return self._frame.opcode >= Opcode.CLOSE

    @property
    def time(self) -> float:
        """When it was complete (of a message: when the message was), seconds since the epoch."""
        return self._transit.arrived / 1e9

    @property
    def is_dropped(self) -> bool:
        """It will not be sent."""
        return self._transit.is_dropped

    def drop(self) -> None:
        """
        Do not send it.

        Raises:
            TypeError: it is no control frame.
            TooLate: it has been sent.
        """
        self._only_control("dropped")
        self._in_time(self._transit.drop(self._owner.by))

    def replace(self, payload: str | bytes, *, force: bool = False) -> None:
        """
        Send another payload.

        Args:
            payload: at most 125 bytes.
            force: allow more.

        Raises:
            TypeError: it is no control frame.
            ValueError: that cannot be sent.
            TooLate: it has been sent.
        """
        self._only_control("changed")
        data = checks.bytes_of(payload)
        if not force and len(data) > checks.CONTROL:
            raise ValueError(
                f"a control frame has at most {checks.CONTROL} bytes of payload, not {len(data)}; it is "
                "possible with force=True"
            )
        self._in_time(self._transit.replace(data, self._owner.by))

    def record_as(self, payload: str | bytes) -> None:
        """
        Let the capture keep another payload; what is sent is not changed.

        Raises:
            TypeError: it is no control frame.
            TooLate, RuntimeError: as for `Message.record_as`.
        """
        self._only_control("recorded as something else")
        record_as(self._transit, self._owner, payload)

    def matches(self, wanted: "Filter") -> bool:
        """Whether a filter (`addon.parse_filter`) is about it, or about the message it belongs to."""
        return matches(self.connection._facts, self._transit, wanted)

    def __repr__(self) -> str:
        to = "server" if self.from_client else "client"
        return f"<Frame to {to}, {self.name}, {len(self.payload)} bytes>"

    def _only_control(self, what: str) -> None:
        if not self.is_control:
            raise TypeError(
                f"only control frames can be {what} in ws_frame, not {self.name} frames; "
                "ws_message decides about whole messages"
            )

    def _in_time(self, done: bool) -> None:
        if not done:
            raise TooLate("the frame has been sent")
