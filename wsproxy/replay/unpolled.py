"""
A session of Engine.IO that began over long-polling, as one that goes over a WebSocket from its beginning: for
scripts, which open WebSockets and nothing else. A server takes either way
(https://socket.io/docs/v4/engine-io-protocol/#websocket-only).
"""

import json
import re
from collections.abc import Iterator

from wsproxy.replay.polled import UPGRADE, Packet
from wsproxy.replay.prelude_polling import script
from wsproxy.replay.recorded_message import RecordedMessage
from wsproxy.store.reader import Reader
from wsproxy.store.records import ConnectionRecord

_SID = re.compile(r"(?<=[?&])sid=[^&]*&?")
_CHANGING_OVER = (b"2probe", b"3probe", UPGRADE)


def url_of(url: str) -> str:
    """The URL that opens a session of its own."""
    return _SID.sub("", url).rstrip("?&")


def changes_over(message: RecordedMessage) -> bool:
    """Whether a message belongs to the way from one transport to the other, and to nothing else."""
    return message.content in _CHANGING_OVER


def messages(reader: Reader, record: ConnectionRecord) -> Iterator[RecordedMessage]:
    """
    What crossed over HTTP before the WebSocket took over, in messages; none where it was not kept.

    Raises:
        Unfit: it cannot be read, or not all of it was kept.
    """
    for body in script(reader, record):
        for packet in body:
            if not packet.is_idle:
                yield _message(record, packet)


def _message(record: ConnectionRecord, packet: Packet) -> RecordedMessage:
    content = packet.content
    if not packet.from_client and content[:1] == b"0" and packet.is_text:
        # There is nothing left to move to.
        content = (
            b"0" + json.dumps(json.loads(content[1:]) | {"upgrades": []}, separators=(",", ":")).encode()
        )
    return RecordedMessage(
        0,
        record.id,
        record.opened,
        record.opened,
        packet.from_client,
        1 if packet.is_text else 2,
        content,
        len(content),
        False,
        (),
        0,
        False,
        False,
    )
