"""STOMP 1.0, 1.1 and 1.2, as ActiveMQ, RabbitMQ and Spring speak it."""

import re
from typing import Any

from wsproxy.decoders import content
from wsproxy.decoders.api import (
    CERTAIN,
    LIKELY,
    UNKNOWN,
    Context,
    Decoded,
    Decoder,
    Kind,
    Memory,
    Message,
    Opening,
    Tree,
    Unfit,
)
from wsproxy.decoders.json_ import Pairs
from wsproxy.decoders.stomp_frames import COMMANDS, Frame, Frames

_FIRST = re.compile(r"(CONNECT|STOMP|CONNECTED)\r?\n([a-z-]+:.*\r?\n)*\r?\n\0?\n?")
_CONNECT = "connect"


class Stomp(Decoder):
    """
    STOMP: what is sent to destinations, what subscriptions bring, and receipts.

    A frame may take several messages, as some clients split large ones. A frame that asks for a receipt is a
    call that the receipt answers; a message to be acknowledged for itself (`ack:client-individual`) is a call
    that ACK or NACK answers. Inside SockJS it is read just the same.
    """

    name = "stomp"
    subprotocols = ("v10.stomp", "v11.stomp", "v12.stomp", "stomp")
    matches = "a command of STOMP on the first line, NUL at the end"
    editable = True
    size_limit = 4 << 20

    def __init__(self, opening: Opening, context: Context) -> None:
        super().__init__(opening, context)
        self._frames = {True: Frames(), False: Frames()}
        self._subscriptions: Memory[str, tuple[str, str]] = Memory()
        self._parts: Memory[int, None] = Memory()
        """Messages, by number, in which a frame goes on that began in another."""
        if opening.subprotocol == "v10.stomp":
            self._version("1.0")

    @classmethod
    def score(cls, message: Message) -> int:
        """By the first line."""
        text = message.text
        if text is None:
            return UNKNOWN
        if _FIRST.fullmatch(text[:2000]):
            return CERTAIN
        first = text.partition("\n")[0].rstrip("\r")
        return LIKELY if first in COMMANDS and text.rstrip("\r\n")[-1:] == "\0" else UNKNOWN

    def decode(self, message: Message) -> Decoded:
        """Raises Unfit if it is no frame, nor a part of one."""
        frames = self._frames[message.from_client]
        before = frames.waiting
        if before:
            self._parts[message.number] = None
        found = frames.feed(message.content)
        parts = [self._read(message, frame) for frame in found]
        if not parts and not frames.waiting:
            return self.say("heart-beat", Kind.CONTROL, "heart-beat", heartbeat=True, tree=message.text)
        if frames.waiting and (frames.waiting > before or not parts):
            begun = "beginning" if parts or not before else "part"
            event = f"{begun} of frame, {frames.waiting:,} B so far"
            parts.append(self.say(event, Kind.DATA, "part", tree=message.content))
        return self.several(parts)

    def missed(self, message: Message) -> None:
        """What comes next is taken for the beginning of a frame."""
        self._frames[message.from_client].lose()

    def _read(self, message: Message, frame: Frame) -> Decoded:
        get, command = frame.get, frame.command
        more: dict[str, Any] = {"tree": lambda: _tree(frame)}
        body = f" {content.said(frame.body)}" if frame.body else ""
        if command in ("CONNECT", "STOMP"):
            user = f" as {get('login')}" if get("login") else ""
            beat = f", heart-beat {get('heart-beat')}" if get("heart-beat") else ""
            host = f" {get('host')}" if get("host") else ""
            event = f"{command}{host}{user}, version {get('accept-version') or '1.0'}{beat}"
            return self.call(message, _CONNECT, command, event, **more)
        if command == "CONNECTED":
            self._version(get("version") or "1.0")
            session = f", session {get('session')}" if get("session") else ""
            server = f", {get('server')}" if get("server") else ""
            return self.reply(message, _CONNECT, f"CONNECTED {get('version')}{server}{session}", **more)
        if command == "RECEIPT":
            return self.reply(message, get("receipt-id"), "RECEIPT", name=command, **more)
        if command == "ERROR":
            event = f"ERROR {get('message')}{body}"
            waiting = get("receipt-id") or _CONNECT
            return self.reply(message, waiting, event, name=command, error=True, **more)
        if command == "MESSAGE":
            return self._message(message, frame, body, more)
        if command in ("ACK", "NACK"):
            id = get("id") or get("message-id")
            subscribed = self._subscriptions.get(get("subscription"))
            more |= {"channel": subscribed[0]} if subscribed else {}
            if id:
                return self.reply(
                    message, id, f"{command} {id}", error=command == "NACK", name=command, **more
                )
        event = self._event(frame, body, more)
        kind = Kind.NOTIFICATION if command == "SEND" else Kind.CONTROL
        if receipt := get("receipt"):
            return self.call(message, receipt, command, f"{event} [receipt {receipt}]", **more)
        return self.say(event, kind, command, **more)

    def _event(self, frame: Frame, body: str, more: dict[str, Any]) -> str:
        get, command = frame.get, frame.command
        if command == "SUBSCRIBE":
            id = get("id") or get("destination")
            self._subscriptions[id] = get("destination"), get("ack")
            more["channel"] = get("destination")
            ack = f" ack {get('ack')}" if get("ack") else ""
            return f"SUBSCRIBE {get('destination')} id {id}{ack}"
        if command == "UNSUBSCRIBE":
            subscribed = self._subscriptions.pop(get("id") or get("destination"))
            more["channel"] = subscribed[0] if subscribed else get("destination")
            return f"UNSUBSCRIBE {more['channel']} id {get('id')}"
        if command == "SEND":
            more["channel"] = get("destination")
        words = [
            command,
            get("destination"),
            f"transaction {get('transaction')}" if get("transaction") else "",
        ]
        return " ".join(word for word in words if word) + body

    def _message(self, message: Message, frame: Frame, body: str, more: dict[str, Any]) -> Decoded:
        get = frame.get
        subscribed = self._subscriptions.get(get("subscription"))
        # Not every broker repeats where it came from.
        more["channel"] = get("destination") or (subscribed[0] if subscribed else "")
        event = f"MESSAGE {more['channel']} for {get('subscription')}{body}"
        if subscribed and subscribed[1] == "client-individual":
            id = get("ack") or get("message-id")
            return self.call(message, id, "MESSAGE", f"{event} [ack {id}]", **more)
        return self.say(event, Kind.NOTIFICATION, "MESSAGE", **more)

    def _version(self, version: str) -> None:
        for frames in self._frames.values():
            frames.escapes = version != "1.0"

    def reencode(self, tree: Tree, message: Message) -> bytes:
        """One whole frame; a `content-length` that was right is made right again."""
        escapes = self._frames[True].escapes
        reader = Frames()
        reader.escapes = escapes
        frames = reader.feed(message.content)
        if not frames and not reader.waiting:
            if tree != message.text:
                raise Unfit("a heart-beat cannot be edited")
            return message.content
        if len(frames) != 1 or reader.waiting or message.number in self._parts:
            raise Unfit("only a message of exactly one frame is written")
        frame = frames[0]
        lead, original, rest = message.content.partition(frame.written(escapes))
        if not original or lead.strip(b"\r\n") or rest.strip(b"\r\n"):
            raise Unfit("the frame is written in a way of its own")
        return lead + _frame(tree, frame).written(escapes) + rest


def _tree(frame: Frame) -> Tree:
    names = {name for name, _ in frame.headers}
    headers: Tree = dict(frame.headers) if len(names) == len(frame.headers) else Pairs(frame.headers)
    return {"command": frame.command, "headers": headers, "body": content.tree_of(frame.body)}


def _frame(tree: Tree, original: Frame) -> Frame:
    if not isinstance(tree, dict) or set(tree) != {"command", "headers", "body"}:
        raise Unfit("a frame has command, headers and body")
    command, headers, body = tree["command"], tree["headers"], content.data_of(tree["body"])
    pairs = list(headers.items()) if isinstance(headers, dict) else list(headers)
    for text in (command, *(text for pair in pairs for text in pair)):
        if not isinstance(text, str) or "\0" in text:
            raise Unfit("command and headers are text")
    if command not in COMMANDS:
        raise Unfit(f"{command!r} is no command of STOMP")
    length = ("content-length", str(len(original.body)))
    if length in original.headers and length in pairs:
        pairs[pairs.index(length)] = "content-length", str(len(body))
    if b"\0" in body and not any(name == "content-length" for name, _ in pairs):
        raise Unfit("a body with NUL needs a content-length")
    return Frame(command, tuple(pairs), body, original.eol)
