"""The inspector by itself: what it says of frames, harmless and without standing still."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import OptionList, TabPane

from tests.support.captures import MASK, Capture, capture
from tests.support.screen import FREEZE, press, standstill, text_of, until, until_shown
from wsproxy.decoders.registry import DECODERS
from wsproxy.demo.image import PICTURE
from wsproxy.store.reader import Reader
from wsproxy.tui.inspector import Inspector, load
from wsproxy.tui.inspector.hex_view import HexView
from wsproxy.tui.inspector.text_view import TextView
from wsproxy.tui.screens.dialogs import Choose
from wsproxy.tui.widgets.tabs import Tabs
from wsproxy.wire.encode import encode_close, encode_frame

MIB = 1 << 20
HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202eevil\u200b[bold red]x[/]\x9b31m\r\n\u2028日本"


class InspectorApp(App[None]):
    """The widget and nothing else."""

    def compose(self) -> ComposeResult:
        yield Inspector()


class Inspected:
    """An inspector that shows frames of a capture."""

    def __init__(self, pilot: Pilot[None], path: Path) -> None:
        self.pilot = pilot
        self.app = pilot.app
        self.widget = pilot.app.query_one(Inspector)
        self.path = path

    async def show(self, number: int, tab: str, *words: str) -> str:
        """Look at a tab of a frame; what is on the screen, as soon as one is there and all that is."""
        with Reader(self.path) as reader:
            shown = load(reader, number, DECODERS.session)
        assert shown is not None
        self.widget.show(shown)
        await self.go(tab)
        return await until_shown(self.pilot, *words)

    async def go(self, tab: str) -> None:
        """To a tab."""
        self.widget.action_tab(tab)
        pane = self.widget.query_one(f"#{tab}", TabPane)
        await until(self.pilot, lambda: self.app.focused in pane.children and pane.size.height)

    async def choose(self, key: str, title: str, downs: int) -> None:
        """Open a menu, and take something of it."""
        await press(self.pilot, key)
        await until_shown(self.pilot, title)
        await press(self.pilot, *["down"] * downs)
        menu = self.app.screen.query_one(OptionList)
        await until(self.pilot, lambda: menu.highlighted == downs)
        await press(self.pilot, "enter")
        await until(self.pilot, lambda: not isinstance(self.app.screen, Choose))


@asynccontextmanager
async def inspected(path: Path, size: tuple[int, int] = (100, 40)) -> AsyncIterator[Inspected]:
    async with InspectorApp().run_test(size=size, notifications=True) as pilot:
        it = Inspected(pilot, path)
        # What happens for the first time takes time: imports, styles.
        await it.show(1, "frame")
        yield it


def one(path: Path, frame: bytes, from_client: bool = True, **opening: Any) -> Path:
    """A capture of one frame."""
    with capture(path) as c:
        number = c.open(**opening)
        (c.send if from_client else c.receive)(number, frame)
    return path


def text_frame(content: str | bytes) -> bytes:
    data = content if isinstance(content, bytes) else content.encode("utf-8", "surrogateescape")
    return encode_frame(1, data, mask=MASK)


async def test_a_message_is_shown_as_a_tree_as_text_and_as_bytes(tmp_path: Path) -> None:
    path = one(tmp_path / "c.wsp", text_frame('{"user":"ada","tags":["x",1.10],"on":true}'))
    async with inspected(path) as it:
        await it.show(1, "decoded", 'user: "ada"', "tags [2]", "1: 1.10", "on: true")
        await it.show(1, "text", '  "user": "ada",\n  "tags": [\n    "x",\n    1.10\n  ],\n')
        await it.show(1, "hex", "7b 22 75 73 65 72 22 3a", '│{"user":"ada","t│')


async def test_every_bit_of_a_header_is_drawn_and_explained(tmp_path: Path) -> None:
    frame = encode_frame(1, b"x" * 300, fin=False, rsv=2, mask=MASK)
    async with inspected(one(tmp_path / "c.wsp", frame)) as it:
        await it.show(
            1,
            "frame",
            "│0│0│1│0│0 0 0 1│1│1 1 1 1 1 1 0│     extended length 01 2c     │",
            "│                    masking key 37 fa 21 3d                    │",
            "more frames of the message follow",
            "300 B (0x12c)",
            "reserved bit set without an extension (RFC 6455 5.2)",
        )


async def test_what_is_wrong_with_a_frame_is_said_with_the_section_of_the_rfc(tmp_path: Path) -> None:
    with capture(tmp_path / "c.wsp") as c:
        number = c.open()
        c.send(number, encode_frame(3, b"?"))
        c.receive(number, encode_close(1006, mask=MASK))
    async with inspected(tmp_path / "c.wsp") as it:
        await it.show(
            1,
            "frame",
            "reserved opcode (RFC 6455 5.2)",
            "unmasked frame from the client (RFC 6455 5.1)",
            "0x3 reserved for further data frames",
        )
        await it.show(
            2,
            "frame",
            "masked frame from the server (RFC 6455 5.1)",
            "close code that must not be sent (RFC 6455 7.4)",
            "1006 no close frame",
        )


async def test_both_sizes_of_a_compressed_message_are_shown(tmp_path: Path) -> None:
    import zlib

    packer = zlib.compressobj(wbits=-15)
    packed = (packer.compress(b"tea " * 500) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]
    with capture(tmp_path / "c.wsp") as c:
        number = c.open(extensions="permessage-deflate")
        c.send(number, encode_frame(1, packed, rsv=4, mask=MASK))
    async with inspected(tmp_path / "c.wsp") as it:
        compressed = "the message is compressed by permessage-deflate (RFC 7692 6)"
        await it.show(1, "frame", f"{len(packed)} B", "2,000 B, ", compressed)
        await it.show(1, "text", "tea tea")


async def test_a_fragment_is_shown_with_the_whole_message_and_its_other_frames(tmp_path: Path) -> None:
    with capture(tmp_path / "c.wsp") as c:
        number = c.open()
        c.send(number, encode_frame(1, b'{"half":', fin=False, mask=MASK))
        c.receive(number, encode_frame(9, b"ping"))
        c.send(number, encode_frame(0, b'"whole"}', mask=MASK))
    async with inspected(tmp_path / "c.wsp") as it:
        await it.show(1, "decoded", 'half: "whole"')
        first, last = "1  +0 µs                  8 B  (this one)", "3  +20.0 ms               8 B"
        await it.show(1, "timing", first, last)


async def test_calls_replies_pings_and_pongs_find_each_other(tmp_path: Path) -> None:
    with capture(tmp_path / "c.wsp") as c:
        number = c.open()
        for id in (1, 2):
            c.send(number, text_frame(f'{{"jsonrpc":"2.0","method":"add","params":[1,2],"id":{id}}}'))
            c.receive(number, encode_frame(1, f'{{"jsonrpc":"2.0","result":3,"id":{id}}}'.encode()))
        c.receive(number, encode_frame(9, b"beat"))
        c.send(number, encode_frame(10, b"beat", mask=MASK))
        c.send(number, text_frame('{"jsonrpc":"2.0","method":"never","id":3}'))
    async with inspected(tmp_path / "c.wsp") as it:
        await it.show(3, "timing", "Answered by frame      4, 10.0 ms later")
        await it.show(4, "timing", "Answers frame          3, 10.0 ms after it")
        await it.show(5, "timing", "Answered by pong       6, 10.0 ms later")
        await it.show(6, "timing", "Answers ping           5, 10.0 ms after it")
        await it.show(7, "timing", "nothing yet")


async def test_the_handshake_is_shown_with_its_faults_and_how_the_connection_ended(tmp_path: Path) -> None:
    with capture(tmp_path / "c.wsp") as c:
        number = c.open(
            "wss://example.test/a",
            subprotocol="chat.v1",
            tls={"server": {"version": "TLSv1.3", "certificate": {"subject": "CN=\x1b[31mexample.test"}}},
            response=b"HTTP/1.1 101 Switching Protocols\r\nX-Evil: \x1b[2J\r\n\r\n",
        )
        c.send(number, encode_close(1000, "bye", mask=MASK))
        c.close(number)
    async with inspected(tmp_path / "c.wsp") as it:
        await it.show(
            1,
            "handshake",
            "GET /chat HTTP/1.1",
            "the response has no Sec-WebSocket-Accept",
            "TLSv1.3",
            "CN=\\x1b[31mexample.test",
            "X-Evil: \\x1b[2J",
            '1000 normal closure "bye"',
        )


async def test_pictures_are_shown_as_pictures(tmp_path: Path) -> None:
    path = one(tmp_path / "c.wsp", encode_frame(2, PICTURE), from_client=False)
    async with inspected(path) as it:
        await it.show(1, "image", "▀▀▀▀▀▀▀▀", "PNG image 160 × 100")


async def test_a_broken_picture_is_said_to_be_one(tmp_path: Path) -> None:
    path = one(tmp_path / "c.wsp", encode_frame(2, PICTURE[:60] + bytes(200)), from_client=False)
    async with inspected(path) as it:
        await it.show(1, "image", "it cannot be shown")


@pytest.mark.parametrize(
    "content",
    [
        HOSTILE,
        json.dumps({HOSTILE: [HOSTILE]}, ensure_ascii=False),
        b"owned \xff\xfe\x1b[31m",
        f"<a b='{HOSTILE}'>{HOSTILE}</a>",
    ],
    ids=["text", "json", "bytes", "xml"],
)
async def test_nothing_in_a_payload_reaches_the_terminal_but_plain_characters(
    tmp_path: Path, content: str | bytes
) -> None:
    path = one(tmp_path / "c.wsp", text_frame(content), url=f"ws://example.test/{HOSTILE}")
    async with inspected(path) as it:
        for tab in ("decoded", "text", "hex", "frame", "handshake", "timing"):
            drawn = await it.show(1, tab, *(["owned"] if tab not in ("frame", "timing") else []))
            it.widget.highlight(["evil", "[bold"])
            await it.pilot.pause()
            drawn += text_of(it.app)
            assert not [char for char in drawn if not char.isprintable() and char != "\n"], tab
            if content == HOSTILE and tab == "text":
                assert "[bold red]x[/]" in drawn


@pytest.mark.still
async def test_a_line_of_ten_mebibytes_is_shown_at_once_and_the_screen_goes_on(tmp_path: Path) -> None:
    entry = f'{{"id":123456,"name":"Ada Lovelace","text":"{"tea " * 250}","price":12.50}}'
    content = f"[{','.join([entry] * (10 * MIB // len(entry)))}]"
    path = one(tmp_path / "c.wsp", text_frame(content))
    async with inspected(path) as it:
        with Reader(path) as reader:
            shown = load(reader, 1, DECODERS.session)
        for tab in ("decoded", "text", "hex", "frame"):
            async with standstill() as still:
                it.widget.show(shown)
                await it.go(tab)
                if tab == "text":
                    await until_shown(it.pilot, '"name": "Ada Lovelace"')
                    view = it.widget.query_one(TextView)
                    await press(it.pilot, "pagedown", "pagedown", "end")
                    await until(it.pilot, lambda view=view: view.rows.complete)
                    await press(it.pilot, "end")
                    await until(it.pilot, lambda: text_of(it.app).rstrip().endswith("]"))
                    it.widget.highlight(["nowhere in it"])
                    assert not await view.find()
                    assert not await view.find(forward=False)
            assert still.longest < FREEZE, tab


@pytest.mark.parametrize(
    "content",
    [
        "[" * 10_000 + "]" * 10_000,
        '{"a":' * 10_000 + "1" + "}" * 10_000,
        "<a>" * 10_000 + "</a>" * 10_000,
        '"' + '\\"' * 1_000_000,
        '{"a' + " " * MIB,
        "[" + '"x" ' * 300_000,
        "<!--" * 200_000,
    ],
    ids=["arrays", "objects", "elements", "escapes", "blank", "strings", "comments"],
)
@pytest.mark.still
async def test_no_nesting_and_no_unfinished_string_stops_the_screen(tmp_path: Path, content: str) -> None:
    path = one(tmp_path / "c.wsp", text_frame(content))
    async with inspected(path) as it:
        with Reader(path) as reader:
            shown = load(reader, 1, DECODERS.session)
        async with standstill() as still:
            for tab in ("decoded", "text", "hex"):
                it.widget.show(shown)
                await it.go(tab)
                await press(it.pilot, "end")
            view = it.widget.query_one(TextView)
            await until(it.pilot, lambda: view.rows.complete)
        assert still.longest < FREEZE


async def test_what_was_searched_for_is_marked_and_found_again(tmp_path: Path) -> None:
    lines = "\n".join(f"line {n}" for n in range(500))
    path = one(tmp_path / "c.wsp", text_frame(lines))
    async with inspected(path, (60, 20)) as it:
        await it.show(1, "text", "line 1")
        it.widget.highlight(["LINE 321"])
        await press(it.pilot, "n")
        await until_shown(it.pilot, "line 321")
        await it.show(1, "hex", "00000000")
        await press(it.pilot, "n")
        await until_shown(it.pilot, "321")


async def test_a_search_goes_round_both_ways_whatever_it_is_cut_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wsproxy.tui.inspector.text_view._PIECE", 7)
    text = "tea, milk\n" * 3 + "sugar, Tea\nnothing"
    path = one(tmp_path / "c.wsp", text_frame(text))
    async with inspected(path) as it:
        await it.show(1, "text", "tea, milk")
        view = it.widget.query_one(TextView)

        async def places(forward: bool, count: int) -> list[int]:
            found = []
            for _ in range(count):
                assert await view.find(forward)
                found.append(view.place)
            return found

        view.mark(["tea", "sugar"])
        assert await places(True, 6) == [0, 10, 20, 30, 37, 0]
        assert await places(False, 6) == [37, 30, 20, 10, 0, 37]
        view.mark(["nothing"])
        assert await places(True, 2) == [41, 41]
        assert await places(False, 1) == [41]
        view.mark(["coffee"])
        assert not await view.find()
        # Two at once are two.
        view.mark(["tea"])
        assert await asyncio.gather(view.find(), view.find()) == [True, True]
        assert view.place == 10


async def test_a_frame_is_copied_in_the_form_that_is_chosen(tmp_path: Path) -> None:
    path = one(tmp_path / "c.wsp", text_frame('{"user":"ada"}'), url="wss://example.test/chat")
    async with inspected(path) as it:
        await it.show(1, "text")
        for downs, expected in (
            (0, '{"user":"ada"}'),
            (1, '{\n  "user":"ada"\n}'),
            (3, "00000000  7b 22 75 73"),
            (4, 'websocket.send(\'{"user":"ada"}\')'),
            (5, 'wscat --connect wss://example.test/chat --execute \'{"user":"ada"}\''),
            (6, "curl --http1.1"),
        ):
            await it.choose("c", "Copy as", downs)
            await until(it.pilot, lambda expected=expected: expected in it.app.clipboard)
        await it.choose("c", "Copy as", 2)
        await until(it.pilot, lambda: '"tree"' in it.app.clipboard)
        assert json.loads(it.app.clipboard)["decoded"]["tree"] == {"user": "ada"}


async def test_a_frame_is_written_to_a_new_file_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = one(tmp_path / "c.wsp", encode_frame(2, PICTURE), from_client=False)
    async with inspected(path) as it:
        await it.show(1, "hex")
        await it.choose("w", "Write to a file as", 0)
        await until_shown(it.pilot, "frame-1.png")
        await press(it.pilot, "enter")
        await until_shown(it.pilot, "Wrote")
        written = tmp_path / "frame-1.png"
        assert written.read_bytes() == PICTURE
        assert os.stat(written).st_mode & 0o777 == 0o600

        await it.choose("w", "Write to a file as", 0)
        await until_shown(it.pilot, "stays as it is")
        await press(it.pilot, "enter")
        await until_shown(it.pilot, "File exists")


async def test_an_edited_message_is_shown_beside_its_original(tmp_path: Path) -> None:
    path = tmp_path / "c.wsp"
    with capture(path) as c:
        _edited(c)
    async with inspected(path) as it:
        await it.show(1, "sent", '-  "price":3', '+  "price":300')


def _edited(c: Capture) -> None:
    """A message that a rule has changed."""
    number = c.open()
    c.relay(number).edit(
        True, lambda transit: transit.replace(transit.original.replace(b"3", b"300"), "hand") and None
    )
    c.send(number, text_frame('{"tea":"green","price":3}'))


async def test_who_goes_from_tab_to_tab_fast_is_not_thrown_back(tmp_path: Path) -> None:
    async with inspected(one(tmp_path / "c.wsp", text_frame("hello"))) as it:
        await it.show(1, "decoded")
        for tab in ("text", "hex", "frame", "timing"):
            it.widget.action_tab(tab)
        await it.go("timing")
        assert it.widget.query_one(Tabs).active == "timing"
        await press(it.pilot, "left_square_bracket", "left_square_bracket", "left_square_bracket")
        await until(it.pilot, lambda: isinstance(it.app.focused, HexView))
        assert it.widget.query_one(Tabs).active == "hex"
