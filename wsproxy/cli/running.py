"""
What the commands that run the proxy have in common: its options, and running it in the foreground.
"""

import asyncio
import gc
import signal
import subprocess
import threading
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from wsproxy.children import own

if TYPE_CHECKING:
    from wsproxy.engine.master import Engine, EngineOptions
    from wsproxy.filters.nodes import Filter

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


def engine_options(command: F) -> F:
    """Click options for how the proxy listens and what it decrypts; named as mitmproxy's are."""
    for option in reversed(
        [
            click.option(
                "-p", "--listen-port", type=click.IntRange(0, 65535), metavar="PORT",
                help="Port to listen on; 0 takes any free one. [default: 8080]",
            ),
            click.option(
                "--listen-host", default="127.0.0.1", show_default=True, metavar="HOST",
                help="Address to listen on. Anything but loopback lets others use the proxy.",
            ),
            click.option(
                "-m", "--mode", "modes", multiple=True, metavar="MODE",
                help="regular, reverse:URL, upstream:URL, socks5, transparent, local, ... as in mitmproxy. "
                "May be given several times. [default: regular]",
            ),
            click.option(
                "-k", "--ssl-insecure", is_flag=True, help="Accept any certificate from servers.",
            ),
            click.option(
                "--client-cert", type=click.Path(path_type=Path), metavar="PATH",
                help="Show servers that ask for one this certificate: a PEM file with its private key, or a "
                "folder of HOST.pem.",
            ),
            click.option(
                "--only", multiple=True, metavar="REGEX",
                help="Decrypt only hosts that match (on host:port); tunnel the rest untouched.",
            ),
            click.option(
                "--ignore", multiple=True, metavar="REGEX",
                help="Do not decrypt hosts that match (on host:port); tunnel them untouched.",
            ),
            click.option(
                "-s", "--script", "scripts", multiple=True, metavar="PATH|NAME",
                help="Load an addon: a script, or a shipped one (`wsproxy addons`); reloaded when it "
                "changes. May be given several times.",
            ),
            click.option(
                "--set", "settings", multiple=True, metavar="KEY=VALUE",
                help="Any option of mitmproxy, e.g. --set confdir=~/.mitmproxy.",
            ),
            click.option("-v", "--verbose", count=True, help="Say more on stderr; twice for everything."),
        ]
    ):  # fmt: skip
        command = option(command)
    return command


def tell(message: str) -> None:
    """Say a sentence on stderr; harmless whatever is in it."""
    from wsproxy.cli.output import say

    say(message)


def capture_target(write: str | None) -> tuple[Path, bool]:
    """
    Where to record to.

    Args:
        write: the value of `-w`: a file, `+FILE` to append to one, or None for a new one in the
            user's data folder.

    Returns:
        The file, and whether to append.
    """
    from wsproxy.store import files

    if write is None:
        return files.new_path(), False
    if write.startswith("+"):
        path = Path(write[1:]).expanduser()
        return path, path.exists()
    return Path(write).expanduser(), False


def in_foreground(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end, on the fastest event loop there is."""
    with asyncio.Runner(loop_factory=_new_loop()) as runner:
        return runner.run(main)


def settle() -> None:
    """
    What was imported and made until now stays for good. The collector need not look through it again and
    again, which it would at every few thousand frames, for tens of milliseconds in which nothing moves.
    """
    gc.collect()
    gc.freeze()


async def serve(options: "EngineOptions", on_ready: Callable[["Engine"], None]) -> None:
    """
    Run the proxy until SIGINT, SIGTERM or `Engine.stop()`.

    Args:
        options: how.
        on_ready: called once it listens.

    Raises:
        WsproxyError: it could not start.
    """
    from wsproxy.engine.master import Engine

    engine = Engine(options, tell)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, engine.stop)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: engine.stop())

    def ready() -> None:
        settle()
        on_ready(engine)

    await engine.run(ready)


class Viewer:
    """
    Prints a capture as it grows, in a process of its own: however slow the terminal is, no frame
    waits for it.

    When it ends by itself (its reader went away, as with `| head`) the proxy ends too.

    Args:
        engine: the running proxy.
        as_json, color, wanted: as the options of `wsproxy log`.
        more: other options of it, in words.
    """

    def __init__(
        self,
        engine: "Engine",
        *,
        as_json: bool = False,
        color: str = "auto",
        wanted: "Filter | None" = None,
        more: Sequence[str] = (),
    ) -> None:
        command = own("wsproxy", "log", str(engine.options.capture))
        command += ["--follow", "--until-closed", "--color", color]
        command += more
        if as_json:
            command.append("--json")
        if wanted is not None:
            command += ["--filter", str(wanted)]
        if engine.options.append:
            command += ["--from", str(engine.first_frame), "--since", str(engine.started)]
        # Ctrl-C reaches the viewer too, and it must not end before the proxy has: not even while it
        # is still starting, so it inherits that the signal is ignored.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        finally:
            signal.signal(signal.SIGINT, before)
        self._engine = engine
        threading.Thread(target=self._watch, name="viewer", daemon=True).start()

    def _watch(self) -> None:
        self._process.wait()
        self._engine.stop()

    def finish(self) -> None:
        """Wait until everything is printed; the capture must be closed."""
        self._process.wait()


def _new_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where there is one: it takes a third off the cost of a frame."""
    try:
        import uvloop
    except ImportError:  # Windows
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
