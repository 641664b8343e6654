"""The harness for authors: what the ends see is what they would see through the proxy."""

import asyncio
from pathlib import Path

import pytest

from wsproxy.addon import AddonError, Connection, Frame, Message, OptionError, TooLate
from wsproxy.addon.testing import Harness


class Nothing:
    """An addon that only looks."""

    def ws_message(self, connection: Connection, message: Message) -> None:
        message.content  # noqa: B018


class Shout:
    def ws_message(self, connection: Connection, message: Message) -> None:
        message.text = message.text.upper()


@pytest.mark.parametrize("deflate", [False, True])
class TestAPair:
    def test_exchanges_messages_both_ways(self, deflate: bool) -> None:
        pair = Harness(Nothing()).open(deflate=deflate)
        pair.client.send("text", b"bytes", "in parts", "", fragments=3)
        pair.server.send("grüß dich")
        assert pair.server.messages == ["text", b"bytes", "in parts", ""]
        assert pair.client.messages == ["grüß dich"]
        assert pair.decided == []

    def test_goes_through_the_addon(self, deflate: bool) -> None:
        pair = Harness(Shout()).open(deflate=deflate)
        pair.client.send("hello hello", "hello", fragments=2)
        assert pair.server.messages == ["HELLO HELLO", "HELLO"]
        assert [(d.action, d.by) for d in pair.decided] == [("edit", "addon shout")] * 2
        assert pair.recorded == [b"hello hello", b"hello"]

    def test_answers_pings_and_close_frames_by_itself(self, deflate: bool) -> None:
        pair = Harness(Nothing()).open(deflate=deflate)
        pair.client.ping(b"beat")
        assert (pair.server.pings, pair.client.pongs) == ([b"beat"], [b"beat"])
        pair.server.close(4001, "bye")
        assert (pair.client.closed, pair.server.closed) == ((4001, "bye"), (4001, "bye"))
        assert pair.closure is not None
        assert (pair.closure.by, pair.closure.code, pair.closure.clean) == ("server", 4001, True)
        assert not pair.client.is_cut
        assert not pair.is_open


def test_the_handshake_is_a_real_one() -> None:
    class Choose:
        def ws_handshake(self, connection: Connection) -> None:
            connection.request.subprotocols = ["v1"]
            connection.request.extensions = ""

    harness = Harness(Choose())
    pair = harness.open("wss://example.com:8443/chat?a=1", subprotocols=["v2", "v1"], deflate=True)
    assert (pair.facts.subprotocol, pair.facts.extensions) == ("v1", "")
    assert pair.request.headers["host"] == "example.com:8443"
    assert harness.open(headers={"Cookie": "a"}).request.headers["cookie"] == "a"


def test_a_reset_reaches_the_other_end_behind_what_is_held() -> None:
    class Wait:
        def ws_message(self, connection: Connection, message: Message) -> None:
            message.delay(3)

    harness = Harness(Wait())
    pair = harness.open()
    pair.client.send("last words")
    pair.client.reset()
    assert (pair.server.messages, pair.server.is_cut, pair.closure) == ([], False, None)
    harness.advance(3)
    assert (pair.server.messages, pair.server.is_cut) == (["last words"], True)
    assert pair.closure is not None
    assert (pair.closure.code, pair.closure.how) == (1006, "reset")


def test_a_cut_reaches_both() -> None:
    seen: list[object] = []

    class Cut:
        def ws_message(self, connection: Connection, message: Message) -> None:
            connection.cut()

        def ws_close(self, connection: Connection) -> None:
            seen.append(connection.closure)

    pair = Harness(Cut()).open()
    pair.client.send("x")
    assert pair.client.is_cut
    assert pair.server.is_cut
    assert seen == [pair.closure]


def test_time_passes_only_when_told_and_at_once() -> None:
    class Tick:
        def ws_open(self, connection: Connection) -> None:
            connection.every(60, lambda: connection.send("tick", to="client"))

        async def ws_message(self, connection: Connection, message: Message) -> None:
            await asyncio.sleep(3600)

    harness = Harness(Tick())
    pair = harness.open()
    pair.client.send("slow")
    harness.advance(3599)
    assert pair.server.messages == []
    harness.advance(1)
    assert pair.server.messages == ["slow"]
    assert pair.client.messages == ["tick"] * 60
    assert [decided.held for decided in pair.decided if decided.by == "addon tick" and decided.held] == [
        3600 * 10**9
    ]


def test_what_a_hook_raises_is_raised_here() -> None:
    class Broken:
        def ws_frame(self, connection: Connection, frame: Frame) -> None:
            raise KeyError("x")

    with pytest.raises(KeyError):
        Harness(Broken()).open().client.send("x")
    harness = Harness(Broken(), strict=False)
    pair = harness.open()
    pair.client.send("x")
    assert pair.server.messages == ["x"]
    assert "addon broken failed in ws_frame: KeyError: 'x'" in harness.told[0]


def test_takes_scripts_with_options_and_reloads_them(tmp_path: Path) -> None:
    text = (
        "def load(options): options.add('word', 'a', 'what is sent')\n"
        "def ws_message(connection, message): message.text = connection.options.word\n"
    )
    script = tmp_path / "mine.py"
    script.write_text(text)
    harness = Harness(script, word="b")
    pair = harness.open()
    pair.client.send("x")
    harness.set(word="c")
    pair.client.send("x")
    script.write_text(text.replace("options.word", "options.word * 2"))
    harness.reload()
    pair.client.send("x")
    assert pair.server.messages == ["b", "c", "cc"]


def test_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(AddonError, match="no such file"):
        Harness(tmp_path / "none.py")
    with pytest.raises(OptionError, match="there is no option 'wrod'"):
        Harness(Nothing(), wrod="x")


def test_a_message_above_the_limit_is_not_shown() -> None:
    harness = Harness(Shout(), edit_limit=10)
    pair = harness.open()
    pair.client.send("a" * 11, "b")
    assert pair.server.messages == ["a" * 11, "B"]
    assert "too large to be edited" in harness.told[0]


def test_what_a_message_is_recorded_as_is_decided_in_the_hook() -> None:
    class Late:
        redacts = True

        def ws_message(self, connection: Connection, message: Message) -> None:
            connection.later(1, lambda: message.record_as("…"))

    harness = Harness(Late())
    pair = harness.open()
    pair.client.send("secret")
    with pytest.raises(TooLate, match="for hooks alone"):
        harness.advance(1)
    assert pair.recorded == [b"secret"]


def test_waiting_for_something_outside_is_said() -> None:
    class Outside:
        async def ws_handshake(self, connection: Connection) -> None:
            await asyncio.get_running_loop().create_future()

    with pytest.raises(RuntimeError, match="does not come from this loop"):
        Harness(Outside()).open()


async def test_has_a_loop_of_its_own() -> None:
    with pytest.raises(RuntimeError, match="use it in a plain test"):
        Harness(Nothing())
