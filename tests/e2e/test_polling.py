"""
Engine.IO's long-polling through the proxy: it passes as it came and when it came, and is in the capture.
"""

import asyncio
import gzip
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import socketio
from aiohttp import web

from tests.support.inprocess import engine
from tests.support.node import missing
from tests.support.traffic import Talk, between, polled, reverse, talks
from wsproxy.store.reader import Reader
from wsproxy.store.records import ExchangeFlag, ExchangeRecord

# The client of python-engineio leaves the connection of its last poll to be collected.
pytestmark = [
    pytest.mark.filterwarnings(
        "ignore:Exception ignored in. <function Connection.__del__:pytest.PytestUnraisableExceptionWarning"
    ),
    pytest.mark.filterwarnings("ignore:Unclosed connection:ResourceWarning"),
]

NODE = [pytest.mark.node, pytest.mark.skipif(missing() is not None, reason=str(missing()))]

PATH = "/socket.io/?EIO=4&transport=polling"


def exchanges(capture: Path) -> list[ExchangeRecord]:
    with Reader(capture) as reader:
        return reader.exchanges()


@asynccontextmanager
async def served(app: web.Application) -> AsyncIterator[int]:
    """The port of an application."""
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@dataclass
class Between:
    """A server that answers every request in one way, the proxy before it, and a client."""

    url: str
    session: aiohttp.ClientSession
    capture: Path

    async def post(self, body: bytes, path: str = f"{PATH}&sid=abc") -> None:
        """Send packets, which are answered by `ok`."""
        async with self.session.post(f"{self.url}{path}", data=body) as response:
            assert await response.read() == b"ok"


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
Answering = Callable[..., AbstractAsyncContextManager[Between]]


@pytest.fixture
def answering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Answering:
    @asynccontextmanager
    async def run(answer: Answer, **options: Any) -> AsyncIterator[Between]:
        app = web.Application()
        app.router.add_route("*", "/socket.io/", answer)
        async with (
            served(app) as port,
            engine(tmp_path, monkeypatch, modes=(f"reverse:http://127.0.0.1:{port}",), **options) as running,
            aiohttp.ClientSession(auto_decompress=False) as session,
        ):
            yield Between(f"http://127.0.0.1:{running.port}", session, tmp_path / "capture.wsp")

    return run


async def ok(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(text="ok")


def chat(**options: Any) -> tuple[socketio.AsyncServer, web.Application]:
    """A Socket.IO server that answers, also with bytes."""
    server = socketio.AsyncServer(async_mode="aiohttp", monitor_clients=False, **options)
    app = web.Application()
    server.attach(app)

    @server.on("say")
    async def say(sid: str, words: str, picture: bytes) -> tuple[str, bytes]:
        await server.emit("heard", (words, {"by": picture}), to=sid)
        return words.upper(), picture[::-1]

    return server, app


async def talked(url: str, transports: list[str]) -> None:
    """A client connects, calls, hears, and leaves."""
    heard: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    async with aiohttp.ClientSession() as session:
        client = socketio.AsyncClient(http_session=session, reconnection=False)
        client.on("heard", lambda *given: heard.set_result(given))
        await client.connect(url, transports=transports)
        assert await client.call("say", ("hello", b"\1\2\3"), timeout=10) == ("HELLO", b"\3\2\1")
        assert await asyncio.wait_for(heard, 10) == ("hello", {"by": b"\1\2\3"})
        await client.disconnect()


async def test_python_socketio_that_moves_to_a_websocket(tmp_path: Path) -> None:
    _, app = chat()
    async with served(app) as port, reverse(tmp_path, port) as proxy:
        await talked(proxy.url, ["polling", "websocket"])
        await proxy.stop()
    [talk] = talks(proxy.capture)
    [opened] = exchanges(proxy.capture)

    sid = re.search(r"sid=([^&]+)", talk.opened.url)
    assert sid
    assert (opened.sid, opened.status, opened.method, opened.from_client) == (sid[1], 200, "GET", False)
    assert opened.began < opened.time < talk.opened.opened
    assert polled(proxy.capture) == [
        f'< open sid {sid[1]}, ping every 25 s, timeout 20 s, may upgrade to ["websocket"]'
    ]
    assert talk.story[0] == f"> probe for the session {sid[1]}, which began over HTTP"
    assert "socketio" in {said.decoder for said in talk.decoded}


async def test_python_socketio_that_stays_on_polling(tmp_path: Path) -> None:
    _, app = chat(ping_interval=1, ping_timeout=1)
    async with served(app) as port, reverse(tmp_path, port) as proxy:
        await talked(proxy.url, ["polling"])
        await proxy.stop()
    assert talks(proxy.capture) == []
    story = polled(proxy.capture)
    bodies = exchanges(proxy.capture)

    assert len({body.sid for body in bodies}) == 1
    said = [line[2:] for line in story if line.startswith(">")]
    assert said[:3] == [
        "connect",
        'emit say "hello", attachment 1: "…" [ack 1]',
        "attachment 1 of 1, 3 B, completes emit say \"hello\", attachment 1: h'01 02 03' [ack 1]",
    ]
    heard = [line[2:] for line in story if line.startswith("<") and line not in ("< OK", "< ok")]
    assert heard[0].startswith("open sid ")
    assert heard[1].startswith("connect: connected")
    assert heard[2:6] == [
        'emit heard "hello", {"by": attachment 1: "…"}',
        'attachment 1 of 1, 3 B, completes emit heard "hello", {"by": attachment 1: h\'01 02 03\'}',
        'say: ack 1 "HELLO", attachment 1: "…"',
        "attachment 1 of 1, 3 B, completes ack 1 \"HELLO\", attachment 1: h'03 02 01'",
    ]


class TestNode:
    pytestmark = NODE

    @pytest.mark.parametrize("version", [2, 4])
    async def test_socket_io_that_moves_to_a_websocket(self, tmp_path: Path, version: int) -> None:
        [talk] = await between(tmp_path, "socketio.mjs", version=version, transports=["polling", "websocket"])
        story = polled(tmp_path / "capture.wsp")

        assert story[0].startswith("< open sid ")
        # Namespaces and events that began on polling.
        assert [line for line in story if line.startswith("< emit welcome")] == [
            '< emit welcome {"to": "you"}'
        ]
        assert any("connected" in line for line in story)
        assert talk.story[0].startswith("> probe for the session ")
        assert talk.open_calls == []

    @pytest.mark.parametrize("version", [2, 4])
    async def test_socket_io_that_stays_on_polling(self, tmp_path: Path, version: int) -> None:
        talks: list[Talk] = await between(tmp_path, "socketio.mjs", version=version, transports=["polling"])
        assert talks == []
        story = polled(tmp_path / "capture.wsp")

        for line in (
            '> emit say "hello" [ack 0]',
            '< say: ack 0 "HELLO"',
            '> emit picture attachment 1: "…" [ack 1]',
            "> attachment 1 of 1, 3 B, completes emit picture attachment 1: h'01 02 03' [ack 1]",
            '< picture: ack 1 attachment 1: "…", {"turned": true}',
            "< attachment 1 of 1, 3 B, completes ack 1 attachment 1: h'03 02 01', {\"turned\": true}",
            "> emit whoami [ack 0] /admin",
            '< whoami: ack 0 "an admin" /admin',
        ):
            assert line in story, story


async def test_a_body_is_passed_on_as_it_comes(answering: Answering) -> None:
    go_on = asyncio.Event()

    async def slowly(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'42["fir')
        await go_on.wait()
        await response.write(b'st"]')
        await response.write_eof()
        return response

    async with answering(slowly) as b, b.session.get(f"{b.url}{PATH}&sid=abc") as response:
        # Half of it is there before the other half has been sent.
        assert await asyncio.wait_for(response.content.readany(), 10) == b'42["fir'
        assert exchanges(b.capture) == []
        go_on.set()
        assert await response.read() == b'st"]'
    [body] = exchanges(b.capture)
    assert (body.body, body.sid, body.flags, body.error) == (b'42["first"]', "abc", 0, None)


async def test_a_request_is_passed_on_as_it_comes(answering: Answering) -> None:
    came = asyncio.Event()
    go_on = asyncio.Event()

    async def listening(request: web.Request) -> web.Response:
        assert await request.content.readany() == b'42["fir'
        came.set()
        assert await request.read() == b'st"]'
        return web.Response(text="ok")

    async def slowly() -> AsyncIterator[bytes]:
        yield b'42["fir'
        await go_on.wait()
        yield b'st"]'

    async with answering(listening) as b:
        asked = asyncio.ensure_future(b.session.post(f"{b.url}{PATH}&sid=abc", data=slowly()))
        await asyncio.wait_for(came.wait(), 10)
        go_on.set()
        async with await asked as response:
            assert await response.read() == b"ok"
    [sent, answered] = exchanges(b.capture)
    assert (sent.body, sent.from_client, sent.status) == (b'42["first"]', True, None)
    assert (answered.body, answered.from_client, answered.status) == (b"ok", False, 200)


async def test_a_packed_body_is_kept_and_passed_on_as_it_is(answering: Answering) -> None:
    packed = gzip.compress(b'42["hello"]\x1e42["again"]')

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=packed, headers={"Content-Encoding": "gzip", "Content-Type": "text/plain"})

    async with answering(answer) as b, b.session.get(f"{b.url}{PATH}&sid=abc") as response:
        assert await response.read() == packed
    [body] = exchanges(b.capture)
    assert (body.body, body.encoding, body.type) == (packed, "gzip", "text/plain")
    assert polled(b.capture) == ["< emit hello", "< emit again"]


async def test_a_large_body_is_kept_up_to_the_limit(answering: Answering) -> None:
    sent = b'42["' + b"x" * 5000 + b'"]'
    async with answering(ok, settings=("body_limit=1k",)) as b:
        await b.post(sent)
    body, _ = exchanges(b.capture)
    assert (len(body.body), body.length, body.flags) == (1024, len(sent), ExchangeFlag.TRUNCATED)
    assert sent.startswith(body.body)


async def test_a_refusal_and_a_break_are_recorded(answering: Answering) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.query.get("sid") == "old":
            return web.json_response({"code": 1, "message": "Session ID unknown"}, status=400)
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b'42["half')
        assert request.transport is not None
        request.transport.close()
        return response

    async with answering(answer) as b:
        async with b.session.get(f"{b.url}{PATH}&sid=old") as response:
            assert response.status == 400
        with pytest.raises(aiohttp.ClientError):
            async with b.session.get(f"{b.url}{PATH}&sid=new") as response:
                await response.read()
    refused, broken = exchanges(b.capture)
    assert (refused.status, refused.error) == (400, None)
    assert b"Session ID unknown" in refused.body
    assert (broken.sid, broken.body) == ("new", b'42["half')
    assert broken.error


async def test_a_server_that_is_not_there_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with engine(tmp_path, monkeypatch) as running, aiohttp.ClientSession() as session:
        proxy = f"http://127.0.0.1:{running.port}"
        async with session.get(f"http://127.0.0.1:1{PATH}", proxy=proxy) as response:
            assert response.status == 502
    [body] = exchanges(tmp_path / "capture.wsp")
    assert (body.status, body.sid) == (None, "")
    assert body.error


@pytest.mark.parametrize(
    "options",
    [{"settings": ("record=false",)}, {"ignore": ("127.0.0.1",)}, {"only": ("elsewhere",)}],
    ids=["record=false", "ignore", "only"],
)
async def test_what_is_not_wanted_is_not_recorded(answering: Answering, options: dict[str, Any]) -> None:
    async with answering(ok, **options) as b:
        await b.post(b"2")
    assert exchanges(b.capture) == []


async def test_other_requests_are_not_recorded(answering: Answering) -> None:
    async with answering(ok) as b:
        for path in ("/socket.io/", "/socket.io/?EIO=4&transport=other", "/socket.io/?transport=polling"):
            async with b.session.get(f"{b.url}{path}") as response:
                assert await response.read() == b"ok"
        async with b.session.options(f"{b.url}{PATH}") as response:
            assert response.status == 200
    assert exchanges(b.capture) == []


SCRIPT = """
def request(flow):
    if b"change me" in flow.request.content:
        flow.request.content = b"6"
"""


async def test_what_a_script_for_mitmproxy_changes_is_recorded_as_it_was_sent(
    tmp_path: Path, answering: Answering
) -> None:
    (tmp_path / "whole.py").write_text(SCRIPT)
    heard: list[bytes] = []

    async def listening(request: web.Request) -> web.Response:
        heard.append(await request.read())
        return web.Response(text="ok")

    async with answering(listening, scripts=(str(tmp_path / "whole.py"),)) as b:
        for said in (b"4hello", b"4change me"):
            await b.post(said)
    assert heard == [b"4hello", b"6"]
    assert [body.body for body in exchanges(b.capture)] == [b"4hello", b"ok", b"6", b"ok"]


LOGIN = b'42["login",{"password":"hush"}]'
IGNORANT = "redacts = True\n\ndef ws_message(connection, message): ...\n"
FAILING = "redacts = True\n\ndef ws_polling(packet): packet.nonsense\n"


@pytest.mark.parametrize(
    ("said", "version", "script", "settings", "kept"),
    [
        (LOGIN + b"\x1e2", 4, "redact", (), '42["login",{"password":"…"}]\x1e2'.encode()),
        # In base64: "hush now" and "**** now".
        (b"4x\x1ebaHVzaCBub3c=", 4, "redact", ("redact=/hush/****",), b"4x\x1ebKioqKiBub3c="),
        (b"%d:%s" % (len(LOGIN), LOGIN), 3, "redact", (), '28:42["login",{"password":"…"}]'.encode()),
        (b"\xff hush", 4, "redact", (), b""),
        (LOGIN + b"x" * 2000, 4, "redact", ("body_limit=1k",), b""),
        (LOGIN, 4, IGNORANT, (), b""),
        (LOGIN, 4, FAILING, (), b""),
    ],
    ids=[
        "packets",
        "bytes",
        "version 3",
        "no packets",
        "cut",
        "an addon that ignores them",
        "one that fails",
    ],
)
async def test_secrets_are_sent_and_never_reach_the_disk(
    tmp_path: Path,
    answering: Answering,
    said: bytes,
    version: int,
    script: str,
    settings: tuple[str, ...],
    kept: bytes,
) -> None:
    heard: list[bytes] = []

    async def listening(request: web.Request) -> web.Response:
        heard.append(await request.read())
        return web.Response(text="ok")

    if script != "redact":
        (tmp_path / "mine.py").write_text(script)
        script = str(tmp_path / "mine.py")
    path = f"/socket.io/?EIO={version}&transport=polling&sid=abc&token=hush"
    async with answering(listening, scripts=(script,), settings=settings) as b:
        await b.post(said, path)
    assert heard == [said]
    for file in tmp_path.glob("capture.wsp*"):
        assert b"hush" not in file.read_bytes()
    body, _ = exchanges(b.capture)
    assert (body.body, body.length, body.sid) == (kept, len(said), "abc")
    assert body.url.endswith("&sid=abc&token=…")
    assert ExchangeFlag.REDACTED in body.flags
