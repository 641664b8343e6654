"""`/echo`: what comes in goes out."""

from wsproxy.demo.handler import DemoSocket


class Echo(DemoSocket):
    """Sends every message back with the opcode it came with."""

    async def on_message(self, message: str | bytes) -> None:
        """The next message is read when this one has gone out."""
        await self.send(message)
