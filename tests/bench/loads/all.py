"""
All loads by name, in the order in which they are run.
"""

from tests.bench.loads.base import Load
from tests.bench.loads.connections import ConnectionsLoad
from tests.bench.loads.idle import IdleLoad
from tests.bench.loads.million import MillionLoad
from tests.bench.loads.pingpong import PingPong64Load, PingPongLoad
from tests.bench.loads.rest import RestLoad
from tests.bench.loads.stream import (
    BinaryDeflateLoad,
    BinaryLoad,
    PushDeflateLoad,
    PushLoad,
    RewriteDeflateLoad,
    RewriteLoad,
    StreamLoad,
)

LOADS: dict[str, Load] = {
    load.name: load
    for load in (
        PingPongLoad(),
        PingPong64Load(),
        StreamLoad(),
        PushLoad(),
        PushDeflateLoad(),
        RewriteLoad(),
        RewriteDeflateLoad(),
        BinaryLoad(),
        BinaryDeflateLoad(),
        ConnectionsLoad(),
        MillionLoad(),
        IdleLoad(),
        RestLoad(),
    )
}
