"""
A script of the user's that sees every message of a replay: `wsproxy replay -s script.py`.

    def replay_message(session, message):
        if message.from_client:
            message.text = message.text.replace("2024-03-05", session.variables["today"])
        elif "today" in (message.text or ""):
            session.variables["today"] = json.loads(message.text)["today"]
"""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wsproxy.addon.options import Options
from wsproxy.addon.script import Script
from wsproxy.errors import AddonError

HOOK = "replay_message"


class ReplayMessage:
    """
    A message on its way.

    Attributes:
        from_client: whether it is to be sent, or has come.
        connection: the number of its connection in the original.
        is_text: text or binary.
        content: bytes; what is put here is sent.
        original: what had come in its place in the original; None if nothing had, and of what is to be sent.
    """

    def __init__(
        self, from_client: bool, connection: int, is_text: bool, content: bytes, original: bytes | None
    ) -> None:
        self.from_client = from_client
        self.connection = connection
        self.is_text = is_text
        self.content = content
        self.original = original
        self._dropped = False

    @property
    def text(self) -> str | None:
        """The content as text; None if it is not UTF-8."""
        try:
            return self.content.decode()
        except UnicodeDecodeError:
            return None

    @text.setter
    def text(self, value: str) -> None:
        self.content = value.encode()

    def drop(self) -> None:
        """Do not send it."""
        self._dropped = True

    @property
    def is_dropped(self) -> bool:
        """It is not sent."""
        return self._dropped


class ReplaySession:
    """
    What a script shares with the replay.

    Attributes:
        variables: by name; `{{name}}` in messages stands for them.
    """

    def __init__(self, variables: dict[str, str]) -> None:
        self.variables = variables


class Hook:
    """
    Args:
        scripts: the loaded files, in order.
        variables: those of the replay.
    """

    def __init__(self, scripts: list[Script], variables: dict[str, str]) -> None:
        self._session = ReplaySession(variables)
        self._hooks = [(script, hook) for script in scripts for hook in _hooks(script)]

    def call(self, message: ReplayMessage) -> None:
        """Ask every script. One that raises is told, and the message goes on."""
        for script, hook in self._hooks:
            try:
                hook(self._session, message)
            except Exception as error:
                script.failed(error, HOOK)
            if message.is_dropped:
                return


class _NoOptions:
    """Scripts of replays have none."""

    def add(self, name: str, typespec: Any, default: Any, help: str, choices: Any = None) -> None:
        """Declared in vain."""

    def get(self, name: str) -> Any:
        """None is there."""
        raise KeyError(name)


def load(path: Path, tell: Callable[[str], None]) -> Script:
    """
    Load a script.

    Args:
        path: the file.
        tell: takes what a person must know of its failures.

    Raises:
        AddonError: it cannot be loaded, or has no `replay_message`.
    """
    script = Script.read(path, path.stem, Options(_NoOptions()), tell)
    if not _hooks(script):
        raise AddonError(
            f"there is no {HOOK}(session, message) in {path}", "`wsproxy help replay` has an example"
        )
    return script


def _hooks(script: Script) -> list[Callable[[ReplaySession, ReplayMessage], object]]:
    found = [hook for part in script.parts if callable(hook := getattr(part, HOOK, None))]
    for hook in found:
        try:
            inspect.signature(hook).bind("session", "message")
        except TypeError:
            raise AddonError(f"{script.by}: {HOOK} must take (session, message)") from None
        if inspect.iscoroutinefunction(hook):
            raise AddonError(f"{script.by}: {HOOK} cannot be async")
    return found
