"""
Answers of the client to calls of the server: the id is that of the call of now.

In JSON (JSON-RPC, SignalR, acknowledgements of Socket.IO), in MessagePack of SignalR, and packet ids of MQTT.
"""

import re

from wsproxy.decoders.decoded import Tree, Unfit
from wsproxy.decoders.message import Message
from wsproxy.decoders.registry import RegistrySession

_ACK = re.compile(r"(4[36](?:\d+-)?(?:/[^,]*,)?)(\d+)(?=\[)")


def answering(
    session: RegistrySession, message: Message, content: bytes, tree: Tree, old: str, new: str
) -> bytes:
    """
    What to say in place of a recorded answer.

    Args:
        session: has decoded the recorded connection.
        message: the recorded answer.
        content: what is to be said so far.
        tree: what it says, if it is binary.
        old, new: the ids of the calls.

    Returns:
        `content`, where it is not known how the id is written.
    """
    if message.is_text:
        return _with_id(content, old, new)
    if session.name == "mqtt":
        return _with_packet_id(content, old, new)
    places = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for place, value in list(places):
        if isinstance(value, str) and value == old:
            tree[place] = new
            try:
                return session.reencode(tree, message)
            except Unfit:
                return content
    return content


def _with_packet_id(content: bytes, old: str, new: str) -> bytes:
    """PUBACK, PUBREC or PUBCOMP of MQTT, whole or the last part of it; an id is two bytes."""
    spelt = int(old).to_bytes(2, "big")
    at = len(content) - 2 if len(content) in (2, 4) else 2
    if content[at : at + 2] != spelt:
        return content
    return content[:at] + int(new).to_bytes(2, "big") + content[at + 2 :]


def _with_id(content: bytes, old: str, new: str) -> bytes:
    """An answer to the id that the server uses now: of JSON, or an acknowledgement of Socket.IO."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return content
    if (found := _ACK.match(text)) and found[2] == old:
        return f"{found[1]}{new}{text[found.end() :]}".encode()
    spelt = re.escape(old)
    pattern = rf'("(?:id|invocationId)"\s*:\s*)("?){spelt}\2(?=\s*[,}}])'
    return re.sub(pattern, lambda match: f"{match[1]}{match[2]}{new}{match[2]}", text, count=1).encode()
