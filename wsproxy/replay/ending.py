"""End a connection of a replay as its original ended."""

import asyncio

from wsproxy.replay.link import Link
from wsproxy.replay.part import Part
from wsproxy.store.records import ClosureRecord
from wsproxy.wire.closing import ABNORMAL, NO_STATUS
from wsproxy.wire.encode import close_payload

_LONGER = 3.0
"""Seconds that a server has for ending TCP after both Close frames."""


async def end(part: Part, link: Link, closure: ClosureRecord | None, timeout: float, exact: bool) -> None:
    """
    Close, or wait until the server does; returns when TCP is over, or is given up.

    Args:
        part: of the connection; what goes wrong is noted there.
        link: its socket.
        closure: how the original ended; None where it has no end.
        timeout: seconds for the server to do its part.
        exact: say nothing but what was recorded.
    """
    if closure is None or closure.how == "stopped" or closure.by == "proxy":
        if exact:
            # Nothing but what was recorded.
            link.end()
        link.close(close_payload(1000))
    elif closure.by == "client" and closure.code != ABNORMAL and not exact:
        # Left out by a filter or a range, if it was not said.
        link.close(close_payload(None if closure.code == NO_STATUS else closure.code, closure.reason))
    elif closure.code == ABNORMAL:
        # Nobody said goodbye.
        if closure.by == "server":
            await _within(link.over, timeout)
        link.abort() if closure.by == "client" and closure.how == "reset" else link.end()
    elif (
        closure.by == "server"
        and not (link.client_close or link.server_close)
        and not await _within(link.over, timeout)
    ):
        part.differences += 1
        part.problem = part.problem or (
            f"the server had ended the connection ({closure.code}) and does not now"
        )
        link.close(close_payload(1000))
    if not await _within(link.over, timeout if link.server_close is None else _LONGER):
        if link.server_close is None and not part.problem:
            part.differences += 1
            part.problem = f"the server does not answer the Close frame, after {timeout:g} s"
        link.end() if link.server_close else link.abort()
        await _within(link.over, _LONGER)


async def _within(event: asyncio.Event, seconds: float) -> bool:
    """Whether it happens in time."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
