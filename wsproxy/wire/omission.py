"""
Frames of one direction that are relayed and not recorded, and where the record begins again.

Beside the first station in the life of a frame. Bytes still go on first. What follows is less than
recording needs and more than nothing: headers are read and payloads passed over, since only who
knows where frames begin can tell how many went by, see the Close frame that says how a connection
ended, and record again in the middle of a stream.

An omission begins with the next frame: the one in progress is recorded to its end. It ends with the
next message: the rest of a fragmented one would look like a mistake of its sender.
"""

from wsproxy.wire.frames import FIN, FrameScanner, Opcode, Piece


class Omission:
    """
    What is left out of the record in one direction.

    Args:
        inside: a frame that is recorded is still arriving.

    Attributes:
        frames, bytes: how much was left out so far.
        begun: anything was.
        ending: record again from the next message on.
        is_over: that message has come.
    """

    __slots__ = ("_between", "_inside", "begun", "bytes", "ending", "frames", "is_over")

    def __init__(self, inside: bool) -> None:
        self._inside = inside
        self._between = False
        """The last frame left out ended a message."""
        self.frames = 0
        self.bytes = 0
        self.begun = False
        self.ending = False
        self.is_over = False

    def feed(self, scanner: FrameScanner, data: bytes) -> tuple[list[Piece], int, int]:
        """
        Take the next bytes of the stream, through its scanner.

        Returns:
            Pieces, and the first and the end of those that are left out. The ones around them belong
            into the record. What is passed over without a piece is nothing but whole data messages.
        """
        before = len(scanner.head) + len(data)
        if not self._inside and not self.ending:
            count, data = scanner.skip(data)
            if count:
                self.frames += count
                self.begun = self._between = True
            if not data:
                self.bytes += before
                return [], 0, 0
        pieces = scanner.feed(data)
        start, stop = 0, len(pieces)
        if self._inside and pieces:
            start = 1
            self._inside = pieces[0][2] > 0
        for index in range(start, stop):
            header = pieces[index][0]
            if header is None:
                continue
            if self.ending and self._between:
                self.is_over = True
                stop = index
                break
            self.frames += 1
            self.begun = True
            if header[0] & 0x0F <= Opcode.BINARY:
                self._between = header[0] & FIN != 0
        self.bytes += before - len(scanner.head) - _size(pieces[:start]) - _size(pieces[stop:])
        return pieces, start, stop

    def leave_out(self, frames: int, size: int) -> None:
        """Whole messages were left out by somebody else, who has looked at them."""
        self.frames += frames
        self.bytes += size
        self.begun = self._between = True

    def ended(self, scanner: FrameScanner) -> None:
        """The stream is over, perhaps inside a header."""
        self.bytes += len(scanner.head)


def _size(pieces: list[Piece]) -> int:
    return sum(len(header or b"") + len(payload) for header, payload, _ in pieces)
