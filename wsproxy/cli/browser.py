"""`wsproxy browser`: a browser behind the proxy, for as long as one looks."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from wsproxy.cli.ca import CONFDIR

if TYPE_CHECKING:
    from wsproxy.browsers.session import Browser

_CONNECT_TIMEOUT = 3.0
"""Seconds; the proxy is usually on this machine."""


@click.command()
@click.argument("url", required=False)
@click.option(
    "-p",
    "--listen-port",
    type=click.IntRange(1, 65535),
    default=8080,
    show_default=True,
    help="The port where the proxy listens.",
)
@click.option("--listen-host", default="127.0.0.1", show_default=True, help="The address where it listens.")
@CONFDIR
@click.option("--headless", is_flag=True, help="Without a window.")
@click.option(
    "--browser",
    "binary",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="PATH",
    help="The Chromium or Chrome to start (default: the first one found).",
)
@click.option("-v", "--verbose", is_flag=True, help="Show what the browser writes to stderr.")
def browser(
    url: str | None,
    listen_port: int,
    listen_host: str,
    confdir: Path | None,
    headless: bool,
    binary: Path | None,
    verbose: bool,
) -> None:
    """
    Open URL in a Chromium that goes through the running proxy.

    The browser has a fresh profile that is removed when it ends. It accepts the certificates of
    this proxy, so nothing has to be trusted. Close its window or press Ctrl-C to end it.
    """
    from wsproxy.browsers import chromium

    with _stop_signals() as stop:
        program = binary or chromium.find()
        proxy = _listening(listen_host, listen_port)
        pin = _pin(confdir, proxy)
        with chromium.launch(
            program.absolute(), proxy, [pin], url, headless=headless, show_output=verbose
        ) as running:
            if chromium.runs_unsandboxed():
                click.echo(
                    "The browser runs without its sandbox, because it is started by root: "
                    "do not open pages you do not trust.",
                    err=True,
                )
            click.echo(f"{program.name} goes through {proxy}; close it or press Ctrl-C to end.", err=True)
            code = stop.wait_for(running)
            if code:
                raise running.failure(program.name, code)


class _Stopped(Exception):
    """A signal asked us to end."""


class _Stop:
    """
    Turns signals into an end that leaves nothing behind.

    A signal interrupts only the waiting: while the browser is being started or cleaned up it is
    remembered, so that no profile and no process is lost between two instructions.
    """

    def __init__(self) -> None:
        self._requested = False
        self._waiting = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self._requested = True
        if self._waiting:
            self._waiting = False
            raise _Stopped

    def wait_for(self, running: "Browser") -> int | None:
        """The exit code of the browser, or None if a signal came first."""
        try:
            try:
                self._waiting = True
                return None if self._requested else running.wait()
            finally:
                self._waiting = False
        except _Stopped:
            return None


@contextmanager
def _stop_signals() -> Iterator[_Stop]:
    stop = _Stop()
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    # What was ignored stays so: `nohup` means it.
    wanted = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in wanted}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _listening(host: str, port: int) -> str:
    """`host:port` for the browser, after a look whether anything listens there."""
    import socket

    from wsproxy.errors import WsproxyError

    # A proxy that listens everywhere is reached here.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)
    proxy = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        socket.create_connection((host, port), _CONNECT_TIMEOUT).close()
    except OSError:
        raise WsproxyError(
            f"no proxy listens on {proxy}",
            "Start one first with `wsproxy dump` in another terminal, or name its port with --listen-port.",
        ) from None
    return proxy


def _pin(confdir: Path | None, proxy: str) -> str:
    """The pin of the authority that the proxy signs with."""
    from wsproxy.certs import Authority, spki_pin
    from wsproxy.certs.authority import KEY_FILE
    from wsproxy.config import ca_dir
    from wsproxy.errors import AuthorityError

    directory = (confdir or ca_dir()).expanduser().absolute()
    if not os.path.lexists(directory / KEY_FILE):
        # Making one would not help: the proxy already runs, with another.
        raise AuthorityError(
            f"{proxy} signs with another certificate authority than that in {directory}: there is none",
            "Name the folder that the proxy uses with --confdir.",
        )
    return spki_pin(Authority.load(directory).certificate)
