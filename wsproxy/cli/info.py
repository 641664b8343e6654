"""`wsproxy info`: what is in a capture, in numbers."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wsproxy.cli.decoding import Decoding, decoder_options
from wsproxy.cli.filtering import filter_option
from wsproxy.cli.library import CaptureFile
from wsproxy.cli.output import color_option, json_option

if TYPE_CHECKING:
    from wsproxy.cli.overview import ConnectionOverview, Overview
    from wsproxy.cli.paint import Paint
    from wsproxy.cli.polled import PolledSession
    from wsproxy.cli.protocols import Spoken
    from wsproxy.cli.reconnects import Returning
    from wsproxy.filters.nodes import Filter
    from wsproxy.store.totals import Traffic


@click.command()
@click.argument("path", metavar="FILE", type=CaptureFile())
@filter_option("Count only what matches.")
@click.option("--raw", is_flag=True, help="Without decoding messages.")
@decoder_options
@json_option("Print one JSON object.")
@color_option
def info(
    path: Path, wanted: "Filter | None", raw: bool, decoding: Decoding, as_json: bool, color: str
) -> None:
    """
    Show what is in a capture: its connections, how they ended, what was spoken, and what was wrong.

    FILE is a path, the name of a capture as `wsproxy captures` lists it, or the word last for the
    newest one.

    With -f only frames that match are counted, and only the connections listed that have any, or
    match themselves. The exit code is 1 if there are none.

    \b
    Examples:
      wsproxy info last
      wsproxy info last -f '~anomaly | ~code 1002-1011'
      wsproxy info session.wsp --json | jq '.connections[].anomalies'
    """
    from wsproxy.cli import output, viewer
    from wsproxy.cli.overview import Overview
    from wsproxy.cli.paint import Paint
    from wsproxy.cli.polled import polled_sessions
    from wsproxy.cli.protocols import spoken
    from wsproxy.cli.reconnects import reconnects
    from wsproxy.store.jsontext import dumps

    with viewer.opened(path) as reader:
        # What is spoken is said of whole connections, with a filter too.
        words, whole = ({}, True) if raw else spoken(reader, decoding.factory())
        polled: list[PolledSession]
        if wanted is None:
            found = Overview.of(reader)
            polled = polled_sessions(reader, reader.connections())
        else:
            from wsproxy.cli.progress import Progress
            from wsproxy.filters.search import Search

            progress = Progress("searching")
            try:
                meanings = decoding.decode(reader)
                search = Search(reader, wanted, decode=meanings, decode_exchange=meanings.exchange)
                found = Overview.of(reader, search, progress)
                polled = polled_sessions(reader, reader.connections(), search.about_exchange)
            finally:
                progress.clear()
    back = reconnects([(connection.record, connection.closure) for connection in found.connections])
    if as_json:
        output.emit(dumps(_json(path, found, polled, wanted, words, whole, back)) + "\n")
    else:
        coloured = output.use_color(color)
        paint = Paint(coloured)
        output.emit(
            _text(path, found, polled, wanted, words, whole, back, paint, output.line_width()), coloured
        )
    if wanted is not None and not found.connections and not polled:
        raise click.exceptions.Exit(1)


def _json(
    path: Path,
    found: "Overview",
    polled: "list[PolledSession]",
    wanted: "Filter | None",
    words: "dict[int | str, Spoken]",
    whole: bool,
    back: "list[Returning]",
) -> dict[str, Any]:
    from wsproxy.cli.polled import polled_json
    from wsproxy.cli.spoken_words import reconnects_json
    from wsproxy.store.jsontext import Timestamps

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
        "unrecorded_since": None if made.unrecorded_since is None else stamp(made.unrecorded_since),
        "filter": None if wanted is None else str(wanted),
        "totals": {
            "connections": len(found.connections),
            "refused": found.in_state("refused"),
            "failed": found.in_state("failed"),
            "send": {"frames": found.sent.frames, "bytes": found.sent.bytes},
            "receive": {"frames": found.received.frames, "bytes": found.received.bytes},
        },
        "decoded_whole": whole,
        "connections": [
            _connection_json(connection, words.get(connection.record.id), stamp)
            for connection in found.connections
        ],
        "polling": polled_json(polled, words, stamp),
        "reconnects": reconnects_json(back),
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


def _connection_json(connection: "ConnectionOverview", words: "Spoken | None", stamp: Any) -> dict[str, Any]:
    from wsproxy.cli.jsonl import replay_json
    from wsproxy.cli.spoken_words import spoken_json

    record, closure, original = connection.record, connection.closure, connection.original

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
        "remarks": connection.remarks,
        "spoken": spoken_json(words) if words else None,
        **({"replay_of": replay_json(original)} if original else {}),
    }


def _text(
    path: Path,
    found: "Overview",
    polled: "list[PolledSession]",
    wanted: "Filter | None",
    words: "dict[int | str, Spoken]",
    whole: bool,
    back: "list[Returning]",
    paint: "Paint",
    width: int,
) -> str:
    from wsproxy.cli.polled import polled_lines
    from wsproxy.cli.spoken_words import partly, reconnect_lines, spoken_lines
    from wsproxy.decoders.text import printable
    from wsproxy.words import RECEIVED, SENT, count, file_size, unrecorded

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
    if polled:
        facts.append(("Long-polling", count(len(polled), "session")))
    if wanted is not None:
        matched = found.sent.frames + found.received.frames
        facts.insert(4, ("Filter", f"{wanted}: {matched:,} of {count(found.frames, 'frame')}"))
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
    if made.unrecorded_since is not None:
        lines.append(paint(unrecorded(made.unrecorded_since), "loud"))
    for connection in found.connections:
        lines += ["", *_connection_lines(connection, paint, width)]
        if connection.record.id in words:
            lines += spoken_lines(words[connection.record.id], paint, width)
    lines += polled_lines(polled, words, paint, width)
    if not whole:
        lines += ["", paint(printable(partly(), width), "warn")]
    lines += reconnect_lines(back, paint, width)
    return "\n".join(lines) + "\n"


def _connection_lines(connection: "ConnectionOverview", paint: "Paint", width: int) -> list[str]:
    from wsproxy.decoders.text import preview, printable
    from wsproxy.words import (
        ANOMALIES,
        RECEIVED,
        SENT,
        closure_words,
        connection_details,
        duration,
        status_line,
    )

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
    if connection.original:
        add(f"replay of #{connection.original.original} in {connection.original.capture}", "dim")
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
    for remark in connection.remarks:
        add(f"! {remark}", "warn")
    return lines


def _traffic(way: "Traffic", opcodes: dict[int, int]) -> str:
    from wsproxy.wire.frames import OPCODE_NAMES
    from wsproxy.words import count

    if not way.frames:
        return "nothing"
    kinds = ", ".join(f"{number:,} {OPCODE_NAMES[opcode]}" for opcode, number in sorted(opcodes.items()))
    return f"{count(way.frames, 'frame')} {way.bytes:,} B: {kinds}"


def _when(ns: int) -> str:
    import time

    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(ns / 1e9))
