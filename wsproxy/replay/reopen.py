"""
Open a WebSocket as a captured one was opened, through the running proxy: which records it like any other.

The socket stays open as long as its `Link` does. We are its client: pings are answered, and a Close frame
is; what is said on it besides is said by way of the proxy (`wsproxy.control.client`).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from wsproxy.control.client import Client
from wsproxy.errors import ControlError, ReplayError, UsageError
from wsproxy.replay import dial
from wsproxy.replay.dial import Way
from wsproxy.replay.journal import Unrecorded
from wsproxy.replay.link import Link
from wsproxy.replay.target import Opening, Target, request_for
from wsproxy.store.records import ConnectionRecord

PATIENCE = 15.0
"""Seconds for the answer of the server."""
_SEEN = 5.0
"""Seconds until the proxy must know of the socket."""
_SCHEMES = {"regular": "http", "upstream": "http", "socks5": "socks5"}
"""Of the proxy, by its mode."""


@dataclass(frozen=True, slots=True)
class Reopened:
    """A new socket."""

    link: Link
    number: int
    """In the capture of the proxy."""


async def reopen(
    proxy: Client, record: ConnectionRecord, on_over: Callable[[Link], None] = lambda link: None
) -> Reopened:
    """
    Open it, with the recorded handshake and a new key, at the recorded server.

    Args:
        proxy: the one that runs.
        record: what was recorded of the handshake, whatever came of it.
        on_over: told when the socket is over.

    Raises:
        RefusedError: the server refuses the handshake; the message has status and body.
        ReplayError: it cannot be reached.
        UsageError: there is no way through a proxy of this mode.
        ControlError: the proxy is gone, or does not record that server.
    """
    status = await asyncio.to_thread(proxy.status)
    options = {option["name"]: option["value"] for option in await asyncio.to_thread(proxy.options)}
    request = request_for(record, Opening())
    first, way = _way(status["modes"], status["listen"], record, request.target)
    if first.secure:
        # The proxy shows a certificate of its own authority, which is trusted for that alone.
        way = replace(way, ca=_authority(str(options["confdir"])))
    try:
        link = await dial.connect(
            first, way, lambda: Link(record.id, request, Unrecorded(), lambda link, heard: 0, on_over)
        )
    except ReplayError as error:
        # What it would say next is of the command line.
        raise ReplayError(error.message) from None
    try:
        await link.open(PATIENCE)
        return Reopened(link, await _number(proxy, link))
    except BaseException:
        link.abort()
        raise


async def _number(proxy: Client, link: Link) -> int:
    """Of the connection that comes from our end."""
    try:
        async with asyncio.timeout(_SEEN):
            while not link.over.is_set():
                for one in await asyncio.to_thread(lambda: list(proxy.connections())):
                    if one["client"] == link.address:
                        return one["id"]
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise ControlError(
            f"the proxy does not record {link.request.target.url}",
            "It leaves that server alone, as --only or --ignore says",
        ) from None
    raise ControlError(f"{link.request.target.url} was opened, and ended at once")


def _way(modes: list[str], listen: list[str], record: ConnectionRecord, target: Target) -> tuple[Target, Way]:
    """Whom to connect to, and through what."""
    kinds = [mode.partition("@")[0].partition(":")[0] for mode in modes]
    places = dict(zip(kinds, listen, strict=False))
    for kind in (record.mode, *_SCHEMES):
        if kind in places and kind in _SCHEMES:
            return target, Way(proxy=f"{_SCHEMES[kind]}://{_reachable(places[kind])}")
        if kind in places and kind == "reverse":
            # What listens there stands for the server.
            place = Target.parse(_reachable(places[kind]))
            return replace(place, path=target.path), Way()
    raise UsageError(
        f"nothing can be opened through a proxy in the mode {' and '.join(modes)}",
        "It can be with -m regular, upstream, socks5, and reverse for its own server",
    )


def _reachable(address: str) -> str:
    """Where one reaches what listens on `address`, which may be every one (`*`)."""
    return f"127.0.0.1{address[1:]}" if address.startswith("*:") else address


def _authority(confdir: str) -> Path:
    from wsproxy.certs.authority import CERTIFICATE_FILE

    return Path(confdir).expanduser() / CERTIFICATE_FILE
