"""What the script does at each endpoint, and what must come back."""

import json
import zlib
from collections.abc import Awaitable, Callable

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from wsproxy.demo.route import Route


class Unexpected(Exception):
    """Something else came back; the message says what."""


def _must(holds: bool, why: str) -> None:
    if not holds:
        raise Unexpected(why)


async def _text(socket: ClientConnection) -> str:
    message = await socket.recv()
    if isinstance(message, bytes):
        raise Unexpected(f"{len(message)} binary bytes came in place of text")
    return message


async def _until(socket: ClientConnection, wanted: str) -> None:
    """Others may be talking too."""
    while await _text(socket) != wanted:
        pass


def _extensions(socket: ClientConnection) -> str:
    return socket.response.headers.get("Sec-WebSocket-Extensions", "") if socket.response else ""


async def echo(route: Route) -> str:
    """Text and binary, empty, short and long."""
    messages: tuple[str | bytes, ...] = (
        "hello",
        "",
        "Grüße, 世界, 🦊",
        b"",
        bytes(range(256)),
        bytes(range(256)) * 273 + bytes(112),
        "x" * 70_000,
    )
    async with route.connect("/echo") as socket:
        _must(not _extensions(socket), f"extensions nobody expects: {_extensions(socket)}")
        for message in messages:
            await socket.send(message)
            answer = await socket.recv()
            _must(answer == message, f"{len(message)} went out and {len(answer)} others came back")
    return f"{len(messages)} messages, the largest of 70,000 bytes"


async def chat(route: Route) -> str:
    """Two members of one room."""
    async with route.connect("/chat?name=ada") as first:
        ada = (await _text(first)).removeprefix("connected: ")
        await _until(first, f"log: {ada} joined")
        async with route.connect("/chat?name=bob") as second:
            bob = (await _text(second)).removeprefix("connected: ")
            for member in (first, second):
                await _until(member, f"log: {bob} joined")
            await second.send("hello")
            for member in (first, second):
                await _until(member, f"log: {bob}: hello")
        await _until(first, f"log: {bob} left")
    return f"{ada} heard what {bob} said"


class _SocketIO:
    """One Socket.IO client on a WebSocket, packet by packet."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._heard: list[str] = []

    async def send(self, *packets: str | bytes) -> None:
        for packet in packets:
            await self._socket.send(packet)

    async def until(self, start: str) -> str:
        """The rest of the next packet that begins with `start`; others are kept for later."""
        for packet in self._heard:
            if packet.startswith(start):
                self._heard.remove(packet)
                return packet.removeprefix(start)
        while True:
            packet = await _text(self._socket)
            if packet == "2":
                await self.send("3")
            elif packet.startswith(start):
                return packet.removeprefix(start)
            else:
                self._heard.append(packet)

    async def talk(self) -> str:
        """Events, acknowledgements both ways, a room, binary data and a namespace."""
        await self.send("40")
        await self.until("40")
        name = json.loads("[" + await self.until('42["welcome",'))[0]["name"]

        await self.send('421["say","hello"]')
        await self.until('431[{"ok":true')
        await self.until(f'42["said",{{"name":"{name}","text":"hello"}}]')

        await self.send('422["join","tea"]', '423["whisper","tea","milk?"]')
        await self.until('432[{"ok":true')
        await self.until(f'42["whispered",{{"room":"tea","name":"{name}","text":"milk?"}}]')
        await self.until('433[{"ok":true')

        await self.send('451-4["upload",{"_placeholder":true,"num":0}]', bytes((1, 2, 3)))
        await self.until('451-["reversed",')
        reversed_bytes = await self._socket.recv()
        _must(reversed_bytes == bytes((3, 2, 1)), f"the bytes came back as {reversed_bytes!r}")
        await self.until('434[{"ok":true,"length":3}]')

        await self.send('42["ask"]')
        question = await self.until("42")
        number = question.partition("[")[0]
        await self.send(f'43{number}["only you"]')
        await self.until('42["answered",{"answer":["only you"]}]')

        await self.send("40/admin,")
        await self.until("40/admin,")
        await self.send('42/admin,1["stats"]')
        stats = json.loads(await self.until("43/admin,1"))[0]
        _must(stats["admins"] >= 1, f"the statistics are {stats!r}")
        await self.send("41/admin,", "41")
        return f"{name} talked, whispered, sent bytes, answered and looked at the statistics"


async def socketio(route: Route) -> str:
    """Socket.IO on a WebSocket from the start."""
    async with route.connect("/socket.io/?EIO=4&transport=websocket") as socket:
        opening = await _text(socket)
        _must(opening.startswith("0{"), f"the handshake is {opening!r}")
        return await _SocketIO(socket).talk()


async def socketio_upgraded(route: Route) -> str:
    """Socket.IO that begins with long-polling, as the JavaScript library does, and then upgrades."""
    polling = "/socket.io/?EIO=4&transport=polling"
    status, body = await route.fetch("GET", polling)
    _must(status == 200 and body.startswith("0{"), f"polling answered {status} {body!r}")
    sid = json.loads(body[1:])["sid"]
    status, body = await route.fetch("POST", f"{polling}&sid={sid}", "40")
    _must(status == 200, f"the first packet was answered with {status} {body!r}")
    status, body = await route.fetch("GET", f"{polling}&sid={sid}")
    opened = status == 200 and any(packet.startswith("40{") for packet in body.split("\x1e"))
    _must(opened, f"the namespace was answered with {status} {body!r}")

    async with route.connect(f"/socket.io/?EIO=4&transport=websocket&sid={sid}") as socket:
        await socket.send("2probe")
        probe = await _text(socket)
        _must(probe == "3probe", f"the probe was answered with {probe!r}")
        await route.fetch("GET", f"{polling}&sid={sid}")
        await socket.send("5")
        client = _SocketIO(socket)
        await client.send('427["say","upgraded"]')
        await client.until('437[{"ok":true')
    return "long-polling, 2probe, 3probe, 5, and on over the WebSocket"


async def fragments(route: Route) -> str:
    """A message whole, a message in pieces, and an echo."""
    async with route.connect("/fragments") as socket:
        whole = await _text(socket)
        _must(whole == "hello", f"the first message is {whole!r}")
        pieces = [piece async for piece in socket.recv_streaming()]
        _must("".join(map(str, pieces)) == "and ahappy newyear!", f"the pieces are {pieces!r}")
        await socket.send("thank you")
        _must(await _text(socket) == "thank you", "no echo")
    return "pieces: " + ", ".join(repr(piece) for piece in pieces)


async def ping(route: Route) -> str:
    """Pings of both sides."""
    async with route.connect("/ping") as socket:
        await _until(socket, "pongs received: 1")
        delay = await (await socket.ping(b"from the client"))
        await _until(socket, "pings received: 1")
    return f"a pong after {delay * 1000:.1f} ms"


async def subprotocol(route: Route) -> str:
    """The first offered that the server knows, or none."""
    for offered, wanted in (
        (("mqtt", "wamp", "soap"), "wamp"),
        (("soap",), "soap"),
        (("mqtt",), None),
        ((), None),
    ):
        names = [Subprotocol(name) for name in offered] or None
        async with route.connect("/subprotocol", subprotocols=names) as socket:
            _must(socket.subprotocol == wanted, f"the handshake chose {socket.subprotocol!r} of {offered}")
            said = await _text(socket)
            _must(said == f"subprotocol: {wanted or 'none'}", f"the server says {said!r} of {offered}")
    return "wamp of mqtt, wamp, soap; soap of soap; none of mqtt; none of none"


async def ticker(route: Route) -> str:
    """Compressed JSON."""
    async with route.connect("/ticker") as socket:
        extensions = _extensions(socket)
        _must(extensions.startswith("permessage-deflate"), f"the extensions are {extensions!r}")
        _must("server_no_context_takeover" not in extensions, "the server forgets its window")
        for number in range(1, 4):
            prices = json.loads(await _text(socket))
            _must(prices["number"] == number, f"list {prices['number']} came in place of {number}")
    return extensions


async def image(route: Route) -> str:
    """A PNG file."""
    async with route.connect("/image") as socket:
        data = await socket.recv()
    if isinstance(data, str) or not data.startswith(b"\x89PNG\r\n\x1a\n"):
        raise Unexpected("that is no PNG file")
    _must(int.from_bytes(data[-4:]) == zlib.crc32(b"IEND"), "the PNG file has no end")
    return f"{len(data)} bytes"


async def _closure(route: Route, path: str) -> ConnectionClosed:
    async with route.connect(path) as socket:
        try:
            while True:
                await socket.recv()
        except ConnectionClosed as closed:
            return closed


async def _closed(route: Route, path: str, code: int, reason: str) -> str:
    closed = await _closure(route, path)
    _must(closed.rcvd is not None, "no Close frame came")
    assert closed.rcvd is not None
    came = (closed.rcvd.code, closed.rcvd.reason)
    _must(came == (code, reason), f"the Close frame says {came}, not {(code, reason)}")
    return f"code {code}" + (f", {reason!r}" if reason else "")


async def close_1000(route: Route) -> str:
    """A Close frame."""
    return await _closed(route, "/close/1000", 1000, "")


async def close_4000(route: Route) -> str:
    """A Close frame with a reason."""
    return await _closed(route, "/close/4000", 4000, "demo: closed on purpose")


async def _died(route: Route, path: str) -> str:
    closed = await _closure(route, path)
    if closed.rcvd is None:
        return "no Close frame, so code 1006"
    code = closed.rcvd.code
    _must(not route.keeps_cut, f"a Close frame with code {code} came, which the server never sent")
    return f"the proxy made a Close frame of it, code {code}"


async def cut(route: Route) -> str:
    """TCP reset."""
    return await _died(route, "/close/cut")


async def eof(route: Route) -> str:
    """TCP ended."""
    return await _died(route, "/close/eof")


async def refused(route: Route) -> str:
    """403 in place of 101."""
    try:
        async with route.connect("/refused"):
            raise Unexpected("the upgrade was accepted")
    except InvalidStatus as answer:
        response = answer.response
    _must(response.status_code == 403, f"the status is {response.status_code}")
    body = json.loads(response.body or b"null")
    _must(isinstance(body, dict) and body.get("error") == "refused", f"the body is {body!r}")
    return f"403, {body['reason']!r}"


async def absolute_form(route: Route) -> str:
    """The upgrade without CONNECT."""
    text = "no CONNECT before this"
    answer = await route.echo_in_absolute_form("/echo", text)
    _must(answer == text, f"{answer!r} came back")
    return "GET with the whole URL, 101, an echo, Close frames both ways"


Step = Callable[[Route], Awaitable[str]]
"""Does one thing and returns what is worth telling; raises when it went wrong."""

STEPS: dict[str, Step] = {
    "echo": echo,
    "chat": chat,
    "socketio": socketio,
    "socketio-upgraded": socketio_upgraded,
    "fragments": fragments,
    "ping": ping,
    "subprotocol": subprotocol,
    "ticker": ticker,
    "image": image,
    "close-1000": close_1000,
    "close-4000": close_4000,
    "cut": cut,
    "eof": eof,
    "refused": refused,
}
"""In the order of the table of endpoints, and called after them."""
