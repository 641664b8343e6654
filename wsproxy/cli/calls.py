"""`wsproxy calls`: the calls in a capture and how they were answered."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wsproxy.cli.decoding import Decoding, decoder_options
from wsproxy.cli.library import CaptureFile
from wsproxy.cli.output import json_option

if TYPE_CHECKING:
    from wsproxy.decoders.tally import Method


@click.command()
@click.argument("path", metavar="FILE", type=CaptureFile())
@click.option("--connection", type=click.IntRange(1), metavar="N", help="Only connection N.")
@decoder_options
@json_option("Print one JSON object per method.")
def calls(path: Path, connection: int | None, decoding: Decoding, as_json: bool) -> None:
    """
    Show the calls in a capture: methods, latencies, errors, and calls that were never answered.

    FILE is a path, the name of a capture as `wsproxy captures` lists it, or the word last for the
    newest one.

    Calls and their replies find each other by the ids of the protocol: JSON-RPC, acknowledgements of
    Socket.IO, and so on (see `wsproxy decoders`). The latency is the time to the first answer, by the
    proxy's clock. The exit code is 1 if there are no calls.

    \b
    Examples:
      wsproxy calls last
      wsproxy calls session.wsp --connection 3
      wsproxy calls last --json | jq 'select(.unanswered > 0)'
    """
    from wsproxy.cli import output, viewer
    from wsproxy.decoders.follow import Follower, everything
    from wsproxy.decoders.tally import Tally
    from wsproxy.store.jsontext import dumps
    from wsproxy.store.records import ExchangeRecord
    from wsproxy.store.tail import FrameEvent

    tally = Tally()
    with viewer.opened(path) as reader:
        follower = Follower(reader, decoding.factory())
        for event, decoded in everything(reader, follower, connection):
            if decoded is None:
                continue
            if type(event) is FrameEvent:
                tally.add(event.frame.id, event.frame.from_client, decoded)
            elif type(event) is ExchangeRecord:
                tally.add(-event.id, event.from_client, decoded)
    methods = tally.methods()
    if as_json:
        output.emit("".join(dumps(_json(method)) + "\n" for method in methods))
    elif methods:
        output.emit(_text(methods, output.line_width()))
    else:
        output.say("there are no calls in it that a decoder knows; `wsproxy decoders` lists what is known")
    if not methods:
        raise click.exceptions.Exit(1)


def _json(method: "Method") -> dict[str, Any]:
    return {
        "method": method.name,
        "decoder": method.decoder,
        "direction": "send" if method.from_client else "receive",
        "count": method.count,
        "p50": method.percentile(0.5),
        "p95": method.percentile(0.95),
        "max": max(method.latencies, default=None),
        "errors": method.errors,
        "unanswered": method.unanswered,
        "unanswered_frames": [number for number in method.waiting if number > 0],
        "unanswered_exchanges": [-number for number in method.waiting if number < 0],
    }


def _text(methods: "list[Method]", width: int) -> str:
    from wsproxy.decoders.tally import in_all
    from wsproxy.decoders.text import columns, printable
    from wsproxy.words import RECEIVED, SENT, count

    heads = ("count", "p50", "p95", "max", "errors", "unanswered")
    sizes = (7, 10, 10, 10, 7, 11)
    room = max(width - sum(sizes) - 2 - 14, 16)
    head = "".join(f"{head:>{size}}" for head, size in zip(heads, sizes, strict=True))
    lines = [f"  {'method':<{room}}{head}  decoder"]
    for method in methods:
        name = printable(method.name or "(no name)", room - 1)
        cells = (
            f"{method.count:,}",
            _latency(method.percentile(0.5)),
            _latency(method.percentile(0.95)),
            _latency(max(method.latencies, default=None)),
            f"{method.errors:,}" if method.errors else "",
            f"{method.unanswered:,}" if method.unanswered else "",
        )
        arrow = SENT if method.from_client else RECEIVED
        row = "".join(f"{cell:>{size}}" for cell, size in zip(cells, sizes, strict=True))
        lines.append(f"{arrow} {name}{' ' * (room - columns(name))}{row}  {printable(method.decoder, 12)}")
        if method.waiting:
            some = ", ".join(
                f"frame {number}" if number > 0 else f"exchange {-number}" for number in method.waiting[:8]
            )
            left = method.unanswered - min(len(method.waiting), 8)
            more = f" and {left:,} more" if left else ""
            lines.append(f"    never answered: {some}{more}")
    total, errors, unanswered = in_all(methods)
    lines.append(f"  {count(total, 'call')}, {count(errors, 'error')}, {unanswered:,} never answered")
    return "\n".join(lines) + "\n"


def _latency(ns: int | None) -> str:
    if ns is None:
        return ""
    if ns < 10_000_000:
        return f"{ns / 1e6:.2f} ms"
    from wsproxy.words import duration

    return duration(ns)
