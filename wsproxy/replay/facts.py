"""What is different between two connections besides what was said: handshake and end."""

from collections.abc import Iterator

from wsproxy.replay.values import MISSING, Change
from wsproxy.store.records import ClosureRecord, ConnectionRecord


def of_handshakes(left: ConnectionRecord, right: ConnectionRecord) -> Iterator[Change]:
    """Status, subprotocol and extensions; of a refusal its body."""

    def differ(name: str, ours: object, theirs: object) -> Iterator[Change]:
        if ours != theirs:
            yield Change(name, MISSING if ours is None else ours, MISSING if theirs is None else theirs)

    yield from differ("status", left.status, right.status)
    if left.status == right.status == 101:
        yield from differ("subprotocol", left.subprotocol, right.subprotocol)
        yield from differ("extensions", left.extensions or None, right.extensions or None)
    elif left.status is not None and right.status is not None:
        yield from differ("body", _text(left.body), _text(right.body))


def of_ends(left: ClosureRecord | None, right: ClosureRecord | None) -> Iterator[Change]:
    """Who closed, with which code and reason; nothing if one has not ended."""
    # Of one that was cut off with its proxy nobody knows how it would have ended.
    if left is None or right is None or "stopped" in (left.how, right.how):
        return
    for name, ours, theirs in (
        ("closed by", left.by, right.by),
        ("close code", left.code, right.code),
        ("close reason", left.reason, right.reason),
    ):
        if ours != theirs:
            yield Change(name, MISSING if ours is None else ours, MISSING if theirs is None else theirs)


def _text(body: bytes) -> str | bytes:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body
