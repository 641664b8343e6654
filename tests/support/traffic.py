"""
What real peers said through the proxy, as decoders read it from the capture.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.node import script
from tests.support.proxy import Proxy, running
from wsproxy.decoders.api import Decoded, Message, Unfit
from wsproxy.decoders.follow import Follower, everything, message_of
from wsproxy.decoders.registry import DECODERS, RegistrySession
from wsproxy.store.reader import Reader
from wsproxy.store.records import ConnectionRecord, ExchangeRecord
from wsproxy.store.tail import FrameEvent, Tail


@dataclass
class Talk:
    """One connection: its messages and what they mean."""

    opened: ConnectionRecord
    session: RegistrySession
    messages: list[Message]
    decoded: list[Decoded]

    @property
    def story(self) -> list[str]:
        """The event of every packet that keeps nothing alive, behind its direction."""
        return [
            f"{'>' if message.from_client else '<'} {part.event}"
            for message, decoded in zip(self.messages, self.decoded, strict=True)
            for part in decoded.each()
            if not part.heartbeat
        ]

    def said(self, from_client: bool) -> list[str]:
        """The story of one direction only, where the order of both is left to chance."""
        return [line[2:] for line in self.story if line.startswith(">" if from_client else "<")]

    @property
    def heartbeats(self) -> list[str]:
        """Those that do, once each."""
        return sorted({part.event for decoded in self.decoded for part in decoded.each() if part.heartbeat})

    @property
    def open_calls(self) -> list[str]:
        """Calls, but heartbeats, that nobody answered."""
        return [
            part.event
            for decoded in self.decoded
            for part in decoded.each()
            if part.replied is False and not part.heartbeat
        ]

    def check(self, decoder: str, how: str) -> None:
        """It was recognised, nothing was left to a fallback; what can be written is written as it came."""
        assert (self.session.name, self.session.how) == (decoder, how)
        for message, decoded in zip(self.messages, self.decoded, strict=True):
            assert not decoded.notes, decoded
            try:
                written = self.session.reencode(decoded.tree, message)
            except Unfit:
                continue
            assert written == message.content

    def written(self) -> int:
        """How many messages can be written."""
        count = 0
        for message, decoded in zip(self.messages, self.decoded, strict=True):
            try:
                self.session.reencode(decoded.tree, message)
            except Unfit:
                continue
            count += 1
        return count


def talks(capture: Path) -> list[Talk]:
    """The connections of a capture that became WebSockets, in order."""
    found: dict[int, Talk] = {}
    with Reader(capture) as reader:
        follower = Follower(reader, DECODERS.session)
        tail = Tail(reader)
        while events := tail.read():
            for event in events:
                decoded = follower.decoded(event)
                if isinstance(event, ConnectionRecord) and event.status == 101:
                    session = follower.session(event.id)
                    assert session is not None
                    found[event.id] = Talk(event, session, [], [])
                if isinstance(event, ExchangeRecord):
                    continue
                if decoded is not None:
                    assert isinstance(event, FrameEvent)
                    message = message_of(reader, event.frame, event.message)
                    assert message is not None
                    found[event.frame.connection].messages.append(message)
                    found[event.frame.connection].decoded.append(decoded)
        follower.finish()
    return list(found.values())


def polled(capture: Path) -> list[str]:
    """The story of a capture's long-polling, by packets; answers that bring none as their status and text."""
    story = []
    with Reader(capture) as reader:
        for event, decoded in everything(reader, Follower(reader)):
            if isinstance(event, ExchangeRecord) and decoded is not None:
                for part in decoded.each():
                    if not part.heartbeat:
                        story.append(f"{'>' if event.from_client else '<'} {part.event}")
    return story


@asynccontextmanager
async def reverse(tmp_path: Path, port: int) -> AsyncIterator[Proxy]:
    """A proxy that stands for the server on `port`."""
    async with running(tmp_path, "-m", f"reverse:http://127.0.0.1:{port}") as proxy:
        yield proxy


async def between(tmp_path: Path, name: str, **options: Any) -> list[Talk]:
    """The conversations of a script of `tests/e2e/node/protocols`, with the proxy in between."""
    async with script(f"protocols/{name}", **options) as peers:
        port = (await peers.line("port"))["port"]
        async with reverse(tmp_path, port) as proxy:
            peers.say(url=f"ws://127.0.0.1:{proxy.port}")
            await peers.line("done")
            await proxy.stop()
            return talks(proxy.capture)
