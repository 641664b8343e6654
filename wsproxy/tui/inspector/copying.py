"""
A frame as something to paste elsewhere: text, JSON, hex, or code that says it again.

What is pasted into a shell was written by a stranger. So it is quoted until nothing in it is a command,
and has no control characters that a terminal would take for keys.
"""

import shlex
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass

from wsproxy.decoders.hexdump import hexdump
from wsproxy.decoders.plain import plain_json
from wsproxy.store.jsontext import Timestamps, dumps
from wsproxy.store.records import FrameFlag
from wsproxy.tui.inspector.layout import Layout, kind_of
from wsproxy.tui.inspector.shown import Shown
from wsproxy.wire.frames import OPCODE_NAMES, Opcode
from wsproxy.wire.handshake import Head

_HOP = ("host", "connection", "upgrade", "content-length", "transfer-encoding", "proxy-connection")
"""Headers that belong to the connection and not to the person who makes it."""


@dataclass(frozen=True, slots=True)
class Form:
    """One way to copy a frame."""

    name: str
    """For people."""
    about: str
    """What it gives, in a few words."""
    suffix: str
    """Of a file with it."""
    make: Callable[[Shown], bytes]


def text(shown: Shown) -> bytes:
    """The content as it came."""
    return shown.content


def pretty(shown: Shown) -> bytes:
    """The content as the Text tab breaks it."""
    whole = shown.text
    layout = Layout(whole, 1 << 14, kind_of(whole))
    lines = []
    for _ in layout.steps():
        pass
    for row in range(len(layout)):
        start, end = layout.row(row)
        lead = "" if layout.is_wrapped(row) else "\n" + " " * layout.indent(row)
        lines.append(lead + whole[start:end])
    return "".join(lines).removeprefix("\n").encode("utf-8", "surrogateescape")


def json(shown: Shown) -> bytes:
    """One object, with keys as in `wsproxy help json`."""
    frame = shown.frame
    value = {
        "event": "frame",
        "id": frame.id,
        "connection": frame.connection,
        "url": shown.connection.url if shown.connection else None,
        "time": Timestamps()(frame.time),
        "direction": "send" if frame.from_client else "receive",
        "opcode": OPCODE_NAMES[frame.opcode],
        "length": frame.length,
        "origin": "proxy" if FrameFlag.FROM_PROXY in frame.flags else "peer",
        "header": frame.header.hex(),
        "anomalies": frame.anomalies.names,
    }
    try:
        if not shown.is_text:
            raise ValueError
        value["text"] = shown.content.decode()
    except ValueError:
        value["base64"] = b64encode(shown.content).decode("ascii")
    line = dumps(value)
    decoded = shown.decoded
    if decoded and decoded.decoder not in ("text", "hex"):
        more = dumps({"decoder": decoded.decoder, "kind": str(decoded.kind), "name": decoded.name})
        line = f'{line[:-1]},"decoded":{more[:-1]},"tree":{plain_json(shown.tree)}}}}}'
    return line.encode() + b"\n"


def hex_dump(shown: Shown) -> bytes:
    """As `hexdump -C` has it."""
    return "".join(f"{line}\n" for line in hexdump(shown.content)).encode()


def curl(shown: Shown) -> bytes:
    """The handshake; curl then prints what the server says."""
    record = shown.connection
    url = record.url if record else ""
    words = ["curl", "--http1.1", "--no-buffer"]
    for name, value in _headers(shown, handshake=True):
        words += ["--header", f"{name}: {value}"]
    words.append(url.replace("ws", "http", 1))
    return " ".join(map(_quoted, words)).encode() + b"\n"


def wscat(shown: Shown) -> bytes:
    """Connects as the client did, and says it again if the client said it."""
    record = shown.connection
    words = ["wscat", "--connect", record.url if record else ""]
    for subprotocol in _subprotocols(shown):
        words += ["--subprotocol", subprotocol]
    for name, value in _headers(shown):
        words += ["--header", f"{name}: {value}"]
    if shown.frame.from_client and shown.is_text:
        words += ["--execute", shown.text]
    return " ".join(map(_quoted, words)).encode("utf-8", "surrogateescape") + b"\n"


def python(shown: Shown) -> bytes:
    """A script for the `websockets` library."""
    record = shown.connection
    headers = "".join(f"    ({name!a}, {value!a}),\n" for name, value in _headers(shown))
    subprotocols = _subprotocols(shown)
    also = f", subprotocols={subprotocols!a}" if subprotocols else ""
    lines = [
        "from websockets.sync.client import connect",
        "",
        f"HEADERS = [\n{headers}]",
        "",
        f"with connect({record.url if record else ''!a}, additional_headers=HEADERS{also}) as websocket:",
    ]
    if shown.frame.from_client:
        lines.append(f"    {_said(shown)}")
    lines += ["    for message in websocket:", "        print(message)", ""]
    return "\n".join(lines).encode()


def _said(shown: Shown) -> str:
    content = shown.content
    if shown.opcode == Opcode.PING:
        return f"websocket.ping({content!r})"
    if shown.opcode == Opcode.PONG:
        return f"websocket.pong({content!r})"
    if shown.opcode == Opcode.CLOSE:
        code = int.from_bytes(content[:2], "big") if len(content) > 1 else 1000
        return f"websocket.close({code}, {content[2:].decode('utf-8', 'replace')!a})"
    try:
        if shown.is_text:
            return f"websocket.send({content.decode()!a})"
    except UnicodeDecodeError:
        pass
    return f"websocket.send({content!r})"


FORMS: tuple[Form, ...] = (
    Form("Content", "as it came", "txt", text),
    Form("Pretty", "as the Text tab shows it", "txt", pretty),
    Form("JSON", "the frame with all that is known of it", "json", json),
    Form("Hex", "a hex dump", "hex", hex_dump),
    Form("Python", "a script that says it again", "py", python),
    Form("wscat", "a command that says it again", "sh", wscat),
    Form("curl", "a command that makes the handshake again", "sh", curl),
)
"""All of them, in the order in which they are offered."""


def _headers(shown: Shown, handshake: bool = False) -> list[tuple[str, str]]:
    """Those a client of one's own would have to send."""
    if shown.connection is None:
        return []
    head = Head.parse(shown.connection.request)
    kept = [
        (name, value)
        for name, value in head.fields
        if name.lower() not in _HOP and not name.lower().startswith("sec-websocket-")
    ]
    if handshake:
        kept += [("Connection", "Upgrade"), ("Upgrade", "websocket")]
        kept += [(name, value) for name, value in head.fields if name.lower().startswith("sec-websocket-")]
    return kept


def _subprotocols(shown: Shown) -> list[str]:
    if shown.connection is None:
        return []
    offered = Head.parse(shown.connection.request).get("Sec-WebSocket-Protocol")
    return [token.strip() for token in offered.split(",") if token.strip()]


def _quoted(word: str) -> str:
    """For a POSIX shell; what a terminal would obey in the `$'...'` of bash, zsh and POSIX 2024."""
    if all(char.isprintable() for char in word):
        return shlex.quote(word)
    escaped = "".join(
        f"\\{char}" if char in "\\'" else char if char.isprintable() else _escape(char) for char in word
    )
    return f"$'{escaped}'"


def _escape(char: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape"))
