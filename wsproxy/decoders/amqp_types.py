"""The type system of AMQP 1.0 (OASIS standard, part 1)."""

import datetime
import struct
import uuid
from collections.abc import Callable
from typing import Any

from wsproxy.decoders.decoded import Node, Tree, Unfit
from wsproxy.decoders.json_ import Pairs

_LEVELS = 50
_MOST = 100_000
"""Elements of an array, which need not take any bytes each."""


class Reader:
    """
    Values, one after the other.

    Args:
        data: encoded.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._level = 0

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return len(self._data) - self._at

    def rest(self) -> bytes:
        """All of them."""
        return self._take(self.left)

    def value(self) -> Tree:
        """
        The next value.

        Returns:
            Plain data; a described value is a `Node` whose `raw` is the text of its descriptor, a map whose
            keys are no texts `Pairs`.

        Raises:
            Unfit: it is malformed, or nested too deeply.
        """
        return self._of(self._byte())

    def _of(self, code: int) -> Tree:
        if code == 0:
            return self._described(lambda: self.value())
        if code in _FIXED:
            size, made = _FIXED[code]
            return made(self._take(size))
        if code in _VARIABLE:
            width, made = _VARIABLE[code]
            return made(self._take(self._number(width)))
        if code in _COMPOUND:
            width = 1 if code < 0xD0 or code == 0xE0 else 4
            inside = Reader(self._take(self._number(width)))
            inside._level = self._level + 1
            if inside._level > _LEVELS:
                raise Unfit(f"AMQP nested more than {_LEVELS} deep")
            return _COMPOUND[code](inside, inside._number(width))
        raise Unfit(f"there is no type {code:#04x} in AMQP")

    def _described(self, value: Callable[[], Tree]) -> Tree:
        self._level += 1
        if self._level > _LEVELS:
            raise Unfit(f"AMQP nested more than {_LEVELS} deep")
        descriptor = self.value()
        found = Node(f"described {descriptor}", value(), str(descriptor))
        self._level -= 1
        return found

    def _list(self, count: int) -> Tree:
        if count > self.left:
            raise Unfit("a list claims more than it holds")
        return [self.value() for _ in range(count)]

    def _map(self, count: int) -> Tree:
        values = self._list(count)
        pairs = list(zip(values[::2], values[1::2], strict=False))
        if all(type(name) is str for name, _ in pairs) and len({name for name, _ in pairs}) == len(pairs):
            return dict(pairs)
        return Pairs(pairs)

    def _array(self, count: int) -> Tree:
        if count > max(self.left, _MOST):
            raise Unfit("an array claims more than it holds")
        code = self._byte()
        label = ""
        if code == 0:
            label = f"described {self.value()}"
            code = self._byte()
        values = [self._of(code) for _ in range(count)]
        return Node(label, values, label.removeprefix("described ")) if label else values

    def _byte(self) -> int:
        return self._take(1)[0]

    def _number(self, width: int) -> int:
        return int.from_bytes(self._take(width), "big")

    def _take(self, count: int) -> bytes:
        if count > self.left:
            raise Unfit("AMQP cut short")
        self._at += count
        return self._data[self._at - count : self._at]


def _unsigned(data: bytes) -> Tree:
    return int.from_bytes(data, "big")


def _signed(data: bytes) -> Tree:
    return int.from_bytes(data, "big", signed=True)


def _text(data: bytes) -> Tree:
    return data.decode("utf-8", "surrogateescape")


def _bytes(data: bytes) -> Tree:
    return data


def _time(data: bytes) -> Tree:
    since = int.from_bytes(data, "big", signed=True)
    try:
        moment = datetime.datetime.fromtimestamp(since // 1000, datetime.UTC)
        return Node("time", f"{moment:%Y-%m-%dT%H:%M:%S}.{since % 1000:03}Z", data)
    except (ValueError, OverflowError, OSError):
        return Node("time", f"{since} ms", data)


def _float(data: bytes) -> Tree:
    (value,) = struct.unpack(">f" if len(data) == 4 else ">d", data)
    return value


def _decimal(data: bytes) -> Tree:
    return Node("decimal", data, data)


def _char(data: bytes) -> Tree:
    code = int.from_bytes(data, "big")
    return chr(code) if code < 0x110000 else code


def _uuid(data: bytes) -> Tree:
    return Node("UUID", str(uuid.UUID(bytes=data)), data)


_FIXED: dict[int, tuple[int, Callable[[bytes], Tree]]] = {
    0x40: (0, lambda _: None),
    0x41: (0, lambda _: True),
    0x42: (0, lambda _: False),
    0x43: (0, lambda _: 0),
    0x44: (0, lambda _: 0),
    0x45: (0, lambda _: []),
    0x50: (1, _unsigned),
    0x51: (1, _signed),
    0x52: (1, _unsigned),
    0x53: (1, _unsigned),
    0x54: (1, _signed),
    0x55: (1, _signed),
    0x56: (1, lambda data: data != b"\0"),
    0x60: (2, _unsigned),
    0x61: (2, _signed),
    0x70: (4, _unsigned),
    0x71: (4, _signed),
    0x72: (4, _float),
    0x73: (4, _char),
    0x74: (4, _decimal),
    0x80: (8, _unsigned),
    0x81: (8, _signed),
    0x82: (8, _float),
    0x83: (8, _time),
    0x84: (8, _decimal),
    0x94: (16, _decimal),
    0x98: (16, _uuid),
}
_VARIABLE: dict[int, tuple[int, Callable[[bytes], Tree]]] = {
    0xA0: (1, _bytes),
    0xA1: (1, _text),
    0xA3: (1, _text),
    0xB0: (4, _bytes),
    0xB1: (4, _text),
    0xB3: (4, _text),
}
_COMPOUND: dict[int, Callable[[Reader, int], Any]] = {
    0xC0: Reader._list,
    0xC1: Reader._map,
    0xD0: Reader._list,
    0xD1: Reader._map,
    0xE0: Reader._array,
    0xF0: Reader._array,
}
