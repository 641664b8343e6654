"""Every shipped addon in the real engine, between a real client and a real server, and in its capture."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.http11 import Request, Response

from tests.support.inprocess import engine
from tests.support.lab import pyopenssl_warns
from tests.support.sessions import session
from tests.support.talk import Talk, talk
from tests.support.tls import trusting
from wsproxy.addon.library import shipped
from wsproxy.store.reader import Reader

pytestmark = pyopenssl_warns

SCHEMES = pytest.mark.parametrize("scheme", ["ws", "wss"])


def having(name: str, *settings: str, **more: Any) -> dict[str, Any]:
    """Options of the engine with one shipped addon."""
    return {"scripts": (name,), "settings": settings, **more}


def decided(tmp_path: Path) -> list[tuple[str, str]]:
    """Action and author of every decision in the capture."""
    with Reader(tmp_path / "capture.wsp") as reader:
        # Not `reader.decisions`: a cut belongs to no frame.
        return list(reader.db.execute("SELECT action, by FROM decision ORDER BY id"))


async def received(connection: Any, count: int) -> list[str | bytes]:
    """The next messages."""
    async with asyncio.timeout(10):
        return [await connection.recv() for _ in range(count)]


async def echo(t: Talk, *contents: str | bytes) -> None:
    """Messages to the server, and a last one to know that the others were dealt with."""
    for content in contents:
        await t.client.send(content)
    await t.client.send("the end")


def test_all_are_here() -> None:
    named = {name.removeprefix("test_").partition("__")[0] for name in globals() if name.startswith("test_")}
    assert named >= set(shipped())


@SCHEMES
async def test_log_messages__says_what_passes(tmp_path, monkeypatch, scheme):
    options = having("log_messages", "log_messages_filter=~b tea", "log_messages_length=10")
    async with talk(tmp_path, monkeypatch, scheme, **options) as t:
        await echo(t, "tea, please\x1b[31m", "nothing")
        await received(t.server, 3)
        said = list(t.running.said)
    assert [line for line in said if "→ text tea, pleas" in line]
    assert not [line for line in said if "nothing" in line]


@SCHEMES
async def test_drop__takes_away_messages_and_pings(tmp_path, monkeypatch, scheme):
    options = having("drop", "drop=~ping", "drop=~up & ~b noise")
    async with talk(tmp_path, monkeypatch, scheme, **options) as t:
        pong = await t.client.ping()
        await echo(t, "noise", "signal", "noise")
        assert await received(t.server, 2) == ["signal", "the end"]
        assert not pong.done()
    assert decided(tmp_path).count(("drop", "addon drop")) == 3


@SCHEMES
async def test_rewrite__replaces(tmp_path, monkeypatch, scheme):
    options = having("rewrite", r'rewrite=|~down|"price":(\d+)|"price":\g<1>00', "rewrite=/tea/coffee")
    async with talk(tmp_path, monkeypatch, scheme, **options) as t:
        await t.server.send('{"price":7}')
        assert await received(t.client, 1) == ['{"price":700}']
        await echo(t, "tea", "tea")
        assert await received(t.server, 3) == ["coffee", "coffee", "the end"]
    assert decided(tmp_path)[:3] == [("edit", "addon rewrite")] * 3


@SCHEMES
async def test_set_json__sets_and_deletes(tmp_path, monkeypatch, scheme):
    options = having("set_json", "set_json=user.admin=true", "set_json_delete=debug")
    async with talk(tmp_path, monkeypatch, scheme, **options) as t:
        await echo(t, '{"user": {"name": "ä"}, "debug": 1}', "no json")
        assert await received(t.server, 3) == ['{"user":{"name":"ä","admin":true}}', "no json", "the end"]


@SCHEMES
async def test_delay__keeps_messages_and_lets_pings_pass(tmp_path, monkeypatch, scheme):
    async with talk(tmp_path, monkeypatch, scheme, **having("delay", "delay=0.7", "delay_filter=~up")) as t:
        begun = time.monotonic()
        await echo(t, "slow")
        async with asyncio.timeout(5):
            await (await t.client.ping())
        pinged = time.monotonic() - begun
        assert await received(t.server, 2) == ["slow", "the end"]
        taken = time.monotonic() - begun
        assert taken >= 0.7
        assert pinged < taken
    with Reader(tmp_path / "capture.wsp") as reader:
        held = [decision.held for decision in reader.decisions(0, 1 << 60) if decision.by == "addon delay"]
    assert len(held) == 2
    assert min(held) >= 0.7e9


def chaos(mishap: str, *settings: str) -> dict[str, Any]:
    """With every message hit by one kind of mishap."""
    usual = [f"chaos_{name}=0" for name in ("drop", "duplicate", "reorder") if name != mishap]
    return having("chaos", *usual, f"chaos_{mishap}=1", "chaos_filter=~b hit", *settings)


@pytest.mark.parametrize(
    ("mishap", "expected"),
    [
        ("drop", ["miss", "the end"]),
        ("duplicate", ["hit", "hit", "miss", "the end"]),
        ("reorder", ["miss", "hit", "the end"]),
    ],
)
async def test_chaos__moves_messages_about(tmp_path, monkeypatch, mishap, expected):
    async with talk(tmp_path, monkeypatch, **chaos(mishap)) as t:
        await echo(t, "hit", "miss")
        assert await received(t.server, len(expected)) == expected


@pytest.mark.parametrize("mishap", ["corrupt", "truncate"])
async def test_chaos__spoils_messages(tmp_path, monkeypatch, mishap):
    async with talk(tmp_path, monkeypatch, **chaos(mishap)) as t:
        await echo(t, "hit me", b"hit me")
        text, data, end = await received(t.server, 3)
        assert text != "hit me"
        assert data != b"hit me"
        assert (type(text), type(data), end) == (str, bytes, "the end")


@SCHEMES
async def test_chaos__closes_with_a_code(tmp_path, monkeypatch, scheme):
    async with talk(tmp_path, monkeypatch, scheme, **chaos("close", "chaos_code=1013")) as t:
        await t.client.send("hit")
        for end in (t.client, t.server):
            async with asyncio.timeout(10):
                await end.wait_closed()
            assert (end.close_code, end.close_reason) == (1013, "chaos")


@SCHEMES
async def test_chaos__cuts(tmp_path, monkeypatch, scheme):
    async with talk(tmp_path, monkeypatch, scheme, **chaos("cut")) as t:
        await t.client.send("hit")
        for end in (t.client, t.server):
            with pytest.raises(ConnectionClosed):
                await received(end, 2)
            assert end.close_code == 1006
    assert ("cut", "addon chaos") in decided(tmp_path)


@SCHEMES
async def test_inject__sends_what_nobody_sent(tmp_path, monkeypatch, scheme):
    options = having(
        "inject", "inject=hello", "inject_on_open=true", "inject_after=~up & ~b now", "inject_every=0.2"
    )
    async with talk(tmp_path, monkeypatch, scheme, **options) as t:
        assert await received(t.server, 3) == ["hello"] * 3
        await t.client.send("now")
        while (await received(t.server, 1))[0] != "now":
            pass
        assert await received(t.server, 1) == ["hello"]
    assert set(decided(tmp_path)) == {("inject", "addon inject")}


@SCHEMES
async def test_auto_reply__answers_in_place_of_the_server(tmp_path, monkeypatch, scheme):
    options = having("auto_reply", 'auto_reply=|~json method = balance|{"id":${id},"result":1}')
    async with talk(tmp_path, monkeypatch, scheme, **options) as t:
        await echo(t, '{"id": 7, "method": "balance"}')
        assert await received(t.client, 1) == ['{"id":7,"result":1}']
        assert await received(t.server, 1) == ["the end"]


@SCHEMES
@pytest.mark.parametrize("compression", [None, "deflate"])
async def test_redact__keeps_secrets_off_the_disk(tmp_path, monkeypatch, scheme, compression):
    path = "/chat?token=s3cretquery&room=1"
    options = having("redact", compression=compression, path=path)
    said = '{"user":"ann","password":"s3cretword"}'
    async with talk(tmp_path, monkeypatch, scheme, **options) as t:
        request = t.server.request
        assert request is not None
        assert request.path == path
        await echo(t, said, said)
        assert await received(t.server, 3) == [said, said, "the end"]
        await t.server.send(said)
        assert await received(t.client, 1) == [said]
        # The recorder writes what has gathered every 50 ms; so this is while it writes.
        await asyncio.sleep(0.3)
        assert b"s3cret" not in on_disk(tmp_path)
    with Reader(tmp_path / "capture.wsp") as reader:
        [connection] = list(reader.connections())
    assert "token=…&room=1" in connection.url
    assert connection.request.decode().startswith("GET /chat?token=…&room=1 HTTP/1.1\r\n")
    assert b"s3cret" not in on_disk(tmp_path)
    assert '{"user":"ann","password":"…"}'.encode() in on_disk(tmp_path)


def on_disk(tmp_path: Path) -> bytes:
    """Every byte of the capture, and of what SQLite keeps beside it."""
    return b"".join(file.read_bytes() for file in tmp_path.glob("capture.wsp*"))


@SCHEMES
async def test_downgrade__refuses_compression_and_chooses_a_subprotocol(tmp_path, monkeypatch, scheme):
    async with talk(tmp_path, monkeypatch, scheme, **having("downgrade")) as t:
        request, response = t.server.request, t.client.response
        assert request is not None
        assert response is not None
        assert "Sec-WebSocket-Extensions" not in request.headers
        assert "Sec-WebSocket-Extensions" not in response.headers
        await echo(t)
        assert await received(t.server, 1) == ["the end"]


async def test_redact__of_upgrades_that_never_opened(tmp_path, monkeypatch):
    def refuse(connection: ServerConnection, request: Request) -> Response:
        return connection.respond(403, "the token s3cret is not valid\n")

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    options = having("redact", "redact=/token s3cret/token …")
    async with (
        engine(tmp_path, monkeypatch, **options) as running,
        serve(
            lambda connection: connection.wait_closed(), "127.0.0.1", 0, process_request=refuse
        ) as refusing,
        await asyncio.start_server(hang_up, "127.0.0.1", 0) as hanging_up,
    ):
        for server in (refusing, hanging_up):
            with pytest.raises(InvalidHandshake):
                await connect(
                    f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/?token=s3cret",
                    proxy=f"http://127.0.0.1:{running.port}",
                    additional_headers={"Authorization": "Bearer s3cret"},
                )
        await asyncio.sleep(0.3)
        assert b"s3cret" not in on_disk(tmp_path)
    assert b"s3cret" not in on_disk(tmp_path)
    with Reader(tmp_path / "capture.wsp") as reader:
        refused, failed = list(reader.connections())
    assert (refused.status, refused.body) == (403, "the token … is not valid\n".encode())
    assert failed.error
    for record in (refused, failed):
        assert record.url.endswith("/?token=…")
        assert b"Authorization: \xe2\x80\xa6\r\n" in record.request


@SCHEMES
async def test_mock__answers_and_nothing_reaches_the_server(tmp_path, monkeypatch, scheme):
    talk: list[tuple[str, str | bytes]] = [("<", "welcome"), (">", "a"), ("<", b"\x01b")]
    recording = session(tmp_path / "session.wsp", talk, urls=["ws://h/chat"])
    visitors: list[Any] = []

    def visited(_: Any, writer: asyncio.StreamWriter) -> None:
        visitors.append(writer)
        writer.close()

    options = having("mock", f"mock={recording}", "mock_pace=fast", "mock_loop=true", ssl_insecure=True)
    async with (
        await asyncio.start_server(visited, "127.0.0.1", 0) as origin,
        engine(tmp_path, monkeypatch, **options) as running,
    ):
        host = f"127.0.0.1:{origin.sockets[0].getsockname()[1]}"
        trust = trusting(tmp_path / "ca" / "mitmproxy-ca-cert.pem") if scheme == "wss" else None
        way: dict[str, Any] = {"proxy": f"http://127.0.0.1:{running.port}", "ssl": trust}
        async with connect(f"{scheme}://{host}/chat", **way) as client:
            assert await received(client, 1) == ["welcome"]
            await client.send("anything")
            assert await received(client, 2) == [b"\x01b", "welcome"]
        assert visitors == []
        # What was not recorded goes to the server, as ever.
        with pytest.raises((InvalidHandshake, EOFError, OSError)):
            await connect(f"{scheme}://{host}/other", **way)
        assert len(visitors) > 0
    with Reader(tmp_path / "capture.wsp") as reader:
        record = reader.connections()[0]
    assert record.url == f"{scheme}://{host}/chat"
    assert [finding for finding in record.findings if "in place of the server" in finding]


@SCHEMES
async def test_replay__says_a_recording_to_either_side(tmp_path, monkeypatch, scheme):
    said: list[tuple[str, str | bytes]] = [(">", "hello"), ("<", "news"), (">", b"\x02"), ("<", b"\x03")]
    recording = session(tmp_path / "session.wsp", said)
    options = having("replay", f"replay={recording}", "replay_on_open=true", "replay_speed=0")
    async with talk(tmp_path, monkeypatch, scheme, **options) as t:
        assert await received(t.server, 2) == ["hello", b"\x02"]
    assert decided(tmp_path) == [("inject", "addon replay")] * 2

    (tmp_path / "again").mkdir()
    options = having(
        "replay", f"replay={recording}", "replay_to=client", "replay_after=~b again", "replay_speed=0"
    )
    async with talk(tmp_path / "again", monkeypatch, scheme, **options) as t:
        await echo(t, "not yet", "again")
        assert await received(t.server, 3) == ["not yet", "again", "the end"]
        assert await received(t.client, 2) == ["news", b"\x03"]
    assert decided(tmp_path / "again") == [("inject", "addon replay")] * 2
