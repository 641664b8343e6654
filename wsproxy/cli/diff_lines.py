"""A comparison as lines: for people, and as JSON (`wsproxy/docs/diff.md` documents the keys)."""

from base64 import b64encode
from decimal import Decimal
from typing import Any

from wsproxy.cli.paint import Paint
from wsproxy.decoders import json_
from wsproxy.decoders.json_ import Number
from wsproxy.decoders.plain import plain_json
from wsproxy.replay.diff import Compared, Counts, Difference, Outcome, Part, Total
from wsproxy.replay.reports import words
from wsproxy.replay.said import Said
from wsproxy.replay.values import MISSING, Change, Value
from wsproxy.store.jsontext import dumps
from wsproxy.words import RECEIVED, SENT

_INDENT = "      "


class DiffLines:
    """
    Lines for people; what is only in the left one is red, what is only in the right one green.

    Args:
        left, right: the names of the captures.
        width: columns a line may take.
        color: with ANSI colours.
    """

    def __init__(self, left: str, right: str, width: int, color: bool) -> None:
        self._names = left, right
        self._width = width
        self._paint = Paint(color)
        self._head = ""
        """Of the pair, until there is something to say about it."""

    def start(self) -> str:
        """Which two are compared."""
        left, right = (words.plain(name) for name in self._names)
        return f"{self._paint(f'--- {left}', 'wrong')}\n{self._paint(f'+++ {right}', 'send')}\n"

    def part(self, part: Part) -> str:
        """What is said of one part; nothing of what is the same."""
        if isinstance(part, Compared):
            self._head = f"{words.named(part)}\n"
            return ""
        if isinstance(part, Difference):
            return self._opened() + self._difference(part)
        return self._outcome(part)

    def end(self, total: Total) -> str:
        """The answer."""
        verdict = self._paint("same", "good") if total.is_same else self._paint("different", "bad")
        return f"{verdict}: {words.sentence(total)}\n"

    def _opened(self) -> str:
        head, self._head = self._head, ""
        return head

    def _difference(self, part: Difference) -> str:
        arrow = SENT if part.from_client else RECEIVED
        place = words.place(part)
        one = part.left or part.right
        assert one is not None
        lead = f"  {arrow} {place} {part.kind} "
        style = {"changed": "plain", "missing": "wrong", "extra": "send"}[part.kind]
        room = max(self._width - len(lead), 16)
        text = f"{lead}{self._paint(words.said(one, room), style)}\n"
        for change in part.changes.told:
            text += self._change(change)
        if part.changes.more:
            text += f"{_INDENT}{self._paint(f'and {part.changes.more:,} more places', 'dim')}\n"
        return text

    def _change(self, change: Change) -> str:
        room = max(self._width - len(_INDENT) - 4, 16)
        left, right = words.both(change, room)
        path = words.shown_path(change.path)
        return (
            f"{_INDENT}{self._paint(path, 'dim')}\n"
            f"{_INDENT}  {self._paint(f'- {left}', 'wrong')}\n"
            f"{_INDENT}  {self._paint(f'+ {right}', 'send')}\n"
        )

    def _outcome(self, outcome: Outcome) -> str:
        compared = outcome.compared
        if compared.left is None or compared.right is None:
            where = "only in the right one" if compared.left is None else "only in the left one"
            style = "send" if compared.left is None else "wrong"
            return self._opened() + f"  {self._paint(where, style)}\n"
        if outcome.is_same:
            return ""
        text = self._opened()
        for fact in outcome.facts:
            text += self._change(fact)
        counts = "; ".join(
            f"{SENT if from_client else RECEIVED} {_counted(counts)}"
            for from_client, counts in outcome.counts.items()
        )
        return f"{text}  {self._paint(counts, 'dim')}\n"


def _counted(counts: Counts) -> str:
    parts = [f"{counts.same:,} the same"]
    for number, what in ((counts.changed, "changed"), (counts.missing, "missing"), (counts.extra, "extra")):
        if number:
            parts.append(f"{number:,} {what}")
    return ", ".join(parts)


class DiffJson:
    """One JSON object per line, in printable ASCII."""

    def __init__(self) -> None:
        self._pair: dict[str, Any] = {}

    def start(self) -> str:
        """Nothing."""
        return ""

    def part(self, part: Part) -> str:
        """One object for a message that differs, and one for every pair of connections."""
        if isinstance(part, Compared):
            self._pair = {
                "left": part.left.id if part.left else None,
                "right": part.right.id if part.right else None,
            }
            return ""
        if isinstance(part, Difference):
            value = {
                "event": part.kind,
                "connections": self._pair,
                "direction": "send" if part.from_client else "receive",
                "left": _message(part.left),
                "right": _message(part.right),
                "more": part.changes.more,
            }
            return f'{dumps(value)[:-1]},"changes":{_changes(part.changes.told)}}}\n'
        record = part.compared.left or part.compared.right
        assert record is not None
        value = {
            "event": "connection",
            "connections": self._pair,
            "url": words.plain(record.url),
            "same": part.is_same,
            **{("send" if side else "receive"): _counts(counts) for side, counts in part.counts.items()},
        }
        return f'{dumps(value)[:-1]},"changes":{_changes(part.facts)}}}\n'

    def end(self, total: Total) -> str:
        """One object for everything."""
        value = {
            "event": "total",
            "same": total.is_same,
            "connections": total.connections,
            "connections_missing": total.missing,
            "connections_extra": total.extra,
            "facts": total.facts,
            "messages": _counts(total.messages),
        }
        return dumps(value) + "\n"


def _counts(counts: Counts) -> dict[str, int]:
    return {
        "same": counts.same,
        "changed": counts.changed,
        "missing": counts.missing,
        "extra": counts.extra,
        "heartbeats": counts.idle,
    }


def _message(said: Said | None) -> dict[str, Any] | None:
    if said is None:
        return None
    message = said.message
    value: dict[str, Any] = {"frame": message.number, "opcode": "text" if message.opcode == 1 else "binary"}
    try:
        if message.opcode == 1:
            return value | {"text": message.content.decode()}
    except UnicodeDecodeError:
        pass
    return value | {"base64": b64encode(message.content).decode()}


def _changes(changes: Any) -> str:
    parts = []
    for change in changes:
        sides = [
            f'"{name}":{plain_json(_spelt(value))}'
            for name, value in (("left", change.left), ("right", change.right))
            if value is not MISSING
        ]
        parts.append("{" + ",".join([f'"path":{json_.dumps(change.path, ascii_only=True)}', *sides]) + "}")
    return f"[{','.join(parts)}]"


def _spelt(value: Value) -> Value:
    if isinstance(value, Decimal):
        return Number(value)
    if isinstance(value, dict):
        return {name: _spelt(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_spelt(inner) for inner in value]
    return value
