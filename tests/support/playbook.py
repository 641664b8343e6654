"""
Drive a layer of the engine as mitmproxy does: events in, commands out.

    play = Playbook(layer, {context.client: "client", context.server: "server"})
    play.expect(events.Start(), "hook websocket_start")
    play.expect(play.answer())
    play.expect(events.DataReceived(client, b"x"), "send b'x' to server", "record b'x'")

Whatever else the test wants to see in the same order (here: what was recorded) it puts there with
`note`. A difference is shown line by line.
"""

import difflib

from mitmproxy.connection import Connection
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layer import Layer


class Playbook:
    """
    Args:
        layer: the one to drive.
        names: what connections are called in commands.
    """

    def __init__(self, layer: Layer, names: dict[Connection, str]) -> None:
        self.layer = layer
        self.commands: list[commands.Command] = []
        """Everything the layer has commanded."""
        self._names = names
        self._happened: list[str] = []
        self._unanswered: list[commands.StartHook] = []

    def note(self, text: str) -> None:
        """Something else has happened."""
        self._happened.append(text)

    @property
    def happened(self) -> list[str]:
        """What the last event brought, and what was noted since."""
        return list(self._happened)

    def answer(self) -> events.HookCompleted:
        """The event that goes with the oldest hook that waits for one."""
        return events.HookCompleted(self._unanswered.pop(0))

    def play(self, event: events.Event) -> list[str]:
        """Put an event in; returns what happened, in order."""
        self._happened.clear()
        for command in self.layer.handle_event(event):
            self.commands.append(command)
            self.note(self._describe(command))
            if isinstance(command, commands.StartHook) and command.blocking:
                self._unanswered.append(command)
        return list(self._happened)

    def expect(self, event: events.Event, *wanted: str) -> None:
        """Put an event in; exactly this must happen, in this order."""
        found = self.play(event)
        if found != list(wanted):
            difference = "\n".join(difflib.ndiff(list(wanted), found))
            raise AssertionError(f"after {event!r}, wanted (-) and found (+):\n{difference}")

    def _describe(self, command: commands.Command) -> str:
        if isinstance(command, commands.SendData):
            return f"send {command.data!r} to {self._names[command.connection]}"
        if isinstance(command, commands.StartHook):
            return f"hook {command.name}"
        if isinstance(command, commands.CloseConnection):
            return f"close {self._names[command.connection]}"
        return repr(command)
