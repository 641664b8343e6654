"""What changes from run to run: ids and tokens, variables, scripts, heartbeats."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.captures import MASK, capture
from tests.unit.replay.replay_tools import answer, end, lines, play, reversing, server, talk, text
from wsproxy.decoders.registry import DECODERS
from wsproxy.errors import AddonError, UsageError
from wsproxy.replay import heartbeats
from wsproxy.replay.carried import Carried, values_in
from wsproxy.replay.hook import Hook, load
from wsproxy.replay.pace_lockstep import LockstepPace
from wsproxy.replay.session import Session
from wsproxy.replay.variables import Map, Variables
from wsproxy.wire.encode import encode_frame
from wsproxy.wire.handshake import Head, accept_for
from wsproxy.wire.mask import apply_mask


def recorded(path: Path, url: str, *said: str) -> Path:
    """A session: what begins with `>` the client said, the rest the server."""
    with capture(path) as c:
        number = c.open(url)
        for one in said:
            if one.startswith(">"):
                c.send(number, text(one[1:]))
            else:
                c.receive(number, answer(one))
        end(c, number)
    return path


def scripted(*says: str, heard: list[Any] | None = None) -> Any:
    """A server that says one thing at once and one after every message, whatever it is."""

    async def handler(connection: Any) -> None:
        left = list(says)
        await connection.send(left.pop(0))
        async for message in connection:
            if heard is not None:
                heard.append(message)
            if left:
                await connection.send(left.pop(0))

    return handler


class TestCarriedOver:
    async def test_a_token_of_the_server_is_said_as_it_is_now(self, path: Path) -> None:
        heard: list[Any] = []
        says = ('{"session":"now-12345678"}', '{"ok":true}')
        async with server(scripted(*says, heard=heard)) as url:
            recorded(
                path,
                url,
                '{"session":"then-98765432"}',
                '>{"join":"tea", "as":"then-98765432"}',
                '{"ok":true}',
                ">Bearer then-98765432!",
            )
            await play(path, changes=Session())
        assert heard == ['{"join":"tea", "as":"now-12345678"}', "Bearer now-12345678!"]

    async def test_unless_nobody_wants_that(self, path: Path) -> None:
        heard: list[Any] = []
        async with server(scripted('{"session":"now-12345678"}', heard=heard)) as url:
            recorded(path, url, '{"session":"then-98765432"}', '>{"as":"then-98765432"}')
            await play(path, changes=Session(carry=False))
        assert heard == ['{"as":"then-98765432"}']

    async def test_on_another_connection_too(self, path: Path) -> None:
        heard: list[Any] = []
        async with server(scripted('{"ticket":"now-12345678"}', heard=heard)) as url:
            with capture(path) as c:
                first = c.open(url)
                c.receive(first, answer('{"ticket":"then-98765432"}'))
                second = c.open(url)
                c.receive(second, answer('{"ticket":"then-98765432"}'))
                c.send(second, text('{"use":"then-98765432"}'))
                end(c, first)
                end(c, second)
            await play(path, changes=Session())
        assert heard == ['{"use":"now-12345678"}']

    async def test_the_id_of_a_call_that_the_server_makes_is_in_its_answer(self, path: Path) -> None:
        """JSON-RPC: both number their own calls."""
        heard: list[Any] = []
        say = '{"jsonrpc":"2.0","id":%d,"method":"confirm","params":[]}'
        async with server(scripted(say % 900, heard=heard)) as url:
            recorded(
                path,
                url,
                say % 7,
                '>{"jsonrpc": "2.0", "id": 7, "result": {"id": 7}}',
                '>{"jsonrpc":"2.0","id":7,"method":"own"}',
            )
            await play(path, changes=Session())
        assert heard == [
            '{"jsonrpc": "2.0", "id": 900, "result": {"id": 7}}',
            '{"jsonrpc":"2.0","id":7,"method":"own"}',
        ]

    async def test_so_is_that_of_an_event_of_socketio(self, path: Path) -> None:
        heard: list[Any] = []
        async with server(scripted('4255["ask"]', heard=heard)) as url:
            url = url.replace("/chat", "/socket.io/?EIO=4&transport=websocket")
            recorded(path, url, '423["ask"]', '>433["yes"]')
            await play(path, changes=Session())
        assert heard == ['4355["yes"]']

    def test_values_are_found_inside_what_json_is_packed_in(self) -> None:
        assert values_in(b'42/ns,7["join",{"a":1}]') == [["join", {"a": 1}]]
        assert values_in(b'{"a":1}\x1e{"b":[2]}\x1e') == [{"a": 1}, {"b": [2]}]
        assert values_in(b"\xff{") == values_in(b"none") == []

    def test_what_the_client_made_up_itself_stays(self) -> None:
        carried = Carried()
        carried.said([b'{"id":"made-by-client"}'])
        carried.learn(b'{"re":"made-by-client"}', b'{"re":"another-reply"}')
        assert carried.replace(b'{"cancel":"made-by-client"}') == b'{"cancel":"made-by-client"}'

    def test_only_whole_words_are_replaced(self) -> None:
        carried = Carried()
        carried.learn(b'{"t":"abcdefgh"}', b'{"t":"12345678"}')
        assert carried.replaced("/x?sid=abcdefgh&y") == "/x?sid=12345678&y"
        assert carried.replaced("abcdefghi xabcdefgh abcdefgh") == "abcdefghi xabcdefgh 12345678"


class TestVariables:
    async def test_are_taken_from_what_the_server_says(self, path: Path) -> None:
        heard: list[Any] = []
        async with server(scripted('{"user":{"n":12}}', heard=heard)) as url:
            recorded(path, url, '{"user":{"n":3}}', '>{"me":3,"also":"{{ n }}","not":"{{m}}"}', ">33 n3")
            await play(path, changes=Session(Variables((Map.parse("user.n=>n"),))))
        assert heard[0] == '{"me":12,"also":"12","not":"{{m}}"}'

    async def test_or_given_and_stand_in_headers_too(self, path: Path) -> None:
        from wsproxy.replay.settings import Settings
        from wsproxy.replay.target import Opening

        notes: list[Any] = []

        async def noting(connection: Any) -> None:
            notes.append(connection.request.headers["X-Who"])
            notes.append(await connection.recv())

        async with server(noting) as url:
            recorded(path, url, ">I am {{who}}")
            settings = Settings(Opening(headers=[("X-Who", "{{who}}")]), timeout=20)
            await play(path, settings, changes=Session(Variables(given={"who": "Ada"})))
        assert notes == ["Ada", "I am Ada"]

    @pytest.mark.parametrize("text", ["a.b", "=>x", "a=>", "a=>1x", "a[=>x"])
    def test_a_map_that_is_none_is_refused(self, text: str) -> None:
        with pytest.raises(UsageError, match="--map"):
            Map.parse(text)


class TestScripts:
    @pytest.fixture
    def script(self, tmp_path: Path) -> Callable[[str], Path]:
        def write(source: str) -> Path:
            file = tmp_path / "mine.py"
            file.write_text(source)
            return file

        return write

    async def test_see_every_message_and_change_what_is_said(self, path: Path, script: Any) -> None:
        heard: list[Any] = []
        file = script(
            "def replay_message(session, message):\n"
            "    if not message.from_client:\n"
            "        session.variables['was'] = message.original.decode()\n"
            "        session.variables['now'] = message.text\n"
            "    elif message.text == 'secret':\n"
            "        message.drop()\n"
            "    else:\n"
            "        message.text = message.text.upper() + session.variables['was']\n"
        )
        async with server(scripted("new", heard=heard)) as url:
            recorded(path, url, "old", ">said {{now}}", ">secret", ">{{now}}")
            variables = Variables()
            summary = await play(
                path, changes=Session(variables, Hook([load(file, print)], variables.values))
            )
        assert heard == ["SAID NEWold", "NEWold"]
        assert summary.skipped == 1

    async def test_that_raise_are_told_and_the_message_goes_on(self, path: Path, script: Any) -> None:
        heard: list[Any] = []
        told: list[str] = []
        file = script("def replay_message(session, message):\n    1 / 0\n")
        async with server(scripted("new", heard=heard)) as url:
            recorded(path, url, "old", ">one", ">two")
            await play(path, changes=Session(hook=Hook([load(file, told.append)], {})))
        assert heard == ["one", "two"]
        [said] = told
        assert "addon mine failed in replay_message: ZeroDivisionError" in said

    @pytest.mark.parametrize(
        ("source", "said"),
        [
            ("x = 1", "there is no replay_message"),
            ("def replay_message(message): pass", "must take"),
            ("async def replay_message(session, message): pass", "cannot be async"),
            ("def (", "cannot be loaded"),
        ],
    )
    def test_that_are_none_are_refused(self, script: Any, source: str, said: str) -> None:
        with pytest.raises(AddonError, match=said):
            load(script(source), print)


class TestHeartbeats:
    async def test_of_the_server_are_answered_and_not_waited_for(self, path: Path) -> None:
        """Engine.IO 4: the server pings."""
        heard: list[Any] = []
        async with server(scripted("40", "2", '42["hi"]', heard=heard)) as url:
            url = url.replace("/chat", "/socket.io/?EIO=4&transport=websocket")
            recorded(path, url, "40", '>42["a"]', "2", ">3", "2", ">3", '42["hi"]', '>42["b"]')
            summary = await play(path, changes=Session(), pace=LockstepPace(10))
        assert heard == ['42["a"]', "3", '42["b"]']
        assert (summary.went_well, summary.differences, summary.expected) == (True, 0, 2)

    async def test_of_a_server_that_is_in_a_hurry_are_answered_too(self, path: Path) -> None:
        """One that comes in one piece with the answer to the handshake."""
        heard: list[bytes] = []

        async def hurry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = Head.parse(await reader.readuntil(b"\r\n\r\n"))
            accept = accept_for(head.get("Sec-WebSocket-Key"))
            writer.write(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + accept.encode() + b"\r\n\r\n" + answer("0{}") + answer("2")
            )
            frame = await reader.readexactly(7)
            heard.append(apply_mask(frame[6:], frame[2:6]))
            writer.close()

        listening = await asyncio.start_server(hurry, "127.0.0.1", 0)
        async with listening:
            port = listening.sockets[0].getsockname()[1]
            recorded(path, f"ws://127.0.0.1:{port}/socket.io/?EIO=4&transport=websocket", "0{}", ">40")
            await play(path, changes=Session())
        assert heard == [b"3"]

    async def test_of_the_client_are_said_when_it_is_silent(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """STOMP: a line feed."""
        monkeypatch.setattr("wsproxy.replay.heartbeats.INTERVAL", 0.05)
        heard: list[Any] = []

        async def waiting(connection: Any) -> None:
            async for message in connection:
                heard.append(message)
                if len(heard) == 3:
                    await connection.send("MESSAGE\n\nhello\0")

        async with server(waiting, subprotocols=["v12.stomp"]) as url:
            with capture(path) as c:
                number = c.open(url, subprotocol="v12.stomp")
                c.send(number, text("SEND\ndestination:/a\n\nhi\0"))
                c.receive(number, answer("MESSAGE\n\nhello\0"))
                end(c, number)
            summary = await play(path, changes=Session())
        assert heard[:3] == ["SEND\ndestination:/a\n\nhi\0", "\n", "\n"]
        assert summary.differences == 0

    def test_are_known_for_every_protocol_that_has_them(self) -> None:
        from wsproxy.decoders.message import Opening

        beats = heartbeats.Heartbeats(Opening())
        assert beats.own("mqtt") == (2, b"\xc0\x00")
        assert beats.own("signalr") == (1, b'{"type":6}\x1e')
        assert beats.own("phoenix") == (
            1,
            b'{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"heartbeat"}',
        )
        beats.recorded(1, b'[null,"9","phoenix","heartbeat",{}]')
        assert beats.own("phoenix") == (1, b'[null,"9","phoenix","heartbeat",{}]')
        assert beats.answer("graphql", b'{"type": "ping"}') == b'{"type":"pong"}'
        assert beats.answer("graphql", b'{"type":"ping","payload":{"n":1}}') == (
            b'{"type":"pong","payload":{"n":1}}'
        )
        assert beats.answer("graphql", b'{"type":"ka"}') is None
        assert beats.answer("pusher", b'{"event":"pusher:ping","data":{}}') == (
            b'{"event":"pusher:pong","data":{}}'
        )
        old = heartbeats.Heartbeats(Opening("ws://x/socket.io/?EIO=3&transport=websocket"))
        assert old.own("socketio") == (1, b"2")
        assert old.answer("socketio", b"2") is None


async def test_a_session_of_socketio_that_began_over_http_begins_there_again(path: Path) -> None:
    """The real thing: python-socketio on the demo's server."""
    from wsproxy.demo.origin import Origin

    async with Origin() as origin:
        port = origin.http_url.rsplit(":", 1)[1].strip("/")
        url = f"ws://127.0.0.1:{port}/socket.io/?EIO=4&transport=websocket&sid=recorded-sid-1"
        with capture(path) as c:
            number = c.open(url)
            c.send(number, text("2probe"))
            c.receive(number, answer("3probe"))
            c.send(number, text("5"))
            c.send(number, encode_frame(1, b'421["no such event"]', mask=MASK))
            end(c, number)
        summary = await play(path, changes=Session())
    assert summary.went_well
    replayed = lines(path.with_name("replay.wsp"))
    assert "1 ← text 3probe of 2" in replayed
    assert '1 → text 421["no such event"] of 4' in replayed


async def test_decoders_are_there_before_the_clock_begins(path: Path) -> None:
    order: list[str] = []

    def factory(opening: Any) -> Any:
        order.append("decoders")
        return DECODERS.session(opening)

    def asked(connection: Any, request: Any) -> None:
        order.append("handshake")

    async with server(reversing, process_request=asked) as url:
        await play(talk(path, url, "one"), changes=Session(factory=factory))
    assert order == ["decoders", "decoders", "handshake"]
