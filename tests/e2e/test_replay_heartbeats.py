"""
Replays of sessions with long pauses, against servers that insist on heartbeats: the recorded pauses are kept,
and the connections, too.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import node
from tests.support.captures import MASK, Capture, capture
from tests.unit.replay.replay_tools import events, lines, play
from wsproxy.replay.changes import Changes
from wsproxy.replay.outcome import Summary
from wsproxy.replay.pace_recorded import RecordedPace
from wsproxy.replay.session import Session
from wsproxy.replay.settings import Settings
from wsproxy.store.tail import FrameEvent
from wsproxy.wire.encode import encode_close, encode_frame

pytestmark = [
    pytest.mark.alike,
    pytest.mark.xdist_group("heartbeats"),
    pytest.mark.node,
    pytest.mark.skipif(node.missing() is not None, reason=str(node.missing())),
]

PAUSE = 2.0
"""Seconds."""
PATIENCE = 800
"""Milliseconds of silence that the servers put up with; for MQTT, a second and a half."""

# Protocol: path, subprotocol, what is said before the pause and behind it; `>` is the client.
Said = list[tuple[str, str | bytes]]
TALKS: dict[str, tuple[str, str | None, Said, Said]] = {
    "graphql": (
        "/graphql",
        "graphql-transport-ws",
        [(">", '{"type":"connection_init"}'), ("<", '{"type":"connection_ack"}')],
        [
            (">", '{"id":"1","type":"subscribe","payload":{"query":"{ add(a: 1, b: 2) }"}}'),
            ("<", '{"id":"1","type":"next","payload":{"data":{"add":3}}}'),
            ("<", '{"id":"1","type":"complete"}'),
        ],
    ),
    "socketio": (
        "/socket.io/?EIO=4&transport=websocket",
        None,
        [
            (
                "<",
                '0{"sid":"recorded-sid","upgrades":[],"pingInterval":800,"pingTimeout":800,"maxPayload":1000000}',
            ),
            (">", "40"),
            ("<", '40{"sid":"recorded-id-2"}'),
        ],
        [(">", '421["say","hello"]'), ("<", '431["HELLO"]')],
    ),
    "mqtt": (
        "/mqtt",
        "mqtt",
        # CONNECT of MQTT 3.1.1 with a keep alive of one second; PUBLISH with QoS 1 and packet id 7.
        [(">", b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x01\x00\x02me"), ("<", b"\x20\x02\x00\x00")],
        [(">", b"\x32\x09\x00\x01a\x00\x07word"), ("<", b"\x40\x02\x00\x07")],
    ),
    "stomp": (
        "/stomp",
        "v11.stomp",
        [
            (">", f"CONNECT\naccept-version:1.1\nheart-beat:{PATIENCE},0\n\n\0"),
            (
                "<",
                f"CONNECTED\nversion:1.1\nheart-beat:0,{PATIENCE}\nserver:STOMP-JS/1.3.0\n\n\0",
            ),
            (">", "SUBSCRIBE\nid:0\ndestination:/topic/a\n\n\0"),
        ],
        [(">", "SEND\ndestination:/app/hello\n\nhi\0"), ("<", "MESSAGE\nsubscription:0\n\nhi\0")],
    ),
    "signalr": (
        "/hub?id=0123456789012345678901",
        None,
        [(">", '{"protocol":"json","version":1}\x1e'), ("<", "{}\x1e")],
        [
            (">", '{"type":1,"target":"Send","invocationId":"0","arguments":[]}\x1e'),
            ("<", '{"type":3,"invocationId":"0","result":1}\x1e'),
        ],
    ),
    "signalr in MessagePack": (
        "/hub?id=0123456789012345678901",
        None,
        [(">", '{"protocol":"messagepack","version":1}\x1e'), ("<", "{}\x1e")],
        [
            (">", bytes.fromhex("0f960180a137a453656e6491a2686990")),
            ("<", bytes.fromhex("07950380a1370301")),
        ],
    ),
    "phoenix": (
        "/socket/websocket?vsn=2.0.0",
        None,
        [
            (">", '["1","1","room:a","phx_join",{}]'),
            ("<", '["1","1","room:a","phx_reply",{"status":"ok","response":{}}]'),
        ],
        [
            (">", '["1","2","room:a","say",{}]'),
            ("<", '["1","2","room:a","phx_reply",{"status":"ok","response":{}}]'),
        ],
    ),
}


def say(c: Capture, number: int, said: Said) -> None:
    for way, content in said:
        data = content.encode() if isinstance(content, str) else content
        opcode = 1 if isinstance(content, str) else 2
        if way == ">":
            c.send(number, encode_frame(opcode, data, mask=MASK))
        else:
            c.receive(number, encode_frame(opcode, data))


def session(path: Path, protocol: str, port: int, name: str) -> Path:
    """A session with a pause, and without any heartbeat; of a client of MQTT with this name, two letters."""
    where, subprotocol, before, behind = TALKS[protocol]
    before = [
        (way, said.replace(b"me", name.encode()) if isinstance(said, bytes) else said) for way, said in before
    ]
    with capture(path) as c:
        number = c.open(f"ws://127.0.0.1:{port}{where}", subprotocol=subprotocol)
        say(c, number, before)
        c.now += int(PAUSE * 1e9)
        say(c, number, behind)
        # Time for the answer.
        c.now += 300_000_000
        c.send(number, encode_close(1000, mask=MASK))
        c.receive(number, encode_close(1000))
        c.close(number)
    return path


class Silent(Session):
    """Does all that a session does, but for heartbeats."""

    def opened(self, part: Any) -> None:
        super().opened(part)
        followed = self._of(part)
        assert followed.beating
        followed.beating.cancel()
        followed.heartbeats.answer = lambda *_: None  # type: ignore[method-assign]


@dataclass
class Came:
    """What came of two replays of one session."""

    kept: Summary
    lost: Summary
    """Of the one without heartbeats."""
    capture: Path
    """Of the other."""


@pytest.fixture(scope="module")
def came(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Came]:
    """By protocol; some at once, since most of the time nothing is said."""
    folder = tmp_path_factory.mktemp("heartbeats")
    some = asyncio.Semaphore(3)

    async def one(protocol: str) -> Came:
        async with some:
            return await replays(protocol)

    async def replays(protocol: str) -> Came:
        mine = folder / protocol
        mine.mkdir()
        kind = protocol.partition(" ")[0]
        async with node.script("protocols/insistent.mjs", protocol=kind, patience=PATIENCE) as peers:
            port = (await peers.line("port"))["port"]

            async def replayed(name: str, changes: Changes) -> Summary:
                path = session(mine / f"{name}.wsp", protocol, port, name)
                return await play(
                    path, Settings(timeout=5), RecordedPace(), changes=changes, to=mine / f"{name}-again.wsp"
                )

            kept, lost = await asyncio.gather(replayed("us", Session()), replayed("it", Silent()))
        return Came(kept, lost, mine / "us-again.wsp")

    async def everyone() -> dict[str, Came]:
        return dict(zip(TALKS, await asyncio.gather(*map(one, TALKS)), strict=True))

    with pytest.MonkeyPatch.context() as patch:
        # Nobody agrees on anything in SignalR and Phoenix; who serves them waits half a minute as a rule.
        patch.setattr("wsproxy.replay.heartbeats.INTERVAL", 0.15)
        patch.setattr("wsproxy.replay.session._LOOK", 0.1)
        return asyncio.run(everyone())


@pytest.mark.parametrize("protocol", TALKS)
def test_a_connection_is_kept_alive_while_nothing_is_said(came: dict[str, Came], protocol: str) -> None:
    kept, heard = came[protocol].kept, lines(came[protocol].capture)
    assert kept.went_well, (kept, heard)
    assert kept.left == 0
    if protocol == "mqtt":
        # The broker writes packets field by field.
        frames = [event.frame for event in events(came[protocol].capture) if isinstance(event, FrameEvent)]
        said = b"".join(frame.payload for frame in frames if frame.opcode == 2 and not frame.from_client)
        assert b"\x40\x02\x00\x07" in said
    elif protocol != "stomp":
        # Whose broker adds headers with the time.
        assert (kept.differences, kept.heard) == (0, kept.expected), heard


@pytest.mark.parametrize("protocol", TALKS)
def test_without_heartbeats_the_server_breaks_off(came: dict[str, Came], protocol: str) -> None:
    assert not came[protocol].lost.went_well
    assert came[protocol].lost.left
