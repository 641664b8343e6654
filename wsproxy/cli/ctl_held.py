"""`wsproxy ctl held`, `release`, `drop` and `edit`: messages that wait for a person."""

from typing import TYPE_CHECKING

import click

from wsproxy.cli.ctl_call import (
    ALL,
    HELD,
    HELD_OR_ALL,
    Answer,
    call_options,
    client,
    from_argument,
    from_file,
    one_of,
    tag,
)
from wsproxy.cli.ctl_connections import force_option
from wsproxy.control.sendable import from_hex
from wsproxy.errors import UsageError

if TYPE_CHECKING:
    from wsproxy.control.client import Client
    from wsproxy.control.messages import HeldContent, HeldInfo


@click.command()
@click.argument("number", metavar="[ID]", type=HELD, required=False)
@click.option("--raw", is_flag=True, help="Write the content of ID to stdout, exactly and nothing else.")
@call_options
def held(number: int | None, raw: bool, port: int | None, as_json: bool, color: str) -> None:
    """
    List held messages, in the order they came, with what waits behind each; or show one.

    \b
    Examples:
      wsproxy ctl held
      wsproxy ctl held 3
      wsproxy ctl held 3 --raw | jq '.price = 0' | wsproxy ctl edit 3 --file -
      wsproxy ctl held --json | jq 'select(.age > 60) | .id'
    """
    import sys

    from wsproxy.cli import output

    answer = Answer(as_json, color)
    proxy = client(port)
    if raw:
        if number is None or as_json:
            raise UsageError(
                "--raw wants the id of a message" if number is None else "--raw and --json exclude each other"
            )
        if sys.stdout.isatty():
            # It may be anything, and a terminal obeys.
            raise UsageError("--raw does not write to a terminal", "Put `> FILE` or a pipe behind it")
        sys.stdout.buffer.write(proxy.held_content(number))
    elif number is not None:
        found = proxy.held_message(number)
        if as_json:
            answer.objects([found])
        else:
            answer.text(_whole(found, answer))
    else:
        listed = list(proxy.held())
        if as_json:
            answer.objects(listed)
        elif not listed:
            output.say("No message is held.")
        else:
            answer.text(_table(listed, answer))


@click.command()
@click.argument("numbers", metavar="ID...", type=HELD_OR_ALL, nargs=-1, required=True)
@call_options
def release(numbers: tuple[int | str, ...], port: int | None, as_json: bool, color: str) -> None:
    """
    Let held messages go on as they stand; ID is a number, or all.

    \b
    Examples:
      wsproxy ctl release 3 4
      wsproxy ctl release all
    """
    _let_go("release", numbers, port, Answer(as_json, color))


@click.command()
@click.argument("numbers", metavar="ID...", type=HELD_OR_ALL, nargs=-1, required=True)
@call_options
def drop(numbers: tuple[int | str, ...], port: int | None, as_json: bool, color: str) -> None:
    """
    Do not send held messages on; ID is a number, or all.

    \b
    Examples:
      wsproxy ctl drop 3
    """
    _let_go("drop", numbers, port, Answer(as_json, color))


@click.command()
@click.argument("number", metavar="ID", type=HELD)
@click.option("--text", metavar="TEXT", help="The new content.")
@click.option("--hex", metavar="HEX", help="The new content, in hex digits.")
@click.option("--file", metavar="FILE", help="What is in FILE; - is stdin.")
@click.option("--type", "kind", type=click.Choice(["text", "binary"]), help="Change the type, too.")
@click.option("--keep", is_flag=True, help="Leave it held.")
@force_option
@call_options
def edit(
    number: int,
    text: str | None,
    hex: str | None,
    file: str | None,
    kind: str | None,
    keep: bool,
    force: bool,
    port: int | None,
    as_json: bool,
    color: str,
) -> None:
    """
    Replace the content of a held message, and let it go.

    Without --text, --hex and --file it is opened in $EDITOR; what is not text, as hex digits. A line
    break that the editor puts at the end is taken off again.

    \b
    Examples:
      wsproxy ctl edit 3
      wsproxy ctl edit 3 --text '{"price":0}'
      wsproxy ctl edit 3 --hex 'de ad be ef' --type binary --keep
    """
    from wsproxy.cli import output

    proxy = client(port)
    if text is None and hex is None and file is None and _has_terminal():
        edited = _in_editor(proxy, number)
        if edited is None:
            output.say(f"Nothing was changed; message {number} is still held.")
            raise click.exceptions.Exit(1)
        content = edited
    else:
        one_of(text=text, hex=hex, file=file)
        if file is not None:
            content = from_file(file)
        else:
            content = from_argument(text) if text is not None else from_hex(hex or "")
    done = proxy.edit(number, content, kind, keep, force)
    if done["held"]:
        said = f"Message {number} was changed ({done['length']:,} B), and is still held."
    else:
        said = f"Message {number} was changed ({done['length']:,} B) and {_left(done['gone'], 'sent')}."
    Answer(as_json, color).done(done, said)


def _let_go(how: str, numbers: tuple[int | str, ...], port: int | None, answer: Answer) -> None:
    from wsproxy.cli import output

    proxy = client(port)
    ids = ALL if ALL in numbers else [int(number) for number in numbers]
    told = (proxy.release if how == "release" else proxy.drop)(ids)  # type: ignore[arg-type]
    if answer.as_json:
        answer.objects(told["done"])
    else:
        past = "sent" if how == "release" else "dropped"
        for gone in told["done"]:
            output.say(
                f"Message {gone['id']} of connection {gone['connection']} was {_left(gone['gone'], past)}."
            )
    for missing in told["missing"]:
        output.complain(f"there is no held message {missing}, or no more", "`wsproxy ctl held` lists them")
    if ids == ALL and not told["done"]:
        output.say("No message is held.")
    if told["missing"] or not told["done"]:
        raise click.exceptions.Exit(1)


def _left(gone: bool, past: str) -> str:
    return past if gone else f"let go; it is {past} after those before it"


def _table(found: "list[HeldInfo]", answer: Answer) -> str:
    from wsproxy.cli.table import table
    from wsproxy.words import duration

    rows = [
        [
            (str(m["id"]), "plain"),
            tag(m["connection"]),
            _arrow(m),
            (m["type"], "plain"),
            (f"{m['length']:,} B", "plain"),
            (duration(int(m["age"] * 1e9)), "warn"),
            (_behind(m), "warn" if m["waiting_messages"] else "dim"),
            (f"rule {m['rule']}", "dim"),
            (("(changed) " if m["changed"] else "") + m["preview"], "plain"),
        ]
        for m in found
    ]
    names = (">ID", "CONN", "", "TYPE", ">SIZE", ">HELD", "BEHIND IT", "BY", "CONTENT")
    return table(names, rows, answer.paint, answer.width)


def _arrow(message: "HeldInfo") -> tuple[str, str]:
    from wsproxy.words import RECEIVED, SENT

    return SENT if message["direction"] == "send" else RECEIVED, message["direction"]


def _behind(message: "HeldInfo") -> str:
    from wsproxy.words import file_size

    if not message["waiting_messages"]:
        return "nothing"
    return f"{message['waiting_messages']:,} ({file_size(message['waiting_bytes'])})"


def _whole(message: "HeldContent", answer: Answer) -> str:
    """One message with its content, escaped line by line."""
    from wsproxy.cli.table import facts
    from wsproxy.decoders.text import printable
    from wsproxy.words import count, duration, file_size

    side, other = ("client", "server") if message["direction"] == "send" else ("server", "client")
    changed = ", changed" if message["changed"] else ""
    filter = f" {message['filter']}" if message["filter"] else ""
    waiting = (
        f"{count(message['waiting_messages'], 'message')} ({file_size(message['waiting_bytes'])})"
        if message["waiting_messages"]
        else "nothing"
    )
    head = facts(
        [
            ("Message", f"{message['id']}: {message['type']}, {message['length']:,} B{changed}"),
            ("Connection", f"#{message['connection']} {message['url']}"),
            ("From", f"the {side}, for the {other}"),
            ("Held", f"for {duration(int(message['age'] * 1e9))} by rule {message['rule']}: hold{filter}"),
            ("Behind it", waiting),
        ],
        answer.width,
    )
    content = _content(message)
    if "text" in message:
        lines = [printable(line) for line in message["text"].split("\n")]
    else:
        lines = _hex_lines(content)
    if message["truncated"]:
        lines.append(
            answer.paint(f"... {message['length'] - len(content):,} B more: --raw has all of it", "warn")
        )
    return f"{head}\n" + "".join(f"{line}\n" for line in lines)


def _hex_lines(content: bytes) -> list[str]:
    return [content[at : at + 16].hex(" ") for at in range(0, len(content), 16)]


def _content(message: "HeldContent") -> bytes:
    from base64 import b64decode

    return message["text"].encode() if "text" in message else b64decode(message["base64"])


def _has_terminal() -> bool:
    import sys

    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def _in_editor(proxy: "Client", number: int) -> bytes | None:
    """What a person made of a message; None if they left it as it is."""
    message = proxy.held_message(number)
    content = proxy.held_content(number)
    text: str | None = None
    if message["type"] == "text":
        try:
            text = content.decode()
        except UnicodeDecodeError:
            text = None
    shown = "\n".join(_hex_lines(content)) if text is None else text
    edited = _edited(shown, ".txt" if text is None or not text.lstrip().startswith(("{", "[")) else ".json")
    if edited.endswith("\n") and not shown.endswith("\n"):
        edited = edited[:-1]
    if edited == shown:
        return None
    return from_hex(edited) if text is None else edited.encode("utf-8", "surrogateescape")


def _edited(text: str, suffix: str) -> str:
    """Let a person change `text` in their editor, byte for byte: line breaks are theirs."""
    import tempfile
    from pathlib import Path

    # A folder of its own (0700): editors write backups and swap files beside it.
    with tempfile.TemporaryDirectory(prefix="wsproxy-") as folder:
        path = Path(folder, f"message{suffix}")
        path.write_bytes(text.encode())
        click.edit(filename=str(path))
        return path.read_bytes().decode("utf-8", "surrogateescape")
