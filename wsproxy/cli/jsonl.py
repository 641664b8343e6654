"""
Events of a capture as JSON, one object per line; `wsproxy/docs/json.md` documents the keys.

Exact where the lines for people are short: whole payloads, times in nanoseconds, headers as they
were on the wire. ASCII only, without control characters, so that it is harmless on a terminal too.
"""

import json
import time
from base64 import b64encode
from typing import Any

from wsproxy.cli.fragments import Fragments
from wsproxy.store.limits import Limits
from wsproxy.store.reader import Reader
from wsproxy.store.records import (
    ClosureRecord,
    ConnectionRecord,
    FrameFlag,
    FrameRecord,
    GapRecord,
    MessageRecord,
)
from wsproxy.store.tail import Event, FrameEvent
from wsproxy.wire.closing import Close
from wsproxy.wire.frames import FIN, OPCODE_NAMES, Opcode

LIMIT = Limits().message
"""Bytes of a fragmented message put together for its last frame, as of an inflated one."""

_MASKED = int(FrameFlag.MASKED)
_TRUNCATED = int(FrameFlag.TRUNCATED)
_COMPRESSED = int(FrameFlag.COMPRESSED)
_FROM_PROXY = int(FrameFlag.FROM_PROXY)

_encode = json.JSONEncoder(separators=(",", ":")).encode

_ITS_FRAMES = (
    "SELECT id FROM frame WHERE connection = ? AND id BETWEEN ? AND ? AND from_client = ? AND opcode < 3"
    " ORDER BY id"
)


def dumps(value: dict[str, Any]) -> str:
    """One line of JSON without its newline, in printable ASCII."""
    line = _encode(value)
    # The only control character that JSON allows to stand for itself.
    return line.replace("\x7f", "\\u007f") if "\x7f" in line else line


class Timestamps:
    """RFC 3339 in UTC with nanoseconds, quick for times close to each other."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def __call__(self, ns: int) -> str:
        """`2025-11-21T12:00:01.250000000Z` for nanoseconds since the epoch."""
        second, rest = divmod(ns, 1_000_000_000)
        if second != self._second:
            self._second = second
            self._text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._text}.{rest:09}Z"


class JsonLines:
    """
    Make lines of events, which must come in order.

    Args:
        reader: of the same capture; gives what events leave out of large payloads.
        fragments: knows what continuation frames continue.
        whole: leave a frame out while it is arriving; it comes again when it is whole.
    """

    def __init__(self, reader: Reader, fragments: Fragments | None = None, whole: bool = False) -> None:
        self._reader = reader
        self._fragments = fragments or Fragments(reader)
        self._whole = whole
        self._time = Timestamps()

    def line(self, event: Event) -> str:
        """A whole line ending in a newline; empty for a frame that is left out."""
        if type(event) is FrameEvent:
            value = self._frame(event)
            if value is None:
                return ""
        elif type(event) is ConnectionRecord:
            value = self._connection(event)
        elif type(event) is ClosureRecord:
            value = self._closure(event)
        else:
            assert type(event) is GapRecord
            value = self._gap(event)
        return dumps(value) + "\n"

    def _frame(self, event: FrameEvent) -> dict[str, Any] | None:
        frame, message = event.frame, event.message
        kind = self._fragments.opcode(frame, event.again)
        if event.arriving and self._whole:
            return None
        bits = int(frame.flags)
        first = frame.header[0]
        opcode = frame.opcode
        anomalies = frame.anomalies
        # A message of one frame is that frame; one of several is told in its last one.
        single = message if message and message.frames == 1 else None
        if single:
            anomalies |= single.anomalies
        content = single.content if single else None
        value: dict[str, Any] = {
            "event": "frame",
            "id": frame.id,
            "connection": frame.connection,
            "time": self._time(frame.time),
            "direction": "send" if frame.from_client else "receive",
            "opcode": OPCODE_NAMES[opcode],
            "fin": first & FIN != 0,
            "rsv": first >> 4 & 7,
            "masked": bits & _MASKED != 0,
            "length": frame.length,
            "stored": frame.stored,
            "truncated": bits & _TRUNCATED != 0,
            "origin": "proxy" if bits & _FROM_PROXY else "peer",
            "compressed": bits & _COMPRESSED != 0,
            "header": frame.header.hex(),
            "anomalies": anomalies.names if anomalies else [],
        }
        if opcode == Opcode.CLOSE:
            close = Close.parse(frame.payload)
            value["code"] = close.code
            value["reason"] = close.reason
        if content is not None:
            assert single is not None
            value["inflated_length"] = single.length
            value["truncated"] = single.truncated or value["truncated"]
            _put(value, content, kind == Opcode.TEXT)
        else:
            payload = frame.payload
            if frame.stored > len(payload):
                payload = b"".join(self._reader.payload(frame.id))
            _put(value, payload, kind == Opcode.TEXT and not bits & _COMPRESSED)
        if message and not single:
            value["message"] = self._message(frame, message)
        return value

    def _message(self, frame: FrameRecord, message: MessageRecord) -> dict[str, Any]:
        content, truncated = message.content, message.truncated
        if content is None:
            content = self._joined(message)
            truncated = truncated or len(content) < message.length
        value: dict[str, Any] = {
            "first_frame": message.first_frame,
            "frames": message.frames,
            "opcode": OPCODE_NAMES[message.opcode],
            "length": message.length,
            "compressed": message.compressed,
            "truncated": truncated,
            "anomalies": message.anomalies.names,
        }
        _put(value, content, message.opcode == Opcode.TEXT)
        return value

    def _joined(self, message: MessageRecord) -> bytes:
        """The payloads of a fragmented message, up to `LIMIT`."""
        values = (message.connection, message.first_frame, message.last_frame, int(message.from_client))
        parts: list[bytes] = []
        room = LIMIT
        for (number,) in self._reader.db.execute(_ITS_FRAMES, values):
            for part in self._reader.payload(number):
                parts.append(part[:room])
                room -= len(parts[-1])
                if room <= 0:
                    return b"".join(parts)
        return b"".join(parts)

    def _connection(self, record: ConnectionRecord) -> dict[str, Any]:
        state = "open" if record.status == 101 else "failed" if record.status is None else "refused"
        value: dict[str, Any] = {
            "event": "open",
            "connection": record.id,
            "time": self._time(record.opened),
            "state": state,
            "url": record.url,
            "client": record.client,
            "server": record.server,
            "mode": record.mode,
            "http_version": record.http_version,
            "status": record.status,
            "subprotocol": record.subprotocol,
            "extensions": record.extensions,
            "findings": list(record.findings),
            "error": record.error,
            "tls": record.tls,
        }
        for name, data in (("request", record.request), ("response", record.response), ("body", record.body)):
            try:
                value[name] = data.decode()
            except UnicodeDecodeError:
                value[f"{name}_base64"] = b64encode(data).decode("ascii")
        value["body_length"] = record.body_length
        return value

    def _closure(self, record: ClosureRecord) -> dict[str, Any]:
        self._fragments.forget(record.connection)
        return {
            "event": "close",
            "connection": record.connection,
            "time": self._time(record.time),
            "by": record.by,
            "code": record.code,
            "reason": record.reason,
            "clean": record.clean,
            "how": record.how,
        }

    def _gap(self, record: GapRecord) -> dict[str, Any]:
        return {
            "event": "gap",
            "id": record.id,
            "started": self._time(record.started),
            "ended": self._time(record.ended),
            "frames": record.frames,
            "bytes": record.bytes,
            "reason": record.reason,
        }


def _put(value: dict[str, Any], content: bytes, is_text: bool) -> None:
    if is_text:
        try:
            value["text"] = content.decode()
            return
        except UnicodeDecodeError:
            pass
    value["base64"] = b64encode(content).decode("ascii")
