"""
Reach a server: TCP, through a proxy where one is wanted, and TLS.

Proxies are python-socks' business (HTTP CONNECT, SOCKS 4 and 5); TLS is the standard library's.
"""

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from wsproxy.errors import ReplayError, UsageError
from wsproxy.replay.target import Target

P = TypeVar("P", bound=asyncio.Protocol)

SCHEMES = ("http", "socks5", "socks5h", "socks4", "socks4a")


@dataclass(frozen=True, slots=True)
class Way:
    """How servers are reached."""

    proxy: str | None = None
    """`http://`, `socks5://` or `socks4://`, with user and password if need be."""
    insecure: bool = False
    """Take any certificate."""
    ca: Path | None = None
    """Certificates to trust besides the system's."""
    timeout: float = 10.0
    """Seconds for reaching the server, TLS included."""

    @property
    def proxy_url(self) -> str:
        """As python-socks takes it."""
        return (self.proxy or "").replace("socks5h://", "socks5://").replace("socks4a://", "socks4://")


def checked_proxy(url: str) -> str:
    """
    A proxy as python-socks takes it.

    Raises:
        UsageError: this is none.
    """
    given = url if "://" in url else f"http://{url}"
    try:
        parts = urlsplit(given)
        usable = bool(parts.hostname and parts.port)
    except ValueError:
        usable = False
    if not usable or parts.scheme not in SCHEMES:
        raise UsageError(
            f"{url!r} is no proxy that can be used", f"It looks like http://host:port ({', '.join(SCHEMES)})"
        )
    return given


def tls_context(way: Way) -> ssl.SSLContext:
    """
    What certificates of servers are checked with.

    Raises:
        UsageError: `Way.ca` cannot be read, or has no certificates.
    """
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    if way.ca:
        try:
            context.load_verify_locations(cafile=way.ca)
        except (OSError, ssl.SSLError) as error:
            raise UsageError(f"cannot read certificates from {way.ca}: {error}") from None
    if way.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def connect(target: Target, way: Way, protocol: Callable[[], P]) -> P:
    """
    A connection to a server, up to where the handshake of the WebSocket begins.

    Args:
        target: the server.
        way: how.
        protocol: makes what the connection is for.

    Raises:
        ReplayError: it cannot be reached, or its certificate is not to be trusted.
    """
    loop = asyncio.get_running_loop()
    tls = tls_context(way) if target.secure else None
    name = target.host if tls else None
    where = f"{target.host}:{target.port}"
    through = f" through {_harmless(way.proxy)}" if way.proxy else ""
    try:
        async with asyncio.timeout(way.timeout):
            if way.proxy:
                sock = await _through(way, target)
                try:
                    _, made = await loop.create_connection(protocol, sock=sock, ssl=tls, server_hostname=name)
                except BaseException:
                    sock.close()
                    raise
                return made
            _, made = await loop.create_connection(
                protocol, target.host, target.port, ssl=tls, server_hostname=name
            )
            return made
    except ssl.SSLCertVerificationError as error:
        raise ReplayError(
            f"the certificate of {where} is not to be trusted: {error.verify_message}",
            "Trust its CA with --ca FILE, or accept any with -k",
        ) from None
    except ssl.SSLError as error:
        raise ReplayError(f"no TLS with {where}{through}: {error.reason or error}") from None
    except TimeoutError:
        raise ReplayError(f"{where} does not answer{through}, after {way.timeout:g} s") from None
    except OSError as error:
        if tls and isinstance(error, ConnectionError) and not error.strerror:
            raise ReplayError(f"no TLS with {where}{through}: the connection was ended") from None
        why = (error.strerror or str(error)).lower()
        hint = "" if way.proxy else "Start it, or name another server with --to URL"
        raise ReplayError(f"cannot reach {where}{through}: {why}", hint) from None


async def _through(way: Way, target: Target) -> socket.socket:
    from python_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError
    from python_socks.async_.asyncio import Proxy

    where = _harmless(way.proxy)
    try:
        reached = Proxy.from_url(way.proxy_url, rdns=True)
        sock: socket.socket = await reached.connect(target.host, target.port, timeout=way.timeout)
    except ProxyTimeoutError:
        raise TimeoutError from None
    except ProxyConnectionError as error:
        raise ReplayError(f"cannot reach the proxy {where}: {_plain(error)}") from None
    except ProxyError as error:
        raise ReplayError(
            f"the proxy {where} does not connect to {target.host}:{target.port}: {error}"
        ) from None
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _plain(error: OSError) -> str:
    """What the operating system says, without what python-socks makes of it."""
    return os.strerror(error.errno).lower() if error.errno and error.errno > 0 else str(error)


def _harmless(proxy: str | None) -> str:
    """Without user and password."""
    parts = urlsplit(proxy or "")
    return f"{parts.scheme}://{parts.hostname}:{parts.port}"
