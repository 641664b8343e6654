"""
Plays a recorded session: opens its connections, says what the client said, compares what comes.

Needs Python and `pip install websockets`.
"""

import json
import re
import time
from contextlib import ExitStack
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect


class Player:
    """
    Args:
        connections: by number: `url`, `headers` and `subprotocols` of each.
        steps: in order: `(what, connection, seconds, ...)`. `open`; `send` and `expect` with a message;
            `close` and `closed` with code and reason; `refused` with a status.
        to: `ws://host:port` in place of the recorded server.
        timeout: seconds to wait for each message of the server.
        speed: keep the recorded pauses, shortened by this; 0: go on as soon as the server has answered.
        ignored: names of JSON members that do not count, at any depth.
        variables: paths into JSON of the server and names; `{{name}}` in later messages is what was found.
        heartbeats: messages of the server that only want an answer, and that answer.
    """

    def __init__(
        self,
        connections: dict[int, dict[str, Any]],
        steps: list[tuple[Any, ...]],
        *,
        to: str = "",
        timeout: float = 10.0,
        speed: float = 0.0,
        ignored: Any = (),
        variables: Any = (),
        heartbeats: Any = (),
    ) -> None:
        self.connections = connections
        self.steps = steps
        self.to = to
        self.timeout = timeout
        self.speed = speed
        self.ignored = set(ignored)
        self.variables = list(variables)
        self.heartbeats = dict(heartbeats)
        self.values: dict[str, str] = {}
        self.differences: list[str] = []
        self.open: dict[int, Any] = {}
        self.ends = ExitStack()
        """Closes what is still open."""

    def play(self) -> list[str]:
        """All steps; returns what was different, a sentence each."""
        began = time.monotonic()
        try:
            for number, (what, connection, seconds, *more) in enumerate(self.steps, 1):
                if self.speed:
                    time.sleep(max(began + seconds / self.speed - time.monotonic(), 0))
                problem = getattr(self, f"step_{what}")(connection, *more)
                if problem:
                    self.differences.append(f"step {number}, connection {connection}: {problem}")
                    if what in ("open", "refused"):
                        break
        finally:
            self.ends.close()
        return self.differences

    def step_open(self, connection: int) -> str:
        """Open it."""
        try:
            self.open[connection] = self.connected(connection)
        except (OSError, InvalidStatus) as error:
            return f"it does not open: {error}"
        return ""

    def step_refused(self, connection: int, status: int) -> str:
        """The server refuses it."""
        try:
            self.connected(connection)
        except InvalidStatus as error:
            got = error.response.status_code
            return "" if got == status else f"refused with {got}, not {status}"
        except OSError as error:
            return f"it does not answer: {error}"
        return f"it was accepted, not refused with {status}"

    def connected(self, connection: int) -> Any:
        """A new connection."""
        asked = self.connections[connection]
        url = self.filled(asked["url"])
        if self.to:
            url = self.to.rstrip("/") + re.sub(r"^\w+://[^/?]*", "", url)
        opening = connect(
            url,
            additional_headers=[(name, self.filled(value)) for name, value in asked["headers"]],
            subprotocols=asked["subprotocols"] or None,
            user_agent_header=None,
            max_size=None,
            ping_interval=None,
            proxy=None,
        )
        return self.ends.enter_context(opening)

    def step_send(self, connection: int, message: Any, name: str = "") -> str:
        """The client says something."""
        try:
            self.open[connection].send(self.filled(message))
        except ConnectionClosed as error:
            return f"closed before {shown(message)} could be said: {error}"
        return ""

    def step_expect(self, connection: int, wanted: Any) -> str:
        """The server says something."""
        got = self.received(connection)
        if isinstance(got, Exception):
            return f"{type(got).__name__} in place of {shown(wanted)}"
        if same(wanted, got, self.ignored):
            return ""
        return f"{shown(got)} in place of {shown(wanted)}"

    def received(self, connection: int) -> Any:
        """The next message; heartbeats are answered. An exception where none comes."""
        client = self.open[connection]
        try:
            while True:
                got = client.recv(timeout=self.timeout)
                if got in self.heartbeats:
                    client.send(self.heartbeats[got])
                    continue
                for path, name in self.variables:
                    found = looked_up(parsed(got)[1], path)
                    if found is not None:
                        self.values[name] = found if isinstance(found, str) else json.dumps(found)
                return got
        except (ConnectionClosed, TimeoutError) as error:
            return error

    def step_close(self, connection: int, code: int | None, reason: str) -> str:
        """The client closes."""
        self.open.pop(connection).close(1000 if code in (None, 1005) else code, reason)
        return ""

    def step_closed(self, connection: int, code: int, reason: str) -> str:
        """The server closes."""
        client = self.open.pop(connection)
        try:
            while True:
                got = client.recv(timeout=self.timeout)
                if got not in self.heartbeats:
                    client.close()
                    return f"{shown(got)} in place of the end"
        except TimeoutError:
            client.close()
            return f"it is still open, not closed with {code}"
        except ConnectionClosed:
            got = (client.protocol.close_code, client.protocol.close_reason or "")
        return "" if got == (code, reason) else f"closed with {got[0]} {got[1]!r}, not {code} {reason!r}"

    def filled(self, message: Any) -> Any:
        """With what is known of `{{name}}`."""
        if isinstance(message, str) and self.values and "{{" in message:
            return re.sub(r"\{\{(\w+)\}\}", lambda found: self.values.get(found[1], found[0]), message)
        return message


def same(wanted: Any, got: Any, ignored: set[str]) -> bool:
    """Whether two messages say the same; JSON is compared by what it means."""
    if wanted == got:
        return True
    if not isinstance(wanted, str) or not isinstance(got, str):
        return False
    (lead, left), (other, right) = parsed(wanted), parsed(got)
    return lead == other and left is not None and without(left, ignored) == without(right, ignored)


def parsed(message: Any) -> tuple[str, Any]:
    """What stands before the JSON in a message, and the JSON; None if there is none."""
    if not isinstance(message, str):
        return "", None
    at = min((place for place in (message.find("["), message.find("{")) if place >= 0), default=-1)
    if at < 0:
        return message, None
    try:
        return message[:at], json.loads(message[at:])
    except (ValueError, RecursionError):
        return message, None


def without(value: Any, ignored: set[str]) -> Any:
    """JSON without the members that do not count."""
    if isinstance(value, dict):
        return {name: without(inner, ignored) for name, inner in value.items() if name not in ignored}
    if isinstance(value, list):
        return [without(inner, ignored) for inner in value]
    # Python takes True for 1.
    return (type(value).__name__, value) if isinstance(value, bool) else value


def looked_up(value: Any, path: list[Any]) -> Any:
    """What JSON has at a path of names and indexes; None if there is nothing."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def shown(message: Any) -> str:
    """The beginning of a message; nothing in it can control a terminal."""
    text = ascii(message)
    return text if len(text) <= 200 else f"{text[:200]}..."
