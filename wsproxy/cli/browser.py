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


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from wsproxy.browsers.installed import KINDS

    return [kind.name for kind in KINDS if kind.name.startswith(incomplete)]


@click.command()
@click.argument("url", required=False)
@click.option("--app", metavar="URL", help="Open URL in a window of its own, without tabs and address.")
@click.option(
    "--browser",
    "wanted",
    metavar="NAME|PATH",
    shell_complete=_complete,
    help="chromium, chrome, edge, brave, firefox, or a program. [default: the first one found]",
)
@click.option(
    "--profile",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Use the profile in DIR, made if it is not there, and keep it. [default: one that is removed]",
)
@click.option("--headless", is_flag=True, help="Without a window.")
@click.option(
    "-p",
    "--listen-port",
    type=click.IntRange(1, 65535),
    help="The port where the proxy listens. [default: that of the running one, else 8080]",
)
@click.option("--listen-host", help="The address where it listens. [default: likewise, else 127.0.0.1]")
@CONFDIR
@click.option("-v", "--verbose", is_flag=True, help="Show what the browser writes to stderr.")
def browser(
    url: str | None,
    app: str | None,
    wanted: str | None,
    profile: Path | None,
    headless: bool,
    listen_port: int | None,
    listen_host: str | None,
    confdir: Path | None,
    verbose: bool,
) -> None:
    """
    Open URL in a browser that goes through the running proxy.

    The browser has a fresh profile that is removed when it ends, and there it accepts the
    certificates of this proxy: nothing has to be trusted elsewhere. Several can be open at once.
    Close its window or press Ctrl-C to end it.

    \b
    Examples:
      wsproxy browser https://example.com/
      wsproxy browser --browser firefox https://example.com/
      wsproxy browser --app https://example.com/chat
      wsproxy browser --profile ~/.tested https://example.com/   stay logged in
    """
    from wsproxy.browsers import chromium, firefox, installed
    from wsproxy.errors import UsageError

    if app and url:
        raise UsageError("--app has a URL of its own", "Name one URL.")
    found = installed.named(wanted) if wanted else installed.find()
    is_firefox = found.family == installed.FIREFOX
    if app and is_firefox:
        raise UsageError(
            "Firefox has no windows for an app alone", "Leave --app out, or use --browser chromium."
        )
    with _stop_signals() as stop:
        host, port, certificate = _proxy(listen_host, listen_port, confdir)
        proxy = _address(host, port)
        folder = profile.expanduser().absolute() if profile else None
        page, name = app or url, found.program.name
        if is_firefox:
            started = firefox.launch(
                found.program, (host, port), certificate, page, headless, profile=folder, show_output=verbose
            )
        else:
            pins = [_pin(certificate)]
            started = chromium.launch(
                found.program, proxy, pins, page, headless,
                app=bool(app), profile=folder, show_output=verbose,
            )  # fmt: skip
        with started as running:
            if not is_firefox and chromium.runs_unsandboxed():
                click.echo(
                    "The browser runs without its sandbox, because it is started by root: "
                    "do not open pages you do not trust.",
                    err=True,
                )
            click.echo(f"{name} goes through {proxy}; close it or press Ctrl-C to end.", err=True)
            code = stop.wait_for(running)
            if code:
                raise running.failure(name, code)
    if folder:
        click.echo(f"Its profile stays in {folder}; remove it when it is no longer needed.", err=True)


class _Stop:
    """
    Turns signals into an end that leaves nothing behind.

    A signal ends only the waiting: while the browser is being started or cleaned up it is
    remembered, so that no profile and no process is lost between two instructions.
    """

    def __init__(self) -> None:
        self._requested = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self._requested = True

    def wait_for(self, running: "Browser") -> int | None:
        """The exit code of the browser, or None if a signal came first."""
        from wsproxy.signals import woken

        with woken() as wait:
            while not self._requested:
                if not running.is_running:
                    return running.wait()
                wait()
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


def _proxy(host: str | None, port: int | None, confdir: Path | None) -> tuple[str, int, Path]:
    """Host and port of the proxy, and the certificate it signs with."""
    from wsproxy.clients.proxy import running
    from wsproxy.errors import ControlError

    if host is None and confdir is None:
        try:
            found, _ = running(port)
            return found.host, found.port, found.certificate
        except ControlError as error:
            if port is None and "several" in error.message:
                raise
            # One that says nothing of itself (`--set control=false`), or that of somebody else.
    host, port = host or "127.0.0.1", port or 8080
    # A proxy that listens everywhere is reached here.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)
    _look(host, port)
    return host, port, _certificate(confdir, _address(host, port))


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _look(host: str, port: int) -> None:
    """Whether anything listens there."""
    import socket

    from wsproxy.errors import WsproxyError

    try:
        socket.create_connection((host, port), _CONNECT_TIMEOUT).close()
    except OSError:
        raise WsproxyError(
            f"no proxy listens on {_address(host, port)}",
            "Start one first with `wsproxy dump` in another terminal, or name its port with --listen-port.",
        ) from None


def _certificate(confdir: Path | None, proxy: str) -> Path:
    """Of the authority that the proxy signs with."""
    from wsproxy.certs import Authority
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
    return Authority.load(directory).certificate_path


def _pin(certificate: Path) -> str:
    from cryptography import x509

    from wsproxy.certs import spki_pin
    from wsproxy.errors import AuthorityError

    try:
        return spki_pin(x509.load_pem_x509_certificate(certificate.read_bytes()))
    except (OSError, ValueError) as error:
        raise AuthorityError(f"cannot read the certificate {certificate}: {error}") from None
