"""What the client answers to calls of the server, in binary protocols: to the calls of now."""

from pathlib import Path
from typing import Any

import msgpack
from websockets.asyncio.server import ServerConnection

from tests.support.captures import MASK, capture
from tests.unit.replay.replay_tools import end, play, server
from wsproxy.replay.session import Session
from wsproxy.wire.encode import encode_frame


def packed(*value: Any) -> bytes:
    """A message of SignalR in MessagePack, behind its length (HubProtocol.md of aspnetcore)."""
    data = msgpack.packb(list(value))
    return bytes((len(data),)) + data


async def test_a_call_of_signalr_in_messagepack_is_answered_by_its_id_of_now(tmp_path: Path) -> None:
    heard: list[Any] = []
    greeting = '{"protocol":"messagepack","version":1}\x1e'

    async def asks(connection: ServerConnection) -> None:
        assert await connection.recv() == greeting.encode()
        await connection.send(b"{}\x1e")
        await connection.send(packed(1, {}, "new-7", "Ask", [], []))
        heard.append(await connection.recv())

    async with server(asks) as url:
        path = tmp_path / "a.wsp"
        with capture(path) as c:
            number = c.open(url)
            c.send(number, encode_frame(2, greeting.encode(), mask=MASK))
            c.receive(number, encode_frame(2, b"{}\x1e"))
            c.receive(number, encode_frame(2, packed(1, {}, "old-1", "Ask", [], [])))
            c.send(number, encode_frame(2, packed(3, {}, "old-1", 3, "yes"), mask=MASK))
            end(c, number)
        summary = await play(path, changes=Session())
    assert heard == [packed(3, {}, "new-7", 3, "yes")]
    assert summary.went_well


async def test_a_message_of_mqtt_is_acknowledged_by_its_packet_id_of_now(tmp_path: Path) -> None:
    heard: list[Any] = []
    connect, accepted = b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02me", b"\x20\x02\x00\x00"

    def publish(id: int) -> bytes:
        return b"\x32\x09\x00\x01a" + id.to_bytes(2, "big") + b"word"

    async def publishes(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send(accepted)
        await connection.send(publish(700))
        heard.append(await connection.recv())

    async with server(publishes, subprotocols=["mqtt"]) as url:
        path = tmp_path / "a.wsp"
        with capture(path) as c:
            number = c.open(url, subprotocol="mqtt")
            c.send(number, encode_frame(2, connect, mask=MASK))
            c.receive(number, encode_frame(2, accepted))
            c.receive(number, encode_frame(2, publish(1)))
            c.send(number, encode_frame(2, b"\x40\x02\x00\x01", mask=MASK))
            end(c, number)
        await play(path, changes=Session())
    assert heard == [b"\x40\x02" + (700).to_bytes(2, "big")]
