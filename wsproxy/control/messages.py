"""
What the control API says, as it stands in its JSON; `wsproxy/docs/control.md` documents the same keys.

Times are RFC 3339 in UTC, lengths in bytes, durations in seconds. Directions are `send` (client to
server) and `receive`.
"""

from typing import Literal, NotRequired, TypedDict

Direction = Literal["send", "receive"]
To = Literal["server", "client"]
OptionValue = str | int | bool | list[str] | None


class ErrorInfo(TypedDict):
    """Why something was not done; with an HTTP status from 400 on."""

    error: str
    """In one sentence."""
    hint: str
    """What to do next; may be empty."""


class ConnectionCounts(TypedDict):
    """How many WebSockets."""

    open: int
    """Open ones."""
    fast: int
    """Open ones on the fast path."""
    recorded: int
    """All that the capture has, closed, refused and failed ones included."""


class QueueInfo(TypedDict):
    """What waits to be written to the capture."""

    bytes: int
    """How much."""
    limit: int
    """How much may wait."""
    full: bool
    """Senders are being slowed down."""


class StatusInfo(TypedDict):
    """The proxy."""

    version: str
    """Of wsproxy."""
    pid: int
    """Its process."""
    control: str
    """Where the control API listens, `host:port`."""
    listen: list[str]
    """Where the proxy listens, `host:port`."""
    modes: list[str]
    """As given to `-m`."""
    capture: str
    """The file it writes."""
    started: str
    """When it began to listen."""
    uptime: float
    """Since then."""
    connections: ConnectionCounts
    """How many WebSockets."""
    held: int
    """Messages that are held."""
    rules: int
    """Rules that are switched on."""
    addons: int
    """Addons that are loaded."""
    queue: QueueInfo
    """What waits for the disk."""
    options: dict[str, OptionValue]
    """Of wsproxy's own options and those of addons, those that are not at their default."""


class WayInfo(TypedDict):
    """One direction of a connection."""

    editing: bool
    """Messages are put together and offered to addons and rules; otherwise bytes pass."""
    closed: bool
    """A Close frame has gone that way, or TCP has ended."""
    held: int
    """Messages that are held."""
    waiting_messages: int
    """Messages that were not sent on yet, held ones included."""
    waiting_bytes: int
    """Of them and everything else that was not."""


class ConnectionInfo(TypedDict):
    """An open WebSocket."""

    id: int
    """Its number in the capture."""
    url: str
    """As the client meant it."""
    client: str
    """Its address."""
    server: str
    """Its address."""
    mode: str
    """Of the proxy, by which it came."""
    subprotocol: str | None
    """As the server chose it."""
    extensions: str
    """As the server accepted them."""
    opened: str
    """When."""
    age: float
    """Since then."""
    path: Literal["fast", "layer"]
    """Who carries its bytes."""
    send: WayInfo
    """From the client."""
    receive: WayInfo
    """From the server."""


class ConnectionPage(TypedDict):
    """Some of the open WebSockets, by their number."""

    connections: list[ConnectionInfo]
    """In the order of opening."""
    more: bool
    """There are others behind the last one."""


class SendInfo(TypedDict):
    """Something was sent."""

    connection: int
    """Its number."""
    to: To
    """Who got it."""
    type: str
    """`text`, `binary`, `ping`, `pong` or `raw`."""
    length: int
    """Of the content."""


class CloseInfo(TypedDict):
    """A Close frame was sent."""

    connection: int
    """Its number."""
    to: str
    """`server`, `client` or `both`."""
    code: int | None
    """The status code."""
    reason: str
    """As sent."""


class CutInfo(TypedDict):
    """A connection was cut."""

    connection: int
    """Its number."""


class HeldInfo(TypedDict):
    """A message that waits for a person."""

    id: int
    """By which it is released, edited or dropped."""
    connection: int
    """Its number."""
    url: str
    """Of the connection."""
    direction: Direction
    """Which way it goes."""
    type: str
    """`text`, `binary` or `close`."""
    length: int
    """Of the content as it would be sent now."""
    changed: bool
    """It is not what arrived."""
    arrived: str
    """When its last byte came."""
    since: str
    """When it was held."""
    age: float
    """For how long."""
    rule: int
    """By which rule."""
    filter: str
    """Of that rule."""
    preview: str
    """The beginning of the content on one line, harmless to print."""
    waiting_messages: int
    """Messages that wait behind it."""
    waiting_bytes: int
    """Of them and everything else behind it."""


class HeldContent(HeldInfo):
    """The same with its content."""

    text: NotRequired[str]
    """The content, where it is text and UTF-8."""
    base64: NotRequired[str]
    """The content otherwise."""
    truncated: bool
    """Only its first 64 KiB are here; `GET /held/ID/content` has all of it."""


class HeldPage(TypedDict):
    """Some of the held messages, by their id."""

    held: list[HeldInfo]
    """In the order they came."""
    more: bool
    """There are others behind the last one."""


class LetGoInfo(TypedDict):
    """A message that is not held any more."""

    id: int
    """Of the message."""
    connection: int
    """Its number."""
    gone: bool
    """It was sent or dropped; otherwise it waits for those before it."""


class LetGoPage(TypedDict):
    """What became of the held messages that were named."""

    done: list[LetGoInfo]
    """Those that were held, in the order given."""
    missing: list[int]
    """Ids of messages that are not held."""


class EditInfo(TypedDict):
    """A held message was changed."""

    id: int
    """Of the message."""
    connection: int
    """Its number."""
    length: int
    """Of the new content."""
    held: bool
    """It still is."""
    gone: bool
    """It was sent; otherwise it waits for those before it, or for a person."""


class RuleInfo(TypedDict):
    """A rule."""

    id: int
    """By which it is switched and removed."""
    action: str
    """`hold`, `drop`, `rewrite`, `delay` or `close`."""
    filter: str
    """Empty for every message."""
    argument: str
    """Of `rewrite`, `delay` and `close`."""
    enabled: bool
    """Switched on."""
    hits: int
    """Messages it was applied to."""
    held: int
    """Messages it holds now."""


class RulePage(TypedDict):
    """All rules, in the order in which they are asked."""

    rules: list[RuleInfo]
    """Every one."""


class OptionInfo(TypedDict):
    """An option, as for `--set`."""

    name: str
    """As after `--set`."""
    value: OptionValue
    """A list of strings for a sequence."""
    default: OptionValue
    """Its value unless it is set."""
    type: str
    """`bool`, `int`, `str`, `optional str`, `optional int` or `sequence of str`."""
    choices: list[str]
    """Empty where it is free."""
    help: str
    """What it does."""
    own: bool
    """It is one of wsproxy's or of an addon's; otherwise of mitmproxy's."""
    live: bool
    """It can be changed while the proxy runs."""


class OptionPage(TypedDict):
    """All options, by their name."""

    options: list[OptionInfo]
    """Every one."""


class AddonInfo(TypedDict):
    """A loaded addon."""

    name: str
    """Of the addon."""
    path: str | None
    """Its file."""
    hooks: list[str]
    """What it wants to hear of."""
    errors: int
    """How often it raised."""


class AddonPage(TypedDict):
    """All loaded addons, in the order in which they are asked."""

    addons: list[AddonInfo]
    """Every one."""


class Event(TypedDict):
    """One line of `GET /events`."""

    event: str
    """
    `subscribed`, `open`, `close`, `held`, `edited`, `released`, `dropped`, `rule`, `option`, `told` or
    `missed`.
    """
    time: str
    """When."""
    connection: NotRequired[int]
    """Its number, where it is about one."""
    url: NotRequired[str]
    """`open`."""
    client: NotRequired[str]
    """`open`: its address."""
    by: NotRequired[str | None]
    """`close`: `client`, `server` or `proxy`."""
    code: NotRequired[int]
    """`close`."""
    reason: NotRequired[str]
    """`close`."""
    clean: NotRequired[bool]
    """`close`: both sides sent a Close frame."""
    how: NotRequired[str]
    """`close`: how TCP ended, `eof`, `reset`, `error` or `stopped`."""
    held: NotRequired[int]
    """`held`, `edited`, `released`, `dropped`: the id of the message."""
    direction: NotRequired[Direction]
    """The same: which way it goes."""
    note: NotRequired[str]
    """The same: what limit let it go, or why it was lost; else empty."""
    rule: NotRequired[int]
    """`rule`: its id."""
    change: NotRequired[str]
    """`rule`: `added`, `removed`, `on` or `off`."""
    option: NotRequired[str]
    """`option`: the name of one that was changed."""
    message: NotRequired[str]
    """`told`: a sentence for people, as the proxy says it on its stderr."""
    count: NotRequired[int]
    """`missed`: so many events were not sent, because they were not read in time."""
