"""
What the layer commands for each event, and what it does to the two ends below it.
"""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.server import ConnectionIO
from mitmproxy.test import taddons, tflow

from tests.support.playbook import Playbook
from wsproxy.engine import layer as layer_module
from wsproxy.engine.desk import Desk
from wsproxy.engine.layer import NEVER, RelayLayer
from wsproxy.engine.participants import Participants
from wsproxy.engine.settings import Settings
from wsproxy.engine.sockets import Sockets
from wsproxy.store.limits import Limits
from wsproxy.wire.encode import encode_close, encode_frame
from wsproxy.wire.frames import Batch
from wsproxy.wire.transit import Decided

HELLO = b"\x81\x05hello"


class FakeRecorder:
    """Tells the playbook. The real one works in a thread, which says nothing about order."""

    limits = Limits()
    full = False
    on_room: Any = None

    def __init__(self) -> None:
        self.note: Any = None
        self.closed: list[Any] = []

    def open(self, record: Any, handshake: Any) -> int:
        return 1

    def add(self, batch: Batch) -> None:
        _, from_client, _, _, size = batch
        self.note(f"record {size} bytes of the {'client' if from_client else 'server'}")

    def record(self, record: Any) -> None:
        self.note(f"record {record.action}" if isinstance(record, Decided) else "record what is offered")

    def close(self, connection: int, closure: Any, now: int) -> None:
        self.closed.append(closure)


class FakeWriter:
    """A socket that can break: `broken` is what its reader has found."""

    def __init__(self, stage: "Stage", name: str) -> None:
        self.stage, self.name = stage, name
        self.transport = self
        self.broken: Exception | None = None
        self.closing = False

    def is_closing(self) -> bool:
        return self.closing

    def get_write_buffer_size(self) -> int:
        return 0

    def get_extra_info(self, name: str) -> None:
        return None

    def abort(self) -> None:
        self.stage.play.note(f"abort {self.name}")

    def exception(self) -> Exception | None:
        return self.broken

    def at_eof(self) -> bool:
        return False


class Stage:
    """A layer between two fake sockets."""

    def __init__(self, addons: Any) -> None:
        options = addons.options
        client, server = tflow.tclient_conn(), tflow.tserver_conn()
        self.context = Context(client, options)
        self.context.server = server
        self.client, self.server = client, server
        client.state = server.state = ConnectionState.OPEN
        self.recorder = FakeRecorder()
        self.desk = Desk(Participants(addons.master, lambda message: None), lambda: 600.0)
        self.sockets = Sockets(self.recorder, self.desk, lambda message: None)  # type: ignore[arg-type]
        self.flow = tflow.twebsocketflow()
        self.flow.live = True
        self.writers = {client: FakeWriter(self, "client"), server: FakeWriter(self, "server")}
        self.names = {client: "client", server: "server"}
        self.handler = SimpleNamespace(
            transports={
                conn: ConnectionIO(None, writer, writer)  # type: ignore[arg-type]
                for conn, writer in self.writers.items()
            },
            timeout_watchdog=SimpleNamespace(timeout=600),
            drain_writers=None,
            close_connection=self._close_connection,
            server_event=self._server_event,
        )
        made = type("RelayLayer", (RelayLayer,), {"sockets": self.sockets})
        self.layer = made(self.context, self.flow)
        self.play = Playbook(self.layer, self.names)
        self.recorder.note = self.play.note

    async def _server_event(self, event: events.Event) -> None:
        self.play.play(event)

    def _close_connection(self, conn: Any, half_close: bool = False) -> None:
        self.play.note(f"{'half-close' if half_close else 'close'} {self.names[conn]}")
        if half_close:
            conn.state &= ~ConnectionState.CAN_WRITE
        else:
            self.writers[conn].closing = True

    def started(self) -> "Stage":
        self.play.expect(events.Start(), "hook websocket_start")
        self.play.expect(self.play.answer())
        return self

    def sides(self, from_client: bool) -> tuple[Any, Any]:
        return (self.client, self.server) if from_client else (self.server, self.client)


@pytest.fixture
async def stage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    with taddons.context(Settings()) as addons:
        addons.options.fast_path = False
        made = Stage(addons)
        monkeypatch.setattr(layer_module, "handler_of", lambda context: made.handler)
        yield made


from_client = pytest.mark.parametrize("from_client", [True, False], ids=["client", "server"])


async def test_the_start_is_announced_and_the_socket_registered_and_never_timed_out(stage: Stage) -> None:
    stage.play.expect(events.Start(), "hook websocket_start")
    assert len(stage.sockets) == 1
    assert stage.handler.timeout_watchdog.timeout == NEVER
    stage.play.expect(stage.play.answer())


async def test_what_comes_before_addons_have_heard_of_the_start_is_relayed_after_that(stage: Stage) -> None:
    stage.play.expect(events.Start(), "hook websocket_start")
    stage.play.expect(events.DataReceived(stage.server, HELLO))
    stage.play.expect(
        stage.play.answer(), f"send {HELLO!r} to client", f"record {len(HELLO)} bytes of the server"
    )


@from_client
async def test_data_is_sent_on_before_it_is_looked_at(stage: Stage, from_client: bool) -> None:
    here, there = stage.started().sides(from_client)
    stage.play.expect(
        events.DataReceived(here, HELLO),
        f"send {HELLO!r} to {stage.names[there]}",
        f"record {len(HELLO)} bytes of the {stage.names[here]}",
    )


@from_client
async def test_what_is_sent_on_is_the_very_object_that_came(stage: Stage, from_client: bool) -> None:
    here, _ = stage.started().sides(from_client)
    data = bytes(bytearray(HELLO))
    stage.play.play(events.DataReceived(here, data))
    assert stage.play.commands[-1].data is data  # type: ignore[attr-defined]


async def test_half_a_frame_is_sent_on_at_once(stage: Stage) -> None:
    play = stage.started().play
    play.expect(events.DataReceived(stage.client, HELLO[:1]), f"send {HELLO[:1]!r} to server")
    play.expect(
        events.DataReceived(stage.client, HELLO[1:4]),
        f"send {HELLO[1:4]!r} to server",
        "record 3 bytes of the client",
    )


@from_client
async def test_an_end_is_handed_on_and_the_other_direction_stays(stage: Stage, from_client: bool) -> None:
    here, there = stage.started().sides(from_client)
    here.state &= ~ConnectionState.CAN_READ
    stage.play.expect(events.ConnectionClosed(here), f"half-close {stage.names[there]}")
    stage.play.expect(
        events.DataReceived(there, HELLO),
        f"send {HELLO!r} to {stage.names[here]}",
        f"record {len(HELLO)} bytes of the {stage.names[there]}",
    )
    assert len(stage.sockets) == 1
    assert not stage.recorder.closed


@from_client
async def test_the_second_end_finishes_the_socket(stage: Stage, from_client: bool) -> None:
    here, there = stage.started().sides(from_client)
    here.state &= ~ConnectionState.CAN_READ
    stage.play.play(events.ConnectionClosed(here))
    there.state &= ~ConnectionState.CAN_READ
    stage.play.expect(events.ConnectionClosed(there), f"half-close {stage.names[here]}", "hook websocket_end")
    [closure] = stage.recorder.closed
    assert (closure.by, closure.code, closure.how) == (stage.names[here], 1006, "eof")
    assert len(stage.sockets) == 0
    assert stage.flow.live
    stage.play.expect(stage.play.answer(), "close client", "close server")
    assert not stage.flow.live


@from_client
async def test_a_reset_is_handed_on_as_one_and_finishes_the_socket(stage: Stage, from_client: bool) -> None:
    here, there = stage.started().sides(from_client)
    stage.writers[here].broken = ConnectionResetError()
    name = stage.names[there]
    stage.play.expect(events.ConnectionClosed(here), f"abort {name}", f"close {name}", "hook websocket_end")
    [closure] = stage.recorder.closed
    assert (closure.by, closure.code, closure.how) == (stage.names[here], 1006, "reset")


async def test_the_flow_tells_how_the_socket_was_closed(stage: Stage) -> None:
    stage.started()
    for conn, mask in ((stage.client, b"mask"), (stage.server, b"")):
        stage.play.play(events.DataReceived(conn, encode_close(4001, "done", mask=mask)))
    for conn in (stage.server, stage.client):
        stage.play.play(events.ConnectionClosed(conn))
    data = stage.flow.websocket
    assert data is not None
    assert (data.close_code, data.close_reason, data.closed_by_client) == (4001, "done", True)
    [closure] = stage.recorder.closed
    assert closure.clean


async def test_the_end_of_a_side_that_has_ended_already_changes_nothing(stage: Stage) -> None:
    play = stage.started().play
    stage.client.state &= ~ConnectionState.CAN_READ
    play.expect(events.ConnectionClosed(stage.client), "half-close server")
    play.expect(events.ConnectionClosed(stage.client))
    assert len(stage.sockets) == 1


async def test_what_is_open_when_the_proxy_stops_is_closed_and_recorded_once(stage: Stage) -> None:
    stage.started()
    stage.sockets.stop()
    [closure] = stage.recorder.closed
    assert (closure.by, closure.code, closure.how) == ("proxy", 1006, "stopped")
    stage.play.expect(events.ConnectionClosed(stage.client))
    assert len(stage.recorder.closed) == 1
    assert len(stage.sockets) == 0


async def test_without_a_socket_to_take_over_the_fast_path_leaves_the_layer_alone(stage: Stage) -> None:
    stage.context.options.fast_path = True
    stage.started()
    # One turn of the loop: the fast path has looked by then.
    await asyncio.sleep(0)
    assert not stage.sockets.fast
    stage.play.expect(
        events.DataReceived(stage.client, HELLO),
        f"send {HELLO!r} to server",
        f"record {len(HELLO)} bytes of the client",
    )


async def test_what_is_decided_later_is_sent_by_an_event_of_its_own(stage: Stage) -> None:
    stage.started()
    rule = stage.desk.add_rule("hold", "~fromserver")
    stage.play.expect(events.DataReceived(stage.server, HELLO), "record what is offered")
    [held] = stage.desk.held
    stage.desk.release(held)
    assert stage.desk.rules == {rule.id: rule}
    await asyncio.sleep(0)
    assert stage.play.happened == [f"send {HELLO!r} to client"]


async def test_what_is_decided_later_does_not_let_anything_overtake_it(stage: Stage) -> None:
    stage.started()
    stage.desk.add_rule("hold", "~b hello")
    stage.play.expect(events.DataReceived(stage.server, HELLO), "record what is offered")
    [held] = stage.desk.held
    stage.desk.release(held)
    other = encode_frame(1, b"other")
    stage.play.expect(
        events.DataReceived(stage.server, other),
        "record what is offered",
        f"send {HELLO!r} to client",
        f"send {other!r} to client",
    )


async def test_the_end_of_a_side_waits_for_what_is_held_of_it(stage: Stage) -> None:
    stage.started()
    stage.desk.add_rule("hold", "~text")
    stage.play.play(events.DataReceived(stage.client, encode_frame(1, b"a", mask=b"mask")))
    stage.client.state &= ~ConnectionState.CAN_READ
    stage.play.expect(events.ConnectionClosed(stage.client))
    [held] = stage.desk.held
    stage.desk.release(held)
    async with asyncio.timeout(10):
        while stage.play.happened[-1] != "half-close server":
            await asyncio.sleep(0)
