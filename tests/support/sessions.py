"""Small captures of a few messages each, to compare and to act out."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tests.support.captures import MASK, capture
from wsproxy.wire.compress import Deflater
from wsproxy.wire.deflate import DeflateParameters
from wsproxy.wire.encode import encode_close, encode_frame

Talk = Sequence[tuple[str, str | bytes]]
"""Messages, each behind `>` (of the client) or `<`."""


def session(
    path: Path, *talks: Talk, urls: Sequence[str] = (), close: int | None = 1000, **opening: Any
) -> Path:
    """
    A capture of connections one after the other, each closed by its server.

    Args:
        path: of the capture.
        talks: what is said on each.
        urls: of each; `ws://example.test/chat` where they run out.
        close: the code the server closes with; None cuts the connection.
        opening: as `Capture.open` has them.
    """
    deflate = DeflateParameters.negotiated(opening.get("extensions", ""))
    with capture(path) as c:
        for number, talk in enumerate(talks):
            url = urls[number] if number < len(urls) else "ws://example.test/chat"
            connection = c.open(url, **opening)
            deflaters = {
                side: Deflater.negotiated(deflate, side) if deflate else None for side in (True, False)
            }
            for way, content in talk:
                from_client = way == ">"
                data = content.encode() if isinstance(content, str) else content
                deflater = deflaters[from_client]
                frame = encode_frame(
                    1 if isinstance(content, str) else 2,
                    deflater.message(data) if deflater else data,
                    rsv=4 if deflater else 0,
                    mask=MASK if from_client else b"",
                )
                (c.send if from_client else c.receive)(connection, frame)
            if close is not None:
                c.receive(connection, encode_close(close))
                c.send(connection, encode_close(close, mask=MASK))
            c.close(connection)
    return path


def received(*contents: str | bytes) -> list[tuple[str, str | bytes]]:
    """All of the server."""
    return [("<", content) for content in contents]


def calls(answers: Iterable[tuple[int, str]], count: int) -> list[tuple[str, str | bytes]]:
    """JSON-RPC: calls 1 to `count`, then the answers, each to a call by its number."""
    talk: list[tuple[str, str | bytes]] = [
        (">", f'{{"jsonrpc":"2.0","id":{n},"method":"get{n}"}}') for n in range(1, count + 1)
    ]
    return talk + [("<", f'{{"jsonrpc":"2.0","id":{n},"result":"{result}"}}') for n, result in answers]
