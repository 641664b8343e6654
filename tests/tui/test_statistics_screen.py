"""The Statistics screen, and what it counts."""

from pathlib import Path

from tests.support.captures import MASK, capture
from tests.support.screen import press, until, until_shown
from wsproxy.decoders.registry import DECODERS
from wsproxy.store.reader import Reader
from wsproxy.tui.app import WsproxyApp
from wsproxy.tui.statistics import BUCKETS, Meaning, Traffic
from wsproxy.wire.encode import encode_frame


def calls(path: Path) -> Path:
    """Two connections: ten calls of which nine are answered, and a ping with a large message."""
    with capture(path) as c:
        rpc, other = c.open(), c.open("ws://example.test/other")
        for id in range(10):
            said = f'{{"jsonrpc":"2.0","method":"\x1b[31madd[/]","id":{id}}}'.replace("\x1b", "\\u001b")
            c.send(rpc, encode_frame(1, said.encode(), mask=MASK))
            if id:
                c.receive(rpc, encode_frame(1, f'{{"jsonrpc":"2.0","result":1,"id":{id}}}'.encode()))
        c.receive(other, encode_frame(9, b""))
        c.receive(other, encode_frame(2, bytes(100_000)))
    return path


def counted(path: Path, connection: int | None = None) -> Traffic:
    traffic = Traffic(connection)
    with Reader(path) as reader:
        while traffic.step(reader):
            pass
    return traffic


def test_frames_are_counted_by_time_size_and_type(tmp_path: Path) -> None:
    path = calls(tmp_path / "c.wsp")
    traffic = counted(path)
    assert traffic.frames == 21
    assert traffic.opcodes == {1: 19, 9: 1, 2: 1}
    assert sum(value for (_, way), value in traffic.messages.items() if way) == 10
    assert sum(value for (_, way), value in traffic.messages.items() if not way) == 10
    assert traffic.sizes[False] == [1, 0, 9, 0, 0, 0, 0, 0, 1, 0, 0, 0]
    # 21 frames and two openings, 10 ms apart.
    assert sum(traffic.series(traffic.messages, True, 80)) * traffic.width / 1e9 == 10

    only = counted(path, 2)
    assert only.frames == 2
    assert only.sizes[True] == [0] * 12


def test_a_long_capture_is_told_in_longer_spans(tmp_path: Path) -> None:
    with capture(tmp_path / "c.wsp") as c:
        number = c.open()
        for _ in range(3):
            c.send(number, encode_frame(1, b"x", mask=MASK))
            c.now += 3_600_000_000_000
    traffic = counted(tmp_path / "c.wsp")
    assert traffic.spans <= BUCKETS
    assert traffic.spans * traffic.width > 7_000_000_000_000
    assert sum(traffic.messages.values()) == 3
    assert len(traffic.series(traffic.messages, True, 60)) <= 60


def test_what_messages_mean_is_counted_and_goes_on_where_it_was(tmp_path: Path) -> None:
    path = calls(tmp_path / "c.wsp")
    meaning = Meaning(DECODERS.session)
    with Reader(path) as reader:
        while meaning.step(reader):
            pass
        assert meaning.messages == 20
        assert not meaning.step(reader)
    [method] = meaning.tally.methods()
    assert (method.count, method.unanswered) == (10, 1)
    assert meaning.protocols == {1: "jsonrpc"}


async def test_the_screen_shows_what_was_counted_harmlessly_at_any_size(tmp_path: Path) -> None:
    app = WsproxyApp(calls(tmp_path / "c.wsp"))
    async with app.run_test(size=(160, 60)) as pilot:
        await press(pilot, "4")
        screen = await until_shown(
            pilot, "the whole capture  21 frames", "add[/]", "→ 10 in all", "jsonrpc", "1 connection"
        )
        assert "\x1b" not in screen
        await pilot.resize_terminal(80, 24)
        await until_shown(pilot, "Messages a second")
        await press(pilot, "c", "2", "enter")
        await until_shown(pilot, "connection #2  2 frames")
        await press(pilot, "c", "x", "enter")
        await until_shown(pilot, "a connection has a number")


async def test_what_comes_while_one_looks_is_counted_too(tmp_path: Path) -> None:
    path = tmp_path / "c.wsp"
    with capture(path) as c:
        number = c.open()
        c.send(number, encode_frame(1, b"one", mask=MASK))
        app = WsproxyApp(path)
        async with app.run_test(size=(100, 40)) as pilot:
            await until(pilot, lambda: app.capture.now.last_frame >= 1)
            await press(pilot, "4")
            await until_shown(pilot, "  1 frame")
            for _ in range(5):
                c.send(number, encode_frame(1, b"more", mask=MASK))
            await until_shown(pilot, "6 frames")
