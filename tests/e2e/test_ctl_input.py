"""What `wsproxy ctl` is given and cannot take, and what it takes with --force only."""

import pytest
from websockets.exceptions import ConnectionClosed

from tests.support import raw
from tests.support.control import ctl, talk
from tests.support.proxy import running
from wsproxy.store.reader import Reader
from wsproxy.wire.encode import encode_close

BAD = [
    (1, "there is no connection 7", ["send", "7", "--to", "client", "--text", "a"]),
    (1, "there is no connection 7", ["close", "7"]),
    (1, "there is no connection 7", ["cut", "7"]),
    (1, "there is no held message 7", ["held", "7"]),
    (1, "there is no held message 7", ["held", "7", "--raw"]),
    (1, "there is no held message 7", ["edit", "7", "--text", "a"]),
    (1, "there is no rule 7", ["rule", "remove", "7"]),
    (1, "there is no option 'x'", ["options", "x"]),
    (1, "there is no option 'x'", ["set", "x=1"]),
    (2, "'x' is no id of a connection", ["cut", "x"]),
    (2, "'x' is no id of a held message", ["release", "1", "x"]),
    (2, "'y' is no hex digit (digit 2 of 4)", ["send", "1", "--to", "client", "--hex", "0y 00"]),
    (2, "hex digits come in pairs", ["send", "1", "--to", "client", "--hex", "000"]),
    (2, "there are no bytes to send", ["send", "1", "--to", "client", "--raw-frame", ""]),
    (2, "ends inside the header", ["send", "1", "--to", "client", "--raw-frame", "82"]),
    (2, "the last frame misses 2 bytes", ["send", "1", "--to", "client", "--raw-frame", "820300"]),
    (2, "text must be UTF-8", ["send", "1", "--to", "client", "--hex", "ff", "--type", "text"]),
    (2, "at most 125 bytes of payload, not 126", ["send", "1", "--to", "client", "--ping", "x" * 126]),
    (2, "--type is for messages", ["send", "1", "--to", "client", "--ping", "a", "--type", "text"]),
    (2, "only one of --text, --hex", ["send", "1", "--to", "client", "--text", "a", "--hex", "00"]),
    (2, "there is nothing to send: give one of --text", ["send", "1", "--to", "client"]),
    (2, "there is nothing to send: give one of --text", ["edit", "1"]),
    (2, "Missing option '--to'", ["send", "1", "--text", "a"]),
    (2, "1006 is no close code that may be sent", ["close", "1", "--code", "1006"]),
    (2, "70000 is no close code: it has two bytes", ["close", "1", "--code", "70000", "--force"]),
    (2, "a reason has at most 123 bytes, not 124", ["close", "1", "--reason", "x" * 124]),
    (2, "a reason needs a code", ["close", "1", "--no-code", "--reason", "x"]),
    (2, "--code and --no-code exclude each other", ["close", "1", "--no-code", "--code", "1000"]),
    (2, "filter, column 1", ["hold", "add", "~nonsense"]),
    (2, "a rule that drops wants a filter", ["rule", "add", "drop"]),
    (2, "delay wants a FILTER and a number of seconds", ["rule", "add", "delay", "3"]),
    (2, "'soon' is not a number of seconds", ["rule", "add", "delay", "", "soon"]),
    (2, "hold_seconds is a number of seconds, not 'x'", ["set", "hold_seconds=x"]),
    (2, "frame_limit is settled when the proxy starts", ["set", "frame_limit=1k"]),
    (2, "'[' is not a regular expression", ["set", "ignore_hosts=["]),
    (2, "'x' is not KEY=VALUE", ["set", "x"]),
    (2, "there is no command 'helt'", ["helt"]),
    (3, "cannot read /nowhere/at/all", ["send", "1", "--to", "client", "--binary-file", "/nowhere/at/all"]),
]  # fmt: skip


async def test_bad_input_gets_one_sentence_and_the_right_exit_code_and_changes_nothing(tmp_path):
    async with talk(tmp_path) as t:
        for code, sentence, words in BAD:
            said = await t.ctl(*words)
            assert (said.code, sentence in said.err) == (code, True), f"{words}: {said}"
            assert said.out == "", words
        await t.client.send("still")
        assert await t.server.recv() == "still"
        with Reader(t.proxy.capture) as reader:
            assert reader.decisions(0, 1 << 60) == []


async def test_what_breaks_the_protocol_is_sent_with_force(tmp_path):
    async with talk(tmp_path, compression=None) as t:
        assert (
            await t.ctl("send", 1, "--to", "client", "--hex", "ff", "--type", "text", "--force")
        ).code == 0
        # The client closes with 1007 (RFC 6455 section 8.1).
        with pytest.raises(ConnectionClosed) as info:
            await t.client.recv()
        assert info.value.sent
        assert info.value.sent.code == 1007


async def test_an_illegal_close_code_is_sent_with_force(tmp_path):
    async with talk(tmp_path) as t:
        assert (await t.ctl("close", 1, "--code", 1006, "--to", "client", "--force")).code == 0
        with pytest.raises(ConnectionClosed) as info:
            await t.client.recv()
        # The client answers that this must not be (RFC 6455 section 7.4.1).
        assert info.value.sent
        assert info.value.sent.code == 1002


async def test_after_a_close_frame_only_force_sends_more(tmp_path):
    async with running(tmp_path) as proxy, raw.origin() as origin:
        client = await raw.connect(proxy.port, "127.0.0.1", origin.port)
        server = await origin.peer()
        assert (await ctl(proxy.home, "close", 1, "--to", "client", "--reason", "one")).code == 0
        assert await client.receive(7) == encode_close(1000, "one")
        for words in (["close", 1, "--to", "client"], ["send", 1, "--to", "client", "--text", "a"]):
            said = await ctl(proxy.home, *words)
            assert (said.code, "connection 1 is closing" in said.err) == (1, True)
        assert (await ctl(proxy.home, "send", 1, "--to", "client", "--text", "a", "--force")).code == 0
        assert await client.receive(3) == b"\x81\x01a"
        assert (await ctl(proxy.home, "close", 1, "--to", "client", "--code", 0, "--force")).code == 0
        assert await client.receive(4) == b"\x88\x02\0\0"
        # The other side has had none, so it gets one.
        assert (await ctl(proxy.home, "close", 1)).code == 0
        assert len(await server.receive(8)) == 8
        said = await ctl(proxy.home, "close", 1)
        assert (said.code, "is closing already" in said.err) == (1, True)
        await client.close()
        await server.close()


async def test_content_above_the_edit_limit_is_too_large(tmp_path):
    async with talk(tmp_path, "--set", "edit_limit=100k") as t:
        file = tmp_path / "large"
        file.write_bytes(bytes(100 * 1024 + 1))
        said = await t.ctl("send", 1, "--to", "client", "--binary-file", file)
        assert said.code == 2
        assert "102,401 bytes are too many; 102,400 are the most" in said.err
        file.write_bytes(bytes(100 * 1024))
        assert (await t.ctl("send", 1, "--to", "client", "--binary-file", file)).code == 0
        assert await t.client.recv() == bytes(100 * 1024)
