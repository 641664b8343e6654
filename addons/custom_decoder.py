"""
A decoder of your own: what the messages of a protocol mean, that only you know.

    wsproxy log last --decoder-file addons/custom_decoder.py
    wsproxy calls last --decoder-file addons/custom_decoder.py

This one reads the tills of a shop. They speak in lines like `SELL 7 tea` and are answered by `OK 7` or
`NO 7 sold out`; a lone `.` keeps the connection alive.
"""

import re

from wsproxy.decoders.api import (
    LIKELY,
    UNKNOWN,
    Decoded,
    Decoder,
    Kind,
    Message,
    Opening,
    Tree,
    Unfit,
)
from wsproxy.decoders.registry import decoder

LINE = re.compile(r"(SELL|OK|NO) (\d+)(?: (.*))?", re.DOTALL)


@decoder
class Till(Decoder):
    """The tills of the shop: `SELL`, answered by `OK` or `NO`."""

    name = "till"
    subprotocols = ("till.v1",)
    matches = "the path /till, or lines of SELL, OK and NO"
    editable = True

    @classmethod
    def recognises(cls, opening: Opening) -> bool:
        return opening.path == "/till"

    @classmethod
    def score(cls, message: Message) -> int:
        return LIKELY if LINE.fullmatch(message.text or "") else UNKNOWN

    def decode(self, message: Message) -> Decoded:
        text = message.text or ""
        if text == ".":
            return self.say("still here", Kind.CONTROL, heartbeat=True)
        match = LINE.fullmatch(text)
        if match is None:
            raise Unfit("no line of a till")
        word, number, rest = match.groups("")
        tree = {"word": word, "number": int(number), "rest": rest}
        if word == "SELL":
            return self.call(message, number, "sell", f"sell {rest}", tree=tree)
        return self.reply(message, number, "sold" if word == "OK" else rest, error=word == "NO", tree=tree)

    def reencode(self, tree: Tree, message: Message) -> bytes:
        return f"{tree['word']} {tree['number']} {tree['rest']}".rstrip().encode()
