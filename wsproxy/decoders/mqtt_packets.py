"""
Packets of MQTT 3.1, 3.1.1 and 5.0 (OASIS standards, sections 2 and 3).

A packet is a byte of type and flags, its length in groups of 7 bits, and what the type says.
"""

from dataclasses import dataclass, field
from typing import Any

from wsproxy.decoders import content
from wsproxy.decoders.decoded import Tree, Unfit

(
    CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE,
    SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT, AUTH,
) = range(1, 16)  # fmt: skip
NAMES = (
    "", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE",
    "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH",
)  # fmt: skip
_FLAGS = {PUBREL: 2, SUBSCRIBE: 2, UNSUBSCRIBE: 2}
"""That a type has to have; PUBLISH has its own, all others none."""
VERSION_5 = 5

_RETURNED = ("accepted", "unacceptable version", "identifier rejected", "server unavailable",
             "bad user name or password", "not authorized")  # fmt: skip
_REASONS = {
    0x00: "success", 0x01: "granted qos 1", 0x02: "granted qos 2", 0x04: "disconnect with will message",
    0x10: "no matching subscribers", 0x11: "no subscription existed", 0x18: "continue authentication",
    0x19: "re-authenticate", 0x80: "unspecified error", 0x81: "malformed packet", 0x82: "protocol error",
    0x83: "implementation specific error", 0x84: "unsupported protocol version",
    0x85: "client identifier not valid", 0x86: "bad user name or password", 0x87: "not authorized",
    0x88: "server unavailable", 0x89: "server busy", 0x8A: "banned", 0x8B: "server shutting down",
    0x8C: "bad authentication method", 0x8D: "keep alive timeout", 0x8E: "session taken over",
    0x8F: "topic filter invalid", 0x90: "topic name invalid", 0x91: "packet identifier in use",
    0x92: "packet identifier not found", 0x93: "receive maximum exceeded", 0x94: "topic alias invalid",
    0x95: "packet too large", 0x96: "message rate too high", 0x97: "quota exceeded",
    0x98: "administrative action", 0x99: "payload format invalid", 0x9A: "retain not supported",
    0x9B: "qos not supported", 0x9C: "use another server", 0x9D: "server moved",
    0x9E: "shared subscriptions not supported", 0x9F: "connection rate exceeded",
    0xA0: "maximum connect time", 0xA1: "subscription identifiers not supported",
    0xA2: "wildcard subscriptions not supported",
}  # fmt: skip
_PROPERTIES = {
    0x01: ("payload format indicator", "byte"), 0x02: ("message expiry interval", "four"),
    0x03: ("content type", "text"), 0x08: ("response topic", "text"), 0x09: ("correlation data", "bytes"),
    0x0B: ("subscription identifier", "number"), 0x11: ("session expiry interval", "four"),
    0x12: ("assigned client identifier", "text"), 0x13: ("server keep alive", "two"),
    0x15: ("authentication method", "text"), 0x16: ("authentication data", "bytes"),
    0x17: ("request problem information", "byte"), 0x18: ("will delay interval", "four"),
    0x19: ("request response information", "byte"), 0x1A: ("response information", "text"),
    0x1C: ("server reference", "text"), 0x1F: ("reason string", "text"), 0x21: ("receive maximum", "two"),
    0x22: ("topic alias maximum", "two"), 0x23: ("topic alias", "two"), 0x24: ("maximum qos", "byte"),
    0x25: ("retain available", "byte"), 0x26: ("user property", "pair"),
    0x27: ("maximum packet size", "four"), 0x28: ("wildcard subscription available", "byte"),
    0x29: ("subscription identifiers available", "byte"), 0x2A: ("shared subscription available", "byte"),
}  # fmt: skip


@dataclass(slots=True)
class Packet:
    """One packet, as far as it says something."""

    type: int
    flags: int
    id: int | None = None
    topic: str = ""
    topics: list[str] = field(default_factory=list)
    """With the QoS wanted, of a subscription."""
    payload: bytes = b""
    codes: list[int] = field(default_factory=list)
    """Reasons, or return codes before version 5."""
    properties: dict[str, Tree] = field(default_factory=dict)
    rest: dict[str, Tree] = field(default_factory=dict)
    """What else is to be seen in the tree."""

    @property
    def name(self) -> str:
        """As the standard has it."""
        return NAMES[self.type]

    @property
    def qos(self) -> int:
        """Of a PUBLISH."""
        return self.flags >> 1 & 3

    def tree(self) -> dict[str, Tree]:
        """Everything in it."""
        found: dict[str, Tree] = {"packet": self.name}
        if self.type == PUBLISH:
            found |= {"topic": self.topic, "qos": self.qos}
            found |= {"retain": bool(self.flags & 1), "duplicate": bool(self.flags & 8)}
        if self.id is not None:
            found["id"] = self.id
        found |= self.rest
        if self.topics:
            found["topics"] = self.topics
        if self.codes:
            found["reasons"] = self.codes
        if self.properties:
            found["properties"] = self.properties
        if self.type == PUBLISH:
            found["payload"] = content.tree_of(self.payload)
        return found


def measure(head: bytes) -> int | None:
    """The length of the packet that begins so; for `wsproxy.decoders.streams`."""
    kind, flags = head[0] >> 4, head[0] & 15
    if not CONNECT <= kind <= AUTH or (kind != PUBLISH and flags != _FLAGS.get(kind, 0)) or flags & 6 == 6:
        raise Unfit(f"no packet of MQTT begins with {head[0]:02x}")
    length = 0
    for n, byte in enumerate(head[1:5]):
        length |= (byte & 0x7F) << 7 * n
        if byte < 0x80:
            return 2 + n + length
    if len(head) >= 5:
        raise Unfit("a length of more than four bytes")
    return None


def read(data: bytes, version: int) -> Packet:
    """
    One whole packet.

    Args:
        data: all of it.
        version: of the protocol: 3, 4 for 3.1.1, 5.

    Raises:
        Unfit: it is malformed.
    """
    body = _Body(data[2 + next(n for n, byte in enumerate(data[1:]) if byte < 0x80) :])
    packet = Packet(data[0] >> 4, data[0] & 15)
    kind = packet.type
    if kind == CONNECT:
        _connect(packet, body)
        return packet
    new = version >= VERSION_5
    if kind == CONNACK:
        packet.rest["session present"] = bool(body.byte() & 1)
        packet.codes = [body.byte()]
    elif kind == PUBLISH:
        packet.topic = body.text()
        packet.id = body.two() if packet.qos else None
    elif kind in (PUBACK, PUBREC, PUBREL, PUBCOMP):
        packet.id = body.two()
        packet.codes = [body.byte()] if body.left else []
    elif kind in (SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK):
        packet.id = body.two()
    elif kind in (DISCONNECT, AUTH):
        packet.codes = [body.byte()] if body.left else []
    if new and body.left:
        packet.properties = body.properties()
    if kind == PUBLISH:
        packet.payload = body.rest()
    elif kind == SUBSCRIBE:
        while body.left:
            topic, options = body.text(), body.byte()
            packet.topics.append(f"{topic} qos {options & 3}{_options(options) if new else ''}")
    elif kind == UNSUBSCRIBE:
        while body.left:
            packet.topics.append(body.text())
    elif kind in (SUBACK, UNSUBACK):
        packet.codes = list(body.rest())
    if body.left:
        raise Unfit(f"{body.left:,} B more in a {packet.name} than there should be")
    return packet


def reason(code: int, version: int, kind: int) -> str:
    """A reason or return code in words."""
    if version < VERSION_5 and kind == CONNACK:
        return _RETURNED[code] if code < len(_RETURNED) else f"return code {code}"
    if kind == SUBACK and code == 0:
        return "granted qos 0"
    if kind == SUBACK and code == 0x80 and version < VERSION_5:
        return "failure"
    return _REASONS.get(code, f"reason {code:#04x}")


def failed(code: int, version: int, kind: int) -> bool:
    """Whether a reason or return code reports a failure."""
    return code >= 0x80 or (kind == CONNACK and version < VERSION_5 and code > 0)


class _Body:
    """What is behind the length, read from the front."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise Unfit("a packet is shorter than what is in it")
        self._at += count
        return self._data[self._at - count : self._at]

    def rest(self) -> bytes:
        return self.take(self.left)

    def byte(self) -> int:
        return self.take(1)[0]

    def two(self) -> int:
        return int.from_bytes(self.take(2), "big")

    def four(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def bytes(self) -> bytes:
        return self.take(self.two())

    def text(self) -> str:
        return self.bytes().decode("utf-8", "surrogateescape")

    def pair(self) -> list[str]:
        return [self.text(), self.text()]

    def number(self) -> int:
        value = 0
        for n in range(4):
            byte = self.byte()
            value |= (byte & 0x7F) << 7 * n
            if byte < 0x80:
                return value
        raise Unfit("a number of more than four bytes")

    def properties(self) -> dict[str, Tree]:
        inside = _Body(self.take(self.number()))
        found: dict[str, Tree] = {}
        while inside.left:
            number = inside.number()
            if number not in _PROPERTIES:
                raise Unfit(f"there is no property {number:#04x}")
            name, kind = _PROPERTIES[number]
            value: Any = getattr(inside, kind)()
            if kind in ("pair", "number"):
                found.setdefault(name, []).append(value)
            else:
                found[name] = value
        return found


def _connect(packet: Packet, body: _Body) -> None:
    rest = packet.rest
    rest["protocol"] = body.text()
    version = rest["version"] = body.byte()
    flags = body.byte()
    rest["clean start" if version >= VERSION_5 else "clean session"] = bool(flags & 2)
    rest["keep alive"] = body.two()
    if version >= VERSION_5:
        packet.properties = body.properties()
    rest["client id"] = body.text()
    if flags & 4:
        will: dict[str, Tree] = {"properties": body.properties()} if version >= VERSION_5 else {}
        will |= {"topic": body.text(), "payload": content.tree_of(body.bytes())}
        rest["will"] = will | {"qos": flags >> 3 & 3, "retain": bool(flags & 0x20)}
    if flags & 0x80:
        rest["user name"] = body.text()
    if flags & 0x40:
        rest["password"] = content.tree_of(body.bytes())
    if body.left:
        raise Unfit("more in a CONNECT than its flags say")


def _options(options: int) -> str:
    words = [" no local"] if options & 4 else []
    words += [" retain as published"] if options & 8 else []
    handling = options >> 4 & 3
    words += [f" retain handling {handling}"] if handling else []
    return "".join(words)
