"""A recorded session as a script is made of it: `wsproxy.formats.session` of `wsproxy.replay.recorded`."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from wsproxy.decoders.api import Unfit
from wsproxy.decoders.decoded import Decoded, Node
from wsproxy.decoders.follow import opening_of
from wsproxy.decoders.message import Message
from wsproxy.decoders.registry import Factory, RegistrySession
from wsproxy.errors import UsageError
from wsproxy.filters.jsonpath import Step as PathStep
from wsproxy.filters.jsonpath import select
from wsproxy.formats.redaction import PLACEHOLDER, Redaction
from wsproxy.formats.session import Connection, Content, Session, Step
from wsproxy.replay import unpolled
from wsproxy.replay.exchanges import message_of
from wsproxy.replay.recorded import End, Recorded
from wsproxy.replay.recorded_message import RecordedMessage
from wsproxy.store.records import ClosureRecord, ConnectionRecord
from wsproxy.wire.closing import ABNORMAL, NO_STATUS, Close
from wsproxy.wire.frames import Opcode
from wsproxy.wire.handshake import Head
from wsproxy.wire.polling import sid_of

MOST = 50_000
"""Messages a script may have."""
LARGEST = 64 * 1024 * 1024
"""Bytes they may have together."""

_OF_THE_HANDSHAKE = frozenset(
    {
        "host",
        "upgrade",
        "connection",
        "content-length",
        "proxy-connection",
        "proxy-authorization",
        "sec-websocket-key",
        "sec-websocket-version",
        "sec-websocket-extensions",
        "sec-websocket-protocol",
        "accept-encoding",
        "pragma",
        "cache-control",
    }
)

Variable = tuple[tuple[PathStep, ...], str]


class Writer:
    """
    Goes through a recording once.

    Args:
        recorded: the part of it.
        factory: makes the sessions that decode.
        redaction: None keeps everything.
        variables: paths in what the server says, and names: what stands there is `{{name}}` in what the
            client says later.
        ignored: names of JSON members that do not count.
        skip_truncated: leave messages out that the capture has not whole.
    """

    def __init__(
        self,
        recorded: Recorded,
        factory: Factory,
        redaction: Redaction | None = None,
        variables: Sequence[Variable] = (),
        ignored: Sequence[str] = (),
        skip_truncated: bool = False,
    ) -> None:
        self._recorded = recorded
        self._factory = factory
        self._redaction = redaction
        self._variables = variables
        self._ignored = dict.fromkeys(ignored)
        self._skip_truncated = skip_truncated
        self._connections: list[Connection] = []
        self._steps: list[Step] = []
        self._sessions: dict[int, RegistrySession] = {}
        self._over: set[int] = set()
        """Connections on which nothing more is to be said."""
        self._known: dict[str, str] = {}
        """Values of variables, and the names."""
        self._heartbeats: dict[str, str] = {}
        self._engine_io: set[int] = set()
        self._unpolled: set[int] = set()
        """Connections that begin a session which had begun over HTTP."""
        self._notes: list[str] = []
        self._began: int | None = None
        self._size = 0
        self._skipped = 0

    def session(self, source: str) -> Session:
        """
        What a script is made of.

        Args:
            source: the name of the capture.

        Raises:
            UsageError: there is nothing, too much, or something is cut short.
            sqlite3.Error: the capture is damaged.
        """
        for step in self._recorded.messages():
            if isinstance(step, ConnectionRecord):
                self._open(step)
            elif isinstance(step, ClosureRecord):
                self._closed(step)
            else:
                self._message(step)
        if not self._connections:
            raise UsageError("there is nothing to export", "`wsproxy info FILE` shows what is in a capture")
        if self._skipped:
            self._notes.append(f"{self._skipped:,} messages are missing: the capture has not all of them.")
        if self._redaction is not None:
            self._notes.append(f"Secrets are {PLACEHOLDER}: put yours in their place.")
        return Session(
            source,
            tuple(self._connections),
            tuple(self._redacted_again(step) for step in postponed(self._steps)),
            tuple(self._ignored),
            tuple((path, name) for path, name in self._variables),
            tuple(self._heartbeats.items()),
            tuple(self._notes),
        )

    @property
    def has_secrets(self) -> bool:
        """Headers that prove who somebody is are in it, as they were."""
        secret = {"authorization", "cookie"}
        return self._redaction is None and any(
            name.lower() in secret for each in self._connections for name, _ in each.headers
        )

    def _open(self, record: ConnectionRecord) -> None:
        asked = Head.parse(record.request)
        redaction = self._redaction
        begun = self._begun_over_http(record)
        url = unpolled.url_of(record.url) if begun else record.url
        url = redaction.url(url) if redaction else url
        headers = [
            (name, redaction.header(name, value) if redaction else value)
            for name, value in asked.fields
            if name.lower() not in _OF_THE_HANDSHAKE
        ]
        offered = tuple(
            name.strip() for name in asked.get("Sec-WebSocket-Protocol").split(",") if name.strip()
        )
        self._connections.append(
            Connection(record.id, url, tuple(_plain(headers)), offered, record.subprotocol)
        )
        if record.status == 101:
            self._add("open", record.id, record.opened)
            self._sessions[record.id] = self._factory(opening_of(record))
            if _engine_io(record.url) == "4":
                self._engine_io.add(record.id)
                self._heartbeats["2"] = "3"
                self._ignored["sid"] = None
            for message in begun:
                self._said(message)
        elif record.status is not None:
            self._add("refused", record.id, record.opened, code=record.status)
        else:
            self._connections.pop()
            self._notes.append(f"Connection {record.id} never reached its server and is left out.")

    def _begun_over_http(self, record: ConnectionRecord) -> list[RecordedMessage]:
        """What had been said before a connection, in the long-polling that it goes on with."""
        reader = self._recorded.reader
        if record.status != 101 or not sid_of(record.url):
            return []
        if self._recorded.end is End.CLIENT:
            self._notes.append(
                f"Connection {record.id} goes on with a session that begins over HTTP: `wsproxy mock` answers"
                " that, this does not."
            )
            return []
        try:
            found = list(unpolled.messages(reader, record)) if _engine_io(record.url) == "4" else []
        except (Unfit, ValueError):
            found = []
        if found:
            self._unpolled.add(record.id)
        else:
            self._notes.append(
                f"Connection {record.id} goes on with a session that began over HTTP, which is not in here."
            )
        return found

    def _closed(self, record: ClosureRecord) -> None:
        number = record.connection
        if number in self._over or number not in self._sessions or record.how == "stopped":
            return
        what = "close" if record.by == "client" else "closed"
        self._add(what, number, record.time, code=ABNORMAL if what == "closed" else None)
        self._over.add(number)

    def _message(self, message: RecordedMessage) -> None:
        number = message.connection
        if number in self._over or number not in self._sessions:
            return
        if message.opcode == Opcode.CLOSE:
            close = Close.parse(message.content)
            what = "close" if message.from_client else "closed"
            code = NO_STATUS if close.code is None else close.code
            self._add(what, number, message.time, code=code, reason=close.reason)
            self._over.add(number)
        elif number in self._unpolled and unpolled.changes_over(message):
            return
        elif message.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._said(message)

    def _said(self, message: RecordedMessage) -> None:
        if message.truncated:
            if not self._skip_truncated:
                raise UsageError(
                    f"frame {message.number} is cut short in the capture",
                    "Leave such messages out with --skip-truncated, or choose others with -f",
                )
            self._skipped += 1
            return
        session = self._sessions[message.connection]
        plain = message_of(message)
        decoded = session.decode(plain)
        if decoded.heartbeat and message.connection in self._engine_io:
            return
        content = self._content(session, plain, decoded)
        if message.from_client:
            content = self._with_variables(content)
        else:
            self._learn(content)
        what = "send" if message.from_client else "expect"
        self._size += len(content)
        if len(self._steps) >= MOST or self._size > LARGEST:
            raise UsageError(
                f"this is more than a script can hold ({MOST:,} messages, {LARGEST >> 20} MiB)",
                "Choose a part of it with --connection, -f, --from and --to",
            )
        self._add(what, message.connection, message.time, content=content, name=decoded.name)

    def _content(self, session: RegistrySession, message: Message, decoded: Decoded) -> Content:
        data = message.content
        if self._redaction is not None and self._redaction.paths:
            tree = _bare(decoded.tree)
            if isinstance(tree, dict | list) and self._redaction.tree(tree):
                try:
                    data = session.reencode(tree, message)
                except Unfit:
                    # Better too little than a secret.
                    self._notes.append(f"Frame {message.number} could not be written without its secret.")
                    data = PLACEHOLDER.encode()
        if not message.is_text:
            return data
        try:
            return data.decode()
        except UnicodeDecodeError:
            self._notes.append(f"Frame {message.number} is no UTF-8; what is not became U+FFFD.")
            return data.decode("utf-8", "replace")

    def _learn(self, content: Content) -> None:
        """What variables are now."""
        if not self._variables or not isinstance(content, str):
            return
        value = _json(content)
        for path, name in self._variables:
            for found in select(value, path):
                text = found if isinstance(found, str) else json.dumps(found)
                if text:
                    self._known[text] = name

    def _with_variables(self, content: Content) -> Content:
        if isinstance(content, str):
            for value, name in sorted(self._known.items(), key=lambda item: -len(item[0])):
                content = content.replace(value, f"{{{{{name}}}}}")
        return content

    def _redacted_again(self, step: Step) -> Step:
        """Values may have turned out to be secret only later."""
        if self._redaction is None or step.what not in ("send", "expect"):
            return step
        content = self._redaction.content(step.content)
        return Step(step.what, step.connection, step.seconds, content, step.name)

    def _add(self, what: str, connection: int, time: int, **more: Any) -> None:
        if self._began is None:
            self._began = time
        self._steps.append(Step(what, connection, max(time - self._began, 0) / 1e9, **more))


def postponed(steps: Iterable[Step]) -> Iterator[Step]:
    """
    The same steps, each `expect` as late as its connection allows.

    What one connection hears because of another may have been recorded before the cause: before the other
    was open, as the proxy saw it. Nothing is to wait for it but what comes next on its own connection.
    """
    waiting: dict[int, list[Step]] = {}
    for step in steps:
        if step.what == "expect":
            waiting.setdefault(step.connection, []).append(step)
            continue
        if step.what != "open":
            yield from waiting.pop(step.connection, ())
        yield step
    for rest in waiting.values():
        yield from rest


def _engine_io(url: str) -> str:
    try:
        return parse_qs(urlsplit(url).query).get("EIO", [""])[0]
    except ValueError:
        return ""


def _json(text: str) -> Any:
    """The JSON in a message, behind what stands before it; None if there is none."""
    at = min((place for place in (text.find("["), text.find("{")) if place >= 0), default=-1)
    try:
        return json.loads(text[at:]) if at >= 0 else None
    except (ValueError, RecursionError):
        return None


def _plain(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """What is no UTF-8 in a header, as Latin-1, in which libraries write them."""
    return [(name, value.encode("utf-8", "surrogateescape").decode("latin-1")) for name, value in headers]


def _bare(tree: Any) -> Any:
    """A tree that can be changed in place; what stands packed in something else stays as it is."""
    if isinstance(tree, Node):
        return tree
    if isinstance(tree, dict):
        return {name: _bare(value) for name, value in tree.items()}
    if isinstance(tree, list):
        # `Pairs` stay what they are.
        return [_bare(value) for value in tree] if type(tree) is list else tree
    return tree
