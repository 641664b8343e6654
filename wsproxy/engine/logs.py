"""
mitmproxy's log, as sentences on stderr: warnings always, the rest with `-v`.
"""

import logging
from collections.abc import Callable

_SAID_BETTER = (
    # Traffic says these with their cure.
    "Client TLS handshake failed",
    "Server TLS handshake failed",
    "TLS Error",
    # Part of every start; Engine reports what matters of it.
    "failed to listen",
)


class LogHandler(logging.Handler):
    """
    Args:
        tell: takes a sentence.
        verbose: 0 warnings and errors, 1 information, 2 everything.
    """

    def __init__(self, tell: Callable[[str], None], verbose: int = 0) -> None:
        super().__init__({0: logging.WARNING, 1: logging.INFO}.get(verbose, logging.DEBUG))
        self._tell = tell
        self._verbose = verbose

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if not self._verbose:
            if any(text in message for text in _SAID_BETTER):
                return
            # An exception without words is logged as none, too.
            message = next((line for line in message.splitlines() if line.strip()), "")
            if not message:
                return
        elif record.exc_info:
            message += "\n" + logging.Formatter().formatException(record.exc_info)
        self._tell(message)

    def install(self) -> None:
        """Begin: takes over the root logger's level."""
        root = logging.getLogger()
        self._old_level = root.level
        root.setLevel(min(self.level, logging.INFO))
        root.addHandler(self)
        for noisy in ("asyncio", "hpack", "quic", "h2"):
            logging.getLogger(noisy).setLevel(logging.ERROR)
        # Four lines for each connection, which nobody would see, should not be made.
        self._connections = logging.getLogger("mitmproxy.proxy.server")
        self._old_connections_level = self._connections.level
        if self.level > logging.INFO:
            self._connections.setLevel(self.level)

    def uninstall(self) -> None:
        """End."""
        root = logging.getLogger()
        root.removeHandler(self)
        root.setLevel(self._old_level)
        self._connections.setLevel(self._old_connections_level)
