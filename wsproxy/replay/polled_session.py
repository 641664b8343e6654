"""
One session over long-polling that is acted out, and how it is handed over to a WebSocket.

Packets are said when the client has said as many as in the recording. Heartbeats are those of now. What the
client says on another way than it did then, before or after it has changed over, counts all the same.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import Protocol

from wsproxy.decoders.decoded import Unfit
from wsproxy.decoders.polling import OLD
from wsproxy.replay.acting import Acting, Tell
from wsproxy.replay.heard import Heard
from wsproxy.replay.polled import CLOSE, NOOP, PING, PONG, UPGRADE, Packet, unpacked
from wsproxy.wire.encode import encode_frame
from wsproxy.wire.frames import Opcode


class Stage(Protocol):
    """Acts out the WebSocket that a session moves to."""

    async def say(self, wire: bytes) -> None:
        """Send a frame."""

    def hear(self, heard: Heard) -> None:
        """The client has said this over HTTP."""


class PolledSession:
    """
    One session of now, as long as it goes over HTTP, and how it is handed over to a WebSocket.

    Args:
        recorded: the sid of the recorded one.
        sid: its own.
        version: of Engine.IO.
        interval: seconds after which a poll is ended with a ping.
        began: when the recorded one was opened, ns.
        packets: what was said behind that over HTTP, in order.
        acting: how.
        tell: told what happens.
    """

    def __init__(
        self,
        recorded: str,
        sid: str,
        version: str,
        interval: float,
        began: int,
        packets: Iterator[Packet],
        acting: Acting,
        tell: Tell,
    ) -> None:
        self.recorded = recorded
        self.sid = sid
        self.interval = interval
        self.is_over = False
        """One side has said goodbye."""
        self._loop = asyncio.get_running_loop()
        self.used = self._loop.time()
        """When the last request came."""
        self._version = version
        self._began = began
        self._packets = packets
        self._acting = acting
        self._tell = tell
        self._out: deque[Packet] = deque()
        self._news = asyncio.Event()
        self._said: deque[tuple[float, Heard]] = deque()
        """What the client has said and nothing waited for yet."""
        self._cues = asyncio.Event()
        self._leaving = False
        """Its WebSocket has answered the probe: polls are not kept waiting any more."""
        self._stage: Stage | None = None
        """Where it goes on, once it does."""
        self._told_all = False
        self._task = self._loop.create_task(self._act())

    def close(self) -> None:
        """Nobody asks any more."""
        self._over()
        self._task.cancel()

    def _over(self) -> None:
        self.is_over = True
        self._news.set()

    def renamed(self, packet: Packet) -> Packet:
        """A recorded packet, with the sid of now."""
        content = packet.content
        if packet.is_text and self.recorded:
            content = content.replace(self.recorded.encode(), self.sid.encode())
        return packet._replace(content=content)

    # Over HTTP.

    async def poll(self) -> list[Packet]:
        """What there is to say; if there is nothing, when there is."""
        due = self._loop.time() + self.interval
        while not self._out:
            if self._leaving or self.is_over:
                return [_packet(NOOP)]
            self._news.clear()
            try:
                async with asyncio.timeout_at(due):
                    await self._news.wait()
            except TimeoutError:
                return [_packet(PING if self._version not in OLD else NOOP)]
        found = list(self._out)
        self._out.clear()
        return found

    def put_back(self, packets: Iterator[Packet]) -> None:
        """These did not reach the client."""
        self._out.extendleft(reversed([packet for packet in packets if not packet.is_idle]))
        self._news.set()

    def posted(self, body: bytes) -> None:
        """
        The client says something.

        Raises:
            Unfit: it brings no packets.
        """
        for packet in unpacked(body, self._version, 0, True):
            kind = packet.content[:1] if packet.is_text else b""
            if kind == CLOSE:
                self._over()
            elif kind == PING:
                # The client's, in version 3.
                self._out.append(_packet(PONG + packet.content[1:]))
                self._news.set()
            elif not packet.is_idle and kind != UPGRADE:
                opcode = Opcode.TEXT if packet.is_text else Opcode.BINARY
                self._hear(Heard(0, opcode, packet.content, len(packet.content)))

    def _hear(self, heard: Heard) -> None:
        self._tell(
            {"event": "heard", "session": self.recorded, "opcode": heard.opcode, "length": heard.length}
        )
        if self._told_all and self._stage:
            self._stage.hear(heard)
            return
        self._said.append((self._loop.time(), heard))
        self._cues.set()

    # On to a WebSocket.

    def leave(self) -> None:
        """The probe was answered: the client waits for its poll to end."""
        self._leaving = True
        self._news.set()

    async def takes(self, heard: Heard, stage: Stage) -> bool:
        """
        The client says something on the WebSocket.

        Returns:
            Over long-polling it had said so; there it counts.
        """
        self.used = self._loop.time()
        if self._stage is None:
            if heard.content == UPGRADE:
                await self._move(stage)
            return False
        if self._told_all or heard.content[:1] in (PING, PONG):
            return False
        self._hear(heard)
        return True

    async def _move(self, stage: Stage) -> None:
        self._stage = stage
        while self._out:
            await self._say(self._out.popleft())
        if self._told_all:
            self._hand_over()

    def _hand_over(self) -> None:
        """What was said over HTTP and had been said on the WebSocket."""
        assert self._stage
        while self._said:
            self._stage.hear(self._said.popleft()[1])

    # Acting.

    async def _act(self) -> None:
        acting = self._acting
        paced = acting.by == "time" or not acting.fast
        live, recorded = self._loop.time(), self._began
        try:
            for packet in self._packets:
                if packet.is_idle:
                    continue
                if packet.from_client:
                    if acting.by != "time":
                        live, recorded = max(live, await self._cue()), packet.time
                    continue
                if paced:
                    live += max(packet.time - recorded, 0) / 1e9 / acting.speed
                    recorded = packet.time
                    await asyncio.sleep(max(live - self._loop.time(), 0))
                self._tell({"event": "said", "session": self.recorded, "length": len(packet.content)})
                await self._say(self.renamed(packet))
        except Unfit as error:
            self._tell({"event": "trouble", "why": f"the recorded session {self.recorded}: {error}"})
        self._told_all = True
        if self._stage:
            self._hand_over()

    async def _cue(self) -> float:
        """When the client said what comes next."""
        while not self._said:
            self._cues.clear()
            await self._cues.wait()
        return self._said.popleft()[0]

    async def _say(self, packet: Packet) -> None:
        if self._stage is None:
            self._out.append(packet)
            self._news.set()
            if packet.is_text and packet.content[:1] == CLOSE:
                self._over()
            return
        if packet.is_text:
            await self._stage.say(encode_frame(Opcode.TEXT, packet.content))
        else:
            mark = b"\x04" if self._version == "3" else b""
            await self._stage.say(encode_frame(Opcode.BINARY, mark + packet.content))


def _packet(content: bytes) -> Packet:
    return Packet(0, False, True, content)
