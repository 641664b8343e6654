"""The Decoded tab: what a decoder made of a message, as a tree that is built where it is opened."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, ClassVar

from rich.style import Style
from rich.text import Text
from textual.widgets import Tree as TreeWidget
from textual.widgets.tree import TreeNode

from wsproxy.decoders.decoded import Node, Tree
from wsproxy.decoders.json_ import Number, Pairs
from wsproxy.decoders.text import preview, printable

PAGE = 200
"""Entries of one value that are listed at a time."""
_OPENED = 60
"""Lines that are opened unasked."""
_WIDTH = 400
"""Columns of a value that are shown; all of it is in the Text and Hex tabs."""
_NAME = 80
_LOOKED_AT = 4 * _WIDTH
"""Characters, or bytes, of a value that are looked at for that."""


class More:
    """Entries that are not listed yet."""

    def __init__(self, entries: Iterator[tuple[str, Tree]], left: int) -> None:
        self.entries = entries
        self.left = left


class DecodedTree(TreeWidget[Any]):
    """
    Plain data as `wsproxy.decoders.decoded.Tree` has it.

    Names and values are escaped and cut; nothing is ever taken for markup.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "decoded--name",
        "decoded--text",
        "decoded--number",
        "decoded--word",
        "decoded--note",
    }
    DEFAULT_CSS = """
    DecodedTree { height: 1fr; background: transparent; }
    DecodedTree > .decoded--name { color: $primary; }
    DecodedTree > .decoded--text { color: $success; }
    DecodedTree > .decoded--number { color: $accent; }
    DecodedTree > .decoded--word { color: $accent; text-style: bold; }
    DecodedTree > .decoded--note { color: $text-muted; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(Text("-"), id=id)
        self.show_root = False
        self.guide_depth = 2

    def show(self, tree: Tree) -> None:
        """Show another tree."""
        self.clear()
        self.root.expand()
        if _is_inner(tree):
            self._fill(self.root, tree)
        elif tree is not None:
            self.root.add_leaf(self._label("", tree))
        self._open()
        self.cursor_line = 0
        self.scroll_home(animate=False)

    def value_at_cursor(self) -> Tree:
        """The value under the cursor; None where there is none."""
        node = self.cursor_node
        data = node.data if node else None
        return None if isinstance(data, More) else data

    def on_tree_node_expanded(self, event: TreeWidget.NodeExpanded[Any]) -> None:
        """Make what is in a value when it is opened."""
        event.stop()
        node = event.node
        if not node.children and node.data is not None and not isinstance(node.data, More):
            self._fill(node, node.data)

    def on_tree_node_selected(self, event: TreeWidget.NodeSelected[Any]) -> None:
        """List more."""
        more = event.node.data
        if isinstance(more, More) and event.node.parent is not None:
            event.stop()
            parent = event.node.parent
            event.node.remove()
            self._list(parent, more.entries, more.left)

    def _fill(self, node: TreeNode[Any], value: Tree) -> None:
        self._list(node, iter(_entries(value)), _size(value))

    def _list(self, node: TreeNode[Any], entries: Iterator[tuple[str, Tree]], left: int) -> None:
        for name, value in islice(entries, PAGE):
            left -= 1
            label = self._label(name, value)
            if _is_inner(value) and _size(value):
                node.add(label, data=value)
            else:
                node.add_leaf(label, data=value)
        if left > 0:
            node.add_leaf(
                Text(f"… {left:,} more: press Enter", self._style("note")), data=More(entries, left)
            )

    def _open(self) -> None:
        """Open what is small enough to be seen at a glance."""
        lines = len(self.root.children)
        row = list(self.root.children)
        while row:
            below: list[TreeNode[Any]] = []
            for node in row:
                if not node.allow_expand or lines + min(_size(node.data), PAGE) > _OPENED:
                    continue
                self._fill(node, node.data)
                lines += len(node.children)
                node.expand()
                below += node.children
            row = below

    def _style(self, part: str) -> Style:
        return self.get_component_rich_style(f"decoded--{part}", partial=True)

    def _label(self, name: str, value: Tree) -> Text:
        label = Text(printable(name[:_LOOKED_AT], _NAME), self._style("name"), no_wrap=True, end="")
        note = ""
        while isinstance(value, Node):
            note = f"{note} {value.label}".lstrip()
            value = value.value
        if name:
            label.append(": " if not _is_inner(value) else " ", self._style("note"))
        if note:
            label.append(printable(note[:_LOOKED_AT], _NAME) + " ", self._style("note"))
        words, style = _words(value)
        label.append(words, self._style(style))
        return label


def _is_inner(value: Tree) -> bool:
    while isinstance(value, Node):
        value = value.value
    return isinstance(value, dict | list | tuple)


def _size(value: Tree) -> int:
    while isinstance(value, Node):
        value = value.value
    return len(value) if isinstance(value, dict | list | tuple) else 0


def _entries(value: Tree) -> Iterable[tuple[str, Tree]]:
    while isinstance(value, Node):
        value = value.value
    if isinstance(value, dict):
        return ((_name(name), inner) for name, inner in value.items())
    if isinstance(value, Pairs):
        return ((_name(name), inner) for name, inner in value)
    return ((str(at), inner) for at, inner in enumerate(value))


def _name(name: object) -> str:
    """Of a member; in MessagePack and CBOR it may be anything."""
    if isinstance(name, str):
        return name or '""'
    return preview(name, False, _NAME) if isinstance(name, bytes) else str(name)[:_LOOKED_AT]


def _words(value: Tree) -> tuple[str, str]:
    """A value on one line, and its style."""
    if isinstance(value, dict | Pairs):
        return f"{{{len(value):,}}}", "note"
    if isinstance(value, list | tuple):
        return f"[{len(value):,}]", "note"
    if isinstance(value, Number):
        return printable(value[:_LOOKED_AT], _WIDTH), "number"
    if isinstance(value, str):
        return f'"{printable(value[:_LOOKED_AT], _WIDTH)}"', "text"
    if isinstance(value, bytes | bytearray):
        return f"{len(value):,} B  {preview(bytes(value[:_LOOKED_AT]), False, _WIDTH, len(value))}", "text"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value], "word"
    return printable(str(value)[:_LOOKED_AT], _WIDTH), "number"
