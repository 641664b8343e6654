"""`wsproxy ctl resend` and `ctl replay`: recorded messages once more, on a connection that is open."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wsproxy.cli.ctl_call import CONNECTION, Answer, call_options, client, from_argument, from_file
from wsproxy.cli.ctl_connections import force_option
from wsproxy.cli.filtering import filter_option
from wsproxy.cli.library import CaptureFile
from wsproxy.errors import UsageError

if TYPE_CHECKING:
    from wsproxy.filters.nodes import Filter

_to_option = click.option(
    "--to", type=click.Choice(["server", "client"]), help="Who gets it. [default: who had got it]"
)
_file_option = click.option(
    "--file",
    "path",
    type=CaptureFile(),
    metavar="FILE",
    help="The capture it is in. [default: the proxy's own]",
)


@click.command()
@click.argument("number", metavar="ID", type=CONNECTION)
@click.argument("frame", metavar="FRAME", type=click.IntRange(1))
@_file_option
@_to_option
@click.option("--text", metavar="TEXT", help="Say this in its place.")
@click.option("--content-file", metavar="FILE", help="Say what is in FILE in its place; - is stdin.")
@force_option
@call_options
def resend(
    number: int,
    frame: int,
    path: Path | None,
    to: str | None,
    text: str | None,
    content_file: str | None,
    force: bool,
    port: int | None,
    as_json: bool,
    color: str,
) -> None:
    """
    Send the message that ended with FRAME once more, over connection ID.

    To the side that had got it, or to the other; as it was, or with another content.

    \b
    Examples:
      wsproxy ctl resend 3 1207
      wsproxy ctl resend 3 1207 --text '{"op":"buy","n":2}'
      wsproxy ctl resend 3 17 --file session.wsp --to client
    """
    from wsproxy.cli import viewer
    from wsproxy.errors import MissingError
    from wsproxy.replay import resend as again
    from wsproxy.replay.outcome import brief
    from wsproxy.replay.recorded import Recorded

    if text is not None and content_file is not None:
        raise UsageError("--text and --content-file exclude each other")
    content = None if text is None else from_argument(text)
    if content_file is not None:
        content = from_file(content_file)
    proxy = client(port)
    with viewer.opened(path or Path(proxy.run.capture)) as reader:
        message = Recorded(reader).message(frame)
        if message is None:
            raise MissingError(
                f"no message ended with frame {frame} in {reader.path}",
                f"`wsproxy log {reader.path}` shows them",
            )
        where = again.resend(
            proxy,
            number,
            message,
            to=to,  # type: ignore[arg-type]
            content=content,
            force=force,
        )
    length = message.length if content is None else len(content)
    done = {"connection": number, "frame": frame, "to": where, "opcode": message.opcode, "length": length}
    Answer(as_json, color).done(done, f"Sent {brief(message)} to the {where} of connection {number}.")


@click.command()
@click.argument("number", metavar="ID", type=CONNECTION)
@click.argument("path", metavar="FILE", type=CaptureFile())
@click.option("--connection", type=click.IntRange(1), metavar="N", help="Only of connection N of FILE.")
@click.option("--from", "first", type=click.IntRange(1), default=1, metavar="ID", help="Begin with frame ID.")
@click.option("--until", "last", type=click.IntRange(1), metavar="ID", help="End with frame ID.")
@filter_option("Only messages that match.")
@click.option("--to", type=click.Choice(["server", "client"]), help="Only what this side had got.")
@click.option(
    "--pace",
    type=click.Choice(["recorded", "fast"]),
    default="recorded",
    show_default=True,
    help="At the recorded times, or at once.",
)
@click.option(
    "--speed", type=click.FloatRange(0, min_open=True), metavar="X", help="X times as fast. [default: 1]"
)
@call_options
def replay(
    number: int,
    path: Path,
    connection: int | None,
    first: int,
    last: int | None,
    wanted: "Filter | None",
    to: str | None,
    pace: str,
    speed: float | None,
    port: int | None,
    as_json: bool,
    color: str,
) -> None:
    """
    Send messages of a capture over connection ID, which is open, to the sides that had got them.

    What the client had said goes to the server, what the server had said to the client; --to takes one of
    them. Both sides go on meanwhile as they like. Exit code 1: there was nothing to send.

    \b
    Examples:
      wsproxy ctl replay 3 session.wsp --to server --from 10 --until 20
      wsproxy ctl replay 3 session.wsp --to client -f '~b price' --pace fast
    """  # fmt: skip
    from wsproxy.cli import output, viewer
    from wsproxy.replay.outcome import brief
    from wsproxy.replay.recorded import End, Recorded
    from wsproxy.replay.recorded_message import RecordedMessage
    from wsproxy.replay.resend import replay_into

    if pace == "fast" and speed is not None:
        raise UsageError("--speed goes with --pace recorded")
    answer = Answer(as_json, color)
    proxy = client(port)
    proxy.connection(number)

    def sent(message: RecordedMessage, where: str) -> None:
        if as_json:
            answer.objects(
                [{"connection": number, "frame": message.number, "to": where, "length": message.length}]
            )
        else:
            output.say(f"Sent {brief(message)} to the {where}.")

    with viewer.opened(path) as reader:
        recorded = Recorded(
            reader,
            End.CLIENT if to == "client" else End.SERVER,
            connections={connection} if connection else (),
            first=first,
            last=last,
            wanted=wanted,
        )
        count = replay_into(
            proxy,
            number,
            recorded.messages(),
            to=to,  # type: ignore[arg-type]
            speed=None if pace == "fast" else speed or 1.0,
            on_sent=sent,
        )
    if not count:
        output.say("There was nothing to send.")
        raise click.exceptions.Exit(1)
