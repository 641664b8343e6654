"""
The recorded frames themselves, byte for byte: `wsproxy replay --exact`.

Compressed frames refer to what was said before them, and to what was agreed on. Where this server agrees
to something else they would be garbage, so they are not sent.
"""

from collections.abc import Iterator

from wsproxy.errors import UsageError
from wsproxy.replay.recorded import Recorded
from wsproxy.replay.recorded_message import RecordedMessage
from wsproxy.store.records import ClosureRecord, ConnectionRecord, FrameFlag, FrameRecord
from wsproxy.wire.deflate import DeflateParameters
from wsproxy.wire.frames import FIN
from wsproxy.wire.handshake import Handshake

_COMPRESSED = int(FrameFlag.COMPRESSED)
_LACKING = int(FrameFlag.TRUNCATED | FrameFlag.REDACTED)

ExactStep = ConnectionRecord | RecordedMessage | FrameRecord | ClosureRecord


def exact_steps(recorded: Recorded) -> Iterator[ExactStep]:
    """
    Frames of the client, and messages of the server.

    Raises:
        UsageError: the capture has not all of a frame of the client.
    """
    for step in recorded.frames():
        if not isinstance(step, FrameRecord):
            yield step
        elif step.from_client:
            if int(step.flags) & _LACKING:
                raise UsageError(
                    f"the capture has not all of frame {step.id}",
                    "Leave out --exact, and see --skip-truncated",
                )
            yield step
        elif step.opcode > 2 or step.header[0] & FIN:
            message = recorded.message(step.id)
            if message is not None:
                yield message


def check_fit(record: ConnectionRecord, now: Handshake, recorded: Recorded) -> None:
    """
    Whether compressed frames of the client mean the same to this server.

    Raises:
        UsageError: they would not, and there are some.
    """
    then = DeflateParameters.negotiated(record.extensions)
    if then is None or not _has_compressed(record, recorded):
        return
    if now.deflate is None:
        raise UsageError(
            f"connection {record.id} has compressed messages, and {record.url} does not take them now",
            "Leave out --exact: they are then sent plain",
        )
    if now.deflate.client_max_window_bits < then.client_max_window_bits:
        raise UsageError(
            f"connection {record.id} was compressed with a window of {then.client_max_window_bits} bits, and "
            f"the server takes {now.deflate.client_max_window_bits} now",
            "Leave out --exact: messages are then compressed anew",
        )
    takes_over = not then.client_no_context_takeover
    if takes_over and now.deflate.client_no_context_takeover:
        raise UsageError(
            f"messages of connection {record.id} refer to those before, which this server forgets",
            "Leave out --exact: messages are then compressed anew",
        )
    if takes_over and recorded.is_partial:
        raise UsageError(
            f"messages of connection {record.id} refer to those before (compression), which are left out",
            "Leave out --exact: messages are then compressed anew",
        )


def _has_compressed(record: ConnectionRecord, recorded: Recorded) -> bool:
    row = recorded.reader.db.execute(
        "SELECT 1 FROM frame WHERE connection = ? AND from_client AND flags & ? AND id BETWEEN ? AND ?"
        " LIMIT 1",
        (record.id, _COMPRESSED, recorded.first, recorded.last),
    ).fetchone()
    return row is not None
