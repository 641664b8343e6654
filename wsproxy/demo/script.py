"""The script: talks to every endpoint of the demo's origin through a proxy, and checks the answers."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

from wsproxy.demo.route import Route
from wsproxy.demo.steps import STEPS, Step, absolute_form
from wsproxy.errors import WsproxyError

STEP_TIMEOUT = 15.0
"""Seconds for one endpoint."""


async def drive(
    origin_ws_url: str,
    origin_wss_url: str | None,
    proxy: str | None,
    ca_file: Path | None,
    report: Callable[[str, bool, str], None],
    *,
    keeps_cut: bool = True,
) -> bool:
    """
    Connect to every endpoint over `ws`, then over `wss`, and once over `ws` without CONNECT.

    Args:
        origin_ws_url: `ws://host:port`.
        origin_wss_url: `wss://host:port`; None leaves those steps out.
        proxy: `http://host:port`; None goes straight to the origin, and leaves the step without
            CONNECT out.
        ca_file: the certificate to trust for `wss`, in PEM: the proxy's, or the origin's where there
            is no proxy. None trusts what the system trusts.
        report: called after each step with its name (such as `echo over wss`), whether it went as it
            should, and what happened, in words.
        keeps_cut: False if the proxy is known to make a Close frame of an abnormal end, as mitmproxy
            does; then both are right.

    Returns:
        Whether every step went as it should.

    Raises:
        WsproxyError: `ca_file` cannot be read.
    """
    tls = _trust(ca_file) if origin_wss_url else None
    plan: list[tuple[str, Step, Route]] = []
    for url in filter(None, (origin_ws_url, origin_wss_url)):
        route = Route(url, proxy, tls, keeps_cut)
        plan += [(f"{name} over {route.scheme}", step, route) for name, step in STEPS.items()]
    if proxy:
        route = Route(origin_ws_url, proxy, None, keeps_cut)
        plan.append(("echo over ws without CONNECT", absolute_form, route))

    right = True
    for name, step, route in plan:
        try:
            async with asyncio.timeout(STEP_TIMEOUT):
                detail = await step(route)
        except TimeoutError:
            right = False
            report(name, False, f"nothing came for {STEP_TIMEOUT:g} seconds")
        except Exception as error:  # one broken endpoint must not hide the others
            right = False
            report(name, False, f"{error or type(error).__name__}")
        else:
            report(name, True, detail)
    return right


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise WsproxyError(
            f"the certificate {ca_file} cannot be used: {error.strerror or error}",
            "It must be a readable file with a CA certificate in PEM.",
        ) from error
