"""What messages mean, asked by addons: `message.matches` with operators about that."""

from typing import Any

import pytest

from wsproxy.addon import OptionError, parse_filter
from wsproxy.addon.testing import Harness

CALL = '{"jsonrpc":"2.0","id":%d,"method":"%s","params":[]}'
REPLY = '{"jsonrpc":"2.0","id":%d,"result":1}'


class Watcher:
    """Notes which messages match."""

    def __init__(self, *filters: str, ask: Any = lambda message: True) -> None:
        self.filters = [parse_filter(text) for text in filters]
        self.ask = ask
        self.found: list[list[bool]] = []

    def ws_message(self, connection: Any, message: Any) -> None:
        if self.ask(message):
            self.found.append([message.matches(wanted) for wanted in self.filters])


def test_decoded_operators_match_messages_on_their_way() -> None:
    watcher = Watcher("~event 'subtract'", "~decoder jsonrpc", "~id 7", "~heartbeat")
    pair = Harness(watcher).open()
    pair.client.send(CALL % (6, "add"))
    pair.server.send(REPLY % 6)
    pair.client.send(CALL % (7, "subtract"))
    pair.server.send(REPLY % 7)
    assert watcher.found[2:] == [[True, True, True, False], [True, True, True, False]]


def test_every_message_is_heard_once_somebody_has_asked() -> None:
    # The reply is known by its call, about which nobody asks.
    watcher = Watcher("~event subtract", ask=lambda message: "method" not in message.text)
    pair = Harness(watcher).open()
    for number, method in enumerate(["add", "add", "subtract"]):
        pair.client.send(CALL % (number, method))
        pair.server.send(REPLY % number)
    assert watcher.found == [[False], [False], [True]]


def test_several_addons_may_ask_about_one_message() -> None:
    harness = Harness(one := Watcher("~event add"))
    harness.add(two := Watcher("~event add", "~id 1"))
    pair = harness.open()
    for _ in range(2):
        pair.client.send(CALL % (1, "add"))
    assert (one.found[1], two.found[1]) == ([True], [True, True])


def test_what_a_message_means_is_what_arrived() -> None:
    class Changes:
        def ws_message(self, connection: Any, message: Any) -> None:
            message.text = "changed"

    harness = Harness(Changes())
    harness.add(watcher := Watcher("~event add", "~b changed"))
    pair = harness.open()
    pair.client.send(CALL % (1, "add"), CALL % (2, "add"))
    assert watcher.found[1] == [True, True]


def test_control_frames_mean_nothing() -> None:
    class Frames:
        found: list[bool]

        def __init__(self) -> None:
            self.found = []

        def ws_frame(self, connection: Any, frame: Any) -> None:
            self.found.append(frame.matches(parse_filter("~decoder text")))

    frames = Frames()
    pair = Harness(frames).open()
    pair.client.ping(b"x")
    pair.client.send("x")
    # The ping, the pong to it, and the message.
    assert frames.found == [False, False, True]


def test_socket_io_is_known_by_its_handshake() -> None:
    watcher = Watcher("~decoder socketio & ~event 'emit say'")
    pair = Harness(watcher).open("wss://example.com/socket.io/?EIO=4&transport=websocket")
    pair.client.send('42["say","hello"]')
    assert watcher.found == [[True]]


@pytest.mark.parametrize("text", ["~noreply", "~up & !(~noreply | ~text)"])
def test_what_nobody_can_know_yet_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="cannot be asked about messages on their way"):
        parse_filter(text)
