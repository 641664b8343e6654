"""`wsproxy decoders`: what can be decoded, and how it is recognised."""

from typing import TYPE_CHECKING, Any

import click

from wsproxy.cli.decoding import Decoding, decoder_options
from wsproxy.cli.output import json_option

if TYPE_CHECKING:
    from wsproxy.decoders.api import Decoder


@click.command()
@decoder_options
@json_option("Print one JSON object per decoder.")
def decoders(decoding: Decoding, as_json: bool) -> None:
    """
    List the decoders: protocols first, then the encodings that are tried where no protocol is known.

    A protocol is recognised by the subprotocol of the handshake, by path and query, or by the first
    messages; `--decoder NAME` of other commands overrides that.

    \b
    Examples:
      wsproxy decoders
      wsproxy decoders --decoder-file my_decoder.py
      wsproxy log last --decoder json
    """
    from wsproxy.cli import output
    from wsproxy.decoders.generic import ENCODINGS
    from wsproxy.decoders.registry import DECODERS
    from wsproxy.store.jsontext import dumps

    decoding.factory()
    protocols = DECODERS.all()
    found = [(decoder, "protocol") for decoder in protocols]
    found += [(decoder, "encoding") for decoder in ENCODINGS if decoder not in protocols]
    if as_json:
        output.emit("".join(dumps(_json(decoder, sort)) + "\n" for decoder, sort in found))
        return
    width = output.line_width()
    output.emit("".join(_text(decoder, width) for decoder, _ in found))


def summary(decoder: "type[Decoder]") -> str:
    """What a decoder says about itself, in one line, without a final full stop."""
    return (decoder.__doc__ or "").strip().partition("\n")[0].rstrip(".")


def _json(decoder: "type[Decoder]", sort: str) -> dict[str, Any]:
    return {
        "name": decoder.name,
        "sort": sort,
        "summary": summary(decoder),
        "subprotocols": list(decoder.subprotocols),
        "matches": decoder.matches,
        "editable": decoder.editable,
    }


def _text(decoder: "type[Decoder]", width: int) -> str:
    from wsproxy.decoders.text import printable

    facts = [summary(decoder)]
    if decoder.subprotocols:
        facts.append(f"subprotocol {', '.join(decoder.subprotocols)}")
    if decoder.matches:
        facts.append(f"recognised by {decoder.matches}")
    lines = [f"{printable(decoder.name, 14):<14} {printable(facts[0], max(width - 15, 20))}"]
    lines += [f"{'':<14} {printable(fact, max(width - 15, 20))}" for fact in facts[1:]]
    return "\n".join(lines) + "\n"
