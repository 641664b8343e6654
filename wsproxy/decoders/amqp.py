"""AMQP 1.0 over WebSockets (OASIS, AMQP WebSocket binding)."""

from typing import Any

from wsproxy.decoders import content
from wsproxy.decoders.amqp_frames import HEADER, HEADERS, Frame, measure, read, sections
from wsproxy.decoders.api import (
    CERTAIN,
    UNKNOWN,
    Context,
    Decoded,
    Decoder,
    Kind,
    Memory,
    Message,
    Node,
    Opening,
    Tree,
    Unfit,
)
from wsproxy.decoders.brief import brief
from wsproxy.decoders.json_protocol import word
from wsproxy.decoders.streams import Stream

_BOTH = {
    "open": "open",
    "begin": "begin",
    "attach": "attach",
    "detach": "detach",
    "end": "end",
    "close": "close",
}
"""Frames that either side says, one to begin and the other to answer."""
_MOST = 1000
"""Deliveries that one disposition is shown to answer."""


class Amqp(Decoder):
    """
    AMQP 1.0: connections, sessions, links, and what is transferred over them.

    Frames are found wherever they lie in the messages. Who opens, begins, attaches or closes something first
    calls, the other side answers; an unsettled transfer is a call that a disposition answers. Links are named
    by their addresses.
    """

    name = "amqp"
    subprotocols = ("amqp", "amqpwsb10")
    matches = "the header `AMQP` first"
    size_limit = 4 << 20

    def __init__(self, opening: Opening, context: Context) -> None:
        super().__init__(opening, context)
        self._streams = {True: Stream(measure), False: Stream(measure)}
        self._links: Memory[tuple[bool, int, Any], str] = Memory()
        """Addresses by who has given the handle, channel and handle."""
        self._addresses: Memory[str, str] = Memory()
        """The same by the names of links, which both sides use."""
        self._names: Memory[tuple[bool, int, Any], str] = Memory()
        self._open: Memory[tuple[bool, Any], bool] = Memory()
        """What was begun or ended by one side and is not answered."""
        self._channels: Memory[tuple[bool, int], int] = Memory()
        """Which channel of the other side is the same session, where the numbers differ."""
        self._delivery: Memory[tuple[bool, int, Any], int] = Memory()
        """The last delivery of a link, which the further parts of a transfer leave out."""

    @classmethod
    def score(cls, message: Message) -> int:
        """By the header."""
        return CERTAIN if message.content[:4] == HEADER and message.content[5:8] == b"\1\0\0" else UNKNOWN

    def decode(self, message: Message) -> Decoded:
        """Raises Unfit if it is no frame, nor a part of one."""
        stream = self._streams[message.from_client]
        before = stream.waiting
        parts: list[Decoded] = []
        for packet in stream.feed(message.content):
            if packet.data[:4] == HEADER:
                parts.append(self._header(message, packet.data))
            elif packet.whole:
                parts.extend(self._read(message, read(packet.data)))
            else:
                parts.append(
                    self.say(f"frame of {packet.length:,} B, too large to be read", Kind.DATA, "frame")
                )
        if stream.waiting and (stream.waiting != before or not parts):
            event = stream.progress("frame", 0 if parts else before)
            parts.append(self.say(event, Kind.DATA, "part", tree=message.content))
        return self.several(parts)

    def missed(self, message: Message) -> None:
        """The stream is taken up where a message consists of whole frames."""
        self._streams[message.from_client].lose()

    def _header(self, message: Message, data: bytes) -> Decoded:
        protocol, *version = data[4:]
        if version != [1, 0, 0] or protocol not in HEADERS:
            raise Unfit(f"AMQP {'.'.join(map(str, data[4:]))}, not 1.0")
        event = f"AMQP 1.0{HEADERS[protocol]}"
        tree = {"header": event}
        if message.from_client:
            return self.call(message, "header", "header", event, tree=tree, key=("header", protocol))
        return self.reply(message, "header", event, name="header", tree=tree, key=("header", protocol))

    def _read(self, message: Message, frame: Frame) -> list[Decoded]:
        more: dict[str, Any] = {"tree": frame.tree}
        name, fields = frame.name, frame.fields
        if not name:
            return [self.say("heartbeat", Kind.CONTROL, "heartbeat", heartbeat=True, **more)]
        if isinstance(problem := fields.get("error"), Node):
            more["error"] = True
        if name in _BOTH:
            return [self._both(message, frame, problem, more)]
        if name == "transfer":
            return [self._transfer(message, frame, more)]
        if name == "disposition":
            return self._disposition(message, frame, more)
        if name == "flow":
            link = self._link(message, frame)
            credit = f" credit {fields['link-credit']}" if "link-credit" in fields else ""
            return [self.say(f"flow {link}{credit}".strip(), Kind.CONTROL, name, channel=link, **more)]
        if name == "sasl-init":
            event = f"{name} {fields.get('mechanism')}"
            return [self.call(message, "sasl", name, event, **more)]
        if name == "sasl-outcome":
            code = fields.get("code", 0)
            return [self.reply(message, "sasl", f"{name} {code}", name=name, error=bool(code), **more)]
        rest = brief(fields.get("sasl-server-mechanisms")) if name == "sasl-mechanisms" else ""
        return [self.say(f"{name} {rest}".strip(), Kind.CONTROL, name, **more)]

    def _both(self, message: Message, frame: Frame, problem: Any, more: dict[str, Any]) -> Decoded:
        name, fields = frame.name, frame.fields
        key: tuple[Any, ...] = (name,)
        event = name
        place = message.from_client, frame.channel, fields.get("handle")
        if name == "open":
            event += f" {fields.get('container-id')} to {fields.get('hostname') or 'anybody'}"
            if "idle-time-out" in fields:
                event += f", idle time-out {brief(fields['idle-time-out'])} ms"
        elif name in ("begin", "end"):
            event += f" channel {frame.channel}"
            # The answer's channel may have another number; it says which it answers.
            answered = fields.get("remote-channel")
            key = (name, self._session(message, frame) if answered is None else answered)
            if type(answered) is int:
                self._channels[message.from_client, frame.channel] = answered
                self._channels[not message.from_client, answered] = frame.channel
        elif name == "attach":
            key = (name, word(fields.get("name")))
            # Not every answer repeats the address.
            address = _address(fields) or self._addresses.get(word(fields.get("name"))) or ""
            self._addresses[word(fields.get("name"))] = address
            self._links[place] = address
            self._names[place] = word(fields.get("name"))
            role = "receiver" if fields.get("role") else "sender"
            event += f" {role} {address or fields.get('name')}"
            more["channel"] = address
        elif name == "detach":
            key = (name, self._names.get(place) or "")
            event += f" {self._link(message, frame)}"
            more["channel"] = self._link(message, frame)
        if isinstance(problem, Node):
            condition = problem.value if isinstance(problem.value, dict) else {}
            event += f": {brief(condition.get('condition'))} {word(condition.get('description'))}"
        if self._open.pop((not message.from_client, key)):
            return self.reply(message, name, event, key=key, name=name, **more)
        self._open[message.from_client, key] = True
        return self.call(message, name, name, event, key=key, **more)

    def _transfer(self, message: Message, frame: Frame, more: dict[str, Any]) -> Decoded:
        fields = frame.fields
        link = self._link(message, frame)
        place = message.from_client, frame.channel, fields.get("handle")
        number = fields.get("delivery-id")
        if number is None:
            number = self._delivery.get(place)
            event = f"transfer {link} goes on, {len(frame.payload):,} B"
            return self.say(event, Kind.DATA, "transfer", id=str(number), channel=link, **more)
        self._delivery[place] = number
        event = f"transfer {link} {_content(frame.payload)}"
        if fields.get("more"):
            event += ", more to come"
        if fields.get("settled"):
            return self.say(event, Kind.NOTIFICATION, "transfer", id=str(number), channel=link, **more)
        key = ("transfer", frame.channel, str(number))
        return self.call(message, number, "transfer", f"{event} [{number}]", key=key, channel=link, **more)

    def _disposition(self, message: Message, frame: Frame, more: dict[str, Any]) -> list[Decoded]:
        fields = frame.fields
        first = fields.get("first", 0)
        last = fields.get("last", first)
        state = fields.get("state")
        outcome = state.label if isinstance(state, Node) else "settled"
        more["error"] = outcome == "rejected"
        if type(first) is not int or type(last) is not int:
            raise Unfit("a disposition is of numbers")
        span = f"{first}" if first == last else f"{first} to {last}"
        # The transfers were numbered on the other side's channel.
        channel = self._channels.get((message.from_client, frame.channel))
        channel = frame.channel if channel is None else channel
        # A sender that settles what the receiver has accepted answers nothing.
        if not fields.get("role"):
            return [self.say(f"disposition {span} {outcome}", Kind.CONTROL, "disposition", **more)]
        return [
            self.reply(
                message, number, f"{outcome} {number}", key=("transfer", channel, str(number)),
                name="disposition", **more
            )
            for number in range(first, min(last, first + _MOST) + 1)
        ]  # fmt: skip

    def _session(self, message: Message, frame: Frame) -> int:
        """The client's channel of a session, whoever speaks."""
        if message.from_client:
            return frame.channel
        found = self._channels.get((False, frame.channel))
        return frame.channel if found is None else found

    def _link(self, message: Message, frame: Frame) -> str:
        """The address of a link, by the handle of whoever says it."""
        handle = frame.fields.get("handle")
        found = self._links.get((message.from_client, frame.channel, handle))
        return found or ("" if handle is None else f"link {handle}")


def _address(fields: dict[str, Tree]) -> str:
    """Where what is sent goes, or where what is received comes from."""
    end = fields.get("source" if fields.get("role") else "target")
    if isinstance(end, Node) and isinstance(end.value, dict):
        return word(end.value.get("address"))
    return ""


def _content(payload: bytes) -> str:
    found = sections(payload)
    size = f"{len(payload):,} B"
    if not isinstance(found, dict):
        return size
    for name in ("amqp-value", "data", "amqp-sequence"):
        if name in found:
            value = found[name]
            return content.said(value) if isinstance(value, bytes) else f"{size} {brief(value)}"
    return size
