"""
Engine.IO over HTTP long-polling: its bodies are recorded as they pass, so that the session a WebSocket goes
on with is understood from its beginning.

Nothing waits: a body streams through, the hanging `GET` like every other, and what is kept of it is copied on
the way. Only a full queue of the recorder keeps new requests waiting, as it does everybody.
"""

import time
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from mitmproxy import http
from mitmproxy.utils import human

from wsproxy.addon.packet import Polled
from wsproxy.decoders import polling
from wsproxy.decoders.api import Unfit
from wsproxy.engine.body import Body, Budget
from wsproxy.engine.handshakes import asked_url, url_of
from wsproxy.engine.participants import Participants
from wsproxy.engine.sockets import Sockets
from wsproxy.store.records import ExchangeFlag, ExchangeRecord
from wsproxy.wire.polling import brings_packets, is_polling, offered_sid, sid_of

_POLL = "wsproxy_poll"

_OPENING = 2048
"""Bytes of a body, as it came, in which the packet that opens a session is looked for."""

_HARMLESS = ("EIO", "transport", "sid", "t")
"""Parameters of a URL that a capture keeps which is to keep no secrets."""


@dataclass(slots=True)
class _Poll:
    """One request and its answer, while they last."""

    request: Body
    response: Body
    began: int = field(default_factory=time.time_ns)
    asked: bool = False
    """The request is done with."""
    answered: bool = False


class Polling:
    """
    Records the bodies of long-polling. Its methods are mitmproxy's hooks, for what `Traffic` passes on.

    Args:
        sockets: the recorder, and whether it records.
        participants: the addons, which may want something kept out.
    """

    def __init__(self, sockets: Sockets, participants: Participants) -> None:
        self._sockets = sockets
        self._participants = participants
        self._budget = Budget(sockets.recorder.limits.queue)

    async def requestheaders(self, flow: http.HTTPFlow) -> None:
        """A request came that asks for no WebSocket and is not to be ignored."""
        if not is_polling(flow.request.method, flow.request.path):
            return
        client = human.format_address(flow.client_conn.peername)
        await self._participants.poll(flow, url_of(flow.request), client)
        if not self._sockets.recording:
            return
        await self._sockets.room()
        limit = self._sockets.recorder.limits.body
        poll = _Poll(Body(limit, self._budget), Body(limit, self._budget))
        flow.metadata[_POLL] = poll
        if not self._participants.wants_bodies:
            flow.request.stream = poll.request

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """An answer came."""
        poll: _Poll | None = flow.metadata.get(_POLL)
        if poll and not self._participants.wants_bodies:
            assert flow.response is not None
            flow.response.stream = poll.response

    def request(self, flow: http.HTTPFlow) -> None:
        """The request is whole."""
        poll: _Poll | None = flow.metadata.get(_POLL)
        if poll and not poll.asked:
            # It was not streamed where a script wants it whole, nor where it has none.
            poll.request(flow.request.raw_content or b"")
            self._asked(flow, poll, None)

    def response(self, flow: http.HTTPFlow) -> None:
        """The answer is whole."""
        poll: _Poll | None = flow.metadata.get(_POLL)
        if poll and not poll.answered:
            assert flow.response is not None
            poll.response(flow.response.raw_content or b"")
            self._answered(flow, poll, None)

    def error(self, flow: http.HTTPFlow) -> None:
        """It was broken off."""
        poll: _Poll | None = flow.metadata.get(_POLL)
        if not poll:
            return
        assert flow.error is not None
        if not poll.asked:
            self._asked(flow, poll, flow.error.msg)
        if not poll.answered:
            self._answered(flow, poll, flow.error.msg)

    def _asked(self, flow: http.HTTPFlow, poll: _Poll, error: str | None) -> None:
        poll.asked = True
        if poll.request.length:
            self._record(flow, poll, True, error)
        poll.request.forget()

    def _answered(self, flow: http.HTTPFlow, poll: _Poll, error: str | None) -> None:
        poll.answered = True
        self._record(flow, poll, False, error)
        poll.response.forget()

    def _record(self, flow: http.HTTPFlow, poll: _Poll, from_client: bool, error: str | None) -> None:
        if not self._sockets.recording:
            return
        request, response, server = flow.request, flow.response, flow.server_conn
        message = request if from_client else response
        headers = message.headers if message else http.Headers()
        encoding = headers.get("content-encoding", "")
        body = poll.request if from_client else poll.response
        packed = polling.Body(body.kept, encoding, body.length)
        url = "http" + asked_url(flow).removeprefix("ws")
        address = server.peername or server.address
        record = ExchangeRecord(
            id=0,
            time=time.time_ns(),
            sid=sid_of(url) or ("" if from_client else offered_sid(_beginning(packed))),
            from_client=from_client,
            began=poll.began,
            client=human.format_address(flow.client_conn.peername),
            server=human.format_address(address) if address else "",
            method=request.method,
            url=url,
            status=None if from_client or response is None else response.status_code,
            type=headers.get("content-type", ""),
            encoding=encoding,
            length=body.length,
            body=packed.content,
            flags=ExchangeFlag.TRUNCATED if packed.is_cut else ExchangeFlag(0),
            error=error,
        )
        if self._participants.manager.wants_packets:
            record = self._as_addons_want(record, packed)
        self._sockets.recorder.exchange(record)

    def _as_addons_want(self, record: ExchangeRecord, packed: polling.Body) -> ExchangeRecord:
        """Without what is not to be known."""
        values = {name: getattr(record, name) for name in record.__dataclass_fields__}
        if any(script.redacts for script in self._participants.manager.scripts):
            values["url"] = _without_secrets(record.url)
        kept = self._kept(record, packed)
        if kept is not None:
            values |= {"body": kept, "encoding": "", "flags": record.flags | ExchangeFlag.REDACTED}
        return ExchangeRecord(**values)

    def _kept(self, record: ExchangeRecord, packed: polling.Body) -> bytes | None:
        """What the capture keeps instead of a body; nothing at all of what cannot be looked into."""
        if not packed.content:
            return None
        manager = self._participants.manager
        redacts = any(script.redacts for script in manager.scripts)
        version = dict(parse_qsl(urlsplit(record.url).query)).get("EIO", "")
        with_packets = brings_packets(record.from_client, record.method, record.status)
        contents: list[tuple[bool, bytes]] = []
        changed = False
        try:
            content, whole = packed.unpacked()
            said = [(True, content)]
            if with_packets:
                found = polling.packets(content, whole, version, 0, record.time, record.from_client)
                said = [polling.opened(message, version) for message in found]
            if not whole:
                return b"" if redacts else None
        except Unfit:
            return b"" if redacts else None
        for is_text, data in said:
            packet = Polled(record.url, record.sid, record.from_client, is_text, data)
            if not manager.polled(packet):
                return b""
            changed = changed or packet.recorded is not None
            contents.append((is_text, data if packet.recorded is None else packet.recorded))
        if not changed:
            return None
        return polling.packed(contents, version) if with_packets else contents[0][1]


def _beginning(packed: polling.Body) -> bytes:
    try:
        return polling.Body(packed.content[:_OPENING], packed.encoding, packed.length).unpacked()[0]
    except Unfit:
        return b""


def _without_secrets(url: str) -> str:
    """Nobody says which parameters are secret, so all but those of Engine.IO itself lose their values."""
    base, question, query = url.partition("?")
    kept = []
    for part in query.split("&"):
        name, equals, _ = part.partition("=")
        kept.append(part if name in _HARMLESS or not part else f"{name}{equals}…" if equals else "…")
    return f"{base}{question}{'&'.join(kept)}"
