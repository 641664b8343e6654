"""`wsproxy info`: what is in a capture, in numbers."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wsproxy.cli.library import CaptureFile
from wsproxy.cli.output import color_option, json_option

if TYPE_CHECKING:
    from wsproxy.cli.overview import ConnectionOverview, Overview
    from wsproxy.cli.render import Paint
    from wsproxy.store.reader import Traffic


@click.command()
@click.argument("path", metavar="FILE", type=CaptureFile())
@json_option("Print one JSON object.")
@color_option
def info(path: Path, as_json: bool, color: str) -> None:
    """
    Show what is in a capture: its connections, how they ended, and what was wrong.

    FILE is a path, the name of a capture as `wsproxy captures` lists it, or the word last for the
    newest one.

    \b
    Examples:
      wsproxy info last
      wsproxy info session.wsp --json | jq '.connections[].anomalies'
    """
    from wsproxy.cli import output, viewer
    from wsproxy.cli.jsonl import dumps
    from wsproxy.cli.overview import Overview
    from wsproxy.cli.render import Paint

    with viewer.opened(path) as reader:
        found = Overview.of(reader)
    if as_json:
        output.emit(dumps(_json(path, found)) + "\n")
        return
    coloured = output.use_color(color)
    output.emit(_text(path, found, Paint(coloured), output.line_width()), coloured)


def _json(path: Path, found: "Overview") -> dict[str, Any]:
    from wsproxy.cli.jsonl import Timestamps

    stamp = Timestamps()
    made = found.info
    return {
        "path": str(path.absolute()),
        "size": found.size,
        "schema": made.schema,
        "program": made.program,
        "created": stamp(made.created),
        "ended": None if made.ended is None else stamp(made.ended),
        "state": found.state,
        "writer_pid": made.writer_pid,
        "totals": {
            "connections": len(found.connections),
            "refused": found.in_state("refused"),
            "failed": found.in_state("failed"),
            "send": {"frames": found.sent.frames, "bytes": found.sent.bytes},
            "receive": {"frames": found.received.frames, "bytes": found.received.bytes},
        },
        "connections": [_connection_json(connection, stamp) for connection in found.connections],
        "gaps": [
            {
                "started": stamp(gap.started),
                "ended": stamp(gap.ended),
                "frames": gap.frames,
                "bytes": gap.bytes,
                "reason": gap.reason,
            }
            for gap in found.gaps
        ],
    }


def _connection_json(connection: "ConnectionOverview", stamp: Any) -> dict[str, Any]:
    record, closure = connection.record, connection.closure

    def way(traffic: "Traffic", opcodes: dict[int, int]) -> dict[str, Any]:
        from wsproxy.wire.frames import OPCODE_NAMES

        by_name = {OPCODE_NAMES[opcode]: count for opcode, count in sorted(opcodes.items())}
        return {"frames": traffic.frames, "bytes": traffic.bytes, "opcodes": by_name}

    return {
        "connection": record.id,
        "url": record.url,
        "state": connection.state,
        "status": record.status,
        "error": record.error,
        "opened": stamp(record.opened),
        "closed": None
        if closure is None
        else {
            "time": stamp(closure.time),
            "by": closure.by,
            "code": closure.code,
            "reason": closure.reason,
            "clean": closure.clean,
            "how": closure.how,
        },
        "subprotocol": record.subprotocol,
        "extensions": record.extensions,
        "findings": list(record.findings),
        "send": way(connection.sent, connection.sent_opcodes),
        "receive": way(connection.received, connection.received_opcodes),
        "anomalies": {flag.names[0]: count for flag, count in sorted(connection.anomalies.items())},
    }


def _text(path: Path, found: "Overview", paint: "Paint", width: int) -> str:
    from wsproxy.cli.render import RECEIVED, SENT
    from wsproxy.cli.words import count, file_size
    from wsproxy.decoders.text import printable

    made = found.info
    state = {
        "finished": f"finished {_when(made.ended or 0)}",
        "live": f"live: process {made.writer_pid} is writing it",
        "interrupted": f"interrupted: process {made.writer_pid} ended without closing it",
    }[found.state]
    connections = f"{len(found.connections):,}"
    special = [
        f"{number:,} {name}"
        for name in ("open", "refused", "failed", "interrupted")
        if (number := found.in_state(name))
    ]
    if special:
        connections += f" ({', '.join(special)})"
    traffic = "   ".join(
        f"{arrow} {count(way.frames, 'frame')} {way.bytes:,} B"
        for arrow, way in ((SENT, found.sent), (RECEIVED, found.received))
    )
    facts = [
        ("File", str(path)),
        ("Size", file_size(found.size)),
        (
            "Created",
            f"{_when(made.created)} by {made.program or 'an unknown program'} (schema {made.schema})",
        ),
        ("State", state),
        ("Connections", connections),
        ("Traffic", traffic),
    ]
    lines = [f"{name:<12} {printable(value, max(width - 13, 20))}" for name, value in facts]
    for gap in found.gaps:
        lines.append(
            paint(
                printable(
                    f"NOT RECORDED {_when(gap.started)} to {_when(gap.ended)}: {count(gap.frames, 'frame')} "
                    f"({gap.bytes:,} B) went through; {gap.reason}",
                    width,
                ),
                "loud",
            )
        )
    for connection in found.connections:
        lines += ["", *_connection_lines(connection, paint, width)]
    return "\n".join(lines) + "\n"


def _connection_lines(connection: "ConnectionOverview", paint: "Paint", width: int) -> list[str]:
    from wsproxy.cli.render import RECEIVED, SENT, closure_words, connection_details, status_line
    from wsproxy.cli.words import ANOMALIES, duration
    from wsproxy.decoders.text import preview, printable

    record, closure = connection.record, connection.closure
    tag = f"#{record.id}"
    indent = "   "
    room = max(width - len(indent), 20)

    def add(text: str, style: str = "plain") -> None:
        lines.append(indent + paint(printable(text, room), style))

    lines = [f"{paint(tag, 'number0')} {printable(record.url, max(width - len(tag) - 1, 20))}"]
    if record.error:
        add(f"failed: {record.error}" if connection.state == "failed" else record.error, "bad")
    elif connection.state == "failed":
        add("failed: no response", "bad")
    if connection.state == "refused":
        add(f"refused: {status_line(record)}", "bad")
        if record.body:
            lines.append(indent + paint(preview(record.body, False, room, record.body_length), "dim"))
    details = connection_details(record)
    if details:
        add("  ".join(details), "dim")
    if closure:
        by, why, how = closure_words(closure)
        lasted = duration(closure.time - record.opened)
        add(f"{by}  {why}  {how}  after {lasted}", "plain" if closure.clean else "warn")
    elif connection.state == "open":
        add(f"open since {_when(record.opened)}", "good")
    elif connection.state == "interrupted":
        add(f"opened {_when(record.opened)}; the capture ends before its end", "warn")
    for arrow, way, opcodes in (
        (SENT, connection.sent, connection.sent_opcodes),
        (RECEIVED, connection.received, connection.received_opcodes),
    ):
        if record.status == 101:
            add(f"{arrow} {_traffic(way, opcodes)}")
    for finding in record.findings:
        add(f"! {finding}", "warn")
    for flag, number in sorted(connection.anomalies.items()):
        add(f"! {number:,} × {ANOMALIES[flag]}", "wrong")
    return lines


def _traffic(way: "Traffic", opcodes: dict[int, int]) -> str:
    from wsproxy.cli.words import count
    from wsproxy.wire.frames import OPCODE_NAMES

    if not way.frames:
        return "nothing"
    kinds = ", ".join(f"{number:,} {OPCODE_NAMES[opcode]}" for opcode, number in sorted(opcodes.items()))
    return f"{count(way.frames, 'frame')} {way.bytes:,} B: {kinds}"


def _when(ns: int) -> str:
    import time

    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(ns / 1e9))
