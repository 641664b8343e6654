"""Open WebSockets in the control API: listed, spoken into, closed, cut."""

import os
import time
from itertools import islice
from typing import TYPE_CHECKING

from wsproxy.control import sendable
from wsproxy.control.messages import ConnectionInfo, WayInfo
from wsproxy.engine.control_request import ControlRequest, GoneError
from wsproxy.engine.desk import HAND
from wsproxy.engine.settings import edit_limits
from wsproxy.errors import UsageError
from wsproxy.store.jsontext import Timestamps
from wsproxy.wire.encode import encode_frame
from wsproxy.wire.frames import Opcode

if TYPE_CHECKING:
    from wsproxy.engine.conversation import Conversation
    from wsproxy.engine.master import Engine

PAGE = 200
"""Objects in one answer: no request may keep the event loop for long."""

_SIDES = {"server": (True,), "client": (False,), "both": (True, False)}
"""Whose messages it stands among: what goes to the server looks as if it came from the client."""

_stamp = Timestamps()


def connection_info(conversation: "Conversation", engine: "Engine") -> ConnectionInfo:
    """What is said about an open WebSocket."""
    record = conversation.record
    return {
        "id": record.id,
        "url": record.url,
        "client": record.client,
        "server": record.server,
        "mode": record.mode,
        "subprotocol": record.subprotocol,
        "extensions": record.extensions,
        "opened": _stamp(conversation.opened),
        "age": (time.time_ns() - conversation.opened) / 1e9,
        "path": "fast" if record.id in engine.sockets.fast else "layer",
        "send": _way(conversation, True),
        "receive": _way(conversation, False),
    }


def _way(conversation: "Conversation", from_client: bool) -> WayInfo:
    relay = conversation.relay
    waiting = relay.waiting(from_client)
    return {
        "editing": relay.is_editing(from_client),
        "closed": relay.has_closed(from_client),
        "held": sum(transit is not None and transit.is_held for transit, _ in waiting),
        "waiting_messages": len(waiting),
        "waiting_bytes": sum(size for _, size in waiting),
    }


class Connections(ControlRequest):
    """`/connections`"""

    def get(self) -> None:
        """A page of the open ones."""
        after = self.number("after", 0)
        later = (conversation for conversation in self.engine.sockets if conversation.id > after)
        page = list(islice(later, PAGE + 1))
        shown = [connection_info(conversation, self.engine) for conversation in page[:PAGE]]
        self.answer({"connections": shown, "more": len(page) > PAGE})


class Connection(ControlRequest):
    """`/connections/ID`"""

    def get(self, number: str) -> None:
        """One open one."""
        self.answer(connection_info(self.conversation(number), self.engine))


class Send(ControlRequest):
    """`/connections/ID/send`"""

    def limit(self) -> int:
        """What can be edited can be sent."""
        return edit_limits()[0]

    def post(self, number: str) -> None:
        """The body is sent to one side."""
        conversation = self.conversation(number)
        force = self.flag("force")
        to, kind = self.query("to"), self.query("type", "text")
        if to not in ("server", "client"):
            raise UsageError(f"it is sent to server or client, not {to!r}")
        content = self.content()
        if kind == sendable.RAW:
            opcode = 0
            sendable.check_frames(content, force)
        elif kind in sendable.TYPES:
            opcode = sendable.TYPES[kind]
            sendable.check(opcode, content, force)
        else:
            known = ", ".join((*sendable.TYPES, sendable.RAW))
            raise UsageError(f"there is no type {kind!r}", f"It is one of {known}")
        [from_client] = _SIDES[to]
        if kind == sendable.RAW:
            conversation.inject(from_client, opcode, content, HAND, raw=True)
        else:
            _inject(conversation, from_client, opcode, content, force)
        self.answer({"connection": conversation.id, "to": to, "type": kind, "length": len(content)})


class Close(ControlRequest):
    """`/connections/ID/close`"""

    def post(self, number: str) -> None:
        """A Close frame to one side or both."""
        conversation = self.conversation(number)
        told = self.told(to=str, code=(int, type(None)), reason=str, force=bool)
        to, code, reason = told.get("to", "both"), told.get("code", 1000), told.get("reason", "")
        force = told.get("force", False)
        if to not in _SIDES:
            raise UsageError(f"it is sent to server, client or both, not {to!r}")
        payload = sendable.closing(code, reason, force)
        sides = _SIDES[to]
        if not force:
            # To those that have not had one yet; the other one is not to be told a second time.
            sides = tuple(side for side in sides if not conversation.relay.has_closed(side))
            if not sides:
                raise GoneError(
                    f"connection {number} is closing already", "With --force it is sent all the same"
                )
        for from_client in sides:
            _inject(conversation, from_client, Opcode.CLOSE, payload, force)
        self.answer({"connection": conversation.id, "to": to, "code": code, "reason": reason})


class Cut(ControlRequest):
    """`/connections/ID/cut`"""

    def post(self, number: str) -> None:
        """TCP is reset on both sides."""
        conversation = self.conversation(number)
        self.told()
        conversation.cut(HAND)
        self.answer({"connection": conversation.id})


def _inject(
    conversation: "Conversation", from_client: bool, opcode: int, content: bytes, force: bool
) -> None:
    """Whoever has had a Close frame does not listen any more (RFC 6455 section 5.5.1)."""
    if not conversation.relay.has_closed(from_client):
        conversation.inject(from_client, opcode, content, HAND)
    elif force:
        frame = encode_frame(opcode, content, mask=os.urandom(4) if from_client else b"")
        conversation.inject(from_client, opcode, frame, HAND, raw=True)
    else:
        side = "server" if from_client else "client"
        raise GoneError(
            f"connection {conversation.id} is closing: its {side} has had a Close frame",
            "With --force it is sent all the same",
        )
