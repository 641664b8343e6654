"""`/fragments`: a message in several frames, on demand (RFC 6455 section 5.4)."""

from tornado.iostream import StreamClosedError

from wsproxy.demo.echo import Echo
from wsproxy.wire.encode import encode_frame
from wsproxy.wire.frames import Opcode

WHOLE = "hello"
PIECES = ("and a", "happy new", "year!")


def fragments(pieces: tuple[str, ...]) -> list[bytes]:
    """The frames of one text message: FIN only on the last, text only the first."""
    last = len(pieces) - 1
    return [
        encode_frame(Opcode.CONTINUATION if at else Opcode.TEXT, piece.encode(), fin=at == last)
        for at, piece in enumerate(pieces)
    ]


class Fragments(Echo):
    """Sends one message whole and one in pieces, then echoes."""

    async def open(self, *args: str, **kwargs: str) -> None:
        """tornado makes whole frames only, so the pieces are written past it."""
        await self.send(WHOLE)
        for frame in fragments(PIECES):
            try:
                if self.stream is not None:
                    await self.stream.write(frame)
            except StreamClosedError:
                return
