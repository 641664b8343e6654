"""
What the commands under `wsproxy ctl` have in common: which proxy, ids and their completion, answers.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from wsproxy.cli.output import color_option, json_option
from wsproxy.errors import UsageError, WsproxyError

if TYPE_CHECKING:
    from wsproxy.cli.paint import Paint
    from wsproxy.control.client import Client

F = TypeVar("F", bound=Callable[..., Any])

if TYPE_CHECKING:
    # Generic for the type checker only, in the click that is installed.
    _IdType = click.ParamType[int | str]
else:
    _IdType = click.ParamType

ALL = "all"
_QUICKLY = 1.0
"""Seconds that completion waits for the proxy."""


def proxy_option(command: F) -> F:
    """`--port`: which proxy."""
    return click.option(
        "-p",
        "--port",
        type=click.IntRange(1, 65535),
        metavar="PORT",
        help="The proxy on this port, where several run.",
    )(command)


def call_options(command: F) -> F:
    """Options of all of them."""
    return proxy_option(json_option("Print JSON, one object a line.")(color_option(command)))


def client(port: int | None) -> "Client":
    """The proxy. Raises ControlError."""
    from wsproxy.control.client import Client, find

    return Client(find(port))


class Answer:
    """
    Prints what the proxy said.

    Args:
        as_json: as JSON; otherwise for people.
        color: `auto`, `always` or `never`.
    """

    def __init__(self, as_json: bool, color: str) -> None:
        from wsproxy.cli import output

        self.as_json = as_json
        self.colored = output.use_color(color)
        self.width = output.line_width()

    @property
    def paint(self) -> "Paint":
        """Styles, if it is coloured."""
        from wsproxy.cli.paint import Paint

        return Paint(self.colored)

    def objects(self, found: Iterable[Mapping[str, Any]]) -> None:
        """As JSON, one a line."""
        from wsproxy.cli import output
        from wsproxy.store.jsontext import dumps

        for value in found:
            output.emit(dumps(dict(value)) + "\n")

    def text(self, text: str) -> None:
        """For people."""
        from wsproxy.cli import output

        output.emit(text, self.colored)

    def done(self, value: Mapping[str, Any], said: str) -> None:
        """Something was done: its object as JSON, or a sentence on stderr."""
        from wsproxy.cli import output

        if self.as_json:
            self.objects([value])
        else:
            output.say(said)


class Id(_IdType):
    """
    The id of something that the proxy has.

    Args:
        name: of what; for help and messages.
        known: gets the ids there are, and what to say of each.
        takes_all: `all` is an id, too.
    """

    def __init__(
        self, name: str, known: Callable[["Client"], Iterable[tuple[int, str]]], takes_all: bool = False
    ) -> None:
        self.name = name
        self._known = known
        self._takes_all = takes_all

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """Raises UsageError for what is no id."""
        text = str(value)
        if text == ALL and self._takes_all:
            return ALL
        if not (text.isascii() and text.isdigit() and len(text) < 19):
            raise UsageError(
                f"{text!r} is no id of a {self.name}", f"It is a number{', or all' * self._takes_all}"
            )
        return int(text)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Those there are now; none, if the proxy cannot be asked."""
        from wsproxy.control.client import Client, find
        from wsproxy.decoders.text import printable

        try:
            known = list(self._known(Client(find(ctx.params.get("port")), _QUICKLY)))
        except (WsproxyError, OSError):
            return []
        items = [(str(number), printable(said, 60)) for number, said in known]
        if self._takes_all and items:
            items.append((ALL, f"all {len(items)}"))
        return [CompletionItem(text, help=said) for text, said in items if text.startswith(incomplete)]


CONNECTION = Id("connection", lambda proxy: ((c["id"], c["url"]) for c in proxy.connections()))
HELD = Id("held message", lambda proxy: ((m["id"], m["preview"]) for m in proxy.held()))
HELD_OR_ALL = Id(
    "held message", lambda proxy: ((m["id"], m["preview"]) for m in proxy.held()), takes_all=True
)
RULE_OR_ALL = Id(
    "rule",
    lambda proxy: ((r["id"], f"{r['action']} {r['filter']} {r['argument']}") for r in proxy.rules()),
    takes_all=True,
)


def tag(connection: int) -> tuple[str, str]:
    """A connection's number, and its style."""
    return f"#{connection}", f"number{connection % 5}"


def from_file(path: str) -> bytes:
    """What is in a file, or comes in on stdin for `-`. Raises WsproxyError."""
    import sys
    from pathlib import Path

    try:
        return sys.stdin.buffer.read() if path == "-" else Path(path).expanduser().read_bytes()
    except OSError as error:
        raise WsproxyError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from None


def one_of(**given: object) -> str:
    """
    The name of the only option that was given.

    Args:
        given: values by the names of parameters; None for those not given.

    Raises:
        UsageError: it was none, or several.
    """
    names = [name for name, value in given.items() if value is not None]
    if len(names) == 1:
        return names[0]
    options = ", ".join(f"--{name.replace('_', '-')}" for name in (names or given))
    raise UsageError(
        f"only one of {options} can be sent at a time"
        if names
        else f"there is nothing to send: give one of {options}"
    )


def from_argument(text: str) -> bytes:
    """The bytes that were typed: what is not UTF-8 in the shell is not UTF-8 here."""
    return text.encode("utf-8", "surrogateescape")
