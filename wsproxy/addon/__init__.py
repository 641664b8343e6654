"""
For those who write addons: `from wsproxy import addon`.

An addon is a Python file with some of the functions of `wsproxy.addon.hooks`. `wsproxy help addons`
is the guide; `wsproxy.addon.testing` tries an addon without a network. Whoever carries connections
(the engine, that harness) has a `Manager`, and tells it of each `Facts`.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsproxy.addon.checks import Side, Type
    from wsproxy.addon.connection import Connection
    from wsproxy.addon.facts import Facts, Link
    from wsproxy.addon.frame import Frame
    from wsproxy.addon.heads import Headers, Request, Response
    from wsproxy.addon.hooks import Hooks
    from wsproxy.addon.lifecycle import Lifecycle
    from wsproxy.addon.manager import Manager
    from wsproxy.addon.message import Message
    from wsproxy.addon.options import Options, Store
    from wsproxy.addon.owner import Timer, TooLate
    from wsproxy.addon.packet import Packet
    from wsproxy.addon.parsing import parse_filter, parse_regex, split_rule
    from wsproxy.errors import AddonError, OptionError

__all__ = [
    "AddonError",
    "Connection",
    "Facts",
    "Frame",
    "Headers",
    "Hooks",
    "Lifecycle",
    "Link",
    "Manager",
    "Message",
    "OptionError",
    "Options",
    "Packet",
    "Request",
    "Response",
    "Side",
    "Store",
    "Timer",
    "TooLate",
    "Type",
    "parse_filter",
    "parse_regex",
    "split_rule",
]

_HOMES = {
    "AddonError": "wsproxy.errors",
    "Connection": "wsproxy.addon.connection",
    "Facts": "wsproxy.addon.facts",
    "Frame": "wsproxy.addon.frame",
    "Headers": "wsproxy.addon.heads",
    "Hooks": "wsproxy.addon.hooks",
    "Lifecycle": "wsproxy.addon.lifecycle",
    "Link": "wsproxy.addon.facts",
    "Manager": "wsproxy.addon.manager",
    "Message": "wsproxy.addon.message",
    "OptionError": "wsproxy.errors",
    "Options": "wsproxy.addon.options",
    "Packet": "wsproxy.addon.packet",
    "Request": "wsproxy.addon.heads",
    "Response": "wsproxy.addon.heads",
    "Side": "wsproxy.addon.checks",
    "Store": "wsproxy.addon.options",
    "Timer": "wsproxy.addon.owner",
    "TooLate": "wsproxy.addon.owner",
    "Type": "wsproxy.addon.checks",
    "parse_filter": "wsproxy.addon.parsing",
    "parse_regex": "wsproxy.addon.parsing",
    "split_rule": "wsproxy.addon.parsing",
}


def __getattr__(name: str) -> Any:
    """Each name is imported when it is first used: the command line looks at hooks alone."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
