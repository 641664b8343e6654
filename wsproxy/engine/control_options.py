"""Options in the control API: shown, and changed where that takes effect while the proxy runs."""

import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from mitmproxy import ctx, exceptions
from mitmproxy.optmanager import _Option

from wsproxy.control.messages import OptionInfo, OptionValue
from wsproxy.engine import settings
from wsproxy.engine.control_request import ControlRequest
from wsproxy.errors import MissingError, UsageError

if TYPE_CHECKING:
    from wsproxy.engine.master import Engine

FIXED = settings.RECORDING | {"confdir", "control", "listen_host", "listen_port", "mode", "server"}
"""What is settled when the proxy starts."""

_REGEXES = ("allow_hosts", "ignore_hosts", "tcp_hosts", "udp_hosts")
"""mitmproxy finds out too late that one is none."""


def own_names(engine: "Engine") -> list[str]:
    """Options that are not mitmproxy's: ours, and those of addons."""
    return [*settings.OWN, *engine.desk.participants.option_names]


def option_info(option: _Option, own: Collection[str]) -> OptionInfo:
    """What is said about an option."""
    return {
        "name": option.name,
        "value": option.current(),
        "default": option.default,
        "type": _type_name(option.typespec),
        "choices": list(option.choices or ()),
        "help": " ".join(option.help.split()),
        "own": option.name in own,
        "live": option.name not in FIXED,
    }


def changed(engine: "Engine") -> dict[str, OptionValue]:
    """Options that are not mitmproxy's and not at their default, by name."""
    options = dict(ctx.options.items())
    return {name: options[name].current() for name in own_names(engine) if options[name].has_changed()}


class Options(ControlRequest):
    """`/options`"""

    def get(self) -> None:
        """All of them."""
        own = set(own_names(self.engine))
        self.answer({"options": [option_info(option, own) for _, option in sorted(ctx.options.items())]})


class OneOption(ControlRequest):
    """`/options/NAME`"""

    def get(self, name: str) -> None:
        """One of them."""
        self.answer(option_info(self._found(name), own_names(self.engine)))

    def patch(self, name: str) -> None:
        """Another value, written as after `--set NAME=`."""
        option = self._found(name)
        told = self.told(value=(str, list))
        values = told.get("value")
        if isinstance(values, str):
            values = [values]
        if not isinstance(values, list) or any(type(value) is not str for value in values):
            raise UsageError("'value' is a string as after --set, or a list of strings for a sequence")
        if name in FIXED:
            raise UsageError(f"{name} is settled when the proxy starts", f"Start it with --set {name}=...")
        if name in _REGEXES:
            for value in values:
                _check_regex(value)
        try:
            if values:
                ctx.options.set(*(f"{name}={value}" for value in values))
            else:
                ctx.options.update(**{name: []})
        except (exceptions.OptionsError, TypeError) as error:
            raise UsageError(str(error).strip().rstrip(".")) from None
        self.feed.publish("option", {"option": name})
        self.answer(option_info(option, own_names(self.engine)))

    @staticmethod
    def _found(name: str) -> _Option:
        option: _Option | None = dict(ctx.options.items()).get(name)
        if option:
            return option
        raise MissingError(f"there is no option {name!r}", "`wsproxy ctl options --all` lists them")


def _check_regex(value: str) -> None:
    try:
        re.compile(value)
    except re.error as error:
        raise UsageError(f"{value!r} is not a regular expression: {error}") from None


def _type_name(kind: Any) -> str:
    names = {bool: "bool", int: "int", str: "str", str | None: "optional str", int | None: "optional int"}
    return names.get(kind, "sequence of str")
