"""`wsproxy mock`: act as the recorded server."""

import asyncio
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wsproxy.cli.library import CaptureFile
from wsproxy.cli.output import json_option

if TYPE_CHECKING:
    import ssl

    from wsproxy.replay.acting import Acting
    from wsproxy.store.reader import Reader

DEFAULT_PORT = 8081


@click.command()
@click.argument("path", metavar="FILE", type=CaptureFile())
@click.option(
    "-p",
    "--listen-port",
    type=click.IntRange(0, 65535),
    default=DEFAULT_PORT,
    show_default=True,
    metavar="PORT",
    help="Port to listen on, for ws and wss alike; 0 takes any free one.",
)
@click.option(
    "--listen-host",
    default="127.0.0.1",
    show_default=True,
    metavar="HOST",
    help="Address to listen on. Anything but loopback lets others read the recording.",
)
@click.option(
    "--connection", "connections", type=click.IntRange(1), multiple=True, metavar="N", help="Only these."
)
@click.option(
    "--by",
    type=click.Choice(["order", "match", "time"]),
    help="When to speak: after as many messages of the client as in the recording (order), in answer "
    "to what it says (match), or whatever it does (time). [default: order]",
)
@click.option(
    "--match",
    "how",
    type=click.Choice(["exact", "json", "event"]),
    help="What counts as the same message: its bytes, what it means, its kind; implies --by match.",
)
@click.option(
    "--ignore", "ignored", multiple=True, metavar="PATH", help="Does not count in matching: user.id, ..time."
)
@click.option(
    "--ignore-regex",
    "ignored_text",
    multiple=True,
    metavar="REGEX",
    help="Likewise, in texts and strings of JSON.",
)
@click.option(
    "--ignore-query", multiple=True, metavar="NAME", help="Does not count in the URL's query; * for all."
)
@click.option(
    "--pace",
    type=click.Choice(["recorded", "fast"]),
    default="recorded",
    show_default=True,
    help="With the pauses of the recording, or without.",
)
@click.option(
    "--speed",
    type=click.FloatRange(0.001, 1e6),
    default=1.0,
    metavar="X",
    help="Make the pauses shorter by X.",
)
@click.option(
    "--unmatched",
    type=click.Choice(["silence", "close", "reply", "live"]),
    help="What becomes of messages (and URLs) that were not recorded. [default: silence]",
)
@click.option("--reply", metavar="TEXT", help="Answer them with TEXT.")
@click.option(
    "--close-code",
    type=click.IntRange(1000, 4999),
    metavar="CODE",
    help="Close with CODE then. [default: 1008]",
)
@click.option("--live", metavar="URL", help="Let the server at URL (ws://host:port) answer them.")
@click.option("-k", "--ssl-insecure", is_flag=True, help="Accept any certificate of it.")
@click.option("--loop", is_flag=True, help="Begin again where the recording ends.")
@click.option(
    "--confdir",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="The folder of the certificate authority (default: the user's own).",
)
@json_option("Print one JSON object for each event (`wsproxy help mock` lists them).")
def mock(path: Path, **options: Any) -> None:
    """
    Act as the server of a capture.

    FILE is a path, the name of a capture, or the word last. A client gets the recorded connection with the
    path, query and subprotocol it asks for; of several the first, the next one the next, round and round.
    Compression, fragments, pings and odd frames are as recorded, refusals and ends too. wss is answered with
    a certificate of wsproxy's own authority (`wsproxy ca`).

    \b
    Examples:
      wsproxy mock last
      wsproxy mock session.wsp -p 0 --pace fast
      wsproxy mock session.wsp --match json --ignore ..id --reply '{"ok":1}'
      wsproxy mock session.wsp --match event --live wss://example.com
      wsproxy mock ticker.wsp --by time --speed 10 --loop
    """
    from wsproxy.cli import viewer

    acting = _acting(options)
    with viewer.opened(path) as reader:
        tls = _certificate(reader, options["listen_host"], options["confdir"])
        loop = asyncio.SelectorEventLoop if sys.platform == "win32" else None
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(_serve(reader, acting, tls, options))


def _acting(options: dict[str, Any]) -> "Acting":
    from wsproxy.errors import UsageError
    from wsproxy.replay.acting import Acting
    from wsproxy.replay.exchanges import Matching
    from wsproxy.replay.values import Rules

    given = {
        "reply": options["reply"] is not None,
        "close": options["close_code"] is not None,
        "live": options["live"] is not None,
    }
    wanted = [name for name, is_given in given.items() if is_given]
    unmatched = options["unmatched"] or (wanted[0] if wanted else "silence")
    if len(wanted) > 1 or (wanted and wanted[0] != unmatched):
        raise UsageError(
            "--reply, --close-code and --live exclude each other", "Use the one that --unmatched names"
        )
    if unmatched == "reply" and not given["reply"]:
        raise UsageError("--unmatched reply needs an answer", "Add --reply TEXT")
    by = options["by"] or ("match" if options["how"] else "order")
    if by != "match" and (options["how"] or options["ignored"] or options["ignored_text"]):
        raise UsageError(
            "--match, --ignore and --ignore-regex need --by match", "Leave out --by, or one of them"
        )
    live = options["live"]
    if live is not None and not live.startswith(("ws://", "wss://")):
        raise UsageError(f"--live {live!r} is no URL of a WebSocket server", "It begins with ws:// or wss://")
    try:
        rules = Rules.of(options["ignored"], options["ignored_text"])
    except ValueError as error:
        raise UsageError(str(error), "`wsproxy help mock` has examples") from None
    return Acting(
        by=by,
        fast=options["pace"] == "fast",
        speed=options["speed"],
        matching=Matching(options["how"] or "json", rules),
        unmatched=unmatched,
        close_code=options["close_code"] or 1008,
        reply=options["reply"] or "",
        live=live,
        insecure=options["ssl_insecure"],
        loop=options["loop"],
    )


def _certificate(reader: "Reader", listen_host: str, confdir: Path | None) -> "ssl.SSLContext":
    """A certificate for this machine and for every host in the recording."""
    from wsproxy.certs.authority import Authority
    from wsproxy.config import ca_dir
    from wsproxy.replay.names import hosts

    authority = Authority.ensure((confdir or ca_dir()).expanduser().absolute())
    return authority.issue(*hosts(reader, listen_host)).server_context()


async def _serve(reader: "Reader", acting: "Acting", tls: "ssl.SSLContext", options: dict[str, Any]) -> None:
    from wsproxy.cli.mock_lines import Told
    from wsproxy.errors import UsageError
    from wsproxy.replay.mock import MockServer

    told = Told(options["as_json"])
    server: MockServer = MockServer(
        reader,
        acting,
        told,
        connections=options["connections"],
        ignored_query=options["ignore_query"],
        tls=tls,
    )
    if not server.paths:
        raise UsageError(
            f"there is no connection to act out in {reader.path}", "`wsproxy info` lists those there are"
        )
    host, port = await server.start(options["listen_host"], options["listen_port"])
    try:
        told.listening(host, port, server.paths)
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                loop.add_signal_handler(number, stop.set)
            except NotImplementedError:  # Windows
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
        await stop.wait()
    finally:
        await server.stop()
