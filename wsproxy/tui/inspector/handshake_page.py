"""The Handshake tab: what was asked and answered, what was agreed, TLS, and how it ended."""

from collections.abc import Iterator
from typing import Any

from textual.content import Content

from wsproxy.decoders.text import preview, printable
from wsproxy.tui.inspector.facts import fact, heading, plain, remark
from wsproxy.tui.inspector.shown import Shown
from wsproxy.wire.handshake import Head
from wsproxy.words import closure_words, duration, moment

_LONGEST = 4000
_FIELDS = 200
"""Lines of a head that are shown."""
_OURS = ("sec-websocket-", "upgrade", "connection")


def lines(shown: Shown, width: int) -> Iterator[Content]:
    """The page, for so many columns."""
    record = shown.connection
    if record is None:
        yield remark("the capture has no handshake of this connection", "$error")
        return
    yield fact("Connection", f"#{record.id}  {record.url}")
    yield fact("Opened", moment(record.opened))
    yield fact("Client", record.client or "unknown")
    yield fact("Server", record.server or "never reached")
    yield fact("Came by", f"{record.mode}, {record.http_version}")
    yield fact("Subprotocol", record.subprotocol or "none")
    yield fact("Extensions", record.extensions or "none")
    for finding in record.findings:
        yield remark(finding, "$warning")
    if record.error:
        yield remark(record.error, "$error")
    closure = shown.closure
    if closure:
        by, why, how = closure_words(closure)
        yield fact("Ended", f"{by}  {why}  {how}  after {duration(closure.time - record.opened)}")
    for side in ("server", "client"):
        details = record.tls.get(side)
        if isinstance(details, dict) and details:
            yield Content("")
            yield heading(f"TLS of the {side}")
            yield from _tls(details)
    for name, head in (("Request", record.request), ("Response", record.response)):
        yield Content("")
        yield heading(name)
        yield from _head(head)
    if record.body:
        yield Content("")
        yield heading(f"Body ({record.body_length:,} B)")
        yield Content(preview(record.body, False, _LONGEST, record.body_length))


def _tls(details: dict[str, Any], level: int = 0) -> Iterator[Content]:
    for name, value in details.items():
        if isinstance(value, dict) and level < 3:
            yield fact("  " * level + str(name), "")
            yield from _tls(value, level + 1)
        elif isinstance(value, list | tuple):
            yield fact("  " * level + str(name), ", ".join(map(str, value)))
        elif value is not None:
            yield fact("  " * level + str(name), str(value))


def _head(raw: bytes) -> Iterator[Content]:
    if not raw:
        yield plain("none", "dim")
        return
    head = Head.parse(raw)
    yield plain(head.start, "bold")
    for name, value in head.fields[:_FIELDS]:
        style = "$primary" if name.lower().startswith(_OURS) else "dim"
        yield Content.assemble((f"{printable(name)}: ", style), printable(value, _LONGEST))
    if len(head.fields) > _FIELDS:
        yield plain(f"… {len(head.fields) - _FIELDS:,} more", "dim")
