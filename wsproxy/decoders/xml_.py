"""XML, without entities of its own: those are how a small document becomes a large one."""

from typing import Any
from xml.parsers import expat

from wsproxy.decoders.decoded import DEPTH, Node, Tree, Unfit


def parse(text: str) -> Node:
    """
    Read one XML document (or element).

    Returns:
        The root: a `Node` whose label is the element's name with its prefix, and whose value is a list:
        first a dict of the attributes, if there are any, then texts, comments and inner elements in order.

    Raises:
        Unfit: it is not well-formed, has a document type, or is nested too deeply.
    """
    parser = expat.ParserCreate("utf-8")
    stack: list[tuple[str, list[Tree]]] = [("", [])]

    def start(name: str, attributes: dict[str, str]) -> None:
        if len(stack) > DEPTH // 2:
            raise Unfit("XML nested too deeply")
        stack.append((name, [dict(attributes)] if attributes else []))

    def end(name: str) -> None:
        _, content = stack.pop()
        stack[-1][1].append(Node(name, content))

    def doctype(*_: Any) -> None:
        raise Unfit("XML with a document type is not read")

    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = lambda data: stack[-1][1].append(data)
    parser.CommentHandler = lambda data: stack[-1][1].append(Node("comment", data))
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(text.encode("utf-8", "surrogateescape"), True)
    except expat.ExpatError as error:
        raise Unfit(f"not well-formed: {error}") from None
    roots = [node for node in stack[0][1] if isinstance(node, Node) and node.label != "comment"]
    if len(roots) != 1:
        raise Unfit("no single root element")
    root: Node = roots[0]
    return root


def attributes(node: Node) -> dict[str, str]:
    """The attributes of an element as `parse` gives it."""
    content = node.value
    return content[0] if isinstance(content, list) and content and isinstance(content[0], dict) else {}


def elements(node: Node) -> list[Node]:
    """Its inner elements, in order."""
    return [part for part in node.value if isinstance(part, Node) and part.label != "comment"]


def text_of(node: Node) -> str:
    """Its own text, without that of inner elements."""
    return "".join(part for part in node.value if isinstance(part, str))
