"""
All addons of a proxy: loaded, reloaded, and asked about what happens.

The carrier tells the manager, the manager calls the hooks. A hook cannot hurt the traffic: what it
raises is told once, and what it had decided about that message is taken back.
"""

import inspect
from collections.abc import Callable
from typing import Any

from wsproxy.addon.connection import Connection
from wsproxy.addon.dispatch import dispatch, guarded
from wsproxy.addon.facts import Facts
from wsproxy.addon.library import find
from wsproxy.addon.lifecycle import Lifecycle
from wsproxy.addon.owner import RAISED
from wsproxy.addon.packet import Packet, Polled
from wsproxy.addon.script import Script, load_error, version_of
from wsproxy.errors import AddonError, OptionError, WsproxyError
from wsproxy.wire.closing import Closure
from wsproxy.wire.transit import Transit


class Manager:
    """
    The addons.

    Everything here belongs to one thread, that of the event loop, if there is one.

    Args:
        lifecycle: calls `load`, `configure` and `done`.
        tell: takes what people must hear; may have several lines.

    Attributes:
        scripts: in the order they are asked.
        on_change: called when addons have come, gone or changed, so that `wants_...` may be different.
        on_failure: called with all that a hook raises, besides what is told; a harness wants it.
    """

    def __init__(self, lifecycle: Lifecycle, tell: Callable[[str], None]) -> None:
        self.scripts: tuple[Script, ...] = ()
        self.on_change: Callable[[], None] = lambda: None
        self.on_failure: Callable[[BaseException], None] | None = None
        self._lifecycle = lifecycle
        self._tell = tell
        self._open: dict[int, Facts] = {}
        """By the connection's id."""
        self._askers: tuple[Script, ...] = ()
        """Those that look at traffic."""
        self._failed_versions: dict[Script, tuple[int, int]] = {}
        """Files that could not be reloaded, and are not tried again until they change."""

    # What is wanted.

    @property
    def wants_handshakes(self) -> bool:
        """Some addon has `ws_handshake`."""
        return self._has("ws_handshake")

    @property
    def wants_polls(self) -> bool:
        """Some addon has `ws_poll`."""
        return self._has("ws_poll")

    @property
    def wants_opens(self) -> bool:
        """Some addon has `ws_open`."""
        return self._has("ws_open")

    @property
    def wants_messages(self) -> bool:
        """Some addon has `ws_message` or `ws_frame`: `dispatch_message` must be called."""
        return bool(self._askers)

    @property
    def wants_closes(self) -> bool:
        """Some addon has `ws_close`."""
        return self._has("ws_close")

    @property
    def wants_privacy(self) -> bool:
        """Some addon may use `record_as`: nothing may be written before the addons have seen it."""
        return any(script.redacts for script in self._askers)

    @property
    def wants_packets(self) -> bool:
        """Some addon has `ws_polling`, or would keep packets of long-polling out of the capture."""
        return any(script.redacts or "ws_polling" in script.hooks for script in self.scripts)

    def _has(self, hook: str) -> bool:
        return any(hook in script.hooks for script in self.scripts)

    # Addons come and go.

    def load(self, what: str) -> Script:
        """
        Load an addon, behind those that are there.

        Args:
            what: the path of a script, or the name of a shipped one.

        Raises:
            AddonError: it cannot be loaded; says file and line.
            OptionError: an option is set to what it cannot take.
        """
        path = find(what)
        if any(script.path == path for script in self.scripts):
            raise AddonError(f"the addon {what} is loaded already")
        script = Script.read(path, self._free_name(path.stem), self._lifecycle.options(), self._tell)
        return self._begin(script)

    def add(self, module: object, name: str) -> Script:
        """Load an object that has hooks, or a module that is imported already. Raises as `load` does."""
        return self._begin(Script(self._free_name(name), module, self._lifecycle.options(), self._tell))

    def unload(self, name: str) -> None:
        """Let one go. Raises AddonError if there is none of that name."""
        script = self.script(name)
        self._end(script)
        self.scripts = tuple(other for other in self.scripts if other is not script)
        self._changed()

    def script(self, name: str) -> Script:
        """A loaded one by its name. Raises AddonError if there is none."""
        for script in self.scripts:
            if script.name == name:
                return script
        there = ", ".join(script.name for script in self.scripts) or "none"
        raise AddonError(f"no addon {name!r} is loaded", f"Loaded: {there}")

    def check(self) -> None:
        """Reload what has changed on disk; to be called about once a second. What fails is told."""
        for script in self.scripts:
            if script.path is None:
                continue
            try:
                version = version_of(script.path)
            except OSError:
                # Editors take a file away for a moment; whoever deletes it may want what is running.
                continue
            if version not in (script.version, self._failed_versions.get(script)):
                self._reload(script, version)

    def configure(self, changed: set[str]) -> None:
        """
        Options were set.

        Raises:
            OptionError: an addon does not take a value; those before it were told already.
        """
        for script in self.scripts:
            try:
                self._lifecycle.configure(script, changed)
            except OptionError:
                raise
            except WsproxyError as error:
                raise OptionError(error.message, error.hint) from None
            except RAISED as error:
                script.failed(error, "configure")

    def done(self) -> None:
        """Let all go, the last first."""
        for script in reversed(self.scripts):
            self._end(script)
        self.scripts = ()
        self._changed()

    def _free_name(self, name: str) -> str:
        taken = {script.name for script in self.scripts}
        number = 2
        free = name
        while free in taken:
            free = f"{name}-{number}"
            number += 1
        return free

    def _begin(self, script: Script) -> Script:
        try:
            self._start(script)
        except BaseException:
            script.forget()
            raise
        self.scripts = (*self.scripts, script)
        self._changed()
        self._greet(script)
        return script

    def _start(self, script: Script) -> None:
        script.on_failure = self._failure
        script.is_current = True
        try:
            self._lifecycle.load(script)
        except WsproxyError:
            raise
        except RAISED as error:
            raise load_error(script.name, script.file, error) from error
        for hint in script.hints:
            self._tell(hint)

    def _end(self, script: Script) -> None:
        self._stop(script)
        script.forget()

    def _stop(self, script: Script) -> None:
        script.is_current = False
        try:
            self._lifecycle.unload(script)
        except RAISED as error:
            script.failed(error, "done")

    def _reload(self, old: Script, version: tuple[int, int]) -> None:
        assert old.path is not None
        try:
            new = Script.read(old.path, old.name, self._lifecycle.options(), self._tell)
        except AddonError as error:
            self._keep(old, version, error)
            return
        self._stop(old)
        try:
            self._start(new)
        except WsproxyError as error:
            new.forget()
            self._keep(old, version, error)
            # It has begun once, so it will again.
            self._start(old)
            new = old
        else:
            old.forget()
            self._tell(f"{new.by} was reloaded")
        self.scripts = tuple(new if script is old else script for script in self.scripts)
        self._changed()
        self._greet(new)

    def _keep(self, script: Script, version: tuple[int, int], error: WsproxyError) -> None:
        self._failed_versions[script] = version
        first, _, rest = str(error).partition("\n")
        self._tell("\n".join(filter(None, [f"{first}; the version before it stays", rest])))

    def _changed(self) -> None:
        self._askers = tuple(s for s in self.scripts if "ws_message" in s.hooks or "ws_frame" in s.hooks)
        self._failed_versions = {s: v for s, v in self._failed_versions.items() if s in self.scripts}
        self.on_change()

    def _greet(self, script: Script) -> None:
        for facts in list(self._open.values()):
            self._call_open(script, facts)

    def _failure(self, error: BaseException) -> None:
        if self.on_failure is not None:
            self.on_failure(error)

    # What happens.

    async def handshake(self, facts: Facts, hook: str = "ws_handshake") -> None:
        """
        An upgrade request is about to go out, or one of long-polling (`ws_poll`); what it says then is in
        `facts.asked`.
        """
        for script in self.scripts:
            for call in script.hooks.get(hook, ()):
                headers = facts.asked.headers
                before = headers.fields
                try:
                    result = call(Connection(facts, script))
                    if inspect.isawaitable(result):
                        await result
                except RAISED as error:
                    headers.restore(before)
                    script.failed(error, hook)
        facts.went_out()

    def opened(self, facts: Facts) -> None:
        """The upgrade was accepted (`Facts.accepted`)."""
        self._open[facts.id] = facts
        for script in self.scripts:
            self._call_open(script, facts)

    def closed(self, facts: Facts, closure: Closure) -> None:
        """It is over."""
        self._open.pop(facts.id, None)
        facts.ended(closure)
        for script in self.scripts:
            for call in script.hooks.get("ws_close", ()):
                self._call(script, "ws_close", call, facts)

    def dispatch_message(
        self, facts: Facts, transit: Transit, then: Callable[[], None] = lambda: None
    ) -> None:
        """
        A message or control frame has arrived, and may be decided about.

        Args:
            facts: of its connection.
            transit: the message.
            then: called once when all hooks have been, even if that is later; must not raise.
        """
        dispatch(self._askers, facts, transit, then)

    def polled(self, packet: Polled) -> bool:
        """
        A packet of long-polling is about to be recorded.

        Returns:
            False if the capture may keep nothing of it.
        """
        allowed = True
        for script in self.scripts:
            calls = script.hooks.get("ws_polling", ())
            allowed = allowed and (bool(calls) or not script.redacts)
            for call in calls:
                try:
                    call(Packet(packet, script))
                except RAISED as error:
                    script.failed(error, "ws_polling")
                    allowed = allowed and not script.redacts
        return allowed

    def _call_open(self, script: Script, facts: Facts) -> None:
        for call in script.hooks.get("ws_open", ()):
            self._call(script, "ws_open", call, facts)

    def _call(self, script: Script, hook: str, call: Callable[..., Any], facts: Facts) -> None:
        try:
            result = call(Connection(facts, script))
        except RAISED as error:
            script.failed(error, hook)
            return
        if inspect.isawaitable(result):
            assert facts.link is not None
            facts.link.spawn(guarded(script, hook, result))
