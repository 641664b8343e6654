"""`/subprotocol`: negotiation by `Sec-WebSocket-Protocol` (RFC 6455 section 4.2.2, point 5)."""

from wsproxy.demo.echo import Echo

SUPPORTED = ("soap", "xmpp", "wamp")


class Subprotocol(Echo):
    """Tells which subprotocol was chosen, then echoes."""

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """The client's order of preference decides."""
        return next((name for name in subprotocols if name in SUPPORTED), None)

    async def open(self, *args: str, **kwargs: str) -> None:
        """Called by tornado when the WebSocket is open."""
        await self.send(f"subprotocol: {self.selected_subprotocol or 'none'}")
