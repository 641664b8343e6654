"""
The engine: mitmproxy embedded with only the addons it needs, started and stopped in order.
"""

import asyncio
import contextlib
import difflib
import errno
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_origin

from mitmproxy import ctx, exceptions, master, options, optmanager
from mitmproxy.addons import (
    core,
    disable_h2c,
    dns_resolver,
    next_layer,
    proxyauth,
    proxyserver,
    update_alt_svc,
    upstream_auth,
)
from mitmproxy.utils import asyncio_utils, human

import wsproxy
from wsproxy import config
from wsproxy.certs import client
from wsproxy.certs.authority import Authority
from wsproxy.engine import remains, seam, settings
from wsproxy.engine.control_server import ControlServer
from wsproxy.engine.desk import Desk
from wsproxy.engine.layer import RelayLayer
from wsproxy.engine.logs import LogHandler
from wsproxy.engine.onboarding import Onboarding
from wsproxy.engine.participants import Participants
from wsproxy.engine.sockets import Sockets
from wsproxy.engine.tls import TlsConfig
from wsproxy.engine.traffic import Traffic
from wsproxy.errors import ControlError, EngineError, UsageError
from wsproxy.store.recorder import Recorder

Address = tuple[str, int]

_LOOK = 0.5
"""Seconds between two looks at the files of scripts."""


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How to run."""

    capture: Path
    """The file to write."""
    append: bool = False
    """Go on with an existing capture."""
    listen_host: str = "127.0.0.1"
    listen_port: int | None = None
    """None for the mode's own default (8080 for `regular`), 0 for any free one."""
    modes: tuple[str, ...] = ("regular",)
    """As mitmproxy's `mode`."""
    ssl_insecure: bool = False
    client_cert: Path | None = None
    """Shown to servers that ask for one (`wsproxy.certs.client`)."""
    confdir: Path = field(default_factory=config.ca_dir)
    only: tuple[str, ...] = ()
    """Regular expressions on host:port: only these are decrypted."""
    ignore: tuple[str, ...] = ()
    """Regular expressions on host:port: these are not."""
    scripts: tuple[str, ...] = ()
    """Addons: paths, or names of shipped ones."""
    settings: tuple[str, ...] = ()
    """mitmproxy options, `key=value`."""
    verbose: int = 0


class _Master(master.Master):
    """mitmproxy's master without its eager task factory, and with our way of failing."""

    async def run(self) -> None:
        self.should_exit.clear()
        await self.should_exit.wait()


class Engine:
    """
    One running proxy.

    Args:
        options: how to run.
        tell: takes a sentence for the person at the terminal; may be called from any thread.

    Attributes:
        addresses: where it listens, once `on_ready` was called.
        sockets: the open WebSockets, likewise.
        desk: who takes part in what they say, likewise.
        authority: who signs for intercepted servers, likewise.
        control: how other programs reach this one, likewise.
        first_frame: the id of the first frame of this run, likewise.
        started: when it began, ns since the epoch, likewise.
    """

    def __init__(self, options: EngineOptions, tell: Callable[[str], None]) -> None:
        self.options = options
        self._tell_person = tell
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self.addresses: list[Address] = []
        self._has_served = False
        self.sockets: Sockets
        self.desk: Desk
        self.authority: Authority
        self.control = ControlServer(self)
        self.first_frame = 1
        self.started = 0

    async def run(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """
        Listen and relay until `stop()`.

        Args:
            on_ready: called once, when clients may come.

        Raises:
            UsageError: an option is wrong.
            AuthorityError: the certificate authority cannot be used.
            EngineError: it cannot listen.
            CaptureError: the capture cannot be written.
        """
        self._loop = asyncio.get_running_loop()
        wanted = self.options
        confdir = Path(_setting(wanted.settings, "confdir") or wanted.confdir).expanduser()
        self.authority = authority = Authority.ensure(confdir)
        logs = LogHandler(self._tell, wanted.verbose)
        logs.install()
        mitm = _Master(options.Options())
        server = proxyserver.Proxyserver()
        mitm.addons.add(
            core.Core(),
            settings.Settings(),
            disable_h2c.DisableH2C(),
            proxyauth.ProxyAuth(),
            server,
            dns_resolver.DnsResolver(),
            next_layer.NextLayer(),
            TlsConfig(),
            upstream_auth.UpstreamAuth(),
            update_alt_svc.UpdateAltSvc(),
        )
        participants = Participants(mitm, self._tell)
        mitm.addons.add(participants)
        try:
            # Before options are set: scripts bring options of their own.
            for script in wanted.scripts:
                participants.manager.load(script)
            self._configure(mitm.options, authority.directory)
            recorder = Recorder(
                wanted.capture,
                limits=settings.limits(),
                program=f"wsproxy {wsproxy.__version__}",
                tell=self._tell,
                append=wanted.append,
            )
            self.desk = Desk(participants, settings.hold_seconds)
            self.desk.on_event = self.control.feed.publish
            self.sockets = Sockets(recorder, self.desk, self._tell, mitm.options.record)
            self.first_frame = recorder.first_frame
            self.started = time.time_ns()
            try:
                seam.install(type("RelayLayer", (RelayLayer,), {"sockets": self.sockets}))
                mitm.addons.add(
                    Traffic(self.sockets, participants, self._tell),
                    Onboarding(authority, lambda: self.addresses),
                )
                with asyncio_utils.install_exception_handler(mitm._asyncio_exception_handler):
                    await self._serve(mitm, server, on_ready)
            finally:
                await self._loop.run_in_executor(None, recorder.stop)
                if not self._has_served and not wanted.append:
                    # Nobody could come: a file with nothing in it is only in the way.
                    wanted.capture.unlink(missing_ok=True)
        finally:
            logs.uninstall()

    @property
    def listening(self) -> list[str]:
        """Where it listens, `host:port`."""
        return [human.format_address(address) for address in self.addresses]

    def _tell(self, message: str) -> None:
        """Say something to the person at the terminal, and to those who watch; from any thread."""
        self._tell_person(message)
        assert self._loop
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.control.feed.publish, "told", {"message": message})

    def stop(self) -> None:
        """End `run()`; from any thread."""
        if self._loop is not None:
            # It may have ended already, and its loop with it.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stop.set)

    def _configure(self, opts: optmanager.OptManager, confdir: Path) -> None:
        wanted = self.options
        for pattern in (*wanted.only, *wanted.ignore):
            try:
                re.compile(pattern)
            except re.error as e:
                raise UsageError(f"{pattern!r} is not a regular expression: {e}") from None
        try:
            opts.update(
                confdir=str(confdir),
                listen_host=wanted.listen_host,
                listen_port=wanted.listen_port,
                ssl_insecure=wanted.ssl_insecure,
                client_certs=client.checked(wanted.client_cert) if wanted.client_cert else None,
                allow_hosts=list(wanted.only),
                ignore_hosts=list(wanted.ignore),
                mode=list(wanted.modes),
            )
            given: dict[str, list[str]] = {}
            for setting in wanted.settings:
                name = setting.partition("=")[0]
                if name not in opts.keys():  # noqa: SIM118 - not a dict
                    near = difflib.get_close_matches(name, opts.keys(), 1)
                    hint = (
                        f"Did you mean {near[0]!r}?" if near else "The names are those of mitmproxy's options"
                    )
                    raise UsageError(f"there is no option {name!r} to --set", hint)
                given.setdefault(name, []).append(setting)
            for name, settings_of_it in given.items():
                # A list is given one element at a time; of anything else the last one counts.
                is_list = get_origin(opts._options[name].typespec) is Sequence
                if name != "confdir":
                    opts.set(*(settings_of_it if is_list else settings_of_it[-1:]))
        except exceptions.OptionsError as e:
            raise UsageError(str(e).strip().rstrip(".")) from None

    async def _serve(
        self, mitm: _Master, server: proxyserver.Proxyserver, on_ready: Callable[[], None]
    ) -> None:
        stopping = asyncio.ensure_future(self._stop.wait())
        setup = asyncio.ensure_future(server.setup_servers())
        watching = asyncio.ensure_future(self._watch_scripts())
        try:
            # This may wait for a person, in modes that ask for permission.
            await asyncio.wait([setup, stopping], return_when=asyncio.FIRST_COMPLETED)
            if not setup.done():
                return
            if not setup.result():
                raise _cannot_listen(server)
            await mitm.running()
            # Once, where a mode listens on TCP and UDP alike.
            self.addresses = list(dict.fromkeys((str(a[0]), int(a[1])) for a in server.listen_addrs()))
            self._has_served = True
            await self._start_control()
            on_ready()
            await stopping
        finally:
            stopping.cancel()
            setup.cancel()
            watching.cancel()
            await self._shut_down(mitm, server)

    async def _start_control(self) -> None:
        if ctx.options.control:
            try:
                await self.control.start()
            except (ControlError, OSError) as error:
                self._tell(f"`wsproxy ctl` cannot reach this proxy: {error}")

    async def _watch_scripts(self) -> None:
        """Reload what has changed on disk."""
        manager = self.desk.participants.manager
        while True:
            await asyncio.sleep(_LOOK)
            manager.check()

    async def _shut_down(self, mitm: _Master, server: proxyserver.Proxyserver) -> None:
        self.sockets.stop()
        await self.control.stop()
        self.desk.participants.manager.done()
        await server.servers.update([])
        handlers = [
            io.handler
            for handler in list(server.connections.values())
            for io in list(handler.transports.values())
            if io.handler is not None
        ]
        for task in handlers:
            task.cancel("the proxy stops")
        if handlers:
            await asyncio.wait(handlers, timeout=2)
        while server.connections:
            await asyncio.sleep(0.01)
        remains.stop()
        await mitm.done()


def _setting(settings: tuple[str, ...], name: str) -> str | None:
    found = [value for key, _, value in (s.partition("=") for s in settings) if key == name]
    return found[-1] if found else None


def _cannot_listen(server: proxyserver.Proxyserver) -> EngineError:
    for instance in server.servers:
        error = instance.last_exception
        if error is None:
            continue
        if instance.mode.type_name == "local":
            # Its first line says what is wrong; a stack of another language follows.
            why = (str(error).splitlines() or [type(error).__name__])[0]
            return EngineError(
                f"cannot take over connections of programs here: {why}",
                "It needs sudo, also for root, and on Linux a kernel with eBPF and cgroups of version 2; "
                "other ways are in `wsproxy help clients`",
            )
        host = instance.mode.listen_host(ctx.options.listen_host)
        port = instance.mode.listen_port(ctx.options.listen_port)
        address = human.format_address((host or "*", port or 0))
        number = getattr(error, "errno", None)
        if number == errno.EADDRINUSE:
            return EngineError(
                f"cannot listen on {address}: another program does",
                "Choose another port with -p, or -p 0 for any free one",
            )
        if number == errno.EACCES:
            return EngineError(
                f"cannot listen on {address}: not permitted", "Ports below 1024 need privileges"
            )
        if number in (errno.EADDRNOTAVAIL, -2, -5):
            return EngineError(f"cannot listen on {address}: this machine has no such address")
        return EngineError(f"cannot listen on {address}: {error}")
    return EngineError("the proxy could not start")
