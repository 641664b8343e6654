"""
A message to a server and back, over `ws` and over `wss`, through a proxy.

A proxy that runs already is not told to trust our server, and refuses it over `wss` unless it was started
with `-k`. That is as it should be; what matters then is the TLS between client and proxy, which comes first.
"""

import asyncio
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from websockets.exceptions import InvalidStatus

from wsproxy.certs.authority import CERTIFICATE_FILE
from wsproxy.control.client import Client
from wsproxy.control.runfile import RunFile
from wsproxy.demo.route import Route
from wsproxy.doctor.check import Check
from wsproxy.doctor.origin import Server, own_proxy, server
from wsproxy.errors import WsproxyError

_PATIENCE = 15.0
"""Seconds for one round trip."""
_MESSAGE = "is anybody there?"
_BAD_GATEWAY = 502
_LOOK = "Run `wsproxy dump -v` and try again: it says more"


@dataclass(frozen=True, slots=True)
class _Way:
    """A proxy."""

    url: str
    name: str
    """What to call it."""


async def check(run: RunFile | None, confdir: Path | None) -> list[Check]:
    """
    Both round trips.

    Args:
        run: a proxy that runs; one of our own if None, or if that one does not listen for browsers.
        confdir: the folder of the authority to sign with, for a proxy of our own; a new one if None.
    """
    asyncio.get_running_loop().set_exception_handler(_report)
    own = "a proxy started for it"
    async with server() as there:
        if run is not None:
            client = Client(run)
            modes = client.status()["modes"]
            if any(mode.partition(":")[0].partition("@")[0] == "regular" for mode in modes):
                options = {option["name"]: option["value"] for option in client.options()}
                address = _reachable(run.listen[0])
                return await _both(there, _Way(f"http://{address}", address), options["confdir"])
            own = f"a proxy started for it, as the running one is {', '.join(modes)}"
        confdir = confdir or there.folder / "authority"
        try:
            async with own_proxy(there, confdir) as proxy:
                return await _both(there, _Way(proxy, own), confdir)
        except WsproxyError as error:
            return [Check("proxy", "wrong", error.message, error.hint)]


async def _both(there: Server, way: _Way, confdir: object) -> list[Check]:
    found = [await _ws(Route(there.ws_url, way.url, None, True), way)]
    context = ssl.create_default_context(cafile=there.authority.certificate_path)
    try:
        context.load_verify_locations(Path(str(confdir)).expanduser() / CERTIFICATE_FILE)
    except OSError as error:
        why = f"the certificate in {confdir} cannot be used: {error.strerror or error}"
        return [*found, Check("wss", "wrong", why, "`wsproxy ca show --confdir DIR` writes it anew")]
    return [*found, await _wss(Route(there.wss_url, way.url, context, True), way, there)]


async def _ws(route: Route, way: _Way) -> Check:
    try:
        async with asyncio.timeout(_PATIENCE):
            return Check("ws", "ok", await _talk(route, way, None))
    except Exception as error:  # whatever it is, it is the answer
        return Check("ws", "wrong", _words(error), _LOOK)


async def _wss(route: Route, way: _Way, there: Server) -> Check:
    try:
        async with asyncio.timeout(_PATIENCE):
            return Check("wss", "ok", await _talk(route, way, there))
    except InvalidStatus as error:
        if error.response.status_code == _BAD_GATEWAY:
            return Check(
                "wss",
                "ok",
                f"TLS with {way.name} is accepted; it refuses the server of this check, whose certificate "
                "nobody vouches for, as it should",
            )
        return Check("wss", "wrong", _words(error), _LOOK)
    except ssl.SSLCertVerificationError as error:
        found = f"the certificate that the proxy shows is refused: {error.verify_message}"
        return Check("wss", "wrong", found, "`wsproxy ca show` tells what is wrong with the authority")
    except Exception as error:  # whatever it is, it is the answer
        return Check("wss", "wrong", _words(error), _LOOK)


async def _talk(route: Route, way: _Way, there: Server | None) -> str:
    """Say something; what there is to say about the answer."""
    began = time.perf_counter()
    async with route.connect("/echo") as socket:
        await socket.send(_MESSAGE)
        answer = await socket.recv()
        took = (time.perf_counter() - began) * 1000
        if answer != _MESSAGE:
            raise WsproxyError(f"{answer!r} came back for {_MESSAGE!r}")
        tls: ssl.SSLObject | None = socket.transport.get_extra_info("ssl_object")
        said = f"there and back in {took:.0f} ms through {way.name}"
        if tls is not None and there is not None:
            said += f", {tls.version()}"
            if _issuer(tls) == there.authority.certificate.subject.rfc4514_string():
                said += "; the proxy does not decrypt this host (--only, --ignore)"
        return said


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Where TLS fails, websockets also trips over the end of a connection it has not yet had; we know."""
    if not isinstance(context.get("exception"), AttributeError):
        loop.default_exception_handler(context)


def _reachable(address: str) -> str:
    """Where one reaches what listens on `address`, which may be every one (`*`)."""
    return f"127.0.0.1{address[1:]}" if address.startswith("*:") else address


def _issuer(tls: ssl.SSLObject) -> str:
    from cryptography import x509

    der = tls.getpeercert(binary_form=True)
    return x509.load_der_x509_certificate(der).issuer.rfc4514_string() if der else ""


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"nothing came for {_PATIENCE:g} seconds"
    return f"{error or type(error).__name__}"
