"""
Which recorded connection a new client gets, and with what handshake it is answered. Sans-I/O.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from wsproxy.store.reader import Reader
from wsproxy.store.records import ConnectionRecord, FrameFlag
from wsproxy.wire.deflate import DeflateParameters, parse_extensions
from wsproxy.wire.handshake import Head, accept_for

VOLATILE = frozenset({"sid", "t", "_", "access_token", "token", "id"})
"""Names in a query whose values are another one each time, as a rule: they count only among several."""

_REPLACED = frozenset(
    {
        "sec-websocket-accept",
        "sec-websocket-extensions",
        "sec-websocket-protocol",
        "connection",
        "upgrade",
        "content-length",
        "transfer-encoding",
    }
)
_ALTERED = int(FrameFlag.TRUNCATED | FrameFlag.REDACTED)


@dataclass(frozen=True, slots=True)
class Answer:
    """How a client's handshake is answered."""

    record: ConnectionRecord
    head: bytes
    """To be sent; for a refusal with its body."""
    deflate: DeflateParameters | None
    """What is agreed."""
    verbatim: bool
    """The recorded bytes mean the same to this client: they can be sent as they are."""

    @property
    def accepts(self) -> bool:
        """It is a WebSocket from here on."""
        return self.record.status == 101


@dataclass(frozen=True, slots=True)
class _Entry:
    number: int
    path: str
    query: tuple[tuple[str, str], ...]
    subprotocol: str | None
    accepted: bool


class Likeness:
    """
    What counts of the query of a URL.

    Args:
        ignored: names that do not count besides `VOLATILE`; `*` for all.
    """

    def __init__(self, ignored: Collection[str] = ()) -> None:
        self._ignored = VOLATILE | set(ignored)

    def counted(self, query: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """The same for two that are alike."""
        if "*" in self._ignored:
            return []
        return sorted((name, value) for name, value in query if name not in self._ignored)


class Catalogue:
    """
    The connections of a capture, to be acted out.

    Of those that fit, the first client gets the first, the next one the next, and so on round and round.

    Args:
        reader: the capture.
        connections: only these; all where empty.
        likeness: what counts of a URL.
    """

    def __init__(
        self, reader: Reader, connections: Collection[int] = (), likeness: Likeness | None = None
    ) -> None:
        self._reader = reader
        self._likeness = likeness or Likeness()
        self._used: Counter[tuple[int, ...]] = Counter()
        self._entries: list[_Entry] = []
        rows = reader.db.execute("SELECT id, url, subprotocol, status FROM connection ORDER BY id")
        for number, url, subprotocol, status in rows:
            if not connections or number in connections:
                path, query = target_of(url)
                self._entries.append(_Entry(number, path, query, subprotocol, status == 101))

    @property
    def numbers(self) -> list[int]:
        """Of the connections, in order."""
        return [entry.number for entry in self._entries]

    @property
    def paths(self) -> list[str]:
        """What can be asked for, each once, in order."""
        return list(dict.fromkeys(entry.path for entry in self._entries))

    def has(self, target: str, subprotocols: Collection[str] = ()) -> bool:
        """Whether a client that asks for this would get an answer."""
        return bool(self._fitting(target, subprotocols))

    def relatives(self, number: int) -> list[int]:
        """The connections with the same path, this one included."""
        path = next(entry.path for entry in self._entries if entry.number == number)
        return [entry.number for entry in self._entries if entry.path == path and entry.accepted]

    def of_session(self, sid: str) -> int | None:
        """The connection that a recorded session of Engine.IO had moved to; None if it never did."""
        return next((entry.number for entry in self._entries if ("sid", sid) in entry.query), None)

    def answer(self, request: bytes, number: int | None = None) -> Answer | None:
        """
        What the recorded server answers to the head of an upgrade request.

        Args:
            request: the head.
            number: this connection it is, whatever was asked for.

        Returns:
            None if nothing was recorded for what it asks for.
        """
        asked = Head.parse(request)
        if number is not None:
            record = self._reader.connection(number)
            return self._answered(record, asked) if record else None
        words = asked.start.split(" ")
        offered = [name.strip() for name in asked.get("Sec-WebSocket-Protocol").split(",") if name.strip()]
        fitting = self._fitting(words[1] if len(words) > 1 else "/", offered)
        if not fitting:
            return None
        key = tuple(entry.number for entry in fitting)
        entry = fitting[self._used[key] % len(fitting)]
        self._used[key] += 1
        record = self._reader.connection(entry.number)
        assert record is not None
        return self._answered(record, asked)

    def _fitting(self, target: str, subprotocols: Collection[str]) -> list[_Entry]:
        path, query = target_of(target)
        counted = self._likeness.counted
        wanted = [
            entry
            for entry in self._entries
            if entry.path == path
            and counted(entry.query) == counted(query)
            and (entry.subprotocol is None or entry.subprotocol in subprotocols)
        ]
        exact = [entry for entry in wanted if sorted(entry.query) == sorted(query)]
        return exact or wanted

    def _answered(self, record: ConnectionRecord, asked: Head) -> Answer:
        recorded = Head.parse(record.response)
        fields = [(name, value) for name, value in recorded.fields if name.lower() not in _REPLACED]
        if record.status != 101:
            fields += [("Content-Length", str(len(record.body))), ("Connection", "close")]
            head = _head(recorded.start, fields) if record.status is not None else b""
            return Answer(record, head + record.body if head else b"", None, False)
        extensions, deflate, verbatim = _negotiated(record.extensions, asked.get("Sec-WebSocket-Extensions"))
        fields += [("Upgrade", "websocket"), ("Connection", "Upgrade")]
        fields.append(("Sec-WebSocket-Accept", accept_for(asked.get("Sec-WebSocket-Key"))))
        if record.subprotocol:
            fields.append(("Sec-WebSocket-Protocol", record.subprotocol))
        if extensions:
            fields.append(("Sec-WebSocket-Extensions", extensions))
        verbatim = verbatim and not self._is_altered(record.id)
        return Answer(record, _head(recorded.start, fields), deflate, verbatim)

    def _is_altered(self, number: int) -> bool:
        """Whether the capture has not the very bytes of everything."""
        row = self._reader.db.execute(
            f"SELECT 1 FROM frame WHERE connection = ? AND flags & {_ALTERED} LIMIT 1", (number,)
        ).fetchone()
        return row is not None


def _head(start: str, fields: list[tuple[str, str]]) -> bytes:
    lines = [start, *(f"{name}: {value}" for name, value in fields)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")


def target_of(url: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Path and query of a URL; an empty query of one that is none."""
    try:
        parts = urlsplit(url)
        return unquote(parts.path) or "/", tuple(parse_qsl(parts.query, keep_blank_values=True))
    except ValueError:
        return url, ()


def _negotiated(recorded: str, offered: str) -> tuple[str, DeflateParameters | None, bool]:
    """The header, what it means, and whether that is what it meant when it was recorded."""
    before = DeflateParameters.negotiated(recorded)
    if before is None:
        return "", None, True
    offers = [parameters for name, parameters in parse_extensions(offered) if name == "permessage-deflate"]
    if not offers:
        return "", None, False
    offer = offers[0]
    server_alone = before.server_no_context_takeover or "server_no_context_takeover" in offer
    server_bits = min(before.server_max_window_bits, _bits(offer.get("server_max_window_bits")))
    client_bits = 15
    if "client_max_window_bits" in offer:
        client_bits = min(before.client_max_window_bits, _bits(offer["client_max_window_bits"]))
    now = DeflateParameters(server_alone, before.client_no_context_takeover, server_bits, client_bits)
    verbatim = (server_alone, server_bits) == (
        before.server_no_context_takeover,
        before.server_max_window_bits,
    )
    if now == before and [name for name, _ in parse_extensions(recorded)] == ["permessage-deflate"]:
        return recorded, now, verbatim
    words = ["permessage-deflate"]
    words += ["server_no_context_takeover"] if server_alone else []
    words += ["client_no_context_takeover"] if now.client_no_context_takeover else []
    words += [f"server_max_window_bits={server_bits}"] if server_bits < 15 else []
    words += [f"client_max_window_bits={client_bits}"] if client_bits < 15 else []
    return "; ".join(words), now, verbatim


def _bits(value: str | None) -> int:
    return int(value) if value in ("8", "9", "10", "11", "12", "13", "14", "15") else 15
