"""Socket.IO 2 to 5, over Engine.IO 3 and 4."""

import re
from typing import Any

from wsproxy.decoders.api import (
    CERTAIN,
    LIKELY,
    UNKNOWN,
    Context,
    Decoded,
    Kind,
    Message,
    Opening,
    Tree,
    Unfit,
)
from wsproxy.decoders.brief import arguments, brief
from wsproxy.decoders.engineio import EngineIO
from wsproxy.decoders.socketio_packets import (
    CONNECT,
    DISCONNECT,
    Packet,
    read,
    read_msgpack,
    written,
    written_msgpack,
)

HELD = 16 << 20
"""Bytes of attachments that are kept for one packet."""
_EVENT = re.compile(r'4[2356](\d+-)?(/[^,"]*,)?\d*\[')
_OPEN = re.compile(r'0\{"sid":"')
_CONNECTED = re.compile(r'40(/[^,"]*,)?(\{|$)')


class _Pending:
    """A packet that waits for attachments, and those that have come: None for one that was not kept."""

    def __init__(self, packet: Packet, number: int) -> None:
        self.packet = packet
        self.number = number
        self.attachments: list[bytes | None] = []
        self.size = 0

    def take(self, data: bytes | None) -> None:
        self.size += len(data or b"")
        self.attachments.append(data if self.size <= HELD else None)

    @property
    def is_whole(self) -> bool:
        return len(self.attachments) >= self.packet.attachments

    def joined(self) -> Packet:
        return self.packet.joined(self.attachments)


class SocketIO(EngineIO):
    """
    Socket.IO 2 to 5: events with their arguments, acknowledgements, namespaces and attachments.

    An event with an id is a call that its acknowledgement answers, per namespace. The binary messages behind
    a packet are its attachments: the last of them shows the packet joined, and so does the tree of the packet
    itself once they have come. Packets in MessagePack (`socket.io-msgpack-parser`) are read and written, too.
    A session mostly begins over HTTP long-polling. The proxy keeps the bodies of that, so handshake,
    namespaces, acknowledgements and attachments that began there are understood on the WebSocket it moves to,
    and a session that stays on polling is read as well.
    """

    name = "socketio"
    matches = "query `EIO` with `transport=websocket` or `polling`; packets such as `42[...]`"
    editable = True
    size_limit = 4 << 20

    def __init__(self, opening: Opening, context: Context) -> None:
        super().__init__(opening, context)
        self._pending: dict[bool, _Pending | None] = {True: None, False: None}

    @classmethod
    def recognises(cls, opening: Opening) -> bool:
        """By the query, whatever the path is; `/engine.io/` is Engine.IO alone."""
        query = opening.query
        if super().recognises(opening):
            return False
        return "EIO" in query and query.get("transport", ["websocket"])[0] in ("websocket", "polling")

    @classmethod
    def score(cls, message: Message) -> int:
        """By packets of events, the opening one, and probes."""
        text = message.text
        if not message.is_text or text is None:
            return UNKNOWN
        if _OPEN.match(text) and not message.from_client:
            return CERTAIN
        if _EVENT.match(text) and text[-1:] == "]":
            return CERTAIN
        return LIKELY if text in ("2probe", "3probe") or _CONNECTED.match(text) else UNKNOWN

    def message(self, message: Message, text: str) -> Decoded:
        """One packet of Socket.IO."""
        lost = self._pending[message.from_client]
        self._pending[message.from_client] = None
        try:
            packet = read(text)
        except Unfit as error:
            # Engine.IO may well stand on any path, with something else in it.
            decoded = super().message(message, text)
            decoded.notes = (f"not Socket.IO inside Engine.IO: {error}", *decoded.notes)
            return decoded
        if packet.attachments:
            pending = self._pending[message.from_client] = _Pending(packet, message.number)
            decoded = self._read(message, packet, lambda: pending.joined().tree())
        else:
            decoded = self._read(message, packet, packet.tree)
        if lost:
            missing = lost.packet.attachments - len(lost.attachments)
            decoded.notes = (f"{missing:,} attachments of the packet before never came", *decoded.notes)
        return decoded

    def binary(self, message: Message, data: bytes) -> Decoded:
        """An attachment, or a packet in MessagePack."""
        pending = self._pending[message.from_client]
        if pending is None:
            try:
                packet = read_msgpack(data)
            except Unfit:
                return super().binary(message, data)
            return self._read(message, packet, packet.tree)
        pending.take(data)
        place, of = len(pending.attachments), pending.packet.attachments
        event = f"attachment {place} of {of}, {len(data):,} B"
        tree: dict[str, Tree] = {"attachment": place, "of": of, "bytes": data}
        if pending.is_whole:
            self._pending[message.from_client] = None
            packet = pending.joined()
            event += f", completes {_event(packet)}"
            return self.say(
                event,
                Kind.DATA,
                "attachment",
                channel=packet.namespace,
                tree=lambda: tree | {"packet": packet.tree()},
            )
        return self.say(event, Kind.DATA, "attachment", channel=pending.packet.namespace, tree=tree)

    def missed(self, message: Message) -> None:
        """One that was binary is an attachment all the same, if one is waited for."""
        pending = self._pending[message.from_client]
        if pending and not message.is_text:
            pending.take(None)
            if pending.is_whole:
                self._pending[message.from_client] = None

    def reencode(self, tree: Tree, message: Message) -> bytes:
        """Packets of text in the style of the original; attachments."""
        if message.is_text and (message.text or "")[:1] == "4":
            try:
                original = read((message.text or "")[1:])
            except Unfit:
                return super().reencode(tree, message)
            return f"4{written(tree, original)}".encode("utf-8", "surrogatepass")
        if not message.is_text and isinstance(tree, dict) and isinstance(tree.get("bytes"), bytes):
            data: bytes = tree["bytes"]
            return message.content[: self._mark(message)] + data
        if not message.is_text and isinstance(tree, dict) and "packet" in tree:
            return written_msgpack(tree, message.content)
        return super().reencode(tree, message)

    def _read(self, message: Message, packet: Packet, tree: Any) -> Decoded:
        # Version 2 puts a query behind the namespace to connect to, which the answer is without.
        namespace, data = packet.namespace.partition("?")[0], packet.data
        where = "" if namespace == "/" else f" {namespace}"
        more: dict[str, Any] = {"tree": tree, "channel": namespace}
        given = f" {brief(data)}" if data else ""
        if packet.is_event:
            name = data[0] if isinstance(data[0], str) else brief(data[0], 100)
            if packet.id is None:
                return self.say(_event(packet), Kind.NOTIFICATION, name, **more)
            return self.call(message, packet.id, name, _event(packet), key=(namespace, packet.id), **more)
        if packet.is_ack:
            event = f"ack {packet.id} {arguments(data)}".rstrip() + where
            if packet.id is None:
                raise Unfit("an acknowledgement without an id")
            return self.reply(message, packet.id, event, key=(namespace, packet.id), name="ack", **more)
        if packet.type == CONNECT:
            key = ("connect", namespace)
            if message.from_client:
                return self.call(message, namespace, "connect", f"connect{where}{given}", key=key, **more)
            return self.reply(message, namespace, f"connected{where}{given}", key=key, name="connect", **more)
        if packet.type == DISCONNECT:
            return self.say(f"disconnect{where}", Kind.CONTROL, "disconnect", **more)
        # In version 2 and before an error may come at any time.
        key = ("connect", namespace)
        return self.reply(
            message, namespace, f"error{where}{given}", key=key, name="connect", error=True, **more
        )


def _event(packet: Packet) -> str:
    where = "" if packet.namespace == "/" else f" {packet.namespace}"
    if packet.is_ack:
        return f"ack {packet.id} {arguments(packet.data)}".rstrip() + where
    name = packet.data[0] if isinstance(packet.data[0], str) else brief(packet.data[0], 100)
    ack = "" if packet.id is None else f" [ack {packet.id}]"
    return f"emit {name} {arguments(packet.data[1:])}".rstrip() + ack + where
