"""Held messages in the control API: listed, shown, let go, dropped, edited."""

import asyncio
import time
from base64 import b64encode
from itertools import islice
from typing import TYPE_CHECKING

from wsproxy.control import sendable
from wsproxy.control.messages import HeldInfo, LetGoPage
from wsproxy.decoders.text import preview
from wsproxy.engine.control_connections import PAGE
from wsproxy.engine.control_request import ControlRequest
from wsproxy.engine.settings import edit_limits
from wsproxy.errors import UsageError
from wsproxy.store.jsontext import Timestamps
from wsproxy.wire.frames import OPCODE_NAMES, Opcode

if TYPE_CHECKING:
    from wsproxy.engine.conversation import Conversation
    from wsproxy.engine.desk import Held

SHOWN = 64 * 1024
"""Bytes of content in a JSON answer."""

_PREVIEW = 200
"""Columns."""
_LOOKED_AT = 8 * _PREVIEW
"""Bytes of content a preview is made of."""

_TYPES = {"text": Opcode.TEXT, "binary": Opcode.BINARY}

_stamp = Timestamps()

Behind = tuple[int, int]
"""Messages that wait behind a held one, and bytes."""


class _Queues:
    """What waits behind each held message; every queue is looked through once."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, bool], dict[int, Behind]] = {}

    def behind(self, held: "Held") -> Behind:
        """Of one."""
        key = held.conversation.id, held.transit.from_client
        if key not in self._seen:
            self._seen[key] = _behind(held.conversation, held.transit.from_client)
        return self._seen[key].get(id(held.transit), (0, 0))


def _behind(conversation: "Conversation", from_client: bool) -> dict[int, Behind]:
    found: dict[int, Behind] = {}
    size = 0
    for messages, (transit, own) in enumerate(reversed(conversation.relay.waiting(from_client))):
        if transit is not None:
            found[id(transit)] = messages, size
        size += own
    return found


def held_info(held: "Held", behind: Behind) -> HeldInfo:
    """What is said about a held message."""
    transit = held.transit
    content = transit.content
    opcode = transit.sent_opcode
    return {
        "id": held.id,
        "connection": held.conversation.id,
        "url": held.conversation.record.url,
        "direction": "send" if transit.from_client else "receive",
        "type": OPCODE_NAMES[opcode],
        "length": len(content),
        "changed": transit.is_changed,
        "arrived": _stamp(transit.arrived),
        "since": _stamp(held.since),
        "age": (time.time_ns() - held.since) / 1e9,
        "rule": held.rule.id,
        "filter": held.rule.filter,
        "preview": preview(content[:_LOOKED_AT], opcode == Opcode.TEXT, _PREVIEW, len(content)),
        "waiting_messages": behind[0],
        "waiting_bytes": behind[1],
    }


class HeldMessages(ControlRequest):
    """`/held`"""

    def get(self) -> None:
        """A page of them."""
        after = self.number("after", 0)
        later = (held for held in self.engine.desk.held.values() if held.id > after)
        page = list(islice(later, PAGE + 1))
        queues = _Queues()
        shown = [held_info(held, queues.behind(held)) for held in page[:PAGE]]
        self.answer({"held": shown, "more": len(page) > PAGE})


class HeldMessage(ControlRequest):
    """`/held/ID`"""

    def get(self, number: str) -> None:
        """One of them, with the beginning of its content."""
        held = self.held(number)
        content = held.transit.content
        is_long = len(content) > SHOWN
        info = held_info(held, _Queues().behind(held))
        text = _text(content[:SHOWN], is_long) if held.transit.sent_opcode == Opcode.TEXT else None
        shown = {"base64": b64encode(content[:SHOWN]).decode("ascii")} if text is None else {"text": text}
        self.answer({**info, **shown, "truncated": is_long})


class HeldBytes(ControlRequest):
    """`/held/ID/content`"""

    def get(self, number: str) -> None:
        """The content and nothing else."""
        held = self.held(number)
        self.set_header("Content-Type", "application/octet-stream")
        self.finish(held.transit.content)


class LetGo(ControlRequest):
    """`/held/release` and `/held/drop`"""

    async def post(self, how: str) -> None:
        """Those that are named are held no more."""
        desk = self.engine.desk
        ids = self.told(ids=(list, str)).get("ids")
        if ids == "all":
            ids = list(desk.held)
        elif not isinstance(ids, list) or any(type(number) is not int for number in ids):
            raise UsageError("'ids' is a list of ids, or \"all\"")
        left: list[tuple[int, Held | None]] = []
        for number in ids:
            left.append((number, desk.release(number) if how == "release" else desk.drop(number)))
            if not len(left) % PAGE:
                # Others are waiting, too.
                await asyncio.sleep(0)
        told: LetGoPage = {
            "done": [
                {"id": held.id, "connection": held.conversation.id, "gone": held.transit.is_gone}
                for _, held in left
                if held
            ],
            "missing": [number for number, held in left if held is None],
        }
        self.answer(told)


class Edit(ControlRequest):
    """`/held/ID/edit`"""

    def limit(self) -> int:
        """As much as would have been offered."""
        return edit_limits()[0]

    def post(self, number: str) -> None:
        """The body takes the place of the content."""
        held = self.held(number)
        force, keep = self.flag("force"), self.flag("keep")
        kind = self.query("type")
        opcode = held.transit.sent_opcode
        if kind:
            if kind not in _TYPES:
                raise UsageError(f"a message is text or binary, not {kind!r}")
            if opcode not in _TYPES.values():
                raise UsageError(f"held message {number} is a control frame and has no other type")
            opcode = _TYPES[kind]
        content = self.content()
        sendable.check(opcode, content, force)
        self.engine.desk.edit(held.id, content, opcode, keep)
        self.answer(
            {
                "id": held.id,
                "connection": held.conversation.id,
                "length": len(content),
                "held": held.id in self.engine.desk.held,
                "gone": held.transit.is_gone,
            }
        )


def _text(content: bytes, is_cut: bool) -> str | None:
    """None for what is not UTF-8. A character that is cut is left out."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        if is_cut and len(content) - error.start < 4:
            return _text(content[: error.start], False)
        return None
