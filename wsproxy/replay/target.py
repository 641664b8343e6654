"""
Where a replay goes, and with which handshake.

The recorded request, header by header in its order, made fit for where it goes: the host, a new key,
what the user adds and takes away. What proves who somebody is (`Authorization`, cookies) goes to the
recorded host alone, over nothing less secret than what was recorded.
"""

import base64
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from wsproxy.errors import UsageError
from wsproxy.store.records import ConnectionRecord
from wsproxy.wire.handshake import Head

SECRETS = frozenset({"authorization", "cookie"})
"""Headers that are sent to the recorded host only."""
_PROXY = frozenset({"proxy-authorization", "proxy-connection"})
"""Said to a proxy, not to the server."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server, and what to ask of it."""

    secure: bool
    host: str
    port: int
    path: str
    """With the query."""

    @classmethod
    def parse(cls, url: str) -> "Target":
        """
        From a URL, `ws`, `wss`, `http` or `https`; `host:port` alone means `ws`.

        Raises:
            UsageError: it is none.
        """
        given = url if "://" in url else f"ws://{url}"
        try:
            parts = urlsplit(given)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise UsageError(f"{url!r} is no URL of a WebSocket: {error}") from None
        if parts.scheme not in ("ws", "wss", "http", "https") or not host:
            raise UsageError(f"{url!r} is no URL of a WebSocket", "It looks like wss://host:port/path?query")
        secure = parts.scheme in ("wss", "https")
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        return cls(secure, host, port or (443 if secure else 80), path)

    @property
    def authority(self) -> str:
        """As the `Host` header has it: without the port that goes without saying."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """`ws://` or `wss://`."""
        return f"{'wss' if self.secure else 'ws'}://{self.authority}{self.path or '/'}"


@dataclass(frozen=True, slots=True)
class Opening:
    """How handshakes are to differ from the recorded ones."""

    to: Target | None = None
    """In place of the recorded server; without a path of its own it keeps the recorded one."""
    headers: Sequence[tuple[str, str]] = ()
    """Set, in place of all of that name."""
    without: Sequence[str] = ()
    """Names of headers left out."""
    cookies: Sequence[tuple[str, str]] = ()
    """Set among the recorded ones."""
    subprotocols: Sequence[str] | None = None
    """Offered in place of the recorded ones; an empty list offers none."""
    send_secrets: bool = False
    exact: bool = False
    """Keep the recorded key, too."""
    path: Callable[[str], str] = str
    """What is made of the path with its query, last of all."""


@dataclass(frozen=True, slots=True)
class Request:
    """A handshake to be sent."""

    target: Target
    head: bytes
    withheld: tuple[str, ...] = field(default=())
    """Names of headers that were left out because the target is another."""


def request_for(record: ConnectionRecord, opening: Opening) -> Request:
    """
    The handshake that opens a recorded connection anew.

    Raises:
        UsageError: the capture has no URL of it.
    """
    recorded = Target.parse(record.url)
    target = recorded
    if opening.to:
        to = opening.to
        target = Target(to.secure, to.host, to.port, to.path if to.path not in ("", "/") else recorded.path)
    target = replace(target, path=opening.path(target.path))
    trusted = opening.send_secrets or (
        target.host.lower() == recorded.host.lower()
        and target.port == recorded.port
        and (target.secure or not recorded.secure)
    )
    set_by_hand = {name.lower() for name, _ in opening.headers}
    left_out = {name.lower() for name in opening.without} | set_by_hand | _PROXY
    withheld: list[str] = []
    fields: list[tuple[str, str]] = []
    for name, value in Head.parse(record.request).fields:
        lower = name.lower()
        if lower in left_out:
            continue
        if lower in SECRETS and not trusted:
            withheld.append(name)
            continue
        if lower == "host":
            value = target.authority
        elif lower == "origin" and value.lower().partition("://")[2] == recorded.authority.lower():
            # A page of the server itself: that of the other one would be a page of that one.
            value = f"http{'s' if target.secure else ''}://{target.authority}"
        elif lower == "sec-websocket-key" and not opening.exact:
            value = new_key()
        elif lower == "sec-websocket-protocol" and opening.subprotocols is not None:
            continue
        fields.append((name, value))
    if opening.subprotocols:
        fields.append(("Sec-WebSocket-Protocol", ", ".join(opening.subprotocols)))
    if opening.cookies:
        fields = _with_cookies(fields, opening.cookies)
    fields += opening.headers
    start = f"GET {target.path or '/'} HTTP/1.1"
    head = "".join(f"{line}\r\n" for line in (start, *(f"{name}: {value}" for name, value in fields)))
    return Request(target, f"{head}\r\n".encode("utf-8", "surrogateescape"), tuple(withheld))


def new_key() -> str:
    """For `Sec-WebSocket-Key` (RFC 6455 section 4.1)."""
    return base64.b64encode(os.urandom(16)).decode()


def _with_cookies(fields: list[tuple[str, str]], cookies: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    wanted = dict(cookies)
    pairs: list[str] = []
    for name, value in fields:
        if name.lower() == "cookie":
            for pair in value.split(";"):
                key = pair.partition("=")[0].strip()
                if key and key not in wanted:
                    pairs.append(pair.strip())
    pairs += [f"{name}={value}" for name, value in wanted.items()]
    rest = [(name, value) for name, value in fields if name.lower() != "cookie"]
    return [*rest, ("Cookie", "; ".join(pairs))]
