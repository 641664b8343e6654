"""WebSockets that a person has opened here: they stay open as long as the app runs."""

from typing import TYPE_CHECKING

from wsproxy.control.client import Client
from wsproxy.control.runfile import RunFile
from wsproxy.store.records import ConnectionRecord

if TYPE_CHECKING:
    from wsproxy.replay.link import Link

_GOING_AWAY = (1001).to_bytes(2, "big")
"""RFC 6455 section 7.4.1."""


class Sockets:
    """All of them."""

    def __init__(self) -> None:
        self._open: set[Link] = set()

    async def open(self, run: RunFile, record: ConnectionRecord) -> int:
        """
        Open one through the proxy, as `record` was.

        Returns:
            Its number in the capture of the proxy.

        Raises:
            WsproxyError: as `wsproxy.replay.reopen.reopen` does.
        """
        # Few people do: who does not has no use for what comes with it.
        from wsproxy.replay.reopen import reopen

        opened = await reopen(Client(run), record, self._open.discard)
        if not opened.link.over.is_set():
            self._open.add(opened.link)
        return opened.number

    def close(self) -> None:
        """Close all that are open."""
        for link in list(self._open):
            link.close(_GOING_AWAY)
            link.end()
