"""
Hooks answered at once reach the addons as mitmproxy's own handler would have reached them.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import pytest
from mitmproxy import exceptions, flow
from mitmproxy.proxy import events, layer, mode_servers, mode_specs, server, server_hooks
from mitmproxy.proxy.layers.http import HttpRequestHeadersHook
from mitmproxy.test import taddons, tflow

from wsproxy.engine import handler as module
from wsproxy.engine.handler import Handler
from wsproxy.engine.logs import LogHandler

Calls = list[str]


def _plain(name: str, calls: Calls) -> Any:
    class Plain:
        def requestheaders(self, flow: Any) -> None:
            calls.append(f"{name} {type(flow).__name__}")

        def update(self, flows: Any) -> None:
            calls.append(f"{name} update {len(flows)}")

    return Plain()


def _waiting(name: str, calls: Calls) -> Any:
    class Waiting:
        async def requestheaders(self, flow: Any) -> None:
            calls.append(f"{name} begins")
            await asyncio.sleep(0)
            calls.append(f"{name} ends")

    return Waiting()


def _failing(name: str, calls: Calls) -> Any:
    class Failing:
        def requestheaders(self, flow: Any) -> None:
            calls.append(name)
            raise ValueError(name)

    return Failing()


def _failing_late(name: str, calls: Calls) -> Any:
    class FailingLate:
        async def requestheaders(self, flow: Any) -> None:
            await asyncio.sleep(0)
            calls.append(name)
            raise ValueError(name)

    return FailingLate()


def _halting(name: str, calls: Calls) -> Any:
    class Halting:
        def requestheaders(self, flow: Any) -> None:
            calls.append(name)
            raise exceptions.AddonHalt

    return Halting()


def _family(name: str, calls: Calls) -> Any:
    class Family:
        def __init__(self) -> None:
            self.addons = [_failing(f"{name}/first", calls), _plain(f"{name}/second", calls)]

    return Family()


def _uninterested(name: str, calls: Calls) -> Any:
    return type("Uninterested", (), {})()


Maker = Callable[[str, Calls], Any]

SETS: dict[str, tuple[Maker, ...]] = {
    "nobody": (_uninterested,),
    "plain functions": (_plain, _uninterested, _plain),
    "one that waits": (_plain, _waiting, _plain),
    "one that fails": (_plain, _failing, _plain),
    "one that fails while it waits": (_failing_late, _plain, _waiting),
    "one that halts": (_plain, _halting, _plain),
    "one that halts behind one that waits": (_waiting, _halting, _plain),
    "one with addons of its own": (_family, _plain),
}


def _handler(kind: type[Any], context: taddons.context) -> Any:
    writer = Mock()
    writer.get_extra_info = {
        "transport_protocol": "tcp",
        "peername": ("127.0.0.1", 1),
        "sockname": ("127.0.0.1", 2),
    }.get
    mode = mode_specs.ProxyMode.parse("regular")
    handler = kind(context.master, Mock(), writer, context.options, mode)
    if isinstance(handler, Handler):
        handler._begun = {}
    return handler


def _context(makers: tuple[Maker, ...], calls: Calls) -> Any:
    context = taddons.context(loadcore=False)
    if "tcp_timeout" not in context.options:
        context.options.add_option("tcp_timeout", int, 600, "")
    for number, make in enumerate(makers):
        addon = make(f"{number}", calls)
        addon.name = f"addon{number}"
        for inner, child in enumerate(getattr(addon, "addons", ())):
            child.name = f"addon{number}.{inner}"
        context.master.addons.add(addon)
    return context


@pytest.mark.parametrize("makers", SETS.values(), ids=SETS.keys())
@pytest.mark.parametrize("with_flow", [True, False], ids=["a flow", "no flow"])
async def test_addons_are_called_as_mitmproxy_calls_them(
    makers: tuple[Maker, ...], with_flow: bool, caplog: pytest.LogCaptureFixture
) -> None:
    found = []
    for kind in (mode_servers.ProxyConnectionHandler, Handler):
        calls: Calls = []
        caplog.clear()
        with _context(makers, calls) as context:
            handler = _handler(kind, context)
            data: Any = tflow.tflow() if with_flow else object()
            await handler.handle_hook(HttpRequestHeadersHook(data))
        logged = [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]
        found.append((calls, logged))
    assert found[0] == found[1]


async def test_an_intercepted_flow_is_waited_for() -> None:
    with _context((), []) as context:
        handler = _handler(Handler, context)
        intercepted = tflow.tflow()
        intercepted.intercept()
        answering = asyncio.ensure_future(handler.handle_hook(HttpRequestHeadersHook(intercepted)))
        for _ in range(10):
            await asyncio.sleep(0)
        assert not answering.done()
        intercepted.resume()
        await asyncio.wait_for(answering, 5)


async def test_an_exception_that_is_meant_for_the_caller_reaches_it() -> None:
    class Options:
        def requestheaders(self, flow: Any) -> None:
            raise exceptions.OptionsError("no")

    with _context((), []) as context:
        context.master.addons.add(Options())
        for kind in (mode_servers.ProxyConnectionHandler, Handler):
            with pytest.raises(exceptions.OptionsError):
                await _handler(kind, context).handle_hook(HttpRequestHeadersHook(tflow.tflow()))


class _Asking(layer.Layer):
    """Asks two hooks on every event and notes what it sees."""

    seen: Calls

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        self.seen.append(f"first {type(event).__name__}")
        yield HttpRequestHeadersHook(self.flow)
        self.seen.append("between")
        yield server_hooks.ClientConnectedHook(self.context.client)
        self.seen.append("last")

    flow: flow.Flow


async def _served(makers: tuple[Maker, ...]) -> tuple[Calls, int]:
    calls: Calls = []
    tasks = 0
    with _context(makers, calls) as context:
        handler = _handler(Handler, context)
        asking = _Asking(handler.layer.context)
        asking.flow, asking.seen = tflow.tflow(), calls
        handler.layer = asking

        def counting(loop: Any, coro: Any, **kwargs: Any) -> Any:
            nonlocal tasks
            tasks += 1
            return asyncio.Task(coro, loop=loop, **kwargs)

        loop = asyncio.get_running_loop()
        loop.set_task_factory(counting)
        try:
            handler.layer = module._Answering(asking, handler)
            await handler.server_event(events.Start())
            for _ in range(20):
                await asyncio.sleep(0)
        finally:
            loop.set_task_factory(None)
    return calls, tasks


async def test_layers_go_on_at_once_and_without_a_task_where_nobody_must_be_waited_for() -> None:
    calls, tasks = await _served((_plain, _uninterested))
    assert calls == ["first Start", "0 HTTPFlow", "0 update 1", "between", "last"]
    assert tasks == 0


async def test_layers_wait_for_a_listener_that_waits() -> None:
    calls, tasks = await _served((_waiting, _plain))
    assert calls == ["first Start", "0 begins", "0 ends", "1 HTTPFlow", "1 update 1", "between", "last"]
    assert tasks == 1


@pytest.mark.parametrize(("verbose", "seen"), [(0, ["broken"]), (1, ["client connect", "broken"])])
async def test_log_records_are_made_for_those_who_want_them(
    verbose: int, seen: Calls, caplog: pytest.LogCaptureFixture
) -> None:
    said: Calls = []
    logs = LogHandler(said.append, verbose)
    logs.install()
    try:
        with _context((), []) as context:
            handler = _handler(Handler, context)
            handler.log("client connect")
            handler.log("broken", logging.ERROR)
    finally:
        logs.uninstall()
    assert said == seen
    assert [record.getMessage() for record in caplog.records] == seen
    assert server.logger.level == logging.NOTSET


def test_what_is_logged_without_words_is_not_said() -> None:
    said: Calls = []
    logs = LogHandler(said.append)
    for message in ("", "\n", "\n  first\nsecond"):
        logs.emit(logging.LogRecord("x", logging.ERROR, "", 0, message, None, None))
    assert said == ["  first"]
