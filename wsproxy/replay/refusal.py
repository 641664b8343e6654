"""The body of an answer that is no 101: when it is all there, and what it is without its transfer coding."""

import http.client
import io

from wsproxy.wire.handshake import Head

LONGEST = 1 << 20
"""Bytes of a body that are kept."""


def is_whole(response: bytes, body: bytes) -> bool:
    """Whether the body of an answer is there; never, if only the end of TCP tells."""
    head = Head.parse(response)
    length = head.get("Content-Length")
    if "chunked" in head.tokens("Transfer-Encoding"):
        return body.endswith(b"0\r\n\r\n")
    return (length.isdigit() and len(body) >= int(length)) or len(body) > LONGEST


def body_of(response: bytes, rest: bytes) -> bytes:
    """The body of an answer, without its transfer coding."""
    parsed = http.client.HTTPResponse(_Fake(response + rest))  # type: ignore[arg-type]
    try:
        parsed.begin()
        return parsed.read(LONGEST)
    except http.client.IncompleteRead as error:
        return error.partial
    except (http.client.HTTPException, OSError, ValueError):
        return rest


class _Fake:
    """What `HTTPResponse` takes for a socket."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)
