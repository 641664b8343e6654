"""
From frames to messages (RFC 6455 sections 5.4 to 5.6, RFC 7692), and what is wrong with either.

Second station in the life of a frame, on the recorder's thread: the scanner has found it, the
relay has long sent it on. One `MessageTracker` follows one direction of one connection; it holds
the state that a single frame does not show: the fragmented message in flight, the UTF-8 sequence
cut by a fragment boundary, the deflate window, the Close already sent.

A frame that came whole goes through `whole()`. A large one, whose payload must not be held in
memory, goes through `begin()`, `part()` and `end()`.
"""

import codecs
from collections.abc import Callable
from typing import NamedTuple

from wsproxy.wire.closing import LONGEST, Close
from wsproxy.wire.deflate import DeflateParameters, Inflated, Inflater
from wsproxy.wire.frames import FIN, MASK_BIT, RSV, RSV1, Anomaly, Opcode, header_length

_Utf8 = codecs.getincrementaldecoder("utf-8")
_KNOWN = frozenset(int(opcode) for opcode in Opcode)
_WHOLE_DEFLATED = frozenset({FIN | RSV1 | 1, FIN | RSV1 | 2})
_WHOLE = frozenset({FIN | 1, FIN | 2}) | _WHOLE_DEFLATED
"""First bytes of frames that are messages of their own."""

_NONE = 0
# Anomalies are handled as plain numbers here: the operators of an enum cost a microsecond each.


class Message(NamedTuple):
    """A finished message that says more than its last frame."""

    opcode: int
    """1 text, 2 binary; 8 for a large Close frame with something wrong in it."""
    frames: int
    """How many data frames it came in."""
    compressed: bool
    length: int
    """Bytes of the whole content, inflated."""
    content: bytes | None
    """The inflated content; None where the frames' own payloads are the content."""
    truncated: bool
    """`content` is not all of it."""
    anomalies: int
    """Those of the message as a whole, found at its end."""


class MessageTracker:
    """
    Follow the frames of one direction.

    Args:
        from_client: whose frames.
        deflate: the permessage-deflate parameters in force, None without.
        other_extensions: an extension this program does not know was accepted, so reserved bits
            may have a meaning.
        limit: bytes of inflated content kept of one message.
    """

    __slots__ = (
        "_compressed",
        "_control",
        "_control_length",
        "_found",
        "_frame_opcode",
        "_frames",
        "_from_client",
        "_inflater",
        "_length",
        "_opcode",
        "_other_extensions",
        "_utf8",
        "closed",
        "compressed",
    )

    def __init__(
        self,
        from_client: bool,
        deflate: DeflateParameters | None = None,
        other_extensions: bool = False,
        limit: int = 1 << 24,
    ) -> None:
        self._from_client = from_client
        self._other_extensions = other_extensions
        self._inflater: Inflater | None = deflate.inflater(from_client, limit) if deflate else None
        self._opcode = 0
        """Of the message in flight, 0 if there is none."""
        self._frames = 0
        self._length = 0
        self._found = _NONE
        """What was wrong with the parts of the message in flight."""
        self._compressed = False
        self._utf8: codecs.IncrementalDecoder | None = None
        self._frame_opcode = 0
        self._control: bytearray | None = None
        """The payload of the Close frame in progress, as far as it is looked at."""
        self._control_length = 0
        self.closed = False
        """A Close frame was seen."""
        self.compressed = False
        """The frame last begun belongs to a compressed message."""

    @property
    def inflater(self) -> Inflater | None:
        """Its own; in step with the sender's window, up to the end of the frame last seen."""
        return self._inflater

    @property
    def wants_payload(self) -> bool:
        """Whether the payload of the frame begun has to come through `part()` to be judged."""
        return self._control is not None or self._compressed or self._utf8 is not None

    @property
    def is_idle(self) -> bool:
        """No message is in flight, and no Close frame was seen: whole messages change nothing."""
        return not self._opcode and not self.closed

    @property
    def inflate(self) -> Callable[[bytes], bytes | Inflated] | None:
        """
        Takes the payload of a compressed message that came in one frame, while `is_idle`.

        `whole()` without what nearly every such frame does not need; None without compression.
        """
        return self._inflater.message if self._inflater else None

    def know(self, content: bytes) -> bytes | Inflated:
        """In place of `inflate`, where the content is known already."""
        assert self._inflater is not None
        return self._inflater.know(content)

    @property
    def in_message(self) -> bool:
        """A fragmented message is in flight."""
        return self._opcode != 0

    def whole(self, header: bytes, payload: bytes) -> tuple[int, Message | None]:
        """
        A frame that came whole.

        Args:
            header: as on the wire.
            payload: unmasked.

        Returns:
            What is wrong with it, and the message it ends, if that says more than the frame does.
        """
        first = header[0]
        if first in _WHOLE and not self._opcode and not self.closed and self._is_usual(header, len(payload)):
            # By far the most frames: whole messages in a header with nothing to say about it.
            if first in _WHOLE_DEFLATED:
                if self._inflater:
                    self.compressed = True
                    inflated = inflated_message(first & 0x0F, 1, self._inflater.message(payload))
                    return inflated.anomalies, inflated
            elif first == 0x82 or payload.isascii():
                self.compressed = False
                return _NONE, None
        anomalies = self.begin(header)
        late = self.part(payload)
        at_end, message = self.end()
        if message and message.frames == 1 and not message.compressed:
            message = None
        return anomalies | late | at_end, message

    def _is_usual(self, header: bytes, size: int) -> bool:
        """Masked as it must be, and no longer than need be."""
        second = header[1]
        return (
            (second & MASK_BIT != 0) is self._from_client
            and (size < 126 or size > 0xFFFF or second & 0x7F == 126)
            and (size > 125 or second & 0x7F < 126)
        )

    def begin(self, header: bytes) -> int:
        """
        A frame whose header has arrived.

        Returns:
            What the header alone shows to be wrong.
        """
        first = header[0]
        opcode = first & 0x0F
        fin = first & FIN
        length = header_length(header)
        anomalies = _NONE

        if self.closed:
            anomalies |= Anomaly.DATA_AFTER_CLOSE
        if opcode not in _KNOWN:
            anomalies |= Anomaly.UNKNOWN_OPCODE
        masked = bool(header[1] & MASK_BIT)
        if masked and not self._from_client:
            anomalies |= Anomaly.MASKED_BY_SERVER
        elif not masked and self._from_client:
            anomalies |= Anomaly.UNMASKED_BY_CLIENT
        size = header[1] & 0x7F
        if (size == 126 and length < 126) or (size == 127 and length < 1 << 16):
            anomalies |= Anomaly.LENGTH_NOT_MINIMAL
        if length >= 1 << 63:
            anomalies |= Anomaly.LENGTH_TOO_LARGE

        allowed = RSV1 if self._inflater and opcode in (Opcode.TEXT, Opcode.BINARY) else 0
        if first & RSV & ~allowed and not self._other_extensions:
            anomalies |= Anomaly.RSV_WITHOUT_EXTENSION

        self._frame_opcode = opcode
        self._control = None
        self.compressed = False
        if opcode >= 8:
            if not fin:
                anomalies |= Anomaly.FRAGMENTED_CONTROL
            if length > 125:
                anomalies |= Anomaly.OVERSIZED_CONTROL
            if opcode == Opcode.CLOSE:
                self._control = bytearray()
                self._control_length = length
        elif opcode in (Opcode.TEXT, Opcode.BINARY):
            if self._opcode:
                anomalies |= Anomaly.INTERRUPTED_MESSAGE
                self._abandon()
            self._opcode = opcode
            self._frames = 0
            self._length = 0
            self._found = _NONE
            self._compressed = bool(self._inflater and first & RSV1)
            self._utf8 = _Utf8() if opcode == Opcode.TEXT and not self._compressed else None
        elif opcode == Opcode.CONTINUATION and not self._opcode:
            anomalies |= Anomaly.CONTINUATION_WITHOUT_START
        if opcode in (Opcode.CONTINUATION, Opcode.TEXT, Opcode.BINARY) and self._opcode:
            self._frames += 1
            self.compressed = self._compressed
            if fin:
                self._frame_opcode = -1
        return anomalies

    def part(self, payload: bytes) -> int:
        """
        A part of the payload of the frame begun, unmasked.

        Returns:
            What it shows to be wrong.
        """
        opcode = self._frame_opcode
        if opcode >= 8:
            if self._control is not None:
                # One byte more shows that there was more.
                self._control += payload[: LONGEST + 1 - len(self._control)]
            return _NONE
        if opcode > 2 or not self._opcode:
            return _NONE
        if self._compressed:
            assert self._inflater is not None
            self._inflater.feed(payload)
            return _NONE
        self._length += len(payload)
        found = self._check_utf8(payload, final=False)
        self._found |= found
        return found

    def skip(self, length: int) -> None:
        """In place of `part()`, where `wants_payload` says that only the length matters."""
        if self._frame_opcode <= 2 and self._opcode:
            self._length += length

    def end(self) -> tuple[int, Message | None]:
        """The frame begun is complete. Returns as `whole()` does, for what only the end shows."""
        if self._control is not None:
            self.closed = True
            payload = bytes(self._control)
            self._control = None
            found = int(Close.parse(payload).anomalies)
            if not found:
                return _NONE, None
            return found, Message(Opcode.CLOSE, 1, False, self._control_length, None, False, found)
        if self._frame_opcode != -1:
            return _NONE, None
        message: Message | None = None
        anomalies = _NONE
        if self._compressed:
            assert self._inflater is not None
            message = inflated_message(self._opcode, self._frames, self._inflater.finish())
            anomalies = message.anomalies
        else:
            anomalies |= self._check_utf8(b"", final=True)
            found = self._found | anomalies
            if self._frames > 1 or found:
                message = Message(self._opcode, self._frames, False, self._length, None, False, found)
        self._opcode = 0
        self._utf8 = None
        return anomalies, message

    def omitted(self) -> None:
        """Frames went by that were not shown; what comes next begins a message."""
        self._opcode = 0
        self._utf8 = None
        if self._inflater:
            self._inflater.lose()

    def _check_utf8(self, data: bytes, final: bool) -> int:
        if self._utf8 is None:
            return _NONE
        try:
            self._utf8.decode(data, final)
        except UnicodeDecodeError:
            # Said once for the message.
            self._utf8 = None
            return Anomaly.INVALID_UTF8
        return _NONE

    def _abandon(self) -> None:
        if self._compressed:
            assert self._inflater is not None
            self._inflater.drop()


def inflated_message(opcode: int, frames: int, done: Inflated | bytes) -> Message:
    """
    Judge a compressed message.

    Args:
        opcode: 1 text, 2 binary.
        frames: how many it came in.
        done: what its inflater says; its content alone where there is no more to say.
    """
    anomalies = _NONE
    if isinstance(done, bytes):
        done = Inflated(done, len(done), False)
    if done.lost:
        pass
    elif done.failed:
        anomalies = int(Anomaly.INFLATE_FAILED)
    elif opcode == 1 and not done.truncated and not is_utf8(done.content):
        anomalies = int(Anomaly.INVALID_UTF8)
    return Message(opcode, frames, True, done.length, done.content, done.truncated, anomalies)


def is_utf8(content: bytes) -> bool:
    """Whether a whole text is what it must be (RFC 6455 section 5.6)."""
    if content.isascii():
        return True
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
