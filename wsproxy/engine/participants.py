"""
Addons, as the desk sees them: ours (`wsproxy.addon`), and scripts written for mitmproxy.

One script may be both. Its `ws_...` hooks are called by the `Manager`; for mitmproxy's own hooks
(`request`, `websocket_message`, ...) it stands in mitmproxy's chain of addons.
"""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from mitmproxy import connection, exceptions, flow, http, master
from mitmproxy.websocket import WebSocketMessage
from wsproto.frame_protocol import Opcode

from wsproxy.addon.facts import Facts
from wsproxy.addon.manager import Manager
from wsproxy.addon.script import Script
from wsproxy.control.messages import AddonInfo
from wsproxy.engine import seam
from wsproxy.engine.chain import Chain
from wsproxy.engine.conversation import Conversation
from wsproxy.errors import OptionError
from wsproxy.wire.transit import Transit

_FACTS = "wsproxy_facts"
_KEPT = 20
"""Messages that a flow remembers; mitmproxy would keep all of them."""


class Participants:
    """
    All addons of the process. It is an addon of mitmproxy itself, to hear of options.

    Args:
        mitm: mitmproxy's master.
        tell: takes what people must hear; may have several lines.
    """

    name = "wsproxy_participants"

    def __init__(self, mitm: master.Master, tell: Callable[[str], None]) -> None:
        self.on_change: Callable[[], None] = lambda: None
        self._chain = Chain(mitm)
        self._mitm = mitm
        self.manager = Manager(self._chain, partial(_by_line, tell))
        self.manager.on_change = self._changed
        self._open: dict[int, Facts] = {}
        self._calls: list[tuple[Script, Callable[..., Any]]] = []
        """Functions `websocket_message`, and whose they are."""
        self._with_messages = ""
        """The scripts that have mitmproxy's `websocket_message`, for the record."""
        self._is_async = False
        self.wants_bodies = False
        """Some script wants HTTP bodies whole, as mitmproxy's hooks `request` and `response` have them."""

    def _changed(self) -> None:
        self._calls = self._chain.calls("websocket_message")
        self._with_messages = ", ".join(dict.fromkeys(script.by for script, _ in self._calls))
        self._is_async = any(inspect.iscoroutinefunction(call) for _, call in self._calls)
        self.wants_bodies = bool(self._chain.calls("request") or self._chain.calls("response"))
        self.on_change()

    def configure(self, updated: set[str]) -> None:
        """mitmproxy's hook: options were set."""
        try:
            self.manager.configure(updated)
        except OptionError as e:
            raise exceptions.OptionsError(str(e)) from None

    def running(self) -> None:
        """mitmproxy's hook: scripts loaded from now on have missed it."""
        self._chain.is_running = True

    @property
    def wants_messages(self) -> bool:
        """Somebody wants to see messages before they go on."""
        return self.manager.wants_messages or bool(self._with_messages)

    @property
    def wants_privacy(self) -> bool:
        """Nothing may be recorded before the addons have seen it."""
        return self.manager.wants_privacy

    async def handshake(self, asking: http.HTTPFlow, url: str, client: str) -> None:
        """An upgrade request is about to go out."""
        if self.manager.wants_handshakes:
            await self._ask("ws_handshake", asking, url, client)

    async def poll(self, asking: http.HTTPFlow, url: str, client: str) -> None:
        """A request of long-polling is."""
        if self.manager.wants_polls:
            await self._ask("ws_poll", asking, url, client)

    async def _ask(self, hook: str, asking: http.HTTPFlow, url: str, client: str) -> None:
        facts = Facts(url, seam.raw_head(asking.request), client)
        before = facts.asked.headers.fields
        await self.manager.handshake(facts, hook)
        asking.metadata[_FACTS] = facts
        after = facts.asked.headers
        if after.fields != before:
            asking.request.headers = http.Headers(after.raw)
        if facts.destination is not None:
            secure, host, port = facts.destination
            # Not by the properties, which change the header `Host`, too.
            asking.request.data.host, asking.request.data.port = host, port
            asking.request.data.scheme = b"https" if secure else b"http"
            # Without the upstream proxy, if there is one.
            asking.server_conn = connection.Server(address=(host, port))

    def opened(self, conversation: Conversation) -> None:
        """A WebSocket is open."""
        if not self.manager.scripts:
            return
        record = conversation.record
        facts = facts_of(conversation.flow) or Facts(record.url, record.request, record.client)
        facts.link = conversation
        facts.meanings = conversation.meanings
        facts.accepted(
            record.id, record.response, record.subprotocol, record.extensions, record.server, record.opened
        )
        self._open[record.id] = facts
        self.manager.opened(facts)

    def closed(self, conversation: Conversation) -> None:
        """A WebSocket is over."""
        facts = self._open.pop(conversation.id, None)
        if facts and conversation.closure:
            self.manager.closed(facts, conversation.closure)

    def loaded(self) -> list[AddonInfo]:
        """The addons, in the order in which they are asked."""
        return [
            {
                "name": script.name,
                "path": str(script.path) if script.path else None,
                "hooks": sorted(script.hooks),
                "errors": sum(script.errors.values()),
            }
            for script in self.manager.scripts
        ]

    @property
    def option_names(self) -> list[str]:
        """Options that scripts have declared."""
        return sorted({name for script in self.manager.scripts for name in script.options.declared})

    def offer(self, conversation: Conversation, transit: Transit, then: Callable[[], None]) -> None:
        """Show a message to every addon in turn, and then go on with `then`."""
        if self._with_messages and transit.opcode < 8:
            then = partial(self._show_to_mitmproxy, conversation, transit, then)
        facts = self._open.get(conversation.id)
        if facts is None and self.manager.wants_messages:
            # Opened before the first script was loaded.
            self.opened(conversation)
            facts = self._open[conversation.id]
        if facts is None:
            then()
        else:
            self.manager.dispatch_message(facts, transit, then)

    # Scripts for mitmproxy.

    def _show_to_mitmproxy(
        self, conversation: Conversation, transit: Transit, then: Callable[[], None]
    ) -> None:
        """As `websocket_message(flow)`, the newest message being the last one of the flow."""
        if transit.is_dropped:
            then()
            return
        shown = conversation.flow
        assert shown.websocket is not None
        message = WebSocketMessage(
            Opcode(transit.sent_opcode), transit.from_client, transit.content, transit.arrived / 1e9
        )
        messages = shown.websocket.messages
        messages.append(message)
        del messages[:-_KEPT]
        if not self._is_async:
            for script, call in self._calls:
                try:
                    call(shown)
                except Exception as error:
                    script.failed(error, "websocket_message")
            if not shown.intercepted:
                self._take(conversation, transit, message)
                then()
                return
        by = self._with_messages

        async def wait() -> None:
            try:
                if self._is_async:
                    await self._call_all(shown)
                # A script that calls `flow.intercept()` calls `flow.resume()` later.
                await shown.wait_for_resume()
                self._take(conversation, transit, message)
                then()
            finally:
                transit.release(by)

        transit.hold(by)
        conversation.spawn(wait())

    async def _call_all(self, shown: http.HTTPFlow) -> None:
        for script, call in self._calls:
            try:
                result = call(shown)
                if inspect.isawaitable(result):
                    await result
            except Exception as error:
                script.failed(error, "websocket_message")

    def _take(self, conversation: Conversation, transit: Transit, message: WebSocketMessage) -> None:
        """What the script has decided."""
        by = self._with_messages
        if message.dropped:
            transit.drop(by)
        elif message.content != transit.content:
            transit.replace(message.content, by)
        error = conversation.flow.error
        if error is not None and error.msg == flow.Error.KILLED_MESSAGE:
            conversation.cut(by)


def facts_of(handshake: http.HTTPFlow) -> Facts | None:
    """What addons were told of an upgrade before it went out, if they were."""
    found: Facts | None = handshake.metadata.get(_FACTS)
    return found


def _by_line(tell: Callable[[str], None], text: str) -> None:
    """A traceback is told line by line: a line break inside a sentence would be shown as `\\n`."""
    for line in text.split("\n"):
        tell(line)
