"""Scripts of sessions that began over long-polling: they go over a WebSocket from the beginning."""

from pathlib import Path

import pytest

from tests.support.captures import MASK, Capture, capture
from tests.unit.replay.replay_tools import answer, end, text
from wsproxy.decoders.registry import DECODERS
from wsproxy.formats.session import Session
from wsproxy.replay.recorded import End, Recorded
from wsproxy.replay.scripted import Writer
from wsproxy.replay.unpolled import url_of
from wsproxy.store.reader import Reader
from wsproxy.wire.encode import encode_frame

SOCKET = "ws://example.test/socket.io/?EIO=4&transport=websocket&sid=abcd"


def polled(c: Capture) -> None:
    c.exchange(False, '0{"sid":"abcd","upgrades":["websocket"],"pingInterval":25000}')
    c.exchange(True, "40")
    c.exchange(False, '40{"sid":"efgh"}\x1e42["welcome"]')


def changed_over(c: Capture, url: str = SOCKET) -> None:
    number = c.open(url)
    c.send(number, text("2probe"))
    c.receive(number, answer("3probe"))
    c.exchange(False, "6")
    c.send(number, text("5"))
    c.send(number, text('42["say","hello"]'))
    c.receive(number, answer('42["said","hello"]'))
    end(c, number)


def session(path: Path, whose: End = End.SERVER) -> Session:
    with Reader(path) as reader:
        return Writer(Recorded(reader, whose), DECODERS.session).session("a.wsp")


def test_what_was_said_over_http_is_said_on_the_websocket(tmp_path: Path) -> None:
    with capture(tmp_path / "a.wsp") as c:
        polled(c)
        changed_over(c)
    made = session(tmp_path / "a.wsp")
    [connection] = made.connections
    assert connection.url == "ws://example.test/socket.io/?EIO=4&transport=websocket"
    assert [(step.what, step.content) for step in made.steps if step.what in ("send", "expect")] == [
        ("expect", '0{"sid":"abcd","upgrades":[],"pingInterval":25000}'),
        ("send", "40"),
        ("expect", '40{"sid":"efgh"}'),
        ("expect", '42["welcome"]'),
        ("send", '42["say","hello"]'),
        ("expect", '42["said","hello"]'),
    ]
    assert "sid" in made.ignored
    assert made.notes == ()


@pytest.mark.parametrize(
    ("url", "whose"),
    [(SOCKET, End.SERVER), (SOCKET.replace("EIO=4", "EIO=3"), End.SERVER), (SOCKET, End.CLIENT)],
    ids=["not recorded", "version 3", "a mock"],
)
def test_where_that_cannot_be_it_is_said(tmp_path: Path, url: str, whose: End) -> None:
    with capture(tmp_path / "a.wsp") as c:
        changed_over(c, url)
    [note] = session(tmp_path / "a.wsp", whose).notes
    assert "over HTTP" in note


def test_a_url_loses_its_sid_wherever_it_stands() -> None:
    assert url_of("ws://x/?sid=a&EIO=4") == "ws://x/?EIO=4"
    assert url_of("ws://x/?EIO=4&sid=a&t=1") == "ws://x/?EIO=4&t=1"
    assert url_of("ws://x/?sid=a") == "ws://x/"


def test_binary_packets_are_binary_messages(tmp_path: Path) -> None:
    with capture(tmp_path / "a.wsp") as c:
        polled(c)
        c.exchange(True, '451-["picture",{"_placeholder":true,"num":0}]\x1ebAQID')
        changed_over(c)
        number = c.open("ws://example.test/else")
        c.send(number, encode_frame(2, b"x", mask=MASK))
        end(c, number)
    said = [step.content for step in session(tmp_path / "a.wsp").steps if step.what == "send"]
    assert b"\1\2\3" in said
