"""Addons in the real engine: ours, and scripts written for mitmproxy, between real peers."""

import asyncio
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from websockets.exceptions import ConnectionClosed

from tests.support.inprocess import engine
from tests.support.lab import pyopenssl_warns
from tests.support.talk import talk
from wsproxy.store.reader import Reader

pytestmark = pyopenssl_warns

SCHEMES = pytest.mark.parametrize("scheme", ["ws", "wss"])


def script(tmp_path: Path, text: str, name: str = "mine.py") -> str:
    path = tmp_path / name
    path.write_text(text)
    return str(path)


async def until(condition) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.02)


CHANGES = """
from wsproxy import addon

def load(options):
    options.add("mine_word", "tea", "what to look for")

def ws_message(connection, message):
    if message.type == "text":
        message.text = message.text.replace(connection.options.mine_word, "coffee")

async def ws_open(connection):
    connection.state["seen"] = True
    connection.send("hello from the proxy", to="client")
"""


@SCHEMES
async def test_an_addon_changes_what_is_said_and_says_something_itself(tmp_path, monkeypatch, scheme):
    options = {"scripts": (script(tmp_path, CHANGES),), "settings": ("mine_word=milk",)}
    async with talk(tmp_path, monkeypatch, scheme, **options) as t:
        assert await t.client.recv() == "hello from the proxy"
        await t.client.send("milk and tea")
        assert await t.server.recv() == "coffee and tea"
        await t.server.send("milk")
        assert await t.client.recv() == "coffee"
    with Reader(tmp_path / "capture.wsp") as reader:
        found = reader.decisions(0, 1 << 60)
    assert [(d.action, d.by) for d in found] == [
        ("inject", "addon mine"),
        ("edit", "addon mine"),
        ("edit", "addon mine"),
    ]


async def test_without_an_addon_that_wants_messages_nothing_is_in_the_edit_state(tmp_path, monkeypatch):
    text = "def ws_open(connection):\n    pass\n\ndef ws_close(connection):\n    pass\n"
    async with talk(tmp_path, monkeypatch, scripts=(script(tmp_path, text),)) as t:
        await t.client.send("a")
        await t.server.recv()
        assert not t.conversation.relay.is_editing(True)


HANDSHAKE = """
def ws_handshake(connection):
    connection.request.headers["X-Added"] = "by an addon"
    del connection.request.headers["Sec-WebSocket-Extensions"]
    connection.redact(r"token=[^& ]+", "token=...")
"""


async def test_an_addon_changes_the_request_and_keeps_secrets_out_of_the_capture(tmp_path, monkeypatch):
    async with talk(
        tmp_path, monkeypatch, path="/chat?token=hush", scripts=(script(tmp_path, HANDSHAKE),)
    ) as t:
        assert t.server.request.headers["X-Added"] == "by an addon"
        assert "Sec-WebSocket-Extensions" not in t.server.request.headers
        assert t.server.request.path == "/chat?token=hush"
    assert b"hush" not in (tmp_path / "capture.wsp").read_bytes()
    with Reader(tmp_path / "capture.wsp") as reader:
        connection = reader.connection(1)
    assert connection.url.endswith("/chat?token=...")
    assert connection.findings == (
        "an addon changed the request before it was sent: Sec-WebSocket-Extensions, X-Added",
    )


REDACTS = """
redacts = True

def ws_message(connection, message):
    message.record_as(message.text.replace("hush", "****"))
"""


@pytest.mark.parametrize("compression", [None, "deflate"])
async def test_what_is_redacted_goes_over_the_wire_and_not_to_the_disk(tmp_path, monkeypatch, compression):
    scripts = (script(tmp_path, REDACTS),)
    options = {"scripts": scripts, "settings": ("edit_limit=300",)}
    async with talk(tmp_path, monkeypatch, compression=compression, **options) as t:
        await t.client.send("hush, they said")
        assert await t.server.recv() == "hush, they said"
        await t.server.send(iter(["hu", "sh", "!"]))
        assert await t.client.recv() == "hush!"
        # Larger than can be edited, and so than can be looked at.
        await t.client.send("hush" * 100)
        assert await t.server.recv() == "hush" * 100
        await t.running.engine.sockets.room()
    for file in tmp_path.glob("capture.wsp*"):
        assert b"hush" not in file.read_bytes()
    out = subprocess.run(
        [sys.executable, "-m", "wsproxy", "log", str(tmp_path / "capture.wsp"), "--json"],
        capture_output=True,
        text=True,
    ).stdout
    assert '"text":"****, they said"' in out
    assert '"text":"****!"' in out
    assert out.count('"redacted":true') >= 3


async def test_an_async_hook_keeps_its_message_and_nothing_else_waiting(tmp_path, monkeypatch):
    text = """
import asyncio

async def ws_message(connection, message):
    if message.text == "slow":
        await asyncio.sleep(0.2)
        message.text = "slow, and changed"
"""
    async with talk(tmp_path, monkeypatch, scripts=(script(tmp_path, text),)) as t:
        await t.client.send("slow")
        await t.client.send("behind")
        await t.server.send("other way")
        await asyncio.wait_for(await t.client.ping(), 5)
        assert await t.client.recv() == "other way"
        assert await t.server.recv() == "slow, and changed"
        assert await t.server.recv() == "behind"


async def test_an_addon_that_raises_is_told_once_and_changes_nothing(tmp_path, monkeypatch):
    text = "def ws_message(connection, message):\n    message.text = 'half done'\n    1 / 0\n"
    async with talk(tmp_path, monkeypatch, scripts=(script(tmp_path, text),)) as t:
        for number in range(3):
            await t.client.send(f"message {number}")
            assert await t.server.recv() == f"message {number}"
        told = [line for line in t.running.said if "ZeroDivisionError" in line]
        assert len(told) == 1
        assert "mine.py" in told[0]
        assert "line 3" in told[0]


async def test_a_script_is_reloaded_when_it_changes_and_stays_when_it_is_broken(tmp_path, monkeypatch):
    path = script(tmp_path, "def ws_message(connection, message):\n    message.text = 'one'\n")
    async with talk(tmp_path, monkeypatch, scripts=(path,)) as t:
        await t.client.send("x")
        assert await t.server.recv() == "one"
        script(tmp_path, "def ws_message(connection, message):\n    message.text = 'two!'\n")
        await until(lambda: any("reloaded" in line for line in t.running.said))
        await t.client.send("x")
        assert await t.server.recv() == "two!"
        script(tmp_path, "def ws_message(connection, message)\n    message.text = 'three'\n")
        await until(lambda: any("the version before it stays" in line for line in t.running.said))
        await t.client.send("x")
        assert await t.server.recv() == "two!"


def test_a_script_with_a_syntax_error_ends_the_start_with_file_and_line(tmp_path):
    path = script(tmp_path, "def ws_message(connection, message)\n    pass\n")
    done = subprocess.run(
        [sys.executable, "-m", "wsproxy", "dump", "-p", "0", "-w", str(tmp_path / "a.wsp"), "-s", path],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "mine.py" in done.stderr
    assert "line 1" in done.stderr
    assert not (tmp_path / "a.wsp").exists()


class TestScriptsForMitmproxy:
    """As its documentation shows them, unchanged."""

    SIMPLE = """
import logging
import re

from mitmproxy import http


def websocket_message(flow: http.HTTPFlow):
    assert flow.websocket is not None
    message = flow.websocket.messages[-1]
    if message.from_client:
        logging.info(f"from the client: {message.content!r}")
    message.content = re.sub(rb"^Hello", b"HAPPY", message.content)
    if b"FOOBAR" in message.content:
        message.drop()
"""

    INJECT = """
import asyncio

from mitmproxy import ctx, http

tasks = set()
started = []


def websocket_message(flow: http.HTTPFlow):
    last = flow.websocket.messages[-1]
    if last.is_text and "secret" in last.text:
        last.drop()
        # Bytes by its documentation now, text by that of versions before.
        whisper = "ssssssh!" if last.from_client else b"ssssssh!"
        ctx.master.commands.call("inject.websocket", flow, last.from_client, whisper)


async def again_and_again(flow: http.HTTPFlow):
    while flow.websocket.timestamp_end is None:
        ctx.master.commands.call("inject.websocket", flow, True, b"hello from mitmproxy!")
        await asyncio.sleep(0.05)


def websocket_start(flow: http.HTTPFlow):
    task = asyncio.create_task(again_and_again(flow))
    tasks.add(task)
    task.add_done_callback(tasks.remove)


def websocket_end(flow: http.HTTPFlow):
    started.append(flow.websocket.close_code)
    print("closed", flow.websocket.close_code)
"""

    @SCHEMES
    async def test_messages_are_changed_and_dropped(self, tmp_path, monkeypatch, scheme):
        async with talk(tmp_path, monkeypatch, scheme, scripts=(script(tmp_path, self.SIMPLE),)) as t:
            await t.client.send("Hello world")
            assert await t.server.recv() == "HAPPY world"
            await t.client.send("FOOBAR")
            await t.client.send("goes on")
            assert await t.server.recv() == "goes on"
            [flow] = [conversation.flow for conversation in t.running.engine.sockets]
            for number in range(100):
                await t.client.send(str(number))
                await t.server.recv()
            # mitmproxy would have kept all of them.
            assert len(flow.websocket.messages) == 20

    async def test_messages_are_injected_on_an_event_and_by_a_timer(self, tmp_path, monkeypatch, capfd):
        async with talk(tmp_path, monkeypatch, scripts=(script(tmp_path, self.INJECT),)) as t:
            assert await t.client.recv() == "hello from mitmproxy!"
            await t.server.send("a secret")
            got = [await t.client.recv() for _ in range(5)]
            assert "a secret" not in got
            await t.client.send("the client's secret")
            while "ssssssh!" not in got:
                got.append(await t.client.recv())
            await t.client.close(4000)
            await until(lambda: not len(t.running.engine.sockets))
        assert "closed 4000" in capfd.readouterr().out

    async def test_hooks_for_http_have_whole_bodies(self, tmp_path, monkeypatch):
        text = """
def response(flow):
    flow.response.text = flow.response.text.replace("origin", "script")
"""

        async def handle(request: web.Request) -> web.Response:
            return web.Response(text="from the origin")

        app = web.Application()
        app.router.add_get("/", handle)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]
        try:
            async with (
                engine(tmp_path, monkeypatch, scripts=(script(tmp_path, text),)) as running,
                aiohttp.ClientSession() as session,
                session.get(f"http://127.0.0.1:{port}/", proxy=f"http://127.0.0.1:{running.port}") as answer,
            ):
                assert await answer.text() == "from the script"
        finally:
            await runner.cleanup()

    async def test_an_async_hook_is_waited_for(self, tmp_path, monkeypatch):
        text = """
import asyncio

async def websocket_message(flow):
    await asyncio.sleep(0.05)
    message = flow.websocket.messages[-1]
    message.text = message.text.upper()
"""
        async with talk(tmp_path, monkeypatch, scripts=(script(tmp_path, text),)) as t:
            await t.client.send("one")
            assert await t.server.recv() == "ONE"

    async def test_a_killed_flow_is_cut(self, tmp_path, monkeypatch):
        text = "def websocket_message(flow):\n    flow.kill()\n"
        async with talk(tmp_path, monkeypatch, scripts=(script(tmp_path, text),)) as t:
            await t.client.send("one")
            with pytest.raises(ConnectionClosed):
                await t.client.recv()
            await t.server.wait_closed()
            assert (t.client.close_code, t.server.close_code) == (1006, 1006)

    async def test_a_flow_that_is_intercepted_waits_until_it_is_resumed(self, tmp_path, monkeypatch):
        text = """
import asyncio

def websocket_message(flow):
    flow.intercept()
    asyncio.get_running_loop().call_later(0.1, flow.resume)
"""
        async with talk(tmp_path, monkeypatch, scripts=(script(tmp_path, text),)) as t:
            await t.client.send("one")
            await asyncio.wait_for(await t.client.ping(), 5)
            assert await t.server.recv() == "one"
