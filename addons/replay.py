"""
Say messages of a capture on live connections: on opening, after a match, by the clock.

    wsproxy dump -s replay --set replay=session.wsp --set replay_on_open=true
    wsproxy dump -s replay --set replay=session.wsp --set replay_to=client --set replay_after='~b again'
"""

from pathlib import Path

from wsproxy import addon
from wsproxy.replay.recorded import End, Recorded
from wsproxy.replay.recorded_message import RecordedMessage
from wsproxy.store.reader import Reader

MOST = 16 * 1024 * 1024
"""Bytes of messages that are kept."""


class Replay:
    def load(self, options: addon.Options) -> None:
        self.options = options
        options.add("replay", "", "The capture.")
        options.add("replay_connection", 0, "Only messages of this connection of it; 0: of all.")
        options.add("replay_from", 1, "Begin with this frame.")
        options.add("replay_until", 0, "End with this frame; 0: the last.")
        options.add("replay_filter", "", "Only messages that match.")
        options.add(
            "replay_to", "server", "Who gets them; what that side had got is said.", ["server", "client"]
        )
        options.add("replay_url", "", "Only on live connections that have this in their URL.")
        options.add("replay_on_open", False, "Say them when a connection opens.")
        options.add("replay_after", "", "A filter: say them after each message that matches.")
        options.add("replay_every", 0.0, "Say them every so many seconds; 0: not.")
        options.add("replay_speed", 1.0, "So many times faster than recorded; 0: at once.")

    def configure(self, changed: set[str]) -> None:
        options = self.options
        if options.replay_every < 0 or options.replay_speed < 0:
            raise addon.OptionError("replay_every and replay_speed are 0 or more")
        self.after = addon.parse_filter(options.replay_after) if options.replay_after else None
        self.messages = self.read() if options.replay else []

    def read(self) -> list[RecordedMessage]:
        options = self.options
        wanted = addon.parse_filter(options.replay_filter) if options.replay_filter else None
        to_server = options.replay_to == "server"
        found: list[RecordedMessage] = []
        size = 0
        with Reader(Path(options.replay).expanduser()) as reader:
            recorded = Recorded(
                reader,
                End.SERVER if to_server else End.CLIENT,
                connections={options.replay_connection} if options.replay_connection else (),
                first=options.replay_from,
                last=options.replay_until or None,
                wanted=wanted,
            )
            for step in recorded.messages():
                if not isinstance(step, RecordedMessage) or step.opcode not in (1, 2):
                    continue
                if step.from_client is to_server and not step.truncated:
                    found.append(step)
                    size += step.length
                if size > MOST:
                    raise addon.OptionError(f"these are more than {MOST >> 20} MiB of messages: choose fewer")
        return found

    def start(self, connection: addon.Connection) -> None:
        speed = self.options.replay_speed
        for message in self.messages:
            delay = (message.began - self.messages[0].began) / 1e9 / speed if speed else 0
            connection.later(delay, lambda message=message: self.say(connection, message))

    def say(self, connection: addon.Connection, message: RecordedMessage) -> None:
        kind = "text" if message.opcode == 1 else "binary"
        connection.send(message.content, self.options.replay_to, kind, force=True)

    def ws_open(self, connection: addon.Connection) -> None:
        if self.options.replay_url not in connection.url:
            return
        connection.state["replays"] = True
        # After a reload this comes again for connections that are open.
        if self.options.replay_on_open and not connection.state.get("begun"):
            connection.state["begun"] = True
            self.start(connection)
        if self.options.replay_every:
            connection.every(self.options.replay_every, lambda: self.start(connection))

    def ws_message(self, connection: addon.Connection, message: addon.Message) -> None:
        if self.after and connection.state.get("replays") and message.matches(self.after):
            self.start(connection)


addons = [Replay()]
