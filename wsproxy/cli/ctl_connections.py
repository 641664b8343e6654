"""`wsproxy ctl connections`, `send`, `close` and `cut`: open WebSockets."""

from typing import TYPE_CHECKING

import click

from wsproxy.cli.ctl_call import (
    CONNECTION,
    Answer,
    call_options,
    client,
    from_argument,
    from_file,
    one_of,
    tag,
)
from wsproxy.control.sendable import from_hex
from wsproxy.errors import UsageError

if TYPE_CHECKING:
    from wsproxy.control.messages import ConnectionInfo, WayInfo

force_option = click.option("--force", is_flag=True, help="Send it even if it breaks the protocol.")


@click.command()
@call_options
def connections(port: int | None, as_json: bool, color: str) -> None:
    """
    List the open WebSockets, with what waits in each direction.

    \b
    Examples:
      wsproxy ctl connections
      wsproxy ctl connections --json | jq 'select(.send.held > 0) | .id'
    """
    from wsproxy.cli import output

    answer = Answer(as_json, color)
    found = list(client(port).connections())
    if as_json:
        answer.objects(found)
    elif not found:
        output.say("No WebSocket is open.")
    else:
        answer.text(_table(found, answer))


@click.command()
@click.argument("number", metavar="ID", type=CONNECTION)
@click.option("--to", type=click.Choice(["server", "client"]), required=True, help="Who gets it.")
@click.option("--text", metavar="TEXT", help="A text message.")
@click.option("--binary-file", metavar="FILE", help="A binary message with what is in FILE; - is stdin.")
@click.option("--hex", metavar="HEX", help="A binary message, in hex digits.")
@click.option("--ping", is_flag=False, flag_value="", metavar="[TEXT]", help="A ping.")
@click.option("--pong", is_flag=False, flag_value="", metavar="[TEXT]", help="A pong.")
@click.option("--raw-frame", metavar="HEX", help="Whole frames, header and all, sent as they are.")
@click.option("--type", "kind", type=click.Choice(["text", "binary"]), help="Another type than the option's.")
@force_option
@call_options
def send(
    number: int,
    to: str,
    text: str | None,
    binary_file: str | None,
    hex: str | None,
    ping: str | None,
    pong: str | None,
    raw_frame: str | None,
    kind: str | None,
    force: bool,
    port: int | None,
    as_json: bool,
    color: str,
) -> None:
    """
    Send something over connection ID that neither side sent.

    It goes out as soon as the message in flight that way is over, before what is held. The capture
    says who sent it.

    \b
    Examples:
      wsproxy ctl send 3 --to client --text '{"op":"logout"}'
      wsproxy ctl send 3 --to server --binary-file picture.png
      wsproxy ctl send 3 --to server --hex '00 ff' --type text --force
      wsproxy ctl send 3 --to server --ping
      wsproxy ctl send 3 --to client --raw-frame 83026869
    """
    chosen = one_of(text=text, binary_file=binary_file, hex=hex, ping=ping, pong=pong, raw_frame=raw_frame)
    kinds = {"text": "text", "binary_file": "binary", "hex": "binary", "ping": "ping", "pong": "pong"}
    sent = kinds.get(chosen, "raw")
    if kind:
        if sent not in ("text", "binary"):
            raise UsageError(f"--type is for messages, not for --{chosen.replace('_', '-')}")
        sent = kind
    if binary_file is not None:
        content = from_file(binary_file)
    elif hex is not None or raw_frame is not None:
        content = from_hex(hex if hex is not None else raw_frame or "")
    else:
        content = from_argument(next(value for value in (text, ping, pong) if value is not None))
    done = client(port).send(number, to, sent, content, force)
    what = "raw frames" if sent == "raw" else sent
    Answer(as_json, color).done(
        done, f"Sent {what} ({done['length']:,} B) to the {to} of connection {number}."
    )


@click.command()
@click.argument("number", metavar="ID", type=CONNECTION)
@click.option("--code", type=int, metavar="CODE", help="The status code. [default: 1000]")
@click.option("--no-code", is_flag=True, help="A Close frame without a status code.")
@click.option("--reason", default="", metavar="TEXT", help="The reason, at most 123 bytes.")
@click.option(
    "--to",
    type=click.Choice(["server", "client", "both"]),
    default="both",
    show_default=True,
    help="Who gets it.",
)
@force_option
@call_options
def close(
    number: int,
    code: int | None,
    no_code: bool,
    reason: str,
    to: str,
    force: bool,
    port: int | None,
    as_json: bool,
    color: str,
) -> None:
    """
    Close connection ID with a Close frame, as if the other side had sent it.

    What is held in a direction that is closed will not be sent.

    \b
    Examples:
      wsproxy ctl close 3
      wsproxy ctl close 3 --code 4001 --reason 'session expired' --to client
      wsproxy ctl close 3 --code 1006 --force
    """
    if no_code and code is not None:
        raise UsageError("--code and --no-code exclude each other")
    sent = None if no_code else 1000 if code is None else code
    done = client(port).close(number, to, sent, reason, force)
    whom = "both sides" if to == "both" else f"the {to}"
    with_code = "" if sent is None else f" with {sent}"
    Answer(as_json, color).done(done, f"Closed connection {number}{with_code} towards {whom}.")


@click.command()
@click.argument("number", metavar="ID", type=CONNECTION)
@call_options
def cut(number: int, port: int | None, as_json: bool, color: str) -> None:
    """
    Break connection ID: TCP is reset on both sides, and both see code 1006.

    \b
    Examples:
      wsproxy ctl cut 3
    """
    Answer(as_json, color).done(client(port).cut(number), f"Cut connection {number}.")


def _table(found: "list[ConnectionInfo]", answer: Answer) -> str:
    from wsproxy.cli.table import table
    from wsproxy.words import RECEIVED, SENT, duration

    rows = [
        [
            tag(c["id"]),
            (duration(int(c["age"] * 1e9)), "plain"),
            (c["path"], "dim"),
            _way(c["send"]),
            _way(c["receive"]),
            (c["client"], "plain"),
            (f"{c['url']}{'  ' + c['subprotocol'] if c['subprotocol'] else ''}", "plain"),
        ]
        for c in found
    ]
    return table(("ID", ">AGE", "PATH", SENT, RECEIVED, "CLIENT", "URL"), rows, answer.paint, answer.width)


def _way(way: "WayInfo") -> tuple[str, str]:
    """One direction in a word or two."""
    if way["held"]:
        return f"{way['held']} held, {way['waiting_messages']} wait", "warn"
    if way["closed"]:
        return "closed", "dim"
    if way["waiting_messages"]:
        return f"{way['waiting_messages']} wait", "warn"
    return ("edits" if way["editing"] else "passes"), "dim"
