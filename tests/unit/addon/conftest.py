"""Addons around a message that nobody carries; `wsproxy.addon.testing` has the whole way."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from wsproxy.addon import Facts, Manager
from wsproxy.addon.lifecycle import Direct
from wsproxy.addon.options import Values
from wsproxy.wire.closing import Closure
from wsproxy.wire.encode import encode_frame
from wsproxy.wire.transit import Transit

REQUEST = (
    b"GET /chat?token=s3cret HTTP/1.1\r\nHost: example.com\r\nSec-WebSocket-Protocol: v2, v1\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate\r\nX-Odd: a\r\nX-Odd: \xff\r\n\r\n"
)
RESPONSE = b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Protocol: v2\r\n\r\n"
OVER = Closure("server", 1001, "bye", True, "eof")

UPPER = """
'''Shouts.

More about that.
'''
def ws_message(connection, message):
    message.text = message.text.upper()
"""


@dataclass
class Link:
    """Writes down what it was asked to do."""

    sent: list[tuple[bool, int, bytes, bool]] = field(default_factory=list)
    by: list[str] = field(default_factory=list)
    cuts: list[str] = field(default_factory=list)
    due: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def inject(self, from_client: bool, opcode: int, content: bytes, by: str, raw: bool = False) -> None:
        self.sent.append((from_client, opcode, content, raw))
        self.by.append(by)

    def cut(self, by: str) -> None:
        self.cuts.append(by)

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        self.due.append((seconds, call))

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.ensure_future(coroutine))

    def tell(self, sentence: str) -> None:
        self.told.append(sentence)

    def ring(self) -> None:
        """Everything that is due happens."""
        due, self.due = self.due, []
        for _, call in due:
            call()


class Bench:
    """A manager, one open connection, and what was told."""

    def __init__(self, folder: Path, values: dict[str, Any] | None = None) -> None:
        self.folder = folder
        self.told: list[str] = []
        self.values = Values(values)
        self.manager = Manager(Direct(self.values), self.told.append)
        self.link = Link()
        self.facts = self.connection(7)

    def connection(self, number: int) -> Facts:
        """One more; open, unless its number is 0."""
        facts = Facts("wss://example.com:8443/chat?token=s3cret", REQUEST, "127.0.0.1:5000", self.link)
        if number:
            facts.accepted(number, RESPONSE, "v2", "permessage-deflate", "192.0.2.1:8443", 1_500_000_000)
            self.manager.opened(facts)
        return facts

    def write(self, text: str, name: str = "mine.py") -> Path:
        """A script."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def load(self, text: str, name: str = "mine.py") -> None:
        """A script, loaded."""
        self.manager.load(str(self.write(text, name)))

    def add(self, name: str = "mine", **hooks: Any) -> None:
        """An object with these attributes."""
        self.manager.add(SimpleNamespace(**hooks), name)

    def message(self, content: bytes = b"hello", opcode: int = 1, from_client: bool = True) -> Transit:
        """It arrives, and every hook is called."""
        transit = transit_of(content, opcode, from_client)
        self.manager.dispatch_message(self.facts, transit)
        return transit


def transit_of(content: bytes = b"hello", opcode: int = 1, from_client: bool = True) -> Transit:
    """A message or control frame that has arrived."""
    wire = encode_frame(opcode, content, mask=b"\1\2\3\4" if from_client else b"")
    return Transit(from_client, opcode, content, wire, 2_000_000_000, can_wait=opcode < 9)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """See `Bench`."""
    return Bench(tmp_path)
