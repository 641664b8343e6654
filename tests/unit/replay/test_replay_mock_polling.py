"""Sessions over long-polling that are acted out: request by request, and on to a WebSocket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.support.captures import Capture, capture
from tests.unit.replay.replay_tools import answer, end, text
from wsproxy.replay.acting import Acting
from wsproxy.replay.mock import MockServer
from wsproxy.store.reader import Reader

PATH = "/socket.io/?EIO=4&transport=polling"
OPEN = '0{"sid":"abcd","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}'


class Client:
    """Asks a mock."""

    def __init__(self, port: int, http: aiohttp.ClientSession, events: list[dict[str, Any]]) -> None:
        self.port = port
        self.events = events
        self._http = http
        self.sid = ""

    async def get(self, more: str = "", path: str = PATH, **headers: str) -> str:
        sid = f"&sid={self.sid}" if self.sid else ""
        async with self._http.get(f"http://127.0.0.1:{self.port}{path}{sid}{more}", headers=headers) as got:
            self.status, self.headers = got.status, got.headers
            body = await got.text()
        if not self.sid and '"sid":"' in body:
            self.sid = body.partition('"sid":"')[2].partition('"')[0]
        return body

    async def post(self, body: str | bytes) -> str:
        async with self._http.post(f"http://127.0.0.1:{self.port}{PATH}&sid={self.sid}", data=body) as got:
            self.status = got.status
            return await got.text()

    def upgrade(self) -> connect:
        url = f"ws://127.0.0.1:{self.port}/socket.io/?EIO=4&transport=websocket&sid={self.sid}"
        return connect(url, proxy=None, ping_interval=None, compression=None)


@asynccontextmanager
async def mocking(path: Path, **acting: Any) -> AsyncIterator[Client]:
    events: list[dict[str, Any]] = []
    with Reader(path) as reader:
        mock = MockServer(reader, Acting(**({"fast": True} | acting)), events.append)
        _, port = await mock.start()
        try:
            async with aiohttp.ClientSession() as http, asyncio.timeout(20):
                yield Client(port, http, events)
        finally:
            await mock.stop()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.wsp"


def staying(path: Path, *more: tuple[bool, str]) -> Path:
    """A session that never left long-polling."""
    with capture(path) as c:
        c.exchange(False, OPEN, url=f"http://example.test{PATH}")
        for from_client, body in (
            (True, "40"), (False, '40{"sid":"efgh"}\x1e42["welcome"]'), (False, "2"), (True, "3"), *more
        ):  # fmt: skip
            c.exchange(from_client, body)
    return path


def moving(path: Path, before: list[tuple[bool, str]], behind: list[tuple[bool, str]]) -> Path:
    """One that moved to a WebSocket."""
    with capture(path) as c:
        c.exchange(False, OPEN, url=f"http://example.test{PATH}")
        for from_client, body in before:
            c.exchange(from_client, body)
        number = c.open("ws://example.test/socket.io/?EIO=4&transport=websocket&sid=abcd")
        _say(c, number, [(True, "2probe"), (False, "3probe")])
        c.exchange(False, "6")
        _say(c, number, [(True, "5"), *behind])
        end(c, number)
    return path


def _say(c: Capture, number: int, said: list[tuple[bool, str]]) -> None:
    for from_client, content in said:
        (c.send if from_client else c.receive)(number, (text if from_client else answer)(content))


async def heard(socket: ClientConnection, count: int) -> list[str | bytes]:
    return [await socket.recv() for _ in range(count)]


async def moved(client: Client, socket: ClientConnection) -> None:
    """Ask by the probe, wait for the poll to end, change over."""
    await socket.send("2probe")
    assert await socket.recv() == "3probe"
    assert await client.get() == "6"
    await socket.send("5")


class TestOverHttp:
    async def test_a_session_has_a_sid_of_its_own_and_says_what_was_recorded(self, path: Path) -> None:
        async with mocking(staying(path, (True, '42["a"]'), (False, '42["b"]'))) as client:
            opened = await client.get()
            assert opened == OPEN.replace("abcd", client.sid)
            assert client.sid != "abcd"
            assert await client.post("40") == "ok"
            assert await client.get() == '40{"sid":"efgh"}\x1e42["welcome"]'
            await client.post("3")
            waiting = asyncio.ensure_future(client.get())
            await client.post('42["a"]')
            assert await waiting == '42["b"]'
        assert [event["event"] for event in client.events] == [
            "polling", "heard", "said", "said", "heard", "said"
        ]  # fmt: skip

    async def test_a_poll_that_brings_nothing_ends_with_a_ping(self, path: Path) -> None:
        with capture(path) as c:
            c.exchange(False, OPEN.replace("25000", "50"), url=f"http://example.test{PATH}")
        async with mocking(path) as client:
            await client.get()
            assert await client.get() == "2"

    async def test_a_goodbye_ends_the_poll(self, path: Path) -> None:
        async with mocking(staying(path)) as client:
            await client.get()
            waiting = asyncio.ensure_future(client.get())
            await client.post("1")
            assert await waiting == "6"

    async def test_a_goodbye_of_the_server_is_said(self, path: Path) -> None:
        async with mocking(staying(path, (False, "1"))) as client:
            await client.get()
            await client.post("40")
            assert (await client.get()).endswith("\x1e1")

    async def test_unknown_sessions_are_refused_as_servers_do(self, path: Path) -> None:
        async with mocking(staying(path)) as client:
            client.sid = "never"
            assert "Session ID unknown" in await client.get()
            assert client.status == 400

    async def test_what_was_not_recorded_is_not_there(self, path: Path) -> None:
        async with mocking(staying(path)) as client:
            await client.get(path="/other/?EIO=4&transport=polling")
            assert client.status == 404

    async def test_a_refusal_is_acted_out(self, path: Path) -> None:
        with capture(path) as c:
            c.exchange(False, "not here", status=403, sid="", url=f"http://example.test{PATH}")
        async with mocking(path) as client:
            assert await client.get() == "not here"
            assert client.status == 403

    async def test_bytes_and_callbacks_are_written_as_they_are_wanted(self, path: Path) -> None:
        async with mocking(staying(path, (True, "bAQID"), (False, "bAwIB"))) as client:
            await client.get()
            await client.post("40\x1ebAQID")
            said = await client.get("&j=7")
            assert said.startswith('___eio[7]("40{')
            assert said.endswith('bAwIB");')

    async def test_nonsense_is_refused(self, path: Path) -> None:
        async with mocking(staying(path)) as client:
            await client.get()
            await client.post(b"\xff\xff")
            assert client.status == 400
            reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
            head = f"POST {PATH}&sid={client.sid} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n"
            writer.write(head.encode())
            assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")
            writer.close()
            await writer.wait_closed()

    async def test_pages_of_other_origins_may_read_it(self, path: Path) -> None:
        async with mocking(staying(path)) as client:
            await client.get(Origin="https://page.test")
            assert client.headers["Access-Control-Allow-Origin"] == "https://page.test"

    async def test_by_time_it_waits_for_nobody(self, path: Path) -> None:
        async with mocking(staying(path), by="time") as client:
            await client.get()
            said = await client.get()
            while "welcome" not in said:
                said += await client.get()

    async def test_a_body_that_was_cut_short_is_told(self, path: Path) -> None:
        with capture(path) as c:
            c.exchange(False, OPEN, url=f"http://example.test{PATH}")
            c.exchange(False, "42", length=100)
        async with mocking(path) as client:
            await client.get()
            while not (told := [e for e in client.events if e["event"] == "trouble"]):
                await asyncio.sleep(0.01)
            assert "not all in the capture" in told[0]["why"]


class TestOnToAWebSocket:
    async def test_the_recorded_one_follows(self, path: Path) -> None:
        moving(path, [(True, "40"), (False, "40{}")], [(True, '42["a"]'), (False, '42["b"]')])
        async with mocking(path) as client:
            await client.get()
            await client.post("40")
            assert await client.get() == "40{}"
            async with client.upgrade() as socket:
                await moved(client, socket)
                await socket.send('42["a"]')
                assert await socket.recv() == '42["b"]'

    async def test_what_was_said_over_http_may_be_said_on_it(self, path: Path) -> None:
        moving(path, [(True, "40"), (False, "40{}")], [(True, '42["a"]'), (False, '42["b"]')])
        async with mocking(path) as client:
            await client.get()
            async with client.upgrade() as socket:
                await moved(client, socket)
                await socket.send("40")
                assert await socket.recv() == "40{}"
                await socket.send('42["a"]')
                assert await socket.recv() == '42["b"]'

    async def test_what_was_said_on_it_may_be_said_over_http(self, path: Path) -> None:
        moving(path, [], [(True, "40"), (False, "40{}"), (True, '42["a"]'), (False, '42["b"]')])
        async with mocking(path) as client:
            await client.get()
            await client.post('40\x1e42["a"]')
            async with client.upgrade() as socket:
                await moved(client, socket)
                assert await heard(socket, 2) == ["40{}", '42["b"]']

    async def test_what_nobody_fetched_comes_on_it(self, path: Path) -> None:
        moving(path, [(True, "40"), (False, "40{}")], [(False, '42["b"]')])
        async with mocking(path) as client:
            await client.get()
            await client.post("40")
            async with client.upgrade() as socket:
                await socket.send("2probe")
                assert await socket.recv() == "3probe"
                await socket.send("5")
                assert await heard(socket, 2) == ["40{}", '42["b"]']

    async def test_a_session_that_stayed_is_not_let_in(self, path: Path) -> None:
        async with mocking(staying(path)) as client:
            await client.get()
            with pytest.raises(Exception, match="400"):
                async with client.upgrade():
                    pass


async def test_heartbeats_of_the_client_are_no_cues(path: Path) -> None:
    """Engine.IO 3: the client pings when its clock says so."""
    with capture(path) as c:
        number = c.open("ws://example.test/socket.io/?EIO=3&transport=websocket")
        _say(c, number, [(False, "0{}"), (True, "2"), (False, "3"), (True, '42["a"]'), (False, '42["b"]')])
        end(c, number)
    async with mocking(path) as client:
        url = f"ws://127.0.0.1:{client.port}/socket.io/?EIO=3&transport=websocket"
        async with connect(url, proxy=None, compression=None) as socket:
            assert await socket.recv() == "0{}"
            for _ in range(3):
                await socket.send("2")
                assert await socket.recv() == "3"
            await socket.send('42["a"]')
            assert await socket.recv() == '42["b"]'
