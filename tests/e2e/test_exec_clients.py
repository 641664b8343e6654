"""
What `wsproxy exec` and `env` set lets clients of every language through the proxy, which know nothing of it.
"""

import json
import sys
from pathlib import Path

import pytest

from tests.support import node
from tests.support.client_site import ELSEWHERE, PYTHON_CLIENT, going_through, needs, opened, outcome, site

pytestmark = pytest.mark.alike

NODE = pytest.mark.skipif(node.missing() is not None, reason=str(node.missing()))

PYTHON = {
    "websockets": PYTHON_CLIENT,
    "aiohttp": """
import asyncio, sys, aiohttp
async def main():
    async with aiohttp.ClientSession(trust_env=True) as session:
        for url in sys.argv[1:]:
            async with session.ws_connect(url) as socket:
                await socket.send_str("hello from here")
                print(await socket.receive_str())
asyncio.run(main())
""",
    "websocket-client": """
import sys, websocket
for url in sys.argv[1:]:
    socket = websocket.create_connection(url)
    socket.send("hello from here")
    print(socket.recv())
    socket.close()
""",
}


async def test_clients_in_python_go_through_and_trust_us(tmp_path: Path) -> None:
    async with site() as there, going_through(tmp_path) as (proxy, environment):
        urls = [there.url("ws"), there.url("wss")]
        answers = {
            library: await outcome(environment, sys.executable, "-c", client, *urls)
            for library, client in PYTHON.items()
        }
        requests = "import sys, requests; print(requests.get(sys.argv[1]).text)"
        page = there.url("https", "/", ELSEWHERE)
        assert await outcome(environment, sys.executable, "-c", requests, page) == "a page"
        assert answers == dict.fromkeys(PYTHON, "you said hello from here\nyou said hello from here")
        assert opened(proxy) == sorted(urls * len(PYTHON))


WEBSOCKETS_ON_NODE = ("ws", "global", "global with a subprotocol", "undici")
HEARD, PAGE = '{"answer":"you said hello from here"}', '{"answer":"a page"}'


@pytest.mark.node
@NODE
async def test_websocket_clients_on_node_go_through_and_trust_us(tmp_path: Path) -> None:
    async with site() as there, going_through(tmp_path) as (proxy, environment):
        urls = [there.url("ws"), there.url("wss")]
        answers = {client: await outcome(environment, *_node(client, *urls)) for client in WEBSOCKETS_ON_NODE}
        assert answers == dict.fromkeys(WEBSOCKETS_ON_NODE, f"{HEARD}\n{HEARD}")
        assert opened(proxy) == sorted(urls * len(WEBSOCKETS_ON_NODE))


@pytest.mark.node
@NODE
async def test_socketio_and_requests_on_node_go_through_and_trust_us(tmp_path: Path) -> None:
    async with site() as there, going_through(tmp_path) as (proxy, environment):
        page, plain = there.url("https", "/", ELSEWHERE), there.url("http", "/", ELSEWHERE)
        for transport in ("websocket", "polling"):
            asked = _node("socket.io-client", page, plain, transport=transport)
            assert await outcome(environment, *asked) == f"{HEARD}\n{HEARD}"
        for client in ("fetch", "undici.request"):
            assert await outcome(environment, *_node(client, page, plain)) == f"{PAGE}\n{PAGE}"
        for client in ("https.get", "get of https"):
            assert await outcome(environment, *_node(client, page)) == PAGE
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


def _node(client: str, *urls: str, **more: str) -> list[str]:
    # Until Node.js 22 its own WebSocket has to be asked for.
    switch = ["--experimental-websocket"] if client.startswith("global") else []
    options = json.dumps({"client": client, "urls": urls, **more})
    return ["node", "--no-warnings", *switch, str(node.FOLDER / "direct.mjs"), options]


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


@needs("java")
async def test_javas_own_websocket_goes_through_and_trusts_us(tmp_path: Path) -> None:
    (tmp_path / "Talk.java").write_text(JAVA)
    async with site() as there, going_through(tmp_path) as (proxy, environment):
        urls = [there.url("ws"), there.url("wss")]
        answer = await outcome(environment, "java", str(tmp_path / "Talk.java"), *urls)
        assert answer.splitlines() == ["you said hello from here"] * 2
        assert opened(proxy) == urls


PAGE_IN = {
    "php": (
        "-r",
        "$c = curl_init($argv[1]); curl_setopt($c, CURLOPT_RETURNTRANSFER, true); "
        "echo curl_exec($c) ?: curl_error($c);",
    ),
    "ruby": ("-rnet/http", "-e", "puts Net::HTTP.get(URI(ARGV[0]))"),
}


@pytest.mark.parametrize("language", [pytest.param(name, marks=needs(name)) for name in PAGE_IN])
async def test_pages_are_fetched_through_the_proxy(tmp_path: Path, language: str) -> None:
    async with site() as there, going_through(tmp_path) as (_, environment):
        for scheme in ("http", "https"):
            page = there.url(scheme, "/", ELSEWHERE)
            assert await outcome(environment, language, *PAGE_IN[language], page) == "a page"
