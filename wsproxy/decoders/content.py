"""What is carried in the packets of a protocol that does not care what it is."""

from wsproxy.decoders import json_, nested
from wsproxy.decoders.brief import LONGEST, brief
from wsproxy.decoders.decoded import Node, Tree, Unfit


def said(data: bytes) -> str:
    """The content on one line: its size, and text as it is or the first bytes; never raises."""
    size = f"{len(data):,} B"
    if not data:
        return size
    text = _text(data)
    return f"{size} {brief(data) if text is None else text[:LONGEST]}"


def tree_of(data: bytes) -> Tree:
    """The content as a tree: JSON and text as such, all else as bytes or what a signature says they are."""
    text = _text(data)
    if text is None:
        return nested.known(data) or data
    if text[:1] in ("{", "["):
        try:
            return Node("JSON", nested.unpacked(json_.parse(text)), text)
        except ValueError:
            return text
    return text


def data_of(tree: Tree) -> bytes:
    """
    An edited tree as the content it stands for.

    Raises:
        Unfit: it cannot be written.
    """
    if isinstance(tree, Node) and tree.label == "JSON" and isinstance(tree.raw, str):
        return json_.rewrite(nested.packed(tree.value), tree.raw).encode("utf-8", "surrogatepass")
    if isinstance(tree, Node):
        tree = tree.value
    if isinstance(tree, str):
        return tree.encode("utf-8", "surrogatepass")
    if isinstance(tree, bytes):
        return tree
    raise Unfit("content is text, bytes or JSON")


def _text(data: bytes) -> str | None:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return text if all(char.isprintable() or char in "\t\r\n" for char in text[:LONGEST]) else None
