"""All operators, in the order in which they are listed."""

from wsproxy.filters.connections import Domain, Header, Number, Subprotocol, Url
from wsproxy.filters.content import Body, Json
from wsproxy.filters.decisions import Dropped, Edited, Held, Injected
from wsproxy.filters.decoded import ByDecoder, Event, Heartbeat, Id, NoReply
from wsproxy.filters.frames import (
    All,
    Binary,
    Close,
    Code,
    Compressed,
    Control,
    Fragmented,
    FromClient,
    FromServer,
    OfOpcode,
    Ping,
    Pong,
    Size,
    Text,
    WithAnomaly,
)
from wsproxy.filters.nodes import Operator
from wsproxy.filters.times import Time

OPERATORS: tuple[type[Operator], ...] = (
    Domain,
    Url,
    Header,
    Subprotocol,
    Number,
    FromClient,
    FromServer,
    Text,
    Binary,
    Ping,
    Pong,
    Close,
    Control,
    OfOpcode,
    Code,
    Size,
    Time,
    Fragmented,
    Compressed,
    WithAnomaly,
    All,
    Body,
    Json,
    Edited,
    Dropped,
    Injected,
    Held,
    ByDecoder,
    Event,
    Id,
    NoReply,
    Heartbeat,
)
