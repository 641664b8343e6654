"""
What is made of messages on their way into a replay, and why: ids carried over, variables, scripts,
heartbeats. One object for the whole replay; a value heard on one connection may be said on another.
"""

import asyncio
import contextlib
import re
import time
from collections.abc import Sequence
from dataclasses import replace

from wsproxy.decoders import json_
from wsproxy.decoders.decoded import Decoded, Kind, Tree
from wsproxy.decoders.memory import Memory
from wsproxy.decoders.message import Message
from wsproxy.decoders.message import Opening as Handshake
from wsproxy.decoders.registry import DECODERS, Factory
from wsproxy.replay import prelude
from wsproxy.replay.alike import alike
from wsproxy.replay.carried import Carried
from wsproxy.replay.changes import Changes, Prepared
from wsproxy.replay.dial import Way
from wsproxy.replay.heard import Heard
from wsproxy.replay.heartbeats import Heartbeats
from wsproxy.replay.hook import Hook, ReplayMessage
from wsproxy.replay.part import Part
from wsproxy.replay.polled import Packet
from wsproxy.replay.recorded_message import RecordedMessage
from wsproxy.replay.replies import answering
from wsproxy.replay.statistics import Statistics
from wsproxy.replay.target import Opening
from wsproxy.replay.values import Rules, differences
from wsproxy.replay.variables import Variables
from wsproxy.store.reader import Reader
from wsproxy.store.records import ConnectionRecord, ExchangeRecord
from wsproxy.wire.encode import encode_frame

_RECOGNISED = 64
"""Messages after which a protocol that was not recognised is not asked about any more."""
_LOOK = 0.5
"""Seconds between two looks whether a client has been silent for too long."""


class _Followed:
    """What is known about one connection."""

    def __init__(self, record: ConnectionRecord, factory: Factory) -> None:
        handshake = Handshake(record.url, record.subprotocol, record.request, record.response)
        self.then = factory(handshake)
        self.now = factory(handshake)
        self.heartbeats = Heartbeats(handshake)
        self.seen = 0
        self.calls: Memory[int, str] = Memory()
        """Ids of calls of the server, by the number of the message in the original."""
        self.early: Memory[int, str] = Memory()
        """Ids of such calls now, where they came before their turn."""
        self.ids: Memory[str, str] = Memory()
        """Recorded id of a call of the server to that of now."""
        self.replies: Memory[int, tuple[str, Tree]] = Memory()
        """
        Recorded ids of calls that messages of the client answer, by the number of the message; and what the
        message says, if it is binary.
        """
        self.last_now: Decoded | None = None
        self.asked = 0
        """When the client said something that the server said nothing after, ns."""
        self.silent_since = time.monotonic()
        self.beating: asyncio.Task[None] | None = None

        self.is_worth_it = True
        """Decoding may say something."""

    def recorded(self, message: Message) -> Decoded:
        """What the next message of the original means."""
        decoded = self.then.decode(message)
        self.seen += 1
        self.is_worth_it = self.seen < _RECOGNISED or bool(self.then.name or self.now.name)
        return decoded


class _Talk:
    """What is said over HTTP before a WebSocket is opened."""

    def __init__(self, session: "Session") -> None:
        self.saying = session.saying_over_http
        self._heard = session.heard_over_http
        self.exchanges: list[ExchangeRecord] = []
        self.keep = self.exchanges.append
        self.different = 0

    def heard(self, then: Packet, now: Packet) -> None:
        """As of `Talk`."""
        self.different += not self._heard(then.content, now.content)


class Session(Changes):
    """
    Args:
        variables: for `{{name}}`, and what they are taken from.
        hook: scripts; None without any.
        carry: carry ids over by itself.
        factory: makes decoder sessions.
    """

    def __init__(
        self,
        variables: Variables | None = None,
        hook: Hook | None = None,
        carry: bool = True,
        factory: Factory = DECODERS.session,
    ) -> None:
        self.variables = variables or Variables()
        self._hook = hook
        self._carry = carry
        self._factory = factory
        self._carried = Carried()
        self._followed: dict[int, _Followed] = {}
        self.rules: Rules | None = None
        """What does not count, where what the server says is compared by such rules."""
        self.statistics: Statistics | None = None
        """Told what happens, in a load test."""

    async def prepare(self, reader: Reader, record: ConnectionRecord, opening: Opening, way: Way) -> Prepared:
        """As of `Changes`."""
        self._followed[record.id] = _Followed(record, self._factory)
        opening = self.opening(opening)
        if not self._carry:
            return Prepared(opening)
        talk = _Talk(self)
        heard: list[Heard] = []
        if record.status == 101 and prelude.needed(record):
            played = await prelude.play(reader, record, opening, way, talk)
            self._carried.put(played.then, played.now)
            heard = [Heard(0, 1 if now.is_text else 2, now.content, len(now.content)) for now in played.left]
        opening = replace(opening, path=self._carried.replaced)
        return Prepared(opening, talk.exchanges, heard, talk.different)

    def opening(self, opening: Opening) -> Opening:
        """As of `Changes`."""
        fill = self.variables.filled
        return replace(opening, headers=[(name, fill(value)) for name, value in opening.headers])

    def saying_over_http(self, content: bytes) -> bytes:
        """As of `Changes`."""
        if self._carry:
            self._carried.said([content])
            content = self._carried.replace(content)
        return self.variables.fill(content)

    def heard_over_http(self, then: bytes, now: bytes) -> bool:
        """As of `Changes`."""
        if self._carry:
            self._carried.learn(then, now)
        self.variables.hear(then, now, self._carried)
        if then == now or (self._carry and self._carried.only_ids_differ(then, now)):
            return True
        return self.rules is not None and _same_by(self.rules, then, now)

    def opened(self, part: Part) -> None:
        """As of `Changes`."""
        followed = self._of(part)
        followed.silent_since = time.monotonic()
        if self.statistics:
            self.statistics.now.opened += 1
        followed.beating = asyncio.get_running_loop().create_task(self._beat(part, followed))

    def without_ids(self, rules: Rules) -> Rules:
        """Rules by which ids that were carried over do not count either."""
        texts = {text for pair in self._carried.made_up.items() for text in pair}
        if not texts:
            return rules
        # The longest first: one may be in another.
        either = "|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True))
        pattern = re.compile(rf"(?<![\w-])(?:{either})(?![\w-])")
        return replace(rules, ignored_text=(*rules.ignored_text, pattern))

    def closed(self, part: Part) -> None:
        """As of `Changes`."""
        followed = self._followed.pop(part.record.id, None)
        if followed and followed.beating:
            followed.beating.cancel()

    def is_heartbeat(self, part: Part, message: RecordedMessage) -> bool:
        """As of `Changes`."""
        if message.opcode > 2:
            return False
        followed = self._followed.get(part.record.id) or self._of(part)
        if message.from_client and self._carry:
            self._carried.said([message.content])
        if not followed.is_worth_it:
            return False
        decoded = followed.recorded(_message(message.number, message, message.from_client))
        if decoded.heartbeat and message.from_client:
            followed.heartbeats.recorded(message.opcode, message.content)
        elif message.from_client and decoded.kind in (Kind.REPLY, Kind.PARTIAL) and decoded.id is not None:
            followed.replies[message.number] = decoded.id, decoded.tree if message.opcode == 2 else None
        elif decoded.kind is Kind.CALL and decoded.id is not None and not message.from_client:
            now = followed.early.pop(message.number)
            if now is None:
                followed.calls[message.number] = decoded.id
            else:
                followed.ids[decoded.id] = now
        return decoded.heartbeat

    def is_heartbeat_now(self, part: Part, heard: Heard) -> bool:
        """As of `Changes`."""
        followed = self._of(part)
        followed.last_now = None
        if heard.opcode > 2 or not followed.is_worth_it:
            return False
        decoded = followed.last_now = followed.now.decode(_message(part.heard + 1, heard, False))
        followed.heartbeats.said(decoded.decoder, False, heard.content, decoded)
        if decoded.heartbeat and part.link:
            answer = followed.heartbeats.answer(followed.now.name, heard.content)
            if answer is not None and part.is_open:
                part.link.say(encode_frame(heard.opcode, answer, mask=part.link.key()), 1, 0)
        return decoded.heartbeat

    def heard(self, part: Part, expected: RecordedMessage | None, heard: Heard) -> None:
        """As of `Changes`."""
        if heard.is_control:
            return
        if self.statistics:
            self._count(self.statistics, self._of(part))
        then = expected.content if expected else None
        if self._carry and expected:
            self._carried.learn(expected.content, heard.content)
            followed = self._of(part)
            now = followed.last_now
            if now is not None and now.kind is Kind.CALL and now.id is not None:
                old = followed.calls.pop(expected.number)
                if old is None:
                    followed.early[expected.number] = now.id
                else:
                    followed.ids[old] = now.id
        self.variables.hear(then, heard.content, self._carried)
        if self._hook:
            self._hook.call(ReplayMessage(False, part.record.id, heard.opcode == 1, heard.content, then))

    def meaning(self, part: Part) -> Decoded | None:
        """As of `Changes`."""
        return self._of(part).last_now

    def alike(self, recorded: RecordedMessage, heard: Heard) -> bool:
        """Whether the server said the same, but for ids it makes up."""
        if alike(recorded, heard):
            return True
        are_text = recorded.opcode == heard.opcode == 1
        if self.rules is not None and are_text and _same_by(self.rules, recorded.content, heard.content):
            return True
        return self._carry and are_text and self._carried.only_ids_differ(recorded.content, heard.content)

    def saying(self, part: Part, message: RecordedMessage) -> bytes | None:
        """As of `Changes`."""
        content = message.content
        if message.opcode >= 8:
            return content
        followed = self._followed.get(part.record.id) or self._of(part)
        if message.opcode == 1:
            if self._carry and not self._carried.is_empty:
                content = self._carried.replace(content)
            if b"{{" in content:
                content = self.variables.fill(content)
        if self._carry and followed.is_worth_it and (reply := followed.replies.pop(message.number)):
            old, tree = reply
            new = followed.ids.get(old)
            if new is not None and new != old:
                content = answering(
                    followed.then, _message(message.number, message, True), content, tree, old, new
                )
        if self._hook:
            said = ReplayMessage(True, part.record.id, message.opcode == 1, content, None)
            self._hook.call(said)
            if said.is_dropped:
                return None
            content = said.content
        if followed.is_worth_it:
            decoded = followed.now.decode(
                Message(message.number, time.time_ns(), True, message.opcode == 1, content)
            )
            followed.heartbeats.said(decoded.decoder, True, content, decoded)
        self._told(followed)
        return content

    def leaves_alone(self, part: Part) -> bool:
        """As of `Changes`."""
        carries = self._carry and not self._carried.is_empty
        if self._hook or self.variables.values or carries:
            return False
        followed = self._of(part)
        return not followed.is_worth_it and not followed.replies

    def left_alone(self, part: Part, messages: Sequence[RecordedMessage]) -> None:
        """As of `Changes`."""
        if self._carry:
            self._carried.said([message.content for message in messages])
        self._told(self._of(part), len(messages))

    def _told(self, followed: _Followed, count: int = 1) -> None:
        """The client says so many messages."""
        followed.silent_since = time.monotonic()
        if self.statistics:
            self.statistics.now.sent += count
            followed.asked = followed.asked or time.monotonic_ns()

    def _count(self, statistics: Statistics, followed: _Followed) -> None:
        """One more message of the server; how long it took to answer, if it is an answer."""
        second, decoded = statistics.now, followed.last_now
        second.received += 1
        if followed.now.name:
            for part in decoded.each() if decoded else ():
                if part.latency is not None:
                    second.latency.add(part.latency)
        elif followed.asked:
            # No protocol that pairs: the first message after the client has said something.
            second.latency.add(time.monotonic_ns() - followed.asked)
        followed.asked = 0

    def _of(self, part: Part) -> _Followed:
        found = self._followed.get(part.record.id)
        if found is None:
            found = self._followed[part.record.id] = _Followed(part.record, self._factory)
        return found

    async def _beat(self, part: Part, followed: _Followed) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            while part.link and not part.link.over.is_set():
                left = followed.heartbeats.interval - (time.monotonic() - followed.silent_since)
                if left > 0:
                    # What is agreed on meanwhile may make it shorter.
                    await asyncio.sleep(min(left, _LOOK))
                    continue
                followed.silent_since = time.monotonic()
                own = followed.heartbeats.own(followed.then.name or followed.now.name)
                if own and part.is_open:
                    opcode, content = own
                    part.link.say(encode_frame(opcode, content, mask=part.link.key()), 1, 0)


def _same_by(rules: Rules, then: bytes, now: bytes) -> bool:
    """Whether two texts are the same as far as it counts."""
    old, new = then.decode("utf-8", "replace"), now.decode("utf-8", "replace")
    try:
        return not differences(rules.value(json_.parse(old)), rules.value(json_.parse(new)), rules)
    except ValueError:
        return rules.text(old) == rules.text(new)


def _message(number: int, message: RecordedMessage | Heard, from_client: bool) -> Message:
    moment = message.time if isinstance(message, RecordedMessage) else time.time_ns()
    return Message(number, moment, from_client, message.opcode == 1, message.content, message.length)
