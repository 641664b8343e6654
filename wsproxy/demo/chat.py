"""`/chat`: a room for everybody who is connected, in lines of text with a prefix."""

import re
from typing import Protocol

from wsproxy.demo.handler import DemoSocket, Site

MAX_LENGTH = 2000
"""Characters of one line; what is longer is cut."""

_NAME = re.compile(r"[\w-]{1,20}")


class Member(Protocol):
    """Whoever can be told something."""

    def tell(self, message: str) -> None:
        """Tell it `message`, without waiting and without raising."""


class Room:
    """
    Who is there, and what they hear.

        connected: NAME     to who joins: the name they go by
        log: NAME joined    to all
        log: NAME: TEXT     to all, the speaker included
        log: NAME left      to all who stay
    """

    def __init__(self) -> None:
        self._members: dict[Member, str] = {}
        self._guests = 0

    def join(self, member: Member, wanted: str = "") -> str:
        """
        Let somebody in.

        Args:
            member: who.
            wanted: the name they would like: letters, digits, `_` and `-`, at most 20.

        Returns:
            The name they got: with a number if it was taken, `guest-N` if it will not do.
        """
        if _NAME.fullmatch(wanted):
            name, number = wanted, 1
            while name in self._members.values():
                number += 1
                name = f"{wanted}-{number}"
        else:
            self._guests += 1
            name = f"guest-{self._guests}"
            while name in self._members.values():
                self._guests += 1
                name = f"guest-{self._guests}"
        self._members[member] = name
        member.tell(f"connected: {name}")
        self._tell_all(f"{name} joined")
        return name

    def say(self, member: Member, text: str) -> None:
        """Tell all what one of them said; nothing if they are not in the room."""
        if member in self._members:
            self._tell_all(f"{self._members[member]}: {text[:MAX_LENGTH]}")

    def leave(self, member: Member) -> None:
        """Let somebody out; nothing if they are not in the room."""
        name = self._members.pop(member, None)
        if name is not None:
            self._tell_all(f"{name} left")

    def _tell_all(self, text: str) -> None:
        for member in tuple(self._members):
            member.tell(f"log: {text}")


class Chat(DemoSocket):
    """One member's connection. `?name=` asks for a name."""

    def initialize(self, site: Site, room: Room | None = None) -> None:
        """Called by tornado with the keyword arguments of the route; all of one room get the same."""
        super().initialize(site)
        self._room = room or Room()

    def open(self, *args: str, **kwargs: str) -> None:
        """Called by tornado when the WebSocket is open."""
        self._room.join(self, self.get_query_argument("name", "") or "")

    def on_message(self, message: str | bytes) -> None:
        """The room takes text only (close code 1003, RFC 6455 section 7.4.1)."""
        if isinstance(message, bytes):
            self.close(1003, "this room takes text only")
        else:
            self._room.say(self, message)

    def on_close(self) -> None:
        """Called by tornado once, however the connection ended."""
        super().on_close()
        self._room.leave(self)
