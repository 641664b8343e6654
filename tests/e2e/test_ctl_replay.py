"""`wsproxy ctl resend` and `ctl replay`: captured messages once more, between real peers."""

import asyncio
from pathlib import Path

from tests.support.captures import MASK, capture
from tests.support.control import talk
from wsproxy.wire.encode import encode_frame


def session(path: Path) -> Path:
    """The client said two things, the server one."""
    with capture(path) as c:
        number = c.open()
        c.send(number, encode_frame(1, b"one", mask=MASK))
        c.receive(number, encode_frame(1, b"price 1"))
        c.send(number, encode_frame(9, b"beat", mask=MASK))
        c.send(number, encode_frame(2, b"\x02", mask=MASK))
    return path


async def test_a_message_is_sent_again_edited_or_not_to_either_side(tmp_path: Path) -> None:
    async with talk(tmp_path) as t:
        await t.client.send("hello")
        assert await t.server.recv() == "hello"
        await t.proxy.wait_for(2)
        said = await t.ctl("resend", 1, 1)
        assert said.code == 0, said.err
        assert "Sent text hello (frame 1) to the server of connection 1." in said.err
        assert await t.server.recv() == "hello"
        assert (await t.ctl("resend", 1, 1, "--text", "bye")).code == 0
        assert await t.server.recv() == "bye"
        assert (await t.ctl("resend", 1, 1, "--to", "client")).code == 0
        assert await t.client.recv() == "hello"
        [done] = await t.json("resend", 1, 4, "--file", session(tmp_path / "other.wsp"))
        assert done == {"connection": 1, "frame": 4, "to": "server", "opcode": 2, "length": 1}
        assert await t.server.recv() == b"\x02"


async def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    other = session(tmp_path / "other.wsp")
    async with talk(tmp_path) as t:
        none = await t.ctl("resend", 1, 99)
        assert (none.code, "no message ended with frame 99" in none.err) == (1, True)
        gone = await t.ctl("resend", 7, 1, "--file", other)
        assert gone.code == 1
        both = await t.ctl("resend", 1, 1, "--text", "a", "--content-file", "b")
        assert both.code == 2
        nothing = await t.ctl("replay", 1, other, "-f", "~b nowhere")
        assert (nothing.code, "nothing to send" in nothing.err) == (1, True)


async def test_a_range_is_said_into_a_live_connection(tmp_path: Path) -> None:
    path = session(tmp_path / "other.wsp")
    async with talk(tmp_path) as t:
        said = await t.json("replay", 1, path, "--speed", "100")
        assert [(one["frame"], one["to"]) for one in said] == [(1, "server"), (2, "client"), (4, "server")]
        assert [await t.server.recv(), await t.server.recv()] == ["one", b"\x02"]
        assert await asyncio.wait_for(t.client.recv(), 20) == "price 1"
        said = await t.json("replay", 1, path, "--to", "client", "--pace", "fast", "-f", "~b price")
        assert [one["to"] for one in said] == ["client"]
        assert await asyncio.wait_for(t.client.recv(), 20) == "price 1"
