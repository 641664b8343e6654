"""Messages as literals of other languages, in printable ASCII: whatever was said, it stays data."""

import base64
import json
import shlex
from collections.abc import Iterator
from typing import Any

from wsproxy.decoders.text import printable
from wsproxy.formats.session import Session, Step


def python(value: Any) -> str:
    """As Python writes it."""
    return ascii(value)


def javascript(value: Any) -> str:
    """As JavaScript writes it; bytes as a call of `bytes`."""
    if isinstance(value, bytes):
        return f'bytes("{base64.b64encode(value).decode()}")'
    return json.dumps(value).replace("\x7f", "\\u007f")


def shell(text: str) -> str:
    """As one word of a POSIX shell."""
    return shlex.quote(text)


def python_step(step: Step, *more: Any) -> str:
    """A tuple."""
    return f"({', '.join(map(python, (*step_values(step), *more)))})"


def step_values(step: Step) -> tuple[Any, ...]:
    """What a script is told of a step."""
    head = (step.what, step.connection, round(step.seconds, 6))
    if step.what in ("send", "expect"):
        return (*head, step.content)
    if step.what in ("close", "closed"):
        return (*head, step.code, step.reason)
    return (*head, step.code) if step.what == "refused" else head


def comment(session: Session, sign: str, *lines: str) -> str:
    """What every script begins with; nothing in it can end the comment."""
    text = [f"Made by wsproxy of {printable(session.source)}.", *lines, *session.notes]
    return "".join(f"{sign} {printable(line)}".rstrip() + "\n" for line in text)


def python_data(session: Session, names: bool = False) -> Iterator[str]:
    """The constants of a script in Python."""
    yield "CONNECTIONS = {\n"
    for each in session.connections:
        yield f"    {each.number}: {{\n"
        yield f'        "url": {python(each.url)},\n'
        yield f'        "headers": {python(list(each.headers))},\n'
        yield f'        "subprotocols": {python(list(each.subprotocols))},\n'
        yield "    },\n"
    yield "}\n\n# What, connection, seconds since the beginning, and more.\nSTEPS = [\n"
    for step in session.steps:
        more = (step.name,) if names and step.what == "send" else ()
        yield f"    {python_step(step, *more)},\n"
    yield "]\n\n"
    yield "# Names of JSON members that do not count, at any depth.\n"
    yield f"IGNORED = {python(sorted(session.ignored))}\n"
    yield "# Paths into the server's JSON, and the names by which messages have them: {{name}}.\n"
    yield f"VARIABLES = {python([(list(path), name) for path, name in session.variables])}\n"
    yield "# What the server says only to be answered, and the answer.\n"
    yield f"HEARTBEATS = {python(list(session.heartbeats))}\n"


def javascript_data(session: Session) -> Iterator[str]:
    """The constants of a script in JavaScript."""
    yield "const CONNECTIONS = {\n"
    for each in session.connections:
        value = {
            "url": each.url,
            "headers": dict(each.headers),
            "subprotocols": list(each.subprotocols),
        }
        yield f"  {each.number}: {javascript(value)},\n"
    yield "};\n\n// What, connection, seconds since the beginning, and more.\nconst STEPS = [\n"
    for step in session.steps:
        yield f"  [{', '.join(map(javascript, step_values(step)))}],\n"
    yield "];\n"
    yield "// Names of JSON members that do not count, at any depth.\n"
    yield f"const IGNORED = {javascript(sorted(session.ignored))};\n"
    yield "// What the server says only to be answered, and the answer.\n"
    yield f"const HEARTBEATS = {javascript(dict(session.heartbeats))};\n"
