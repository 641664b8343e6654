"""
Frames of AMQP 1.0 and what is in them (OASIS standard, parts 2, 3 and 5).

A connection begins with a header of 8 bytes. A frame is its size, where its content begins, its type (AMQP
or SASL), its channel, then a described list, and behind a transfer a message or a part of one.
"""

from dataclasses import dataclass, field

from wsproxy.decoders.amqp_types import Reader
from wsproxy.decoders.decoded import Node, Tree, Unfit

HEADER = b"AMQP"
HEADERS = {0: "", 2: " with TLS", 3: " with SASL"}

_FRAMES = {
    0x10: ("open", "container-id hostname max-frame-size channel-max idle-time-out outgoing-locales"
           " incoming-locales offered-capabilities desired-capabilities properties"),
    0x11: ("begin", "remote-channel next-outgoing-id incoming-window outgoing-window handle-max"
           " offered-capabilities desired-capabilities properties"),
    0x12: ("attach", "name handle role snd-settle-mode rcv-settle-mode source target unsettled"
           " incomplete-unsettled initial-delivery-count max-message-size offered-capabilities"
           " desired-capabilities properties"),
    0x13: ("flow", "next-incoming-id incoming-window next-outgoing-id outgoing-window handle delivery-count"
           " link-credit available drain echo properties"),
    0x14: ("transfer", "handle delivery-id delivery-tag message-format settled more rcv-settle-mode state"
           " resume aborted batchable"),
    0x15: ("disposition", "role first last settled state batchable"),
    0x16: ("detach", "handle closed error"),
    0x17: ("end", "error"),
    0x18: ("close", "error"),
    0x40: ("sasl-mechanisms", "sasl-server-mechanisms"),
    0x41: ("sasl-init", "mechanism initial-response hostname"),
    0x42: ("sasl-challenge", "challenge"),
    0x43: ("sasl-response", "response"),
    0x44: ("sasl-outcome", "code additional-data"),
}  # fmt: skip
_COMPOSITES = {
    0x1D: ("error", "condition description info"),
    0x23: ("received", "section-number section-offset"),
    0x24: ("accepted", ""),
    0x25: ("rejected", "error"),
    0x26: ("released", ""),
    0x27: ("modified", "delivery-failed undeliverable-here message-annotations"),
    0x28: ("source", "address durable expiry-policy timeout dynamic dynamic-node-properties"
           " distribution-mode filter default-outcome outcomes capabilities"),
    0x29: ("target", "address durable expiry-policy timeout dynamic dynamic-node-properties capabilities"),
    0x30: ("coordinator", "capabilities"),
    0x70: ("header", "durable priority ttl first-acquirer delivery-count"),
    0x71: ("delivery-annotations", None),
    0x72: ("message-annotations", None),
    0x73: ("properties", "message-id user-id to subject reply-to correlation-id content-type"
           " content-encoding absolute-expiry-time creation-time group-id group-sequence"
           " reply-to-group-id"),
    0x74: ("application-properties", None),
    0x75: ("data", None),
    0x76: ("amqp-sequence", None),
    0x77: ("amqp-value", None),
    0x78: ("footer", None),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame."""

    channel: int
    name: str
    """What it is; empty for a frame without content, which keeps the connection alive."""
    fields: dict[str, Tree] = field(default_factory=dict)
    """Its own, without those that are not there."""
    payload: bytes = b""

    def tree(self) -> dict[str, Tree]:
        """Everything in it, the message of a transfer as its sections."""
        found: dict[str, Tree] = {"frame": self.name or "empty", "channel": self.channel, **self.fields}
        if self.payload:
            found["message"] = sections(self.payload)
        return found


def measure(head: bytes) -> int | None:
    """The length of the header or frame that begins so; for `wsproxy.decoders.streams`."""
    if head[:4] == HEADER:
        return 8 if len(head) >= 8 else None
    if len(head) < 8:
        # Too few to tell a header from a frame, or to know that it is a frame.
        return None
    size = int.from_bytes(head[:4], "big")
    if size < 8 or not 2 <= head[4] <= size // 4 or head[5] > 1:
        raise Unfit("neither a header nor a frame of AMQP 1.0")
    return size


def read(data: bytes) -> Frame:
    """
    One whole frame.

    Raises:
        Unfit: it is malformed.
    """
    channel = int.from_bytes(data[6:8], "big")
    body = Reader(data[4 * data[4] :])
    if not body.left:
        return Frame(channel, "")
    value = body.value()
    code = _code(value)
    if code not in _FRAMES or not isinstance(value.value, list):
        raise Unfit("a frame of AMQP without a performative")
    name, names = _FRAMES[code]
    return Frame(channel, name, _named(names, value.value), body.rest())


def sections(data: bytes) -> Tree:
    """A message as its sections; bytes where it is only a part of one, or none."""
    reader = Reader(data)
    found: dict[str, Tree] = {}
    try:
        while reader.left:
            section = _plain(reader.value())
            if not isinstance(section, Node):
                return data
            found[section.label] = section.value
    except Unfit:
        return data
    return found


def _code(value: Tree) -> int:
    """Of a described value; -1 without one."""
    if not isinstance(value, Node) or not isinstance(value.raw, str) or not value.raw[:12].isdigit():
        return -1
    return int(value.raw[:12])


def _named(names: str, values: list[Tree]) -> dict[str, Tree]:
    pairs = zip(names.split(), values, strict=False)
    return {name: _plain(value) for name, value in pairs if value is not None}


def _plain(value: Tree) -> Tree:
    """A value with what is known of its composites named."""
    if isinstance(value, Node):
        name, names = _COMPOSITES.get(_code(value), (value.label, None))
        if names is not None and isinstance(value.value, list):
            return Node(name, _named(names, value.value))
        return Node(name, _plain(value.value), value.raw)
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value
