"""
Say recorded messages once more on a connection that is open in a running proxy.

Through the control API, so nothing here need run in the proxy. What is sent goes out as what nobody sent:
behind the message in flight, before what is held; the capture says that it was sent by hand.
"""

import os
import time
from collections.abc import Callable, Iterable
from typing import Literal

from wsproxy.control.client import Client
from wsproxy.errors import UsageError
from wsproxy.replay.outcome import brief
from wsproxy.replay.recorded import Step
from wsproxy.replay.recorded_message import RecordedMessage
from wsproxy.wire.closing import Close
from wsproxy.wire.encode import encode_frame
from wsproxy.wire.frames import Opcode

To = Literal["server", "client"]

_KINDS = {Opcode.TEXT: "text", Opcode.BINARY: "binary", Opcode.PING: "ping", Opcode.PONG: "pong"}


def resend(
    client: Client,
    connection: int,
    message: RecordedMessage,
    *,
    to: To | None = None,
    content: bytes | None = None,
    force: bool = False,
) -> To:
    """
    Send one.

    Args:
        client: the proxy.
        connection: where to; its number in the proxy.
        message: what.
        to: who gets it; by default who got it in the original.
        content: what to say in its place.
        force: even if it breaks the protocol.

    Returns:
        Who got it.

    Raises:
        UsageError: the capture has not all of it, or the proxy refuses.
        MissingError: there is no such connection, or no more.
        ControlError: the proxy is gone.
    """
    where: To = to or ("server" if message.from_client else "client")
    if content is None and (message.truncated or message.redacted):
        raise UsageError(f"the capture has not all of {brief(message)}")
    said = message.content if content is None else content
    if message.opcode in _KINDS:
        client.send(connection, where, _KINDS[Opcode(message.opcode)], said, force)
    elif message.opcode == Opcode.CLOSE and content is None:
        close = Close.parse(said)
        client.close(connection, where, close.code, close.reason, force)
    else:
        mask = os.urandom(4) if where == "server" else b""
        client.send(connection, where, "raw", encode_frame(message.opcode, said, mask=mask), force)
    return where


def replay_into(
    client: Client,
    connection: int,
    steps: Iterable[Step],
    *,
    to: To | None = None,
    speed: float | None = 1.0,
    on_sent: Callable[[RecordedMessage, To], None] = lambda message, to: None,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """
    Send a range, one message after the other; without control frames: pings and closing are those of now.

    Args:
        client, connection: as of `resend`.
        steps: the range; what is not a message in it is passed over.
        to: only what this side had got; None: both.
        speed: so many times faster than in the original; None: as fast as the proxy takes it.
        on_sent: told each message, and who got it.
        sleep: waits.

    Returns:
        How many were sent.

    Raises:
        As `resend`.
    """
    sent, first, started = 0, 0, time.monotonic()
    for step in steps:
        if not isinstance(step, RecordedMessage) or step.is_control:
            continue
        if to is not None and step.from_client is not (to == "server"):
            continue
        first = first or step.began
        if speed is not None:
            left = (step.began - first) / 1e9 / speed - (time.monotonic() - started)
            if left > 0:
                sleep(left)
        on_sent(step, resend(client, connection, step))
        sent += 1
    return sent
