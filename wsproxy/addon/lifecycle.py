"""
Who calls `load`, `configure` and `done`: one place, and the carrier may take it over.

`Direct` calls them itself, with options in any `Store`. The engine has mitmproxy's addon manager
beside it, and scripts that have mitmproxy's hooks, too. It gives the `Manager` a lifecycle of its own:

- `options()` makes `Options` over a `Store` that adds to mitmproxy's options, with the
  `add_command` of mitmproxy's. A script written for mitmproxy calls `loader.add_option(...)` on it and
  is none the wiser.
- `load(script)` is `Direct.load`, and then puts `script.module` into mitmproxy's chain for mitmproxy's
  own hooks: `lookup[name] = part` and `commands.collect_commands(part)` for each of `script.parts`,
  `chain.append(script.module)`, `options.process_deferred()`; that is `AddonManager.register` without
  its call of `load`.
- From then on mitmproxy's `ConfigureHook` reaches `configure` of all that is in its chain, so either it
  drives that hook and the engine never calls `Manager.configure`, or the chain holds objects that hide
  `load`, `configure` and `done`, and these stay here, where `OptionError` is understood.
- `unload(script)` takes it out of the chain and is `Direct.unload` then.
"""

from typing import Protocol

from wsproxy.addon.options import Options, Store
from wsproxy.addon.script import Script


class Lifecycle(Protocol):
    """The life of scripts, around their hooks for traffic. What a hook raises is passed on."""

    def options(self) -> Options:
        """Options for a new script."""

    def load(self, script: Script) -> None:
        """It begins: `load`, and `configure` with all of its options."""

    def configure(self, script: Script, changed: set[str]) -> None:
        """Options were set."""

    def unload(self, script: Script) -> None:
        """It ends: `done`."""


class Direct:
    """Calls the hooks itself."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def options(self) -> Options:
        return Options(self._store)

    def load(self, script: Script) -> None:
        for hook in script.hooks.get("load", ()):
            hook(script.options)
        self.configure(script, set(script.options.declared))

    def configure(self, script: Script, changed: set[str]) -> None:
        script.options.check(changed)
        for hook in script.hooks.get("configure", ()):
            hook(changed)

    def unload(self, script: Script) -> None:
        for hook in script.hooks.get("done", ()):
            hook()
