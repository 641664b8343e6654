"""
Recorded long-polling of Engine.IO, packet by packet: for who begins such a session anew
(`wsproxy.replay.prelude`), and for who acts as its server (`wsproxy.replay.mock_polling`).
"""

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from wsproxy.decoders import polling
from wsproxy.decoders.decoded import Unfit
from wsproxy.store.reader import Reader
from wsproxy.store.records import ExchangeRecord
from wsproxy.wire.polling import brings_packets

_PAGE = 50
"""Bodies read at a time; each may be as large as the capture keeps them."""
PING, PONG, UPGRADE, NOOP = b"2", b"3", b"5", b"6"
CLOSE = b"1"


class Packet(NamedTuple):
    """One packet, whichever way it went."""

    time: int
    """When the body that brought it was whole, ns since the epoch."""
    from_client: bool
    is_text: bool
    content: bytes
    """Behind the digit of its type, if it is text; the bytes themselves, if it is not."""

    @property
    def is_idle(self) -> bool:
        """It keeps the session alive or ends a poll, and nobody waits for it."""
        return self.is_text and self.content[:1] in (PING, PONG, NOOP)


def bodies(reader: Reader, sid: str, until: int | None = None) -> Iterator[tuple[Packet, ...]]:
    """
    The bodies of one session that bring packets, in recorded order.

    Args:
        reader: the capture.
        sid: of the session, as it was recorded.
        until: only those that were whole by then, ns.

    Raises:
        Unfit: one of them cannot be read, or not all of it was kept.
    """
    after = 0
    while page := reader.exchanges(after, _PAGE, sid):
        for exchange in page:
            if until is not None and exchange.time > until:
                return
            if brings_packets(exchange.from_client, exchange.method, exchange.status):
                yield packets_of(exchange)
        after = page[-1].id


def packets_of(exchange: ExchangeRecord) -> tuple[Packet, ...]:
    """
    What one recorded body brings.

    Raises:
        Unfit: it cannot be read, or not all of it was kept.
    """
    content, whole = polling.Body(exchange.body, exchange.encoding, exchange.length).unpacked()
    if not whole:
        raise Unfit(f"a body of {exchange.length:,} bytes is not all in the capture")
    return tuple(unpacked(content, version_of(exchange.url), exchange.time, exchange.from_client))


def unpacked(content: bytes, version: str, time: int, from_client: bool) -> Iterator[Packet]:
    """
    The packets in a body that is not compressed.

    Raises:
        Unfit: it brings none.
    """
    for message in polling.packets(content, True, version, 0, time, from_client):
        yield Packet(time, from_client, *polling.opened(message, version))


def version_of(url: str) -> str:
    """Of Engine.IO, as the query has it."""
    try:
        return parse_qs(urlsplit(url).query).get("EIO", ["4"])[0]
    except ValueError:
        return "4"
