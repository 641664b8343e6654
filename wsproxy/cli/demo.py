"""
`wsproxy demo`: a server to look at, the proxy in front of it, live frames below.
"""

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wsproxy import throwaway
from wsproxy.cli.output import color_option, json_option, say
from wsproxy.cli.running import Viewer, capture_target, in_foreground, serve, tell

if TYPE_CHECKING:
    from wsproxy.browsers.session import Browser
    from wsproxy.demo.origin import Origin
    from wsproxy.engine.master import Engine

DEFAULT_PORT = 8080


@click.command()
@click.option(
    "-p",
    "--listen-port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Port of the proxy; 0 takes any free one. [default: 8080; with --script or --browser any]",
)
@click.option("--browser", "with_browser", is_flag=True, help="Open the pages in a Chromium that is set up.")
@click.option("--script", is_flag=True, help="Talk to every endpoint through the proxy, and end.")
@click.option("-w", "--write", metavar="FILE", help="Capture to FILE (+FILE appends). [default: a new file]")
@json_option("Print one JSON object per line (see `json` in the documentation).")
@color_option
@click.option("-v", "--verbose", count=True, help="Say more on stderr; twice for everything.")
def demo(
    listen_port: int | None,
    with_browser: bool,
    script: bool,
    write: str | None,
    as_json: bool,
    color: str,
    verbose: int,
) -> None:
    """
    See it work, without the internet: a built-in server, the proxy, live frames.

    The server has a page for each thing a WebSocket can do: text and binary, chat, Socket.IO with
    its long-polling, fragments, ping and pong, subprotocols, compression, images, and every way of
    closing. Open the pages in a browser that uses the proxy, and watch the frames here.

    \b
    Examples:
      wsproxy demo --script      every endpoint once, from here; no browser needed
      wsproxy demo --browser     with a browser that is set up already
      wsproxy demo               with your own browser: set the proxy it says
    """
    if listen_port is None:
        listen_port = 0 if script or with_browser else DEFAULT_PORT
    path, append = capture_target(write)
    in_foreground(
        _run(
            path,
            append,
            port=listen_port,
            with_browser=with_browser,
            script=script,
            as_json=as_json,
            color=color,
            verbose=verbose,
        )
    )


async def _run(
    path: Path,
    append: bool,
    *,
    port: int,
    with_browser: bool,
    script: bool,
    as_json: bool,
    color: str,
    verbose: int,
) -> None:
    from wsproxy.certs.authority import Authority
    from wsproxy.demo.origin import Origin
    from wsproxy.engine.master import EngineOptions

    viewers: list[Viewer] = []
    tasks: list[asyncio.Task[bool]] = []
    with contextlib.ExitStack() as stack:
        # The server's certificate is of an authority of its own, which only this proxy trusts.
        folder = stack.enter_context(throwaway.folder("wsproxy-demo-"))
        authority = Authority.create(folder / "ca")
        leaf = authority.issue("localhost", "127.0.0.1", "::1")
        async with Origin(tls=leaf.server_context()) as origin:
            options = EngineOptions(
                capture=path,
                append=append,
                listen_port=port,
                settings=(f"ssl_verify_upstream_trusted_ca={authority.certificate_path}",),
                verbose=verbose,
            )

            def ready(engine: "Engine") -> None:
                host, port = engine.addresses[0]
                tell(f"listening on {host}:{port}; recording to {path}")
                viewers.append(Viewer(engine, as_json=as_json, color=color))
                if script:
                    tasks.append(asyncio.ensure_future(_drive(engine, origin)))
                elif with_browser:
                    tasks.append(asyncio.ensure_future(_browse(engine, origin)))
                else:
                    _explain(engine, origin)

            try:
                await serve(options, ready)
            finally:
                for viewer in viewers:
                    await asyncio.to_thread(viewer.finish)
                for task in tasks:
                    if not task.done():
                        task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        if not task.cancelled() and task.exception():
            raise task.exception() or AssertionError
    if script:
        _next_steps(path)
        if not all(not task.cancelled() and task.result() for task in tasks):
            raise click.exceptions.Exit(1)
    else:
        tell(f"captured in {path}; `wsproxy log {path}` shows it again")


def _explain(engine: "Engine", origin: "Origin") -> None:
    from wsproxy.demo.endpoints import ENDPOINTS

    host, port = engine.addresses[0]
    say("")
    say(f"Set {host}:{port} as the HTTP and HTTPS proxy of a browser and open")
    say(f"  {origin.http_url}/   (ws)    or   {origin.https_url}/   (wss)")
    say("Browsers leave loopback addresses out of the proxy unless told otherwise: Chromium with")
    say("--proxy-bypass-list='<-loopback>', Firefox with network.proxy.allow_hijacking_localhost.")
    say("`wsproxy demo --browser` opens one that is set up; `--script` needs none.")
    say("")
    for endpoint in ENDPOINTS:
        say(f"  {endpoint.path:<14} {endpoint.summary}")
    say("")
    say("To hold, edit and release what is said in the chat, from a second terminal: `wsproxy help control`.")
    say("Frames appear below. Ctrl-C ends it.")
    say("")


def _next_steps(path: Path) -> None:
    say("")
    say(f"Everything is in {path}:")
    say(f"  wsproxy log {path}     shows it again")
    say(f"  wsproxy info {path}    sums it up")
    say("  wsproxy demo --browser   the same in a browser, by hand")
    say("  wsproxy dump             the proxy for your own site")


async def _drive(engine: "Engine", origin: "Origin") -> bool:
    """Run the script, then stop the proxy; whether every step went as it should."""
    from wsproxy.config import ca_dir
    from wsproxy.demo.script import drive

    steps: list[bool] = []

    def report(name: str, right: bool, detail: str) -> None:
        steps.append(right)
        mark = click.style("ok   " if right else "WRONG", fg="green" if right else "red")
        click.echo(f"{mark} {name}: ", err=True, nl=False)
        say(detail)

    host, port = engine.addresses[0]
    ca = ca_dir() / "mitmproxy-ca-cert.pem"
    try:
        return await drive(origin.ws_url, origin.wss_url, f"http://{host}:{port}", ca, report)
    finally:
        say(f"{sum(steps)} of {len(steps)} steps went as they should")
        engine.stop()


async def _browse(engine: "Engine", origin: "Origin") -> bool:
    """Open the browser, and stop the proxy when it is closed."""
    from wsproxy.browsers import chromium
    from wsproxy.certs.authority import Authority
    from wsproxy.certs.inspect import spki_pin
    from wsproxy.config import ca_dir

    def open_and_wait(started: list["Browser"]) -> None:
        program = chromium.find()
        pin = spki_pin(Authority.load(ca_dir()).certificate)
        host, port = engine.addresses[0]
        if chromium.runs_unsandboxed():
            say("The browser runs without its sandbox, because it is started by root.")
        with chromium.launch(program, f"{host}:{port}", [pin], f"{origin.https_url}/") as browser:
            started.append(browser)
            code = browser.wait()
            if code > 0:
                raise browser.failure(program.name, code)

    browsers: list[Browser] = []
    try:
        await asyncio.to_thread(open_and_wait, browsers)
    finally:
        for browser in browsers:
            browser.close()
        engine.stop()
    return True
