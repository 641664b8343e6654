"""`wsproxy export`: scripts made of a session."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wsproxy.cli.decoding import Decoding, decoder_options
from wsproxy.cli.filtering import filter_option
from wsproxy.cli.library import CaptureFile

if TYPE_CHECKING:
    from wsproxy.filters.nodes import Filter
    from wsproxy.formats.redaction import Redaction
    from wsproxy.replay.scripted import Variable

FORMATS = ("pytest", "playwright", "python", "k6", "locust", "wscat")


@click.command()
@click.argument("path", metavar="FILE", type=CaptureFile())
@click.option("--format", "form", type=click.Choice(FORMATS), required=True, help="What to make of it.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="OUT",
    help="Write to OUT instead of stdout.",
)
@click.option("--force", is_flag=True, help="Overwrite OUT if it exists.")
@click.option(
    "--connection", "connections", type=click.IntRange(1), multiple=True, metavar="N", help="Only these."
)
@filter_option("Only messages that match.")
@click.option("--from", "first", type=click.IntRange(1), default=1, metavar="ID", help="Begin with frame ID.")
@click.option("--to", "last", type=click.IntRange(1), metavar="ID", help="End with frame ID.")
@click.option("--ignore", "ignored", multiple=True, metavar="NAME", help="JSON members that do not count.")
@click.option(
    "--map",
    "mapped",
    multiple=True,
    metavar="'PATH=>NAME'",
    help="What the server's JSON has at PATH is {{NAME}} in what the client says later.",
)
@click.option(
    "--redact",
    is_flag=True,
    help="Replace secrets: Authorization, cookies, tokens in URLs, and the same elsewhere.",
)
@click.option(
    "--redact-json",
    "redacted",
    multiple=True,
    metavar="PATH",
    help="What messages have at PATH is secret, too.",
)
@click.option("--skip-truncated", is_flag=True, help="Leave out messages that the capture has not whole.")
@decoder_options
def export(
    path: Path,
    form: str,
    output: Path | None,
    force: bool,
    connections: tuple[int, ...],
    wanted: "Filter | None",
    first: int,
    last: int | None,
    ignored: tuple[str, ...],
    mapped: tuple[str, ...],
    redact: bool,
    redacted: tuple[str, ...],
    skip_truncated: bool,
    decoding: Decoding,
) -> None:
    """
    Make a script of a session: a test, a mock, a program, load.

    FILE is a path, the name of a capture, or the word last. The script stands alone: what was said is in it.
    Those that play the client (pytest, python, k6, locust, wscat) say what the client said and compare what
    the server says; playwright acts as the server.

    \b
    Examples:
      wsproxy export last --format pytest -o test_session.py
      wsproxy export last --format playwright --connection 3 -o session.mock.js
      wsproxy export last --format python --redact --redact-json user.email
      wsproxy export last --format locust --map 'result.token=>token' -o load.py
    """
    from wsproxy.cli import output as out
    from wsproxy.cli import viewer
    from wsproxy.errors import UsageError, WsproxyError
    from wsproxy.formats.scripts import SCRIPTS
    from wsproxy.replay.recorded import End, Recorded
    from wsproxy.replay.scripted import Writer

    script = SCRIPTS[form]
    redaction, variables = _redaction(redact, redacted), _variables(mapped)
    with viewer.opened(path) as reader:
        for number in connections:
            if reader.connection(number) is None:
                raise UsageError(
                    f"there is no connection {number} in {path}",
                    f"`wsproxy info {path}` lists those there are",
                )
        recorded = Recorded(
            reader,
            End.CLIENT if script.is_server else End.SERVER,
            connections=connections,
            first=first,
            last=last,
            wanted=wanted,
            decode=decoding.decode(reader) if wanted is not None else None,
        )
        writer = Writer(recorded, decoding.factory(), redaction, variables, ignored, skip_truncated)
        session = writer.session(path.name)
    if output is None:
        for part in script.write(session):
            out.emit(part)
    else:
        from wsproxy.cli.diffing import private_file

        try:
            with private_file(output, replace=force) as file:
                file.writelines(script.write(session))
        except FileExistsError:
            raise UsageError(f"{output} exists already", "Name another file, or add --force") from None
        except OSError as error:
            raise WsproxyError(f"cannot write {output}: {(error.strerror or str(error)).lower()}") from error
    for note in session.notes:
        out.say(note)
    if writer.has_secrets:
        out.say("it has the recorded Authorization or cookies in it; --redact leaves them out")


def _redaction(redact: bool, paths: tuple[str, ...]) -> "Redaction | None":
    from wsproxy.errors import UsageError
    from wsproxy.filters.jsonpath import parse_path
    from wsproxy.formats.redaction import Redaction

    if not redact and not paths:
        return None
    try:
        return Redaction([parse_path(path) for path in paths])
    except ValueError as error:
        raise UsageError(str(error), "It looks like user.token or items[*].id") from None


def _variables(mapped: tuple[str, ...]) -> "list[Variable]":
    import re

    from wsproxy.errors import UsageError
    from wsproxy.filters.jsonpath import parse_path

    found: list[Variable] = []
    for text in mapped:
        path, arrow, name = text.rpartition("=>")
        name = name.strip()
        if not arrow or not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
            raise UsageError(f"{text!r} is no variable", "It looks like 'result.token=>token'")
        try:
            steps = parse_path(path.strip())
        except ValueError as error:
            raise UsageError(str(error), "It looks like 'result.token=>token'") from None
        if None in steps:
            raise UsageError(f"{text!r} leads to more than one place", "Name one: items[0].id")
        found.append((steps, name))
    return found
