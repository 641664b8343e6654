"""Protocol Buffers: by a schema where one is given, else by what the wire format alone tells."""

import itertools
import math
import struct
from dataclasses import dataclass
from typing import Any

from wsproxy.decoders.api import Context, Decoded, Decoder, Kind, Message, Node, Opening, Tree, Unfit
from wsproxy.decoders.brief import brief

LEVELS = 20
"""Of messages in messages that are looked for without a schema."""
FIELDS = 10_000
"""In one message, and as many in all that is guessed to be a message inside it."""
HIGHEST = 40
"""Field numbers above are legal, and not believed without a schema."""

_VARINT, _FIXED64, _BYTES, _START, _END, _FIXED32 = range(6)


class Protobuf(Decoder):
    """
    Protocol Buffers, with or without their schema.

    With `--decoder-option protobuf.schema=FILE` the messages are read by it: a descriptor set
    (`protoc --include_imports -o FILE`), or a `.proto`, which needs `protoc` or the package grpcio-tools.
    `protobuf.message=NAME` says which type the messages have; `protobuf.send` and `protobuf.receive`
    where it differs by direction. With one type in the schema it is that.

    Without a schema the wire format shows numbers and types of fields, and bytes are tried as text and as
    inner messages. That is a guess, so only what looks sensible throughout is taken for it. An edited
    message is written in the shortest form, if the original was.
    """

    name = "protobuf"
    matches = "fields with low numbers, sensible throughout, up to the end; or anything, with a schema"
    editable = True

    def __init__(self, opening: Opening, context: Context) -> None:
        super().__init__(opening, context)
        self._types: dict[bool, Any] = {}
        if context.options.get("protobuf.schema"):
            from wsproxy.decoders import protobuf_schema

            self._types = protobuf_schema.types(context.options)

    @property
    def has_schema(self) -> bool:
        """A schema was given, so everything binary is read by it."""
        return bool(self._types)

    def decode(self, message: Message) -> Decoded:
        """Raises Unfit if it is none, or nothing that looks sensible."""
        kind = self._types.get(message.from_client)
        if kind is not None:
            from wsproxy.decoders import protobuf_schema

            tree, notes = protobuf_schema.read(kind, message.content)
            name = kind.DESCRIPTOR.name
            return self.say(f"{name} {brief(tree)}", Kind.DATA, name, tree=tree, notes=notes)
        fields = parse(message.content)
        if not _is_sensible(fields):
            raise Unfit("the fields make no sense as Protocol Buffers")
        return self.say(_brief(fields), Kind.DATA, tree=lambda: tree_of(fields))

    def reencode(self, tree: Tree, message: Message) -> bytes:
        """In the shortest form, fields in the order given."""
        kind = self._types.get(message.from_client)
        if kind is not None:
            from wsproxy.decoders import protobuf_schema

            return protobuf_schema.written(kind, tree, message.content)
        if dump(tree_of(parse(message.content))) != message.content:
            raise Unfit("these Protocol Buffers are not in the shortest form")
        return dump(tree)


@dataclass(frozen=True, slots=True)
class Field:
    """One field as the wire has it."""

    number: int
    type: int
    value: Any
    """int of a varint, bytes of a fixed one, bytes or `str` or list of `Field` otherwise."""


def parse(data: bytes) -> list[Field]:
    """
    Read the fields of a message, without a schema.

    Raises:
        Unfit: it is none.
    """
    return _Parser().message(data, LEVELS)


def tree_of(fields: list[Field]) -> Tree:
    """A list of a `Node` per field, labelled with number and type: `field 3, varint`."""
    found: list[Tree] = []
    for field in fields:
        value, kind = field.value, "varint"
        if field.type == _FIXED32:
            kind, value = _number(value, "fixed32", "float", "<I", "<f")
        elif field.type == _FIXED64:
            kind, value = _number(value, "fixed64", "double", "<Q", "<d")
        elif isinstance(value, list):
            kind, value = "message", tree_of(value)
        elif field.type == _BYTES:
            kind = "text" if isinstance(value, str) else "bytes"
        found.append(Node(f"field {field.number}, {kind}", value))
    return found


def dump(tree: Tree) -> bytes:
    """
    Write a tree as `tree_of` makes it.

    Raises:
        Unfit: it is none.
    """
    try:
        return b"".join(_field(node) for node in tree)
    except (ValueError, TypeError, AttributeError, struct.error, OverflowError) as error:
        raise Unfit(f"cannot be written as Protocol Buffers: {error}") from None


class _Parser:
    def __init__(self) -> None:
        self._left = FIELDS
        """Fields that may still be read in guesses; those that led nowhere count, too."""

    def message(self, data: bytes, levels: int) -> list[Field]:
        fields: list[Field] = []
        at = 0
        while at < len(data):
            if levels < LEVELS:
                self._left -= 1
            if self._left < 0 or len(fields) > FIELDS:
                raise Unfit(f"more than {FIELDS:,} fields")
            tag, at = _varint(data, at)
            number, kind = tag >> 3, tag & 7
            if not number or number >= 1 << 29:
                raise Unfit(f"no field has the number {number}")
            value: Any
            if kind == _VARINT:
                value, at = _varint(data, at)
            elif kind in (_FIXED64, _FIXED32):
                size = 8 if kind == _FIXED64 else 4
                value, at = data[at : at + size], at + size
            elif kind == _BYTES:
                size, at = _varint(data, at)
                value, at = data[at : at + size], at + size
            else:
                raise Unfit(f"wire type {kind} is not in use")
            if at > len(data):
                raise Unfit("the last field is cut off")
            fields.append(Field(number, kind, self._inside(value, levels) if kind == _BYTES else value))
        return fields

    def _inside(self, data: bytes, levels: int) -> Any:
        if not data:
            return ""
        try:
            text = data.decode()
        except UnicodeDecodeError:
            text = "\0"
        if all(char.isprintable() or char in "\t\r\n" for char in text):
            return text
        try:
            if levels and self._left > 0 and _is_sensible(fields := self.message(data, levels - 1)):
                return fields
        except Unfit:
            pass
        self._left = max(self._left, 0)
        return data


def _is_sensible(fields: list[Field]) -> bool:
    """Whether somebody would have written this, rather than chance."""
    if not fields or any(field.number > HIGHEST for field in fields):
        return False
    if any(a.number > b.number for a, b in itertools.pairwise(fields)):
        return False
    speaking = sum(
        isinstance(field.value, list) or (isinstance(field.value, str) and len(field.value) > 2)
        for field in fields
    )
    strange = sum(isinstance(field.value, bytes) and field.type == _BYTES for field in fields)
    return speaking > strange or (len(fields) > 1 and not strange)


def _brief(fields: list[Field]) -> str:
    return brief({"fields": _short(fields)})[len('{"fields": ') : -1]


def _short(fields: list[Field]) -> Tree:
    """Fields by number, for one line."""
    found: dict[int, Tree] = {}
    for field, node in zip(fields, tree_of(fields), strict=True):
        value = _short(field.value) if isinstance(field.value, list) else node.value
        if field.number in found:
            before = found[field.number]
            found[field.number] = (*before, value) if isinstance(before, tuple) else (before, value)
        else:
            found[field.number] = value
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise Unfit("a varint without end")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _number(data: bytes, whole: str, floating: str, as_int: str, as_float: str) -> tuple[str, Any]:
    """As a float if that is a number somebody would have meant."""
    (value,) = struct.unpack(as_float, data)
    usual = math.isfinite(value) and (value == 0 or 1e-9 < abs(value) < 1e15)
    if usual and struct.pack(as_float, value) == data:
        return floating, value
    return whole, struct.unpack(as_int, data)[0]


def _field(node: Node) -> bytes:
    words, _, kind = node.label.partition(", ")
    number, value = int(words.removeprefix("field ")), node.value
    if kind == "varint":
        return _pack_varint(number << 3 | _VARINT) + _pack_varint(value)
    if kind in ("fixed32", "float"):
        return _pack_varint(number << 3 | _FIXED32) + struct.pack("<I" if kind == "fixed32" else "<f", value)
    if kind in ("fixed64", "double"):
        return _pack_varint(number << 3 | _FIXED64) + struct.pack("<Q" if kind == "fixed64" else "<d", value)
    data = dump(value) if kind == "message" else value.encode() if kind == "text" else bytes(value)
    return _pack_varint(number << 3 | _BYTES) + _pack_varint(len(data)) + data


def _pack_varint(value: int) -> bytes:
    if not 0 <= value < 1 << 70:
        raise ValueError(f"{value} is no varint")
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)
