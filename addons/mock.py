"""
Let a recording answer in place of the server, which hears nothing of it.

    wsproxy dump -s mock --set mock=session.wsp
    wsproxy dump -s mock --set mock=session.wsp --set mock_url='/chat' --set mock_by=match

Everything else of the page comes from its server. `wsproxy help mock` explains the options.
"""

import logging
import re
from pathlib import Path
from typing import Any

from wsproxy import addon
from wsproxy.errors import WsproxyError
from wsproxy.replay.acting import BY, UNMATCHED, Acting
from wsproxy.replay.exchanges import Matching
from wsproxy.replay.mock_thread import MockThread
from wsproxy.replay.values import Rules

logger = logging.getLogger(__name__)


class Mock:
    def __init__(self) -> None:
        self.server: MockThread | None = None

    def load(self, options: addon.Options) -> None:
        self.options = options
        options.add("mock", "", "The capture to act out; its file.")
        options.add("mock_url", "", "A regular expression: only URLs that match are answered from it.")
        options.add("mock_by", "order", "When to speak: by order, to what is said, by time.", BY)
        options.add("mock_match", "json", "What counts as the same message.", ["exact", "json", "event"])
        options.add("mock_ignore", [], "Paths that do not count in matching.")
        options.add("mock_ignore_query", [], "Names in a URL's query that do not count; * for all.")
        options.add("mock_pace", "recorded", "With recorded pauses, or without.", ["recorded", "fast"])
        options.add("mock_speed", 1.0, "Make the pauses shorter by this factor.")
        options.add(
            "mock_unmatched", "silence", "What becomes of messages that were not recorded.", UNMATCHED
        )
        options.add("mock_reply", "", "Answer them with this, where mock_unmatched is reply.")
        options.add("mock_loop", False, "Begin again where the recording ends.")

    def configure(self, changed: set[str]) -> None:
        self.done()
        options = self.options
        try:
            self.wanted = re.compile(options.mock_url)
            rules = Rules.of(options.mock_ignore)
        except (re.error, ValueError) as error:
            raise addon.OptionError(f"mock_url or mock_ignore: {error}") from None
        if not options.mock_speed > 0:
            raise addon.OptionError("mock_speed is more than 0")
        acting = Acting(
            by=options.mock_by,
            fast=options.mock_pace == "fast",
            speed=options.mock_speed,
            matching=Matching(options.mock_match, rules),
            unmatched=options.mock_unmatched,
            reply=options.mock_reply,
            loop=options.mock_loop,
            in_place=True,
        )
        try:
            if options.mock:
                path = Path(options.mock).expanduser()
                self.server = MockThread(path, acting, tell, options.mock_ignore_query)
        except WsproxyError as error:
            raise addon.OptionError(str(error)) from None

    def done(self) -> None:
        if self.server is not None:
            self.server.stop()
            self.server = None

    def ws_handshake(self, connection: addon.Connection) -> None:
        asked, server = connection.request, self.server
        if server and self.wanted.search(connection.url) and server.has(asked.path, asked.subprotocols):
            connection.redirect(f"ws://127.0.0.1:{server.port}")

    def ws_poll(self, connection: addon.Connection) -> None:
        server = self.server
        if server and self.wanted.search(connection.url) and server.polls(connection.request.path):
            connection.redirect(f"ws://127.0.0.1:{server.port}")

    # mitmproxy would connect to the server at once, before anybody knows what for.
    def http_connect(self, flow: Any) -> None:
        from mitmproxy import http

        if self.server is not None and flow.response is None:
            flow.response = http.Response.make(200)

    def tls_clienthello(self, data: Any) -> None:
        if self.server is not None:
            data.establish_server_tls_first = False


def tell(event: dict[str, Any]) -> None:
    """What people should know of the recorded server's clients."""
    if event["event"] == "unmatched":
        start = event["content"][:80].decode("utf-8", "replace")
        logger.warning("mock: a client says what was not recorded: %s", start)
    elif "why" in event:
        logger.warning("mock: %s", event["why"])


addons = [Mock()]
