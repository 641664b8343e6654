"""
Scripts in mitmproxy's chain of addons, and their options among mitmproxy's.
"""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from mitmproxy import exceptions, hooks, master
from mitmproxy.addonmanager import Loader

from wsproxy.addon.lifecycle import Direct
from wsproxy.addon.options import Options
from wsproxy.addon.script import Script

_OURS = frozenset({"load", "configure", "done", "addons"})
"""Called by our own manager, with our options, where errors are understood."""


class Chain(Direct):
    """
    The life of scripts, as `wsproxy.addon.lifecycle.Lifecycle` has it.

    Args:
        mitm: mitmproxy's master.

    Attributes:
        is_running: mitmproxy has told its addons that it is; scripts loaded later are told at once.
    """

    def __init__(self, mitm: master.Master) -> None:
        super().__init__(_Store(mitm))
        self._mitm = mitm
        self._loader = Loader(mitm)
        self._scripts: dict[Script, list[_Part]] = {}
        self.is_running = False

    def options(self) -> Options:
        return Options(self._store, self._loader.add_command)

    def load(self, script: Script) -> None:
        super().load(script)
        addons = self._mitm.addons
        parts = [_Part(part, f"{script.name}#{number}") for number, part in enumerate(script.parts)]
        for part in parts:
            addons.lookup[part.name] = part
            self._mitm.commands.collect_commands(part.real)
            addons.chain.append(part)
            if self.is_running:
                addons.invoke_addon_sync(part, hooks.RunningHook())
        self._scripts[script] = parts
        self._mitm.options.process_deferred()

    def unload(self, script: Script) -> None:
        addons = self._mitm.addons
        parts = self._scripts.pop(script, [])
        addons.chain = [other for other in addons.chain if other not in parts]
        for part in parts:
            addons.lookup.pop(part.name, None)
        super().unload(script)

    def calls(self, hook: str) -> list[tuple[Script, Callable[..., Any]]]:
        """What the scripts have of a hook of mitmproxy's."""
        found = [(script, getattr(part, hook, None)) for script in self._scripts for part in script.parts]
        return [(script, call) for script, call in found if callable(call)]


class _Part:
    """One object of a script, for mitmproxy's hooks and no others."""

    def __init__(self, real: object, name: str) -> None:
        self.real = real
        self.name = name

    def __getattr__(self, name: str) -> Any:
        if name in _OURS:
            raise AttributeError(name)
        return getattr(self.real, name)


class _Store:
    """mitmproxy's options, as `wsproxy.addon.options.Store` has them."""

    def __init__(self, mitm: master.Master) -> None:
        self._options = mitm.options
        self._loader = Loader(mitm)

    def add(
        self, name: str, typespec: Any, default: Any, help: str, choices: Sequence[str] | None = None
    ) -> None:
        value = getattr(self._options, name) if name in self._options else None
        self._loader.add_option(name, typespec, default, help, choices)
        if value is not None:
            # It was declared before, by the version of the script before this one.
            with contextlib.suppress(exceptions.OptionsError):
                self._options.update(**{name: value})

    def get(self, name: str) -> Any:
        if name not in self._options:
            raise KeyError(name)
        return getattr(self._options, name)
