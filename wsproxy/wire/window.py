"""
The sender's window, followed through every compressed message of a direction in the edit state.

With context takeover a message may refer to what was said before it (RFC 7692 section 7.2), so
those that nobody edits are inflated too, as long as somebody may want a later one. Whatever is
thrown at it, one step never becomes more than the limit of an edited message.
"""

from collections.abc import Callable, Iterator

from wsproxy.wire.deflate import TAIL, Inflater

_RATIO = 1032
"""Deflate cannot make more of a byte than this."""


class Window:
    """
    Args:
        inflater: in step with what came before; it keeps up to `limit` of one message.
        limit: bytes of content up to which a message is edited.
        too_large: called with the size of a message that turned out to exceed it.
    """

    def __init__(self, inflater: Inflater, limit: int, too_large: Callable[[int], None]) -> None:
        self._inflater = inflater
        self._limit = limit
        self._too_large = too_large
        self._size = 0
        """Bytes the message in flight has become so far."""

    def message(self, payload: bytes, keep: bool) -> tuple[bytes | None, list[bytes]]:
        """
        Inflate a whole message.

        Args:
            payload: unmasked.
            keep: the content is wanted whatever its size: it may have to be compressed anew.

        Returns:
            Its content; or None where it is broken or exceeds the limit, and then the content in
            parts, if it is to be kept.
        """
        if len(payload) * _RATIO <= self._limit:
            done = self._inflater.message(payload)
            if isinstance(done, bytes):
                return done, []
            return (None, []) if done.failed else (done.content, [])
        parts: list[bytes] = []
        size = 0
        for part in self.parts(payload):
            size += len(part)
            if keep or size <= self._limit:
                parts.append(part)
        parts.append(self.end())
        size += len(parts[-1])
        if self._inflater.has_failed:
            return None, []
        if size <= self._limit:
            return b"".join(parts), []
        self._too_large(size)
        return None, parts if keep else []

    def parts(self, payload: bytes) -> Iterator[bytes]:
        """What a part of a message becomes, in steps that cannot exceed the limit."""
        inflater = self._inflater
        step = max(1, self._limit // _RATIO)
        for start in range(0, len(payload), step):
            inflater.feed(payload[start : start + step])
            part = inflater.take()
            self._size += len(part)
            if self._size > inflater.most:
                # A bomb. Its window is lost, and what follows passes as it is.
                inflater.give_up()
            if part:
                yield part

    def end(self) -> bytes:
        """The rest of the message whose `parts()` have all been taken."""
        inflater = self._inflater
        self._size = 0
        inflater.feed(TAIL)
        rest = inflater.take()
        inflater.drop()
        return rest

    def drop(self) -> None:
        """The message in flight will not be finished."""
        self._inflater.drop()
        self._size = 0
