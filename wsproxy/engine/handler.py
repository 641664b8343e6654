"""
mitmproxy's connection handler, for less: hooks are answered where they are asked.

A connection asks some twenty hooks on its way to an open WebSocket. For each of them mitmproxy
makes a task, which walks through all addons twice, and feeds the answer back through a lock. Most
hooks have no listener, most listeners are plain functions. So those are called at once, and the
layers go on within the same turn of the loop. Where a listener must be waited for, or a flow is
intercepted, it is a task as before.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Generator, Iterator
from typing import Any

from mitmproxy import addonmanager, exceptions, hooks
from mitmproxy.flow import Flow
from mitmproxy.proxy import commands, events, layer, mode_servers
from mitmproxy.proxy import server as proxy_server

REACHED_INTO: tuple[tuple[type, str, tuple[str, ...]], ...] = (
    (mode_servers.ServerInstance, "handle_stream", ("handler = ProxyConnectionHandler(",)),
    (
        proxy_server.ConnectionHandler,
        "server_event",
        (
            "self.timeout_watchdog.register_activity()",
            "layer_commands = self.layer.handle_event(event)",
            "self.hook_task(command),",
        ),
    ),
    (
        proxy_server.ConnectionHandler,
        "hook_task",
        (
            "await self.handle_hook(hook)",
            "if hook.blocking:",
            "await self.server_event(events.HookCompleted(hook))",
        ),
    ),
    (proxy_server.ConnectionHandler, "log", ("logger.log(",)),
    (
        mode_servers.ProxyConnectionHandler,
        "handle_hook",
        (
            "with self.timeout_watchdog.disarm():",
            "(data,) = hook.args()",
            "await self.master.addons.handle_lifecycle(hook)",
            "await data.wait_for_resume()",
        ),
    ),
    (
        addonmanager.AddonManager,
        "handle_lifecycle",
        (
            "message = event.args()[0]",
            "await self.trigger_event(event)",
            "await self.trigger_event(hooks.UpdateHook([message]))",
        ),
    ),
    (
        addonmanager.AddonManager,
        "trigger_event",
        (
            "for i in self.chain:",
            "with safecall():",
            "await self.invoke_addon(i, event)",
            "except exceptions.AddonHalt:",
        ),
    ),
    (
        addonmanager.AddonManager,
        "invoke_addon",
        (
            "for addon, func in self._iter_hooks(addon, event):",
            "res = func(*event.args())",
            "await res",
        ),
    ),
    (
        addonmanager.AddonManager,
        "_iter_hooks",
        ("for a in traverse([addon]):", "func = getattr(a, event.name, None)"),
    ),
)
"""What is replaced, or relied on in doing so: where it is, and its lines. The seam looks for them."""


class Handler(mode_servers.ProxyConnectionHandler):
    """Moves one client's bytes, as mitmproxy's does."""

    _begun: dict[commands.StartHook, tuple[Awaitable[Any], Answers]]
    """Hooks with a listener that must be waited for: what to wait for first, and those after it."""

    async def handle_client(self) -> None:
        self._begun = {}
        # Only now: mitmproxy has looked at the layer and exchanged it before.
        self.layer = _Answering(self.layer, self)  # type: ignore[assignment]
        await super().handle_client()

    async def handle_hook(self, hook: commands.StartHook) -> None:
        if hook not in self._begun and self.answer(hook):
            return
        waiting: Awaitable[Any] | None
        waiting, answers = self._begun.pop(hook)
        with self.timeout_watchdog.disarm():
            while waiting is not None:
                try:
                    await waiting
                except Exception as e:
                    waiting = _thrown(answers, e)
                else:
                    waiting = next(answers, None)

    def answer(self, hook: commands.StartHook) -> bool:
        """
        Ask the addons; returns whether all have answered.

        If not, `handle_hook` waits for those who have not.
        """
        answers = _answers(self.master.addons, hook)
        waiting = next(answers, None)
        if waiting is None:
            return True
        self._begun[hook] = waiting, answers
        return False

    def log(self, message: str, level: int = logging.INFO, exc_info: Any = None) -> None:
        if proxy_server.logger.isEnabledFor(level):
            super().log(message, level, exc_info)


class _Answering:
    """In place of the top layer: it, without the hooks that could be answered at once."""

    def __init__(self, top: layer.Layer, handler: Handler) -> None:
        self.context = top.context
        self._top = top
        self._handler = handler

    def handle_event(self, event: events.Event) -> Iterator[commands.Command]:
        waiting: deque[events.Event] | None = None
        while True:
            for command in self._top.handle_event(event):
                if not isinstance(command, commands.StartHook) or not self._handler.answer(command):
                    yield command
                elif command.blocking:
                    # Not now: the layers are in the middle of an event.
                    if waiting is None:
                        waiting = deque()
                    waiting.append(events.HookCompleted(command))
            if not waiting:
                return
            event = waiting.popleft()


Answers = Generator[Awaitable[Any], None, None]


def _answers(manager: addonmanager.AddonManager, hook: commands.StartHook) -> Answers:
    """
    What `AddonManager.handle_lifecycle` does; yields what has to be awaited before it goes on.

    An exception of what was awaited is to be thrown into it.
    """
    # They have one argument: mitmproxy supports no more.
    data = getattr(hook, hook.__match_args__[0])  # type: ignore[attr-defined]
    yield from _triggered(manager, hook)
    if isinstance(data, Flow):
        yield from _triggered(manager, hooks.UpdateHook([data]))
        if data.intercepted:
            yield data.wait_for_resume()


def _triggered(manager: addonmanager.AddonManager, event: hooks.Hook) -> Answers:
    name = event.name
    for addon in manager.chain:
        if getattr(addon, name, None) is None and not hasattr(addon, "addons"):
            continue
        try:
            with addonmanager.safecall():
                for _, listener in manager._iter_hooks(addon, event):
                    answer = listener(*event.args())
                    if answer is not None and hasattr(answer, "__await__"):
                        yield answer
        except exceptions.AddonHalt:
            return


def _thrown(answers: Answers, error: Exception) -> Awaitable[Any] | None:
    try:
        return answers.throw(error)
    except StopIteration:
        return None
