"""
Events of a capture as JSON, one object per line; `wsproxy/docs/json.md` documents the keys.

Exact where the lines for people are short: whole payloads, times in nanoseconds, headers as they
were on the wire. ASCII only, without control characters, so that it is harmless on a terminal too.
"""

from base64 import b64encode
from typing import Any

from wsproxy.decoders.decoded import Decoded
from wsproxy.decoders.follow import unpacked
from wsproxy.decoders.plain import plain_json, plain_text
from wsproxy.store.jsontext import Timestamps, dumps
from wsproxy.store.limits import Limits
from wsproxy.store.reader import Reader
from wsproxy.store.records import (
    ClosureRecord,
    ConnectionRecord,
    DecisionRecord,
    ExchangeFlag,
    ExchangeRecord,
    FrameFlag,
    FrameRecord,
    GapRecord,
    MessageRecord,
    ReplayRecord,
)
from wsproxy.store.tail import Event, FrameEvent
from wsproxy.view.fragments import Fragments
from wsproxy.wire.closing import Close
from wsproxy.wire.frames import FIN, OPCODE_NAMES, Opcode

LIMIT = Limits().message
"""Bytes of a fragmented message put together for its last frame, as of an inflated one."""

_MASKED = int(FrameFlag.MASKED)
_TRUNCATED = int(FrameFlag.TRUNCATED)
_COMPRESSED = int(FrameFlag.COMPRESSED)
_REDACTED = int(FrameFlag.REDACTED)
_FROM_PROXY = int(FrameFlag.FROM_PROXY)

_PLAIN = ("text", "hex")
"""Decoders that say no more than `text` and `base64` do."""


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

    def line(self, event: Event, decoded: Decoded | None = None) -> str:
        """
        A whole line ending in a newline; empty for a frame that is left out.

        Args:
            event: the next one.
            decoded: what the message means that it completes, if that is known.
        """
        if type(event) is FrameEvent:
            value = self._frame(event)
            if value is None:
                return ""
            if decoded is not None and (decoded.decoder not in _PLAIN or decoded.notes):
                return f'{dumps(value)[:-1]},"decoded":{decoded_json(decoded)}}}\n'
        elif type(event) is ConnectionRecord:
            value = self._connection(event)
        elif type(event) is ClosureRecord:
            value = self._closure(event)
        elif type(event) is DecisionRecord:
            value = self._decision(event)
        elif type(event) is ExchangeRecord:
            value = self._exchange(event)
            if decoded is not None and (decoded.decoder not in _PLAIN or decoded.notes):
                return f'{dumps(value)[:-1]},"decoded":{decoded_json(decoded)}}}\n'
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
            "redacted": bits & _REDACTED != 0,
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
        if event.original is not None:
            value["replay_of"] = event.original
        return value

    def _message(self, frame: FrameRecord, message: MessageRecord) -> dict[str, Any]:
        content, truncated = message.content, message.truncated
        if content is None:
            content = self._reader.joined(message, LIMIT)
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
        if original := self._reader.replay_of(record.id):
            value["replay_of"] = replay_json(original)
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

    def _decision(self, record: DecisionRecord) -> dict[str, Any]:
        return {
            "event": "decision",
            "id": record.id,
            "connection": record.connection,
            "time": self._time(record.time),
            "direction": "send" if record.from_client else "receive",
            "action": record.action,
            "by": record.by,
            "first_frame": record.first_frame,
            "last_frame": record.last_frame,
            "first_sent": record.first_sent,
            "last_sent": record.last_sent,
            "held": record.held / 1e9,
            "note": record.note,
        }

    def _exchange(self, record: ExchangeRecord) -> dict[str, Any]:
        value: dict[str, Any] = {
            "event": "exchange",
            "id": record.id,
            "time": self._time(record.time),
            "direction": "send" if record.from_client else "receive",
            "sid": record.sid,
            "began": self._time(record.began),
            "client": record.client,
            "server": record.server,
            "method": record.method,
            "url": record.url,
            "status": record.status,
            "type": record.type,
            "encoding": record.encoding,
            "length": record.length,
            "stored": len(record.body),
            "truncated": ExchangeFlag.TRUNCATED in record.flags,
            "redacted": ExchangeFlag.REDACTED in record.flags,
            "error": record.error,
        }
        content = unpacked(record)
        if content is None:
            value["base64"] = b64encode(record.body).decode("ascii")
        else:
            _put(value, content, True)
        return value

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


def replay_json(original: ReplayRecord) -> dict[str, Any]:
    """What a connection is the replay of."""
    return {"capture": original.capture, "connection": original.original}


def decoded_json(decoded: Decoded) -> str:
    """What a message means, in JSON."""
    line = _decoded(decoded)
    return line.replace("\x7f", "\\u007f") if "\x7f" in line else line


_JSON = (
    '{"decoder":"json","kind":"data","name":%s,"id":null,"channel":"","heartbeat":false,"error":false,'
    '"reply_to":null,"latency":null,"notes":[],"tree":%s}'
)


def _decoded(decoded: Decoded) -> str:
    if decoded.decoder == "json" and not decoded.notes and _stands_in_a_line(decoded.event):
        # By far the most. It is JSON as it is, whatever the spelling of its numbers.
        return _JSON % (dumps(decoded.name), decoded.event)
    value: dict[str, Any] = {"decoder": decoded.decoder}
    if not decoded.verbatim:
        value["event"] = plain_text(decoded.event)
    value |= {
        "kind": str(decoded.kind),
        "name": plain_text(decoded.name),
        "id": decoded.id,
        "channel": plain_text(decoded.channel),
        "heartbeat": decoded.heartbeat,
        "error": decoded.error,
        "reply_to": decoded.pairs_with if (decoded.pairs_with or 0) >= 0 else None,
        "latency": decoded.latency,
        "notes": list(decoded.notes),
    }
    if decoded.pairs_with is not None and decoded.pairs_with < 0:
        # The call was in a body of long-polling.
        value["reply_to_exchange"] = -decoded.pairs_with
    line = dumps(value)[:-1]
    if decoded.parts:
        return f'{line},"parts":[{",".join(_decoded(part) for part in decoded.parts)}]}}'
    if decoded.decoder in _PLAIN:
        return line + "}"
    return f'{line},"tree":{plain_json(decoded.tree)}}}'


_PRINTABLE = bytes(range(0x20, 0x7F))


def _stands_in_a_line(text: str) -> bool:
    # `str.isprintable` asks about one character after the other, four times as long.
    if not text.isascii() or text.encode().translate(None, _PRINTABLE):
        return False
    # One letter is found much faster than a word, and mostly it is not there.
    return ("N" not in text or "NaN" not in text) and ("I" not in text or "Infinity" not in text)


def _put(value: dict[str, Any], content: bytes, is_text: bool) -> None:
    if is_text:
        try:
            value["text"] = content.decode()
            return
        except UnicodeDecodeError:
            pass
    value["base64"] = b64encode(content).decode("ascii")
