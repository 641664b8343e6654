"""
`wsproxy dump`: run the proxy, print one line per frame as it happens, keep everything in a capture.

The proxy runs in this process; the lines are printed by a viewer in a process of its own.
"""

from typing import TYPE_CHECKING, Any

import click

from wsproxy.cli.decoding import Decoding, decoder_options
from wsproxy.cli.filtering import filter_option
from wsproxy.cli.output import color_option, json_option
from wsproxy.cli.running import Viewer, capture_target, engine_options, in_foreground, serve, tell

if TYPE_CHECKING:
    from wsproxy.engine.master import Engine
    from wsproxy.filters.nodes import Filter


@click.command()
@engine_options
@click.option(
    "-w",
    "--write",
    metavar="FILE",
    help="Capture to FILE (+FILE appends). [default: a new file in your captures]",
)
@filter_option("Print only what matches; everything is recorded.")
@click.option("-q", "--quiet", is_flag=True, help="Record without printing frames.")
@click.option("--raw", is_flag=True, help="Print messages as they are, without decoding them.")
@decoder_options
@json_option("Print one JSON object per line (see `json` in the documentation).")
@color_option
def dump(
    write: str | None,
    wanted: "Filter | None",
    quiet: bool,
    raw: bool,
    decoding: Decoding,
    as_json: bool,
    color: str,
    **listen: Any,
) -> None:
    """
    Run the proxy and print every WebSocket frame, one line each.

    Set it as the proxy of a browser or program (127.0.0.1:8080), or let `wsproxy browser` start
    one that is set up already. Everything is kept in a capture file, whose name is said at start;
    `wsproxy log`, `info` and others read it, also while it grows. Ctrl-C ends it.

    \b
    Examples:
      wsproxy dump
      wsproxy dump -p 9000 -w session.wsp
      wsproxy dump -f '!(~ping | ~pong)'
      wsproxy dump --only 'example\\.com:443$'
      wsproxy dump -m reverse:https://example.com --json | jq .text
    """
    if not quiet and not raw and decoding.words():
        # Said before the proxy starts, not by the viewer afterwards.
        decoding.factory()
    if wanted is not None:
        from wsproxy.filters.nodes import check_followed

        check_followed(wanted)
    path, append = capture_target(write)
    # What is wrong so far is said before a second goes by with this.
    from wsproxy.engine.master import EngineOptions

    options = EngineOptions(capture=path, append=append, **listening(listen))
    viewers: list[Viewer] = []

    def ready(engine: "Engine") -> None:
        announce(engine, as_json=as_json and not quiet)
        if not quiet:
            more = ["--raw"] if raw else decoding.words()
            viewers.append(Viewer(engine, as_json=as_json, color=color, more=more, wanted=wanted))

    try:
        in_foreground(serve(options, ready))
    finally:
        for viewer in viewers:
            viewer.finish()
    tell(f"captured in {path}; `wsproxy log {path}` shows it again")


def listening(options: dict[str, Any]) -> dict[str, Any]:
    """The engine's options from those of the command line."""
    modes = options["modes"] or ("regular",)
    return {**options, "modes": tuple(modes)}


def announce(engine: "Engine", as_json: bool = False) -> None:
    """Say where the proxy listens and where it records to; with `as_json` also on stdout."""
    path = engine.options.capture
    addresses = [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in engine.addresses]
    if as_json:
        from wsproxy.cli import output
        from wsproxy.store.jsontext import dumps

        output.emit(dumps({"event": "start", "listen": addresses, "capture": str(path)}) + "\n")
    # In local mode it listens nowhere: connections are brought to it.
    where = f"listening on {', '.join(addresses)}" if addresses else "taking over connections"
    tell(f"{where}; recording to {path}")
    exposed = [host for host, _ in engine.addresses if not _is_loopback(host)]
    if exposed:
        tell(f"anyone who reaches {', '.join(exposed)} can use this proxy, and their traffic is recorded")


def _is_loopback(host: str) -> bool:
    import ipaddress

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
