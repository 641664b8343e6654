"""
One message past all addons: which hooks are called, in which order, and what becomes of those that wait
or raise.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, NamedTuple

from wsproxy.addon.connection import Connection
from wsproxy.addon.facts import Facts
from wsproxy.addon.frame import Frame
from wsproxy.addon.message import Message
from wsproxy.addon.owner import RAISED
from wsproxy.addon.script import Script
from wsproxy.wire import frames
from wsproxy.wire.frames import Opcode
from wsproxy.wire.transit import Decision, Transit


class _Step(NamedTuple):
    """One call of one hook."""

    script: Script
    hook: str
    call: Callable[..., Any]
    connection: Connection
    about: Message | Frame


def dispatch(scripts: tuple[Script, ...], facts: Facts, transit: Transit, then: Callable[[], None]) -> None:
    """
    Show a message or control frame to addons; as `Manager.dispatch_message`.

    Args:
        scripts: in their order; those that have `ws_frame` or `ws_message`.
        facts, transit, then: likewise.
    """
    facts.meanings.hear(transit)
    _go(facts, transit, _steps(scripts, facts, transit), then)


def _steps(scripts: tuple[Script, ...], facts: Facts, transit: Transit) -> Iterator[_Step]:
    """The hooks to call, as long as the message is there."""
    is_control = transit.opcode >= Opcode.CLOSE
    for script in scripts:
        if transit.is_dropped or transit.is_gone:
            return
        connection = Connection(facts, script)
        if calls := script.hooks.get("ws_frame"):
            for raw in frames.Frame.parse(transit.wire):
                frame = Frame(connection, transit, script, raw)
                for call in calls:
                    yield _Step(script, "ws_frame", call, connection, frame)
        if not is_control and (calls := script.hooks.get("ws_message")):
            message = Message(connection, transit, script)
            for call in calls:
                yield _Step(script, "ws_message", call, connection, message)


def _go(facts: Facts, transit: Transit, steps: Iterator[_Step], then: Callable[[], None]) -> None:
    for step in steps:
        before = transit.decision
        try:
            result = step.call(step.connection, step.about)
        except RAISED as error:
            _take_back(step, transit, before)
            step.script.failed(error, step.hook)
            continue
        if result is None or not inspect.isawaitable(result):
            continue
        assert facts.link is not None
        if transit.hold(step.script.by):
            rest = _go_on(facts, transit, steps, step, before, result, then)
            facts.link.spawn(rest)
            return
        facts.link.spawn(guarded(step.script, step.hook, result))
    then()


async def _go_on(
    facts: Facts,
    transit: Transit,
    steps: Iterator[_Step],
    step: _Step,
    before: Decision,
    result: Awaitable[Any],
    then: Callable[[], None],
) -> None:
    """Wait for an async hook, then call the hooks behind it, and only then let go."""
    try:
        try:
            await result
        except RAISED as error:
            _take_back(step, transit, before)
            step.script.failed(error, step.hook)
        _go(facts, transit, steps, then)
    finally:
        transit.release(step.script.by)


def _take_back(step: _Step, transit: Transit, before: Decision) -> None:
    """A hook raised: what it decided does not count."""
    if isinstance(step.about, Message):
        step.about._let_go()
    if step.script.redacts and transit.recorded is None:
        # It cannot say what is secret in this one.
        transit.record_as(b"", step.script.by)
    if transit.is_gone:
        return
    content, opcode, dropped, by = before
    if transit.decision[:3] != before[:3]:
        transit.replace(content, step.script.by, opcode)
        if dropped:
            transit.drop(step.script.by)
    if not transit.is_held:
        transit.by = by


async def guarded(script: Script, hook: str, result: Awaitable[Any]) -> None:
    """An async hook nobody waits for."""
    try:
        await result
    except RAISED as error:
        script.failed(error, hook)
