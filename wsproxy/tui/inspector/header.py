"""
The header of a frame, drawn as in RFC 6455 section 5.2 and explained bit by bit.

      0               1               2               3
      0 1 2 3 4 5 6 7 0 1 2 3 4 5 6 7 0 1 2 3 4 5 6 7 0 1 2 3 4 5 6 7
     ┌─┬─┬─┬─┬───────┬─┬─────────────┬───────────────────────────────┐
     │1│0│0│0│0 0 0 1│1│0 0 0 0 1 0 1│       masking key 37 fa       │
     ├─┴─┴─┴─┴───────┴─┴─────────────┼───────────────────────────────┘
     │       masking key 21 3d       │
     └───────────────────────────────┘
"""

from collections.abc import Iterator
from dataclasses import dataclass

from wsproxy.wire.frames import FIN, MASK_BIT, OPCODE_NAMES, RSV1, RSV2, RSV3, header_length, header_mask

WIDTH = 67
"""Columns of the picture."""
_WORD = 32
"""Bits of a row."""
_LEFT = "  "


@dataclass(frozen=True, slots=True)
class Field:
    """Some bits of a header."""

    name: str
    start: int
    """The first bit."""
    bits: int
    shown: str
    """What is drawn in the picture; empty for its name and bytes."""
    meaning: str


def fields(header: bytes, compressed: bool) -> list[Field]:
    """
    What is in a header, in order; of one that was cut short, what is there.

    Args:
        header: as on the wire.
        compressed: the frame belongs to a message compressed by permessage-deflate.
    """
    found: list[Field] = []
    if header:
        first = header[0]
        fin = "last frame of its message" if first & FIN else "more frames of the message follow"
        found.append(Field("FIN", 0, 1, _bits(first >> 7, 1), fin))
        deflate = "the message is compressed by permessage-deflate (RFC 7692 6)"
        rsv1 = deflate if first & RSV1 and compressed else _reserved(first & RSV1)
        found.append(Field("RSV1", 1, 1, _bits(first >> 6, 1), rsv1))
        found.append(Field("RSV2", 2, 1, _bits(first >> 5, 1), _reserved(first & RSV2)))
        found.append(Field("RSV3", 3, 1, _bits(first >> 4, 1), _reserved(first & RSV3)))
        found.append(Field("opcode", 4, 4, _bits(first, 4), _opcode(first & 0x0F)))
    if len(header) > 1:
        second = header[1]
        masked = "the payload is masked" if second & MASK_BIT else "the payload is not masked"
        found.append(Field("MASK", 8, 1, _bits(second >> 7, 1), masked))
        short = second & 0x7F
        size = {126: 2, 127: 8}.get(short, 0)
        said = f"{short}" if not size else f"{short}: the next {size * 8} bits have the length"
        found.append(Field("length", 9, 7, _bits(short, 7), said + (" B" if not size else "")))
        if size and len(header) >= 2 + size:
            length = header_length(header)
            words = f"{length:,} B (0x{length:x})"
            found.append(Field("extended length", 16, size * 8, "", words))
        key = header_mask(header) if len(header) >= 2 + size + (4 if second & MASK_BIT else 0) else b""
        if key:
            at = (2 + size) * 8
            plain = "" if any(key) else ": of zeros, so the payload stands as it is"
            found.append(Field("masking key", at, 32, "", f"{key.hex(' ')}{plain}"))
    return found


def picture(header: bytes, compressed: bool) -> list[str]:
    """The header as in the RFC, a row for each 32 bits."""
    cells = list(_cells(header, fields(header, compressed)))
    if not cells:
        return []
    lines = [
        _LEFT + "".join(f" {byte:<15}" for byte in range(4)),
        _LEFT + " " + " ".join(str(bit % 8) for bit in range(_WORD)),
    ]
    rows: dict[int, list[tuple[int, int, str]]] = {}
    for row, start, bits, text in cells:
        rows.setdefault(row, []).append((start, bits, text))
    above: set[int] = set()
    for row in sorted(rows):
        edges = {0, *(start + bits for start, bits, _ in rows[row])}
        lines.append(_LEFT + _rule(above, edges))
        line = "│"
        for _, bits, text in rows[row]:
            room = bits * 2 - 1
            line += f"{text[:room]:^{room}}│" if bits > 8 else f"{text:<{room}}│"
        lines.append(_LEFT + line)
        above = edges
    lines.append(_LEFT + _rule(above, set()))
    return lines


def _cells(header: bytes, found: list[Field]) -> Iterator[tuple[int, int, int, str]]:
    """`(row, first bit, bits, text)`: fields that go over the end of a row are drawn in several."""
    for field in found:
        start, end = field.start, field.start + field.bits
        while start < end:
            bits = min(end - start, _WORD - start % _WORD)
            text = field.shown or f"{field.name} {header[start // 8 : (start + bits) // 8].hex(' ')}"
            yield start // _WORD, start % _WORD, bits, text
            start += bits


def _rule(above: set[int], below: set[int]) -> str:
    """A line between two rows whose cells end at these bits."""
    ends = above | below
    if not ends:
        return ""
    last = max(ends)
    marks = []
    for bit in range(last + 1):
        up, down = bit in above, bit in below
        first, final = bit == 0, bit == last
        above_reaches, below_reaches = bool(above) and bit <= max(above), bool(below) and bit <= max(below)
        left = not first
        right = not final
        marks.append(_corner(up and above_reaches, down and below_reaches, left, right))
    return "─".join(marks) if last else ""


def _corner(up: bool, down: bool, left: bool, right: bool) -> str:
    table = {
        (False, False): "─",
        (True, True): "┼",
        (True, False): "┴",
        (False, True): "┬",
    }
    if left and right:
        return table[up, down]
    if right:
        return {(True, True): "├", (True, False): "└", (False, True): "┌"}.get((up, down), "─")
    return {(True, True): "┤", (True, False): "┘", (False, True): "┐"}.get((up, down), "─")


def _bits(value: int, count: int) -> str:
    return " ".join(f"{value & (1 << count) - 1:0{count}b}")


def _reserved(bit: int) -> str:
    return "set: it must be 0 unless an extension gives it a meaning" if bit else "not set"


def _opcode(opcode: int) -> str:
    names = {
        0: "continuation of the message before",
        1: "text message",
        2: "binary message",
        8: "Close",
        9: "ping",
        10: "pong",
    }
    kind = "control" if opcode >= 8 else "data"
    return f"0x{opcode:X} {names.get(opcode, f'reserved for further {kind} frames ({OPCODE_NAMES[opcode]})')}"
