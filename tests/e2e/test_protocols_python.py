"""
What libraries of Python, and a browser, say to each other, read from the capture of the proxy between them.
"""

import asyncio
import json
import re
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
import socketio
from aiohttp import web
from paho.mqtt.enums import CallbackAPIVersion
from websockets.asyncio.client import connect
from xconn import CBORSerializer, JSONSerializer, MsgPackSerializer, Router, Server
from xconn.async_client import AsyncClient
from xconn.types import Event, Invocation, Result

from tests.support import browser, node
from tests.support.traffic import Talk, reverse, talks
from wsproxy.browsers import chromium

pytestmark = pytest.mark.alike


@asynccontextmanager
async def _served(app: web.Application) -> AsyncIterator[int]:
    """The port of an application of aiohttp."""
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def _whole(talk: Talk, decoder: str, how: str) -> None:
    talk.check(decoder, how)
    assert talk.open_calls == []
    assert talk.written() == len(talk.messages)


async def test_python_socketio_with_an_upgrade(tmp_path: Path) -> None:
    server = socketio.AsyncServer(async_mode="aiohttp", ping_interval=1)
    app = web.Application()
    server.attach(app)

    @server.on("say")
    async def say(sid: str, words: str, picture: bytes) -> tuple[str, bytes]:
        await server.emit("heard", (words, {"by": picture}), to=sid)
        return words.upper(), picture[::-1]

    async with _served(app) as port, reverse(tmp_path, port) as proxy:
        client = socketio.AsyncClient()
        heard: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        client.on("heard", lambda *given: heard.set_result(given))
        await client.connect(proxy.url)
        assert await client.call("say", ("hello", b"\1\2\3")) == ("HELLO", b"\3\2\1")
        assert await asyncio.wait_for(heard, 10) == ("hello", {"by": b"\1\2\3"})
        await client.disconnect()
        await proxy.stop()
        [talk] = talks(proxy.capture)

    _whole(talk, "socketio", "path")
    assert "sid=" in talk.opened.url
    story = [line for line in talk.story if "noop" not in line]
    assert story[0].startswith("> probe for the session ")
    assert story[3] == "> connect"
    assert story[5:11] == [
        '> emit say "hello", attachment 1: "…" [ack 1]',
        "> attachment 1 of 1, 3 B, completes emit say \"hello\", attachment 1: h'01 02 03' [ack 1]",
        '< emit heard "hello", {"by": attachment 1: "…"}',
        '< attachment 1 of 1, 3 B, completes emit heard "hello", {"by": attachment 1: h\'01 02 03\'}',
        '< say: ack 1 "HELLO", attachment 1: "…"',
        "< attachment 1 of 1, 3 B, completes ack 1 \"HELLO\", attachment 1: h'03 02 01'",
    ]


@pytest.mark.parametrize("serializer", [JSONSerializer, MsgPackSerializer, CBORSerializer])
async def test_wamp(tmp_path: Path, serializer: Any) -> None:
    router = Router()
    router.add_realm("realm1")
    app = web.Application()
    app.router.add_get("/ws", Server(router)._websocket_handler)

    async with _served(app) as port, reverse(tmp_path, port) as proxy:
        url = f"ws://127.0.0.1:{proxy.port}/ws"
        callee = await AsyncClient(serializer=serializer()).connect(url, "realm1")
        caller = await AsyncClient(serializer=serializer()).connect(url, "realm1")
        heard: asyncio.Future[Event] = asyncio.get_running_loop().create_future()

        async def add(invocation: Invocation) -> Result:
            return Result(args=[sum(invocation.args)])

        async def on_event(event: Event) -> None:
            heard.set_result(event)

        await callee.register("com.add", add)
        subscription = await callee.subscribe("com.news", on_event)
        assert (await caller.call("com.add", [2, 3])).args == [5]
        with pytest.raises(Exception, match="no_such_procedure"):
            await caller.call("com.none")
        await caller.publish("com.news", ["hello"], {"colour": "red"}, {"acknowledge": True})
        assert (await asyncio.wait_for(heard, 10)).args == ["hello"]
        await subscription.unsubscribe()
        await callee.leave()
        await caller.leave()
        await proxy.stop()
        first, second = talks(proxy.capture)

    for talk in (first, second):
        _whole(talk, "wamp", "subprotocol")
    numbers = re.compile(r"(session|as) \d+")
    assert [numbers.sub(r"\1 N", line) for line in first.story] == [
        '> hello "realm1"',
        "< hello: welcome session N",
        "> register com.add",
        "< register: com.add as N",
        "> subscribe com.news",
        "< subscribe: com.news as N",
        "< invoke com.add(2, 3)",
        "> com.add: yield(5)",
        '< event com.news("hello", colour: "red")',
        "> unsubscribe com.news",
        "< unsubscribe: unsubscribed",
        "> goodbye wamp.close.close_realm",
        "< goodbye wamp.close.goodbye_and_out",
    ]
    assert [numbers.sub(r"\1 N", line) for line in second.story[2:-2]] == [
        "> call com.add(2, 3)",
        "< com.add: result(5)",
        "> call com.none()",
        "< com.none: error wamp.error.no_such_procedure",
        '> publish com.news("hello", colour: "red")',
        "< com.news: published",
    ]


def _paho(port: int, version: Any) -> None:
    """Publishes to itself, with every QoS, and leaves."""
    heard = threading.Semaphore(0)
    client = paho.Client(CallbackAPIVersion.VERSION2, "paho", transport="websockets", protocol=version)
    client.ws_set_options("/mqtt")
    client.on_connect = lambda *_: client.subscribe([("sensors/#", 1), ("more", 0)])
    client.on_message = lambda *_: heard.release()

    def publish(*_: Any) -> None:
        for qos in (0, 1, 2):
            client.publish(f"sensors/{qos}", f'{{"qos":{qos}}}', qos=qos)

    client.on_subscribe = publish
    client.connect("127.0.0.1", port)
    client.loop_start()
    for _ in range(3):
        assert heard.acquire(timeout=20)
    client.disconnect()
    client.loop_stop()


@pytest.mark.node
@pytest.mark.skipif(node.missing() is not None, reason=str(node.missing()))
async def test_mqtt_of_a_client_that_writes_whole_packets(tmp_path: Path) -> None:
    async with node.script("protocols/mqtt.mjs", version=4) as broker:
        port = (await broker.line("port"))["port"]
        async with reverse(tmp_path, port) as proxy:
            await asyncio.to_thread(_paho, proxy.port, paho.MQTTv311)
            await proxy.stop()
            [talk] = talks(proxy.capture)

    talk.check("mqtt", "subprotocol")
    said = [line.partition(" [id ")[0] for line in talk.said(True)]
    assert said[:5] == [
        "CONNECT as paho, MQTT 3.1.1, keep alive 60 s",
        "SUBSCRIBE sensors/# qos 1, more qos 0",
        'PUBLISH sensors/0 qos 0 9 B {"qos":0}',
        'PUBLISH sensors/1 qos 1 9 B {"qos":1}',
        'PUBLISH sensors/2 qos 2 9 B {"qos":2}',
    ]
    assert said[-1] == "DISCONNECT"


@pytest.mark.browser
@pytest.mark.skipif(browser.missing() is not None, reason=str(browser.missing()))
async def test_devtools_of_a_real_browser(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        chromium.find(), "--headless=new", "--remote-debugging-port=0",
        f"--user-data-dir={tmp_path / 'profile'}", *browser.SWITCHES, "about:blank",
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        async with asyncio.timeout(30):
            while not (
                found := re.search(rb"ws://127\.0\.0\.1:(\d+)(/\S+)", await process.stderr.readline())
            ):
                pass
        port, path = int(found[1]), found[2].decode()
        async with reverse(tmp_path, port) as proxy:
            async with connect(f"ws://127.0.0.1:{proxy.port}{path}") as devtools:
                await _drive(devtools)
            await proxy.stop()
            [talk] = talks(proxy.capture)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()

    _whole(talk, "cdp", "path")
    [called] = [line for line in talk.story if line.startswith("> Runtime.evaluate")]
    assert called == '> Runtime.evaluate {"expression": "1 + 1"}'
    assert '< Runtime.evaluate: {"result": {"type": "number", "value": 2, "description": "2"}}' in talk.story
    assert any(line.startswith("< event Target.attachedToTarget ") for line in talk.story)
    assert "< Page.nothing: error -32601 'Page.nothing' wasn't found" in talk.story


async def _drive(devtools: Any) -> None:
    """Asks a page for a sum, and the browser for what it does not know."""

    async def ask(id: int, method: str, session: str | None = None, **params: Any) -> Any:
        await devtools.send(
            json.dumps(
                {"id": id, "method": method, "params": params} | ({"sessionId": session} if session else {})
            )
        )
        async with asyncio.timeout(20):
            while (answer := json.loads(await devtools.recv())).get("id") != id:
                pass
        return answer

    [page] = [
        target
        for target in (await ask(1, "Target.getTargets"))["result"]["targetInfos"]
        if target["type"] == "page"
    ]
    attached = await ask(2, "Target.attachToTarget", targetId=page["targetId"], flatten=True)
    session = attached["result"]["sessionId"]
    assert (await ask(1, "Runtime.evaluate", session, expression="1 + 1"))["result"]["result"]["value"] == 2
    await ask(4, "Page.nothing")
