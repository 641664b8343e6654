"""What happens, as messages between the parts of the app."""

from textual.message import Message

from wsproxy.control.messages import Event


class Grew(Message):
    """There is more in the capture. Many at once are one."""

    def can_replace(self, message: Message) -> bool:
        """Only the newest counts."""
        return isinstance(message, Grew)


class EngineSaid(Message):
    """An event of the engine (`wsproxy help control`)."""

    def __init__(self, event: Event) -> None:
        super().__init__()
        self.event = event
