"""A shell script for wscat (https://github.com/websockets/wscat): what the client said, on one connection."""

from collections.abc import Iterator

from wsproxy.decoders.text import printable
from wsproxy.formats.literals import comment, shell
from wsproxy.formats.session import Connection, Session, Step

_OPENING = 1.0
"""Seconds for the connection to open: wscat forgets what is typed before."""


def write_wscat(session: Session) -> Iterator[str]:
    """A script: `sh session.sh [ws://host:port]`; connections one after the other."""
    yield "#!/bin/sh\n"
    yield comment(
        session,
        "#",
        "sh FILE [ws://host:port]; needs `npm install -g wscat`. Prints what the server says.",
        "Connections are opened one after the other. Binary messages and line breaks cannot be typed.",
    )
    yield "set -eu\nTO=${1:-}\n"
    for connection in session.connections:
        steps = [step for step in session.steps if step.connection == connection.number]
        if steps and steps[0].what == "open":
            yield from _talk(connection, steps)


def _talk(connection: Connection, steps: list[Step]) -> Iterator[str]:
    scheme, _, rest = connection.url.partition("://")
    host = rest.partition("/")[0].partition("?")[0]
    yield f"\necho {shell(printable(f'# connection {connection.number}'))} >&2\n{{\n  sleep {_OPENING:g}\n"
    before = steps[0].seconds
    for step in steps[1:]:
        pause = step.seconds - before
        before = step.seconds
        if step.what != "send":
            if pause >= 0.001:
                yield f"  sleep {pause:.3f}\n"
            continue
        wait = f"sleep {pause:.3f}; " if pause >= 0.001 else ""
        if isinstance(step.content, str) and (step.content.isprintable() or step.content == ""):
            yield f"  {wait}printf '%s\\n' {shell(step.content)}\n"
        else:
            kind = "binary" if isinstance(step.content, bytes) else "text with control characters"
            yield f"  {wait}: # {kind}, {len(step.content):,} long, cannot be typed\n"
    yield "  sleep 1\n}"
    words = [f'"${{TO:-{_quoted(f"{scheme}://{host}")}}}"{shell(rest[len(host) :] or "/")}']
    for name, value in connection.headers:
        words.append(f"-H {shell(f'{name}: {value}')}")
    for name in connection.subprotocols:
        words.append(f"-s {shell(name)}")
    yield " | wscat -c " + " ".join(words) + "\n"


def _quoted(text: str) -> str:
    """Inside double quotes."""
    return "".join(f"\\{char}" if char in '"\\$`}' else char for char in printable(text))
