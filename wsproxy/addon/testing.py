"""
Try an addon without a network:

    from wsproxy.addon.testing import Harness

    def test_it_shouts():
        pair = Harness("shout.py").open("wss://example.com/chat")
        pair.client.send("hello")
        assert pair.server.messages == ["HELLO"]

Between the two ends is all that is between them in the proxy: handshake, frames, compression, holding
and sending. The ends are the `websockets` library. Time passes with `Harness.advance()` only.
"""

import asyncio
import weakref
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any

from wsproxy.addon.lifecycle import Direct
from wsproxy.addon.manager import Manager
from wsproxy.addon.options import Values
from wsproxy.addon.pair import Pair, Side
from wsproxy.addon.virtual_time import VirtualLoop
from wsproxy.errors import OptionError

__all__ = ["Harness", "Pair", "Side"]


class Harness:
    """
    A proxy for one addon.

    Args:
        addon: the path of a script, the name of a shipped addon, or a module or object with hooks.
        strict: what a hook raises is raised again by the call that led to it; otherwise it is only told, as
            in the proxy.
        edit_limit: bytes up to which a message is offered.
        options: values for the addon's options, as text like after `--set`, or as they are.

    Attributes:
        told: what people would have been told.
        manager: has the addon.

    Raises:
        AddonError, OptionError: as the proxy does.
    """

    def __init__(
        self, addon: object, *, strict: bool = True, edit_limit: int = 1 << 24, **options: Any
    ) -> None:
        self.told: list[str] = []
        self.edit_limit = edit_limit
        self.loop = VirtualLoop()
        # Nobody has to close a harness.
        self._end = weakref.finalize(self, self.loop.close)
        self._strict = strict
        self._raised: list[BaseException] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._values = Values(options)
        self.manager = Manager(Direct(self._values), self.told.append)
        self.manager.on_failure = self._raised.append
        self._pairs = 0
        self.add(addon)
        if self._values.unknown:
            raise OptionError(f"there is no option {self._values.unknown[0]!r}")

    def add(self, addon: object) -> None:
        """One more addon, behind those that are there."""
        if isinstance(addon, str) or hasattr(addon, "__fspath__"):
            self.manager.load(str(addon))
        else:
            name = getattr(addon, "__name__", type(addon).__name__).lower()
            self.manager.add(addon, name.rpartition(".")[2])
        self.settle()

    def set(self, **options: Any) -> None:
        """Set options, as a person does while the proxy runs."""
        for name, value in options.items():
            self._values.set(name, value)
        self.manager.configure(set(options))
        self.settle()

    def open(
        self,
        url: str = "ws://example.com/",
        *,
        headers: Mapping[str, str] | None = None,
        subprotocols: Iterable[str] = (),
        deflate: bool = False,
    ) -> Pair:
        """
        Open a connection.

        Args:
            url: where to.
            headers: more of them in the upgrade request.
            subprotocols: what the client offers and the server knows, the preferred one first.
            deflate: both can permessage-deflate.
        """
        self._pairs += 1
        pair = Pair(self, self._pairs, url, headers or {}, list(subprotocols), deflate)
        self.settle()
        return pair

    def advance(self, seconds: float) -> None:
        """Let time pass: what is due then happens."""
        self.loop.advance(seconds)
        self._check()

    def reload(self) -> None:
        """Look whether the addon's file has changed."""
        self.manager.check()
        self.settle()

    def settle(self) -> None:
        """Let happen what does not have to wait. All that is done here or with a pair does that itself."""
        self.loop.settle()
        self._check()

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run something on the loop."""
        task = self.loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _check(self) -> None:
        raised = self._raised[:]
        self._raised.clear()
        if raised and self._strict:
            raise raised[0]
