"""
`wsproxy tui`, `wsproxy view` and `wsproxy attach`: the terminal UI, with a proxy of its own, over a capture
alone, and at a proxy that runs already.
"""

import contextlib
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wsproxy.cli.decoding import Decoding, decoder_options
from wsproxy.cli.filtering import filter_option
from wsproxy.cli.library import CaptureFile
from wsproxy.cli.running import capture_target, engine_options, tell

if TYPE_CHECKING:
    from wsproxy.control.runfile import RunFile
    from wsproxy.filters.nodes import Filter
    from wsproxy.tui.app import Left

_LOWER = 5
"""How much niceness the terminal UI has beyond that of the shell: a key is still answered at once."""


@click.command()
@engine_options
@click.option(
    "-w",
    "--write",
    metavar="FILE",
    help="Capture to FILE (+FILE appends). [default: a new file in your captures]",
)
@filter_option("Show only what matches, at first; everything is recorded.")
@decoder_options
def tui(write: str | None, wanted: "Filter | None", decoding: Decoding, **listen: Any) -> None:
    """
    Run the proxy and watch it in the terminal. This is what `wsproxy` alone does.

    Set it as the proxy of a browser or program (127.0.0.1:8080), or let `wsproxy browser` start one
    that is set up already. The proxy is a process of its own: leaving the UI asks whether to stop it,
    and whatever happens to the UI, it goes on recording. ? shows every key.

    \b
    Examples:
      wsproxy
      wsproxy tui -p 9000 -w session.wsp
      wsproxy tui -m reverse:https://example.com -f '!~heartbeat'
    """
    from wsproxy.errors import UsageError, WsproxyError
    from wsproxy.tui.engine_process import EngineProcess

    _need_terminal()
    factory = decoding.factory()
    if any(setting.replace(" ", "") in ("control=false", "control=off") for setting in listen["settings"]):
        raise UsageError("the terminal UI needs the control API", "Leave out --set control=false")
    path, append = capture_target(write)
    engine = EngineProcess(f"+{path}" if append else str(path), _words(listen))
    run = engine.started()
    if run is None:
        said = engine.said()
        code = engine.stop()
        click.echo(said, err=True, nl=False)
        if not said:
            raise WsproxyError("the proxy did not start", "`wsproxy dump` may say why")
        raise click.exceptions.Exit(code or 3)
    left = None
    try:
        told = engine.said().splitlines()
        left = _show(Path(run.capture), run, wanted, factory, owner=True, said=told)
    finally:
        if left is None or not left.stop:
            # However the UI ended, the proxy did not.
            engine.leave()
            _goes_on(run)
    if left is not None and left.stop:
        if engine.stop() is None:
            tell(f"the proxy (process {engine.pid}) takes its time to stop")
        tell(f"captured in {path}; `wsproxy view {path}` shows it again")


@click.command()
@click.argument("port", type=click.IntRange(1, 65535), required=False, metavar="[PORT]")
@filter_option("Show only what matches, at first.")
@decoder_options
def attach(port: int | None, wanted: "Filter | None", decoding: Decoding) -> None:
    """
    Watch a proxy that runs already in the terminal UI.

    PORT is where it listens, and may be left out if only one runs. Several may watch the same proxy.
    Leaving asks whether to stop it.

    \b
    Examples:
      wsproxy attach
      wsproxy attach 9000
    """
    from wsproxy.control.client import find

    run = find(port)
    _need_terminal()
    left = _show(Path(run.capture), run, wanted, decoding.factory())
    if left is not None and left.stop:
        from wsproxy.tui.engine import EngineLink

        EngineLink(run).stop()
        tell(f"the proxy stops; captured in {run.capture}")


@click.command()
@click.argument("path", metavar="FILE", type=CaptureFile())
@filter_option("Show only what matches, at first.")
@click.option("--web", is_flag=True, help="Show it in a web page, on 127.0.0.1, for whoever has the token.")
@click.option("-p", "--port", type=click.IntRange(0, 65535), default=0, help="Of --web. [default: any free]")
@decoder_options
def view(path: Path, wanted: "Filter | None", web: bool, port: int, decoding: Decoding) -> None:
    """
    Look at a capture in the terminal UI.

    FILE is a path, the name of a capture as `wsproxy captures` lists it, or the word last for the
    newest one. It is opened read-only, and may still be growing. Marks and comments are kept in
    FILE.marks beside it.

    \b
    Examples:
      wsproxy view last
      wsproxy view session.wsp -f '~up & ~text'
      wsproxy view session.wsp --web
    """
    if web:
        _in_web_page(path, port, wanted, decoding)
    else:
        _need_terminal()
        _show(path, None, wanted, decoding.factory())


def _show(
    path: Path,
    run: "RunFile | None",
    wanted: "Filter | None",
    factory: Any,
    owner: bool = False,
    said: Sequence[str] = (),
) -> "Left | None":
    """Run the app. Raises click's Exit if it failed."""
    from wsproxy.store.files import check
    from wsproxy.tui.app import WsproxyApp

    check(path)
    app = WsproxyApp(path, run, factory, owner=owner, wanted=str(wanted) if wanted else "", said=said)
    # What is there by now stays: it is not looked through again at every collection, while somebody waits.
    gc.freeze()
    if hasattr(os, "nice"):
        # Who has traffic to relay goes first: the proxy, and the programs that talk through it.
        with contextlib.suppress(OSError):
            os.nice(_LOWER)
    left = app.run()
    if app.return_code:
        raise click.exceptions.Exit(app.return_code)
    return left


def _words(listen: dict[str, Any]) -> list[str]:
    """The options of the engine, as words for `wsproxy dump`."""
    words: list[str] = []
    if listen["listen_port"] is not None:
        words += ["--listen-port", str(listen["listen_port"])]
    words += ["--listen-host", listen["listen_host"]]
    for name, option in (("modes", "--mode"), ("only", "--only"), ("ignore", "--ignore"),
                         ("scripts", "--script"), ("settings", "--set")):  # fmt: skip
        for value in listen[name]:
            words += [option, value]
    if listen["ssl_insecure"]:
        words.append("--ssl-insecure")
    return words + ["-v"] * listen["verbose"]


def _need_terminal() -> None:
    """Raises UsageError where there is none."""
    from wsproxy.errors import UsageError

    # In a web page, Textual is told so.
    in_web_page = "TEXTUAL_DRIVER" in os.environ
    if not in_web_page and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "the terminal UI needs a terminal", "`wsproxy dump` and `wsproxy log` print lines instead"
        )


def _goes_on(run: "RunFile") -> None:
    tell(f"the proxy goes on: it listens on {', '.join(run.listen)} and records to {run.capture}")
    port = run.listen[0].rpartition(":")[2] if run.listen else ""
    tell(f"`wsproxy attach {port}` returns to it; `kill {run.pid}` stops it")


def _in_web_page(path: Path, port: int, wanted: "Filter | None", decoding: Decoding) -> None:
    import asyncio
    import shlex

    from wsproxy.children import own
    from wsproxy.errors import WsproxyError
    from wsproxy.store.files import check
    from wsproxy.tui.web import WebView

    decoding.factory()
    check(path)
    command = own("wsproxy", "view", str(path.absolute()), *decoding.words())
    if wanted:
        command += ["--filter", str(wanted)]
    try:
        server = WebView(shlex.join(command), port, f"wsproxy: {path.name}")
    except OSError as error:
        raise WsproxyError(
            f"cannot listen on 127.0.0.1:{port}: {(error.strerror or str(error)).lower()}",
            "Choose another port with --port, or leave it out",
        ) from None

    def ready() -> None:
        click.echo(server.url)
        tell("open that address in a browser; whoever has it sees the capture. Ctrl-C ends it")

    asyncio.run(server.run(ready))
