"""
`wsproxy exec`: programs that know nothing of the proxy go through it, trust it, and are otherwise as without.
"""

import asyncio
import json
import os
import re
import shutil
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import socketio
from aiohttp import WSMsgType, web

from tests.support import node, tls
from tests.support.proxy import Proxy, connections, running
from wsproxy.clients.variables import REPLACING, variables
from wsproxy.store.reader import Reader

NODE = pytest.mark.skipif(node.missing() is not None, reason=str(node.missing()))
TIMEOUT = 60
"""Seconds for one program: a proxy, a Java compiler, on a machine with other things to do."""


ELSEWHERE = "site.test"
"""A name of the site that only the proxy can make something of (`NAMES`): who gets there went through it."""

NAMES = f"""
def server_connect(data):
    if data.server.address[0] == {ELSEWHERE!r}:
        data.server.address = ("127.0.0.1", data.server.address[1])
"""


@dataclass
class Site:
    """A server on loopback, without TLS and with it."""

    plain: int
    secure: int

    def url(self, scheme: str, path: str = "/echo", host: str = "localhost") -> str:
        return f"{scheme}://{host}:{self.secure if scheme in ('https', 'wss') else self.plain}{path}"


async def _echo(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(protocols=("chat",))
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await socket.send_str(f"you said {message.data}")
    return socket


async def _page(request: web.Request) -> web.Response:
    return web.Response(text="a page")


@asynccontextmanager
async def site() -> AsyncIterator[Site]:
    app = web.Application()
    app.add_routes([web.get("/echo", _echo), web.get("/", _page)])
    talk = socketio.AsyncServer(async_mode="aiohttp", monitor_clients=False)
    talk.attach(app)

    async def say(sid: str, words: str) -> str:
        return f"you said {words}"

    talk.on("say", say)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.test_ca().issue_cert("localhost", ELSEWHERE).configure_cert(context)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        plain, secure = (address[1] for address in runner.addresses)
        yield Site(plain, secure)
    finally:
        await talk.shutdown()
        await runner.cleanup()


@dataclass
class Ended:
    code: int
    out: str
    err: str


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    own = {"WSPROXY_HOME": str(tmp_path / "home"), "TMPDIR": str(scratch), "NO_COLOR": "1"}
    return {**os.environ, **own, **more}


@asynccontextmanager
async def started(tmp_path: Path, *arguments: str, **more: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`wsproxy exec` with `arguments`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "wsproxy", "exec", *arguments,
        env=environment(tmp_path, **more),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        process._transport.close()  # type: ignore[attr-defined]


async def run(tmp_path: Path, *arguments: str, **more: str) -> Ended:
    """`wsproxy exec` to its end; nothing must be left in the folder for temporary files."""
    async with started(tmp_path, *arguments, **more) as process:
        out, err = await asyncio.wait_for(process.communicate(), TIMEOUT)
    assert process.returncode is not None
    assert list((tmp_path / "scratch").iterdir()) == []
    return Ended(process.returncode, out.decode(), err.decode())


@asynccontextmanager
async def going_through(tmp_path: Path) -> AsyncIterator[tuple[Proxy, dict[str, str]]]:
    """A proxy that knows the site, and the environment `wsproxy exec` gives to programs."""
    names = tmp_path / "names.py"
    names.write_text(NAMES)
    trust = f"ssl_verify_upstream_trusted_ca={tls.ca_file(tmp_path)}"
    folder = tmp_path / "files"
    folder.mkdir()
    async with running(tmp_path, "--set", trust, "-s", str(names)) as proxy:
        found = variables("127.0.0.1", proxy.port, proxy.ca, folder, before=os.environ)
        yield proxy, {**os.environ, **found}


async def outcome(environment: dict[str, str], *command: str) -> str:
    """What a program printed, or why it failed."""
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), TIMEOUT)
    return out.decode().strip() if process.returncode == 0 else err.decode()


def opened(proxy: Proxy) -> list[str]:
    """The URLs in the capture, sorted."""
    return sorted(connection.url for connection in connections(proxy.events()))


PYTHON = {
    "websockets": """
import sys
from websockets.sync.client import connect
with connect(sys.argv[1]) as socket:
    socket.send("hello from here")
    print(socket.recv())
""",
    "aiohttp": """
import asyncio, sys, aiohttp
async def main():
    async with aiohttp.ClientSession(trust_env=True) as session, session.ws_connect(sys.argv[1]) as socket:
        await socket.send_str("hello from here")
        print(await socket.receive_str())
asyncio.run(main())
""",
    "websocket-client": """
import sys, websocket
socket = websocket.create_connection(sys.argv[1])
socket.send("hello from here")
print(socket.recv())
socket.close()
""",
}


async def test_clients_in_python_go_through_and_trust_us(tmp_path: Path) -> None:
    async with site() as there, going_through(tmp_path) as (proxy, environment):
        urls = {(library, scheme): there.url(scheme) for library in PYTHON for scheme in ("ws", "wss")}
        answers = {
            (library, scheme): await outcome(environment, sys.executable, "-c", PYTHON[library], url)
            for (library, scheme), url in urls.items()
        }
        requests = "import sys, requests; print(requests.get(sys.argv[1]).text)"
        page = there.url("https", "/", ELSEWHERE)
        assert await outcome(environment, sys.executable, "-c", requests, page) == "a page"
        assert answers == dict.fromkeys(urls, "you said hello from here")
        assert opened(proxy) == sorted(urls.values())


WEBSOCKETS_ON_NODE = ("ws", "global", "global with a subprotocol", "undici")


@pytest.mark.node
@NODE
async def test_websocket_clients_on_node_go_through_and_trust_us(tmp_path: Path) -> None:
    async with site() as there, going_through(tmp_path) as (proxy, environment):
        urls = {
            (client, scheme): there.url(scheme) for client in WEBSOCKETS_ON_NODE for scheme in ("ws", "wss")
        }
        answers = {
            (client, scheme): await outcome(environment, *_node(client, url))
            for (client, scheme), url in urls.items()
        }
        assert answers == dict.fromkeys(urls, '{"answer":"you said hello from here"}')
        assert opened(proxy) == sorted(urls.values())


@pytest.mark.node
@NODE
async def test_socketio_and_requests_on_node_go_through_and_trust_us(tmp_path: Path) -> None:
    async with site() as there, going_through(tmp_path) as (proxy, environment):
        page, plain = there.url("https", "/", ELSEWHERE), there.url("http", "/", ELSEWHERE)
        for url in (page, plain):
            for transport in ("websocket", "polling"):
                asked = _node("socket.io-client", url, transport=transport)
                assert await outcome(environment, *asked) == '{"answer":"you said hello from here"}'
            for client in ("fetch", "undici.request"):
                assert await outcome(environment, *_node(client, url)) == '{"answer":"a page"}'
        for client in ("https.get", "get of https"):
            assert await outcome(environment, *_node(client, page)) == '{"answer":"a page"}'
        assert [url.partition("?")[0] for url in opened(proxy)] == [
            there.url(scheme, "/socket.io/", ELSEWHERE) for scheme in ("ws", "wss")
        ]


@pytest.mark.node
@NODE
async def test_on_node_an_agent_of_the_programs_own_choice_is_left_alone(tmp_path: Path) -> None:
    script = """
        const http = require("http");
        class Own extends http.Agent { createConnection() { throw new Error("its own agent was asked"); } }
        try { http.get({ host: "site.test", agent: new Own() }); }
        catch (error) { console.log(error.message); }
        http.get({ socketPath: "/nowhere" }).on("error", (error) => console.log(error.code));
    """
    async with going_through(tmp_path) as (_, environment):
        assert await outcome(environment, "node", "-e", script) == "its own agent was asked\nENOENT"
        refused = "require('http').get('http://localhost:1/').on('response', r => console.log(r.statusCode))"
        assert "502 Bad Gateway" in await outcome(environment, "node", "-e", refused)


def _node(client: str, url: str, **more: str) -> list[str]:
    # Until Node.js 22 its own WebSocket has to be asked for.
    switch = ["--experimental-websocket"] if client.startswith("global") else []
    options = json.dumps({"client": client, "url": url, **more})
    return ["node", "--no-warnings", *switch, str(node.FOLDER / "direct.mjs"), options]


def _needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


JAVA = """
import java.net.URI;
import java.net.http.*;
import java.util.concurrent.*;

public class Talk {
    public static void main(String[] arguments) throws Exception {
        for (var url : arguments) System.out.println(talk(url));
        System.exit(0);
    }

    static String talk(String url) throws Exception {
        var answer = new CompletableFuture<String>();
        var listener = new WebSocket.Listener() {
            public CompletionStage<?> onText(WebSocket socket, CharSequence text, boolean last) {
                answer.complete(text.toString());
                return null;
            }
        };
        var socket = HttpClient.newHttpClient().newWebSocketBuilder()
            .buildAsync(URI.create(url), listener).join();
        socket.sendText("hello from here", true).join();
        try { return answer.get(20, TimeUnit.SECONDS); } finally { socket.abort(); }
    }
}
"""


@_needs("java")
async def test_javas_own_websocket_goes_through_and_trusts_us(tmp_path: Path) -> None:
    (tmp_path / "Talk.java").write_text(JAVA)
    async with site() as there, going_through(tmp_path) as (proxy, environment):
        urls = [there.url("ws"), there.url("wss")]
        answer = await outcome(environment, "java", str(tmp_path / "Talk.java"), *urls)
        assert answer.splitlines() == ["you said hello from here"] * 2
        assert opened(proxy) == urls


# The command.


@_needs("curl")
async def test_a_proxy_of_its_own_lasts_as_long_as_the_program(tmp_path: Path) -> None:
    capture, names = tmp_path / "capture.wsp", tmp_path / "names.py"
    names.write_text(NAMES)
    own = (
        "-w",
        str(capture),
        "--set",
        f"ssl_verify_upstream_trusted_ca={tls.ca_file(tmp_path)}",
        "-s",
        str(names),
    )
    script = (
        'curl -sS "$1" && curl -sS "$2" && "$3" -c "$4" "$5" && read line && echo "$line" && '
        "echo said >&2; exit 7"
    )
    async with site() as there:
        pages = [there.url(scheme, "/", ELSEWHERE) for scheme in ("http", "https")]
        words = [*pages, sys.executable, PYTHON["websockets"], there.url("wss")]
        async with started(tmp_path, *own, "--", "sh", "-c", script, "sh", *words) as process:
            out, err = await asyncio.wait_for(process.communicate(b"through\n"), TIMEOUT)
        assert process.returncode == 7, err.decode()
        assert out.decode() == "a pagea pageyou said hello from here\nthrough\n"
        first, said, last = err.decode().splitlines()
        assert said == "said"
        assert re.search(
            rf"of its own on (127\.0\.0\.1:\d+), which records to {re.escape(str(capture))}$", first
        )
        assert last == f"wsproxy: 1 WebSocket came through the proxy; `wsproxy log {capture}` shows it"
        assert list((tmp_path / "scratch").iterdir()) == []
        with Reader(capture) as reader:
            assert [connection.url for connection in reader.connections()] == [there.url("wss")]


async def test_a_running_proxy_is_used_and_says_where_it_records(tmp_path: Path) -> None:
    async with site() as there, running(tmp_path) as proxy:
        ended = await run(tmp_path, sys.executable, "-c", PYTHON["websockets"], there.url("ws"))
        assert (ended.code, ended.out) == (0, "you said hello from here\n")
        assert f"through 127.0.0.1:{proxy.port}, which records to {proxy.capture}" in ended.err
        assert "1 WebSocket came through" in ended.err
        named = await run(tmp_path, "-q", "-p", str(proxy.port), "true")
        assert (named.code, named.err) == (0, "")
        other = await run(tmp_path, "-p", "1", "true")
        assert other.code == 3
        assert "no proxy is running on port 1" in other.err


async def test_a_proxy_in_reverse_mode_is_none_to_go_through(tmp_path: Path) -> None:
    async with running(tmp_path, "-m", "reverse:http://127.0.0.1:1") as proxy:
        ended = await run(tmp_path, "true")
        assert ended.code == 0
        assert "takes no clients by HTTP" in ended.err
        assert "through a proxy of its own" in ended.err
        # And nobody is left wondering why nothing came.
        assert "no WebSocket came through the proxy" in ended.err
        assert "-m reverse:" in ended.err
        assert list((tmp_path / "home" / "captures").glob("*")) == []
        named = await run(tmp_path, "-p", str(proxy.port), "true")
        assert named.code == 3


async def test_a_signal_to_us_is_one_to_the_program_and_nothing_is_left(tmp_path: Path) -> None:
    script = "import signal; print('ready', flush=True); signal.pause()"
    async with started(tmp_path, "--discard", "-q", sys.executable, "-c", script) as process:
        assert process.stdout
        assert await asyncio.wait_for(process.stdout.readline(), TIMEOUT) == b"ready\n"
        assert len(list((tmp_path / "scratch").iterdir())) == 2
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), TIMEOUT) == -signal.SIGTERM
    assert list((tmp_path / "scratch").iterdir()) == []


async def test_its_own_proxy_does_not_outlive_us(tmp_path: Path) -> None:
    script = "import os, sys; print(os.environ['http_proxy'], flush=True); sys.stdin.read()"
    async with started(tmp_path, "--discard", "-q", sys.executable, "-c", script) as process:
        assert process.stdout
        url = (await asyncio.wait_for(process.stdout.readline(), TIMEOUT)).decode()
        port = int(url.rpartition(":")[2])
        assert await _listens(port)
        process.kill()
        async with asyncio.timeout(TIMEOUT):
            while await _listens(port):
                await asyncio.sleep(0.05)


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def test_a_proxy_that_cannot_start_is_said_with_its_reason(tmp_path: Path) -> None:
    ended = await run(tmp_path, "--set", "nonsense=1", "true")
    assert ended.code == 2
    assert "there is no option 'nonsense'" in ended.err


# `wsproxy env`.


async def test_a_shell_is_set_up_and_set_back(tmp_path: Path) -> None:
    home = {"WSPROXY_HOME": str(tmp_path / "home"), "https_proxy": "http://company:3128", "NO_COLOR": "1"}
    script = """
        eval "$("$0" -m wsproxy env)" && "$0" -c "$1" "$2" && eval "$("$0" -m wsproxy env --unset)" &&
        echo "$https_proxy ${SSL_CERT_FILE-none}"
    """
    async with site() as there, running(tmp_path) as proxy:
        words = [sys.executable, PYTHON["websockets"], there.url("ws")]
        before = {name: value for name, value in os.environ.items() if name not in REPLACING}
        answer = await outcome({**before, **home}, "sh", "-c", script, *words)
        assert answer.splitlines() == ["you said hello from here", "http://company:3128 none"]
        assert opened(proxy) == [there.url("ws")]


async def test_without_a_proxy_a_shell_is_told_so_and_stays_as_it_is(tmp_path: Path) -> None:
    home = {"WSPROXY_HOME": str(tmp_path / "home"), "NO_COLOR": "1"}
    answer = await outcome({**os.environ, **home}, sys.executable, "-m", "wsproxy", "env")
    assert answer.splitlines()[0] == "wsproxy: error: no proxy is running"
