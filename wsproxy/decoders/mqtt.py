"""MQTT 3.1, 3.1.1 and 5.0 over WebSockets (section 6 of both standards)."""

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
    Unfit,
)
from wsproxy.decoders.mqtt_packets import (
    AUTH,
    CONNACK,
    CONNECT,
    DISCONNECT,
    NAMES,
    PINGREQ,
    PINGRESP,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    SUBACK,
    SUBSCRIBE,
    UNSUBACK,
    UNSUBSCRIBE,
    VERSION_5,
    Packet,
    failed,
    measure,
    read,
    reason,
)
from wsproxy.decoders.streams import Stream

_CONNECT = "connect"
_PING = "ping"


class Mqtt(Decoder):
    """
    MQTT 3.1, 3.1.1 and 5.0: what is published, subscribed and acknowledged.

    Packets are found wherever they lie in the messages, several in one or one in several. Those with an id
    are paired with what acknowledges them; of QoS 2, PUBREC is the first answer and PUBCOMP the last. Topic
    aliases of version 5 are shown as the topics they stand for.
    """

    name = "mqtt"
    subprotocols = ("mqtt", "mqttv3.1", "mqttv5", "mqttv5.0")
    matches = "a CONNECT packet first"
    size_limit = 4 << 20

    def __init__(self, opening: Opening, context: Context) -> None:
        super().__init__(opening, context)
        self._streams = {True: Stream(measure), False: Stream(measure)}
        self._version = 4
        self._is_certain = False
        """A CONNECT has said the version; without it, version 5 shows where nothing else fits."""
        self._aliases: Memory[tuple[bool, int], str] = Memory()

    @classmethod
    def score(cls, message: Message) -> int:
        """By the packets with which either side begins."""
        data = message.content
        if message.is_text:
            return UNKNOWN
        if (
            message.from_client
            and data[:1] == b"\x10"
            and (b"\0\4MQTT" in data[2:9] or b"\0\6MQIsdp" in data[2:12])
        ):
            return CERTAIN
        connack = data[:1] == b"\x20" and 4 <= len(data) == data[1] + 2 and data[2] < 2
        return LIKELY if connack and not message.from_client else UNKNOWN

    def decode(self, message: Message) -> Decoded:
        """Raises Unfit if it is no packet, nor a part of one."""
        if message.is_text:
            raise Unfit("MQTT is binary")
        stream = self._streams[message.from_client]
        lost = stream.lost
        before = stream.waiting
        packets = stream.feed(message.content)
        parts: list[Decoded] = []
        for packet in packets:
            kind = NAMES[packet.data[0] >> 4]
            if packet.whole:
                parts.append(self._read(message, self._packet(packet.data)))
            else:
                parts.append(
                    self.say(f"{kind} of {packet.length:,} B, too large to be read", Kind.DATA, kind)
                )
        if stream.waiting and (stream.waiting != before or not parts):
            event = stream.progress(NAMES[stream.beginning[0] >> 4], 0 if parts else before)
            parts.append(self.say(event, Kind.DATA, "part", tree=message.content))
        decoded = self.several(parts)
        if lost:
            decoded.notes = ("packets before it are missing", *decoded.notes)
        return decoded

    def missed(self, message: Message) -> None:
        """The stream is taken up where a message consists of whole packets."""
        self._streams[message.from_client].lose()

    def _packet(self, data: bytes) -> Packet:
        try:
            return read(data, self._version)
        except Unfit:
            if self._is_certain:
                raise
            packet = read(data, VERSION_5)
            self._version = VERSION_5
            return packet

    def _read(self, message: Message, packet: Packet) -> Decoded:
        more: dict[str, Any] = {"tree": packet.tree}
        kind, version = packet.type, self._version
        more["error"] = any(failed(code, version, kind) for code in packet.codes)
        codes = ", ".join(reason(code, version, kind) for code in packet.codes)
        words = f"{packet.name} {codes}".rstrip()
        if text := packet.properties.get("reason string"):
            words += f": {text}"
        if kind == CONNECT:
            return self._connect(message, packet, more)
        if kind == PUBLISH:
            return self._publish(message, packet, more)
        if kind == CONNACK:
            return self.reply(message, _CONNECT, words, name=packet.name, **more)
        if kind in (PUBACK, PUBREC, PUBCOMP, SUBACK, UNSUBACK):
            # A PUBREC with a failure is the end of it.
            last = kind != PUBREC or more["error"]
            answer = self.reply(message, packet.id, words, last=last, name=packet.name, **more)
            answer.event += f" {answer.channel}" if answer.channel else f" id {packet.id}"
            return answer
        if kind == PUBREL:
            return self.say(f"{words} id {packet.id}", Kind.CONTROL, packet.name, id=str(packet.id), **more)
        if kind in (SUBSCRIBE, UNSUBSCRIBE):
            event = f"{packet.name} {', '.join(packet.topics)} [id {packet.id}]"
            channel = ", ".join(topic.partition(" qos ")[0] for topic in packet.topics)
            return self.call(message, packet.id, packet.name, event, channel=channel, **more)
        if kind == PINGREQ:
            return self.call(message, _PING, packet.name, words, heartbeat=True, **more)
        if kind == PINGRESP:
            return self.reply(message, _PING, words, name=packet.name, heartbeat=True, **more)
        if kind in (DISCONNECT, AUTH):
            return self.say(words, Kind.CONTROL, packet.name, **more)
        raise Unfit(f"{packet.name} is not read")

    def _connect(self, message: Message, packet: Packet, more: dict[str, Any]) -> Decoded:
        rest = packet.rest
        version = rest["version"]
        # Bridges set the highest bit.
        self._version, self._is_certain = version & 0x7F, True
        shown = {3: "3.1", 4: "3.1.1", 5: "5.0"}.get(self._version, version)
        event = (
            f"CONNECT as {rest['client id'] or 'anybody'}, MQTT {shown}, keep alive {rest['keep alive']} s"
        )
        if "user name" in rest:
            event += f", user {rest['user name']}"
        if "will" in rest:
            event += f", will to {rest['will']['topic']}"
        return self.call(message, _CONNECT, packet.name, event, **more)

    def _publish(self, message: Message, packet: Packet, more: dict[str, Any]) -> Decoded:
        topic = packet.topic
        alias = packet.properties.get("topic alias") if self._version >= VERSION_5 else None
        if type(alias) is int:
            if topic:
                self._aliases[message.from_client, alias] = topic
            else:
                topic = self._aliases.get((message.from_client, alias)) or f"alias {alias}"
        more["channel"] = topic
        words = [f"PUBLISH {topic}", f"qos {packet.qos}"]
        words += ["retain"] if packet.flags & 1 else []
        words += ["again"] if packet.flags & 8 else []
        words.append(content.said(packet.payload))
        if packet.id is not None:
            words.append(f"[id {packet.id}]")
            return self.call(message, packet.id, packet.name, " ".join(words), **more)
        return self.say(" ".join(words), Kind.NOTIFICATION, packet.name, **more)
