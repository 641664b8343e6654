"""
The page about decoders (`wsproxy help decoders`), made of their docstrings.

    python -m wsproxy.decoders.reference > wsproxy/docs/decoders.md
"""

import inspect
import sys

from wsproxy.decoders.api import Decoder
from wsproxy.decoders.generic import ENCODINGS
from wsproxy.decoders.registry import Registry

_INTRODUCTION = """# Decoders

A decoder says what a message means: in one line where frames are listed, and as a tree in `--json`. It
follows its connection from the first message on, so it knows which reply belongs to which call.

    wsproxy log last                    what messages mean
    wsproxy log last --raw              what they say
    wsproxy calls last                  calls and replies, latencies, what was never answered
    wsproxy info last                   protocols, heartbeats, sorts of messages
    wsproxy decoders                    this page, in short

## How a connection is recognised

1. By name: `--decoder NAME` reads everything with one decoder.
2. By the subprotocol that the server chose.
3. By path and query.
4. By the first messages, eight of each direction: two must agree. The decoder found is then given those
   before, too.
5. If nothing fits, each message is read on its own by its encoding, the most certain first.

A decoder that cannot make sense of a message gives up on it, not on the connection. The message is then
shown by its encoding, with a note that says who gave up and why. Large messages (the limit is each
decoder's), and those the capture does not have whole, are not decoded. Nothing is hidden: `--raw` shows
what was said.

A decoder of your own is a class in a Python file: `--decoder-file FILE`. The shipped
`addons/custom_decoder.py` is an example, and the docstring of `wsproxy/decoders/api.py` says everything
its author needs.
"""


def page(protocols: list[type[Decoder]], encodings: tuple[type[Decoder], ...] = ENCODINGS) -> str:
    """
    The whole page, in Markdown.

    Args:
        protocols: in the order in which they are asked.
        encodings: in the order in which they are tried.
    """
    parts = [_INTRODUCTION]
    if protocols:
        parts.append("## Protocols\n")
        parts += [_section(decoder) for decoder in protocols]
    parts.append("## Encodings\n")
    parts += [_section(decoder) for decoder in encodings]
    return "\n".join(parts)


def _section(decoder: type[Decoder]) -> str:
    text = inspect.cleandoc(decoder.__doc__ or "")
    facts: list[str] = []
    if decoder.subprotocols:
        names = ", ".join(f"`{name}`" for name in decoder.subprotocols)
        facts.append(f"- subprotocol {names}")
    if decoder.matches:
        facts.append(f"- recognised by {decoder.matches}")
    if decoder.editable:
        facts.append("- can be edited")
    return f"### `{decoder.name}`\n\n{text}\n\n" + "\n".join(facts) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page(Registry().all()))
